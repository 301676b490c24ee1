//! Decides what happens in a random run: which tickets come, what breaks, what people ask.

use ops_core::{
    deploy::{Deployment, PhaseName},
    id::{DeploymentId, Digest, TicketId},
};
use ops_engine::Ask;

use crate::{
    dice::Dice,
    disk::Die,
    scheduler::{
        Pace, Sim,
        happening::{Happening, developer, operator},
    },
    world::{
        World,
        conduct::{Conduct, Kind},
        faults::Part,
        lock,
        planning::{DEV, Lacks, PO, Wish},
        wishes::{CART, MAILER, PORTAL, SERVICES, SHOP, STOCK, UNITS, commit_name},
    },
};

/// Numbers of source commits begin here, apart from those of `ops.yaml`.
const SOURCES: u64 = 1 << 32;

/// Failed tickets that stay in the queue.
const LEFT_IN_QUEUE: usize = 3;

/// How rough a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Nothing goes wrong but what the versions themselves do.
    Calm,
    /// The world misbehaves now and then.
    Rough,
    /// Everything misbehaves often.
    Wild,
}

/// What sort of thing comes next.
#[derive(Debug, Clone, Copy)]
enum Sort {
    Ticket,
    Team,
    People,
    Daemon,
    Machine,
    Replica,
    Part,
    Room,
    Traffic,
    Nothing,
}

/// Phases in which something is made to happen on purpose, since it seldom would by chance; with
/// an act under way or without.
const AMBUSHES: &[((PhaseName, bool), u64)] = &[
    ((PhaseName::Checking, false), 5),
    ((PhaseName::Planned, false), 4),
    ((PhaseName::Planned, true), 8),
    ((PhaseName::Deploying, false), 9),
    ((PhaseName::Deploying, true), 8),
    ((PhaseName::Watching, false), 6),
    ((PhaseName::Watching, true), 24),
    ((PhaseName::RollingBack, false), 16),
    ((PhaseName::RollingBack, true), 6),
    ((PhaseName::Frozen, false), 10),
    ((PhaseName::Documenting, false), 3),
    ((PhaseName::Documenting, true), 6),
    ((PhaseName::Closed, false), 2),
    ((PhaseName::Soaking, false), 8),
    ((PhaseName::Promoted, false), 3),
    ((PhaseName::RolledBack, false), 3),
    ((PhaseName::Withdrawn, false), 4),
];

/// Those that must come up more often than by chance: how often they are laid anew, in thousandths.
const SELDOM: &[((PhaseName, bool), u64)] = &[
    ((PhaseName::Planned, false), 50),
    ((PhaseName::Verifying, false), 900),
    ((PhaseName::Watching, false), 100),
    ((PhaseName::Soaking, false), 600),
    ((PhaseName::Frozen, false), 600),
    ((PhaseName::Watching, true), 700),
    ((PhaseName::Documenting, true), 500),
    ((PhaseName::Documenting, false), 40),
    ((PhaseName::Closed, false), 80),
    ((PhaseName::Deploying, false), 40),
];

/// Directs one run.
pub struct Director {
    dice: Dice,
    mood: Mood,
    left: u64,
    /// How often it still waits after the last ticket, for what is late in a deployment.
    patience: u64,
    /// Whether it then waits only for acts late in a deployment.
    late: bool,
    /// Whether nobody resumes what was halted: then the halt's bound must end it.
    forgets: bool,
    made: u64,
    commits: u64,
    filed: Vec<(TicketId, Wish)>,
}

impl Director {
    /// A director for a seed.
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x0d17_ec70);
        let mood = dice.weighted(&[(Mood::Calm, 2), (Mood::Rough, 5), (Mood::Wild, 3)]);
        let left = dice.between(8, 16);
        let patience = dice.between(20, 70);
        let late = dice.chance(500);
        let forgets = dice.chance(550);
        Self { dice, mood, left, patience, late, forgets, made: 0, commits: 0, filed: Vec::new() }
    }

    /// How rough this run is.
    pub fn mood(&self) -> Mood {
        self.mood
    }

    /// Sets the run up.
    pub fn begin(&mut self, sim: &mut Sim) {
        {
            let mut world = lock(&sim.world);
            let (acts, looks) = match self.mood {
                Mood::Calm => (0, 0),
                Mood::Rough => (25, 5),
                Mood::Wild => (self.dice.between(60, 250), self.dice.between(5, 60)),
            };
            world.faults.act_permille = acts;
            world.faults.look_permille = looks;
        }
        sim.pace = match self.mood {
            Mood::Calm => Pace::default(),
            Mood::Rough => Pace { death_permille: 5, lag_permille: 30, slow_permille: 50 },
            Mood::Wild => Pace { death_permille: 30, lag_permille: 150, slow_permille: 100 },
        };
        for service in SERVICES {
            let wish = self.wish(sim, service, Kind::Good, Lacks::Nothing);
            self.file(sim, wish);
        }
        sim.direct_in(5_000);
    }

    /// Lets the next thing happen; false when everything has been asked for.
    pub fn next(&mut self, sim: &mut Sim) -> bool {
        if let Some((deployment, ambush)) = sim.ambushed() {
            let (phase, busy) = sim.ambushes.swap_remove(ambush);
            if busy && phase == PhaseName::Documenting && self.dice.chance(700) {
                sim.happen(&Happening::Kill(500));
            } else if busy && self.dice.chance(if phase == PhaseName::Watching { 950 } else { 500 })
            {
                // Abort wins right after an act that cannot be interrupted.
                sim.happen(&Happening::Ask(operator(), Ask::Abort { deployment }));
            } else if self.forgets
                && matches!(phase, PhaseName::Planned | PhaseName::Watching)
                && self.dice.chance(700)
            {
                let halt = Ask::Halt { deployment: Some(deployment) };
                sim.happen(&Happening::Ask(operator(), halt));
            } else {
                self.strike(sim, deployment, phase);
            }
            if !sim.will_direct() {
                sim.direct_in(1_000);
            }
            return true;
        }
        if self.mood != Mood::Calm {
            self.lie_in_wait(sim);
        }
        if self.left == 0 {
            if self.late {
                sim.ambushes.retain(|(_, busy)| *busy);
            }
            let waits = self.mood != Mood::Calm && self.patience > 0;
            self.patience = self.patience.saturating_sub(1);
            if waits {
                sim.direct_in(20_000);
            }
            return waits;
        }
        let rough = u64::from(self.mood != Mood::Calm);
        let sort = self.dice.weighted(&[
            (Sort::Ticket, if open(sim).len() < 4 { 40 } else { 4 }),
            (Sort::Team, 8),
            (Sort::People, 14 * rough),
            (Sort::Daemon, 5 * rough),
            (Sort::Machine, 4 * rough),
            (Sort::Replica, 6 * rough),
            (Sort::Part, 7 * rough),
            (Sort::Room, 3 * rough),
            (Sort::Traffic, 3 * rough),
            (Sort::Nothing, 10),
        ]);
        match sort {
            Sort::Ticket => self.ticket(sim),
            Sort::Team => self.team(sim),
            Sort::People => self.people(sim),
            Sort::Daemon => self.daemon(sim),
            Sort::Machine => self.machine(sim),
            Sort::Replica => self.replica(sim),
            Sort::Part => self.part(sim),
            Sort::Room => self.room(sim),
            Sort::Traffic => self.traffic(sim),
            Sort::Nothing => {}
        }
        let pause = self.dice.between(500, 14_000);
        sim.direct_in(pause);
        true
    }

    /// Some phases are so short or so seldom that they are always waited for.
    fn lie_in_wait(&mut self, sim: &mut Sim) {
        let mut wanted = vec![
            (PhaseName::Thawed, false),
            (PhaseName::KeptNotClosed, false),
            (PhaseName::Promoted, false),
        ];
        // At the end only what is late in a deployment is waited for, so that some come so far.
        let late = self.left == 0 && self.late;
        for (seldom, permille) in SELDOM {
            let early = !seldom.1 || matches!(seldom.0, PhaseName::Planned);
            if !(late && early) && self.dice.chance(*permille) {
                wanted.push(*seldom);
            }
        }
        if !late && sim.ambushes.len() < 9 && self.dice.chance(300) {
            wanted.push(self.dice.weighted(AMBUSHES));
        }
        for one in wanted {
            if !sim.ambushes.contains(&one) {
                sim.ambushes.push(one);
            }
        }
    }

    /// Something happens to a deployment in the very moment in which it came to a phase.
    fn strike(&mut self, sim: &mut Sim, deployment: DeploymentId, phase: PhaseName) {
        let resting = matches!(
            phase,
            PhaseName::Closed
                | PhaseName::RolledBack
                | PhaseName::Thawed
                | PhaseName::Withdrawn
                | PhaseName::KeptNotClosed
                | PhaseName::Promoted
        );
        if phase == PhaseName::Frozen && self.dice.chance(700) {
            self.fix(sim, deployment);
            return;
        }
        let waits = matches!(phase, PhaseName::Frozen | PhaseName::Soaking);
        if resting || waits && self.dice.chance(500) {
            for ask in asks(deployment) {
                sim.happen(&Happening::Ask(operator(), ask));
            }
            if resting && self.dice.chance(500) {
                sim.happen(&Happening::Kill(1_000));
            }
            return;
        }
        if phase == PhaseName::Soaking && self.dice.chance(500) {
            // Something newer comes to the stage while this one soaks.
            let wish = self.wish(sim, PORTAL, Kind::Good, Lacks::Nothing);
            self.file(sim, wish);
            return;
        }
        let away = Happening::Down(Part::Target, self.dice.between(70_000, 130_000));
        let shut = Happening::Down(Part::Door, self.dice.between(70_000, 130_000));
        let slow = Happening::Slow(Part::Target, self.dice.between(20_000, 90_000));
        if phase == PhaseName::RollingBack && self.dice.chance(500) {
            let end = self.dice.weighted(&[(0, 4), (1, 4), (2, 2)]);
            sim.happen(&[away, shut, slow][end]);
            return;
        }
        self.strike_at_work(sim, deployment, phase, &slow);
    }

    fn strike_at_work(
        &mut self,
        sim: &mut Sim,
        deployment: DeploymentId,
        phase: PhaseName,
        slow: &Happening,
    ) {
        let ticket = sim
            .engine
            .as_ref()
            .and_then(|engine| engine.deployment(deployment)?.created.tickets.first().cloned());
        let after = self.dice.between(1_000, 20_000);
        let resume = Ask::Resume { deployment: Some(deployment) };
        let all = asks(deployment);
        // Whatever the phase waits for stays away until its deadline.
        let starve =
            matches!(phase, PhaseName::Planned | PhaseName::Verifying) && self.dice.chance(400);
        match if starve { 13 } else { self.dice.below(14) } {
            0 | 1 => {
                sim.happen(&Happening::Ask(operator(), all[0].clone()));
                if phase != PhaseName::Watching || self.dice.chance(700) {
                    sim.plan(after, Happening::Ask(operator(), resume));
                }
            }
            2 => sim.happen(&Happening::Ask(operator(), resume)),
            3..=6 => sim.happen(&Happening::Ask(operator(), all[2].clone())),
            7 => sim.happen(&Happening::Ask(operator(), all[3].clone())),
            8 | 12 => sim.happen(&Happening::Kill(after)),
            9 => sim.happen(&Happening::DieAt(Die::Before(after % 3))),
            10 | 11 => {
                if let Some(ticket) = ticket {
                    sim.happen(&Happening::PullBack(ticket));
                }
                if self.dice.chance(400) {
                    sim.happen(slow);
                }
            }
            _ => {
                sim.happen(slow);
                if matches!(phase, PhaseName::Planned | PhaseName::Verifying) {
                    sim.happen(&Happening::Slow(Part::Target, 120_000));
                    sim.happen(&Happening::Down(Part::Door, 90_000));
                    sim.happen(&Happening::Down(Part::Target, 90_000));
                }
            }
        }
    }

    fn wish(&mut self, sim: &Sim, service: &str, kind: Kind, lacks: Lacks) -> Wish {
        self.made += 1;
        let version = format!("v{}", self.made);
        let digest = Digest::of(format!("{service} {version} {:?}", self.dice.roll()).as_bytes());
        lock(&sim.world).conducts.insert(digest.clone(), Conduct::of(kind));
        Wish {
            service: service.to_owned(),
            version: version.clone(),
            artifact: format!("dist/{service}-{version}"),
            digest,
            config_commit: None,
            commit: None,
            fixes: None,
            confirmed: true,
            includes: Vec::new(),
            governs: None,
            lacks,
            priority: self.dice.between(1, 5) as u8,
        }
    }

    fn file(&mut self, sim: &mut Sim, wish: Wish) {
        sim.happen(&Happening::File(wish.clone()));
        let number = lock(&sim.world).planning.tickets.len();
        self.filed.push((TicketId::new(format!("SIM-{number}")), wish));
    }

    /// PO takes what failed and waits for a mended version out of the queue.
    fn tidy(&mut self, sim: &mut Sim) {
        let under_way = |id: &TicketId| {
            let all = sim.engine.iter().flat_map(ops_engine::Engine::deployments);
            all.into_iter().any(|one| one.created.tickets.contains(id))
        };
        let left: Vec<_> = {
            let world = lock(&sim.world);
            let rfp = |id: &&TicketId| {
                world.planning.tickets.get(*id).is_some_and(|ticket| ticket.status == "rfp")
            };
            let all = self.filed.iter().map(|(id, _)| id).filter(rfp);
            all.filter(|id| !under_way(id) && !soaked(&world, id)).cloned().collect()
        };
        for ticket in left.iter().rev().skip(LEFT_IN_QUEUE) {
            sim.happen(&Happening::PullBack(ticket.clone()));
        }
    }

    fn ticket(&mut self, sim: &mut Sim) {
        self.left -= 1;
        self.tidy(sim);
        let service =
            self.dice.weighted(&[(SHOP, 4), (CART, 4), (STOCK, 3), (MAILER, 2), (PORTAL, 4)]);
        let kind = self.dice.weighted(&[
            (Kind::Good, 42),
            (Kind::Tardy, 4),
            (Kind::Stubborn, 4),
            (Kind::Errors, 8),
            (Kind::Slow, 4),
            (Kind::Sick, 5),
            (Kind::Crashes, 4),
            (Kind::CrashesLater, 4),
            (Kind::Fades, 4),
            (Kind::Broken, 5),
        ]);
        // What takes longer to start again than the gap may last cannot be kept within it.
        let kind = if service == STOCK && kind == Kind::Tardy { Kind::Good } else { kind };
        let lacks = self.dice.weighted(&[
            (Lacks::Nothing, 60),
            (Lacks::Cq, 1),
            (Lacks::Qa, 2),
            (Lacks::QaFailed, 2),
            (Lacks::Changed, 2),
            (Lacks::Notes, 1),
        ]);
        let mut wish = self.wish(sim, service, kind, lacks);
        if self.dice.chance(120) {
            self.wishes_change(sim, &mut wish);
        }
        if self.dice.chance(150) {
            self.built_from_a_commit(sim, &mut wish);
        }
        if self.dice.chance(40)
            && let Some((_, earlier)) = self.filed.iter().rev().find(|(_, w)| w.service == service)
        {
            // Another ticket for the same candidate.
            wish = Wish { lacks, ..earlier.clone() };
        }
        self.file(sim, wish);
    }

    /// The team commits another `ops.yaml`, and perhaps asks for it in a ticket.
    fn wishes_change(&mut self, sim: &mut Sim, wish: &mut Wish) {
        self.commits += 1;
        if self.dice.chance(500) {
            sim.happen(&Happening::Commit(self.commits));
        } else {
            sim.happen(&Happening::Loosen(self.commits));
        }
        let commit = Some(commit_name(self.commits));
        if self.dice.chance(400) {
            wish.config_commit.clone_from(&commit);
        }
        if self.dice.chance(600) {
            let lacks = self.dice.weighted(&[
                (Lacks::Nothing, 8),
                (Lacks::Cq, 1),
                (Lacks::Qa, 1),
                (Lacks::QaFailed, 1),
            ]);
            let asks = self.wish(sim, "ops.yaml", Kind::Good, lacks);
            self.file(sim, Wish { governs: commit, ..asks });
        }
    }

    /// The wish names its source commit, and perhaps holds the work of earlier tickets.
    fn built_from_a_commit(&mut self, sim: &Sim, wish: &mut Wish) {
        self.made += 1;
        // Sometimes an older one is handed over late.
        let number =
            if self.dice.chance(250) { self.dice.between(1, self.made) } else { self.made };
        wish.commit = Some(commit_name(SOURCES + number));
        let world = lock(&sim.world);
        let before = |(id, earlier): &&(TicketId, Wish)| {
            let open = world.planning.tickets.get(id).is_some_and(|one| one.status == "rfp");
            open && earlier.service == wish.service && earlier.commit < wish.commit
        };
        let all: Vec<_> = self.filed.iter().filter(before).map(|(id, _)| id.clone()).collect();
        if self.dice.chance(600) {
            wish.includes = all;
        }
    }

    /// A ticket that mends what froze.
    fn fix(&mut self, sim: &mut Sim, frozen: DeploymentId) {
        let engine = sim.engine.as_ref();
        let mends = |one: &Deployment| one.plan.as_ref().is_some_and(|plan| plan.frozen.is_some());
        if engine.and_then(|engine| engine.deployment(frozen)).is_some_and(mends) {
            // A fix that froze clears away only what it was to mend: people see to a second fix.
            return;
        }
        let service =
            engine.and_then(|engine| Some(engine.deployment(frozen)?.created.service.clone()));
        let Some(service) = service else { return };
        let service = service.as_str().split('@').next().unwrap_or_default().to_owned();
        let kind = self.dice.weighted(&[(Kind::Good, 8), (Kind::Errors, 1), (Kind::Sick, 1)]);
        let wish = self.wish(sim, &service, kind, Lacks::Nothing);
        self.file(sim, Wish { fixes: Some(frozen), ..wish });
    }

    fn any_filed(&mut self, sim: &Sim, status: &str) -> Option<(TicketId, Wish)> {
        let world = lock(&sim.world);
        let fits = |id: &TicketId| {
            world.planning.tickets.get(id).is_some_and(|ticket| ticket.status == status)
        };
        let fitting: Vec<_> = self.filed.iter().filter(|(id, _)| fits(id)).collect();
        let at = self.dice.below(fitting.len() as u64) as usize;
        fitting.get(at).map(|found| (*found).clone())
    }

    /// The team edits tickets.
    fn team(&mut self, sim: &mut Sim) {
        let Some((ticket, wish)) = self.any_filed(sim, "rfp") else { return };
        let happening = match self.dice.below(10) {
            0 | 1 => Happening::PullBack(ticket),
            2 => Happening::Revoke(ticket),
            3..=5 => Happening::Remark(ticket),
            6 => Happening::Hide(ticket, self.dice.between(5_000, 90_000)),
            _ => {
                let lacking = wish.lacks != Lacks::Nothing;
                let back = self.any_filed(sim, "in-progress");
                match back {
                    Some((back, wish)) => Happening::Round(back, mended(wish)),
                    None if lacking => Happening::Round(ticket, mended(wish)),
                    None => return,
                }
            }
        };
        sim.happen(&happening);
    }

    fn deployment(&mut self, sim: &Sim) -> Option<(DeploymentId, PhaseName)> {
        let weigh = |phase| match phase {
            PhaseName::Held | PhaseName::Queued => 1,
            PhaseName::Watching | PhaseName::Planned | PhaseName::Deploying => 4,
            PhaseName::Frozen | PhaseName::Thawed | PhaseName::KeptNotClosed => 30,
            _ => 10,
        };
        let open: Vec<_> = open(sim).into_iter().map(|one| (one, weigh(one.1))).collect();
        (!open.is_empty()).then(|| self.dice.weighted(&open))
    }

    /// People ask for something.
    fn people(&mut self, sim: &mut Sim) {
        let last = sim.journal_length();
        let closed = DeploymentId(self.dice.between(1, last.max(1)));
        let Some((deployment, phase)) = self.deployment(sim) else {
            let ask = Ask::Rollback { deployment: closed };
            sim.happen(&Happening::Ask(operator(), ask));
            return;
        };
        let some = Some(deployment);
        let all_or_one = if self.dice.chance(100) { None } else { some };
        let ask = match self.dice.below(14) {
            13 => match self.guard(sim) {
                Some(guard) => Ask::Lift { guard, reason: "the test was wrong, not it".into() },
                None => return,
            },
            0..=2 => Ask::Halt { deployment: all_or_one },
            3..=5 => Ask::Resume { deployment: all_or_one },
            6 | 7 => Ask::Abort { deployment },
            8 => Ask::Acknowledge { deployment },
            9 => match self.any_filed(sim, "rfp") {
                Some((ticket, _)) => Ask::Again { ticket },
                None => return,
            },
            10 => {
                let words = self.dice.weighted(&[
                    ("@ops status", 1),
                    ("@ops halt", 1),
                    ("@ops resume", 2),
                    ("@ops why", 1),
                ]);
                let who = if self.dice.chance(500) { PO } else { DEV };
                sim.happen(&Happening::Mention(who, words.to_owned()));
                return;
            }
            _ => Ask::Rollback { deployment: closed },
        };
        if matches!(ask, Ask::Halt { .. }) {
            // Most halts are taken back by the one who halted.
            let resume = match &ask {
                Ask::Halt { deployment } => Ask::Resume { deployment: *deployment },
                other => other.clone(),
            };
            if self.dice.chance(930) || phase == PhaseName::Watching && self.dice.chance(700) {
                let after = self.dice.between(2_000, 60_000);
                sim.plan(after, Happening::Ask(operator(), resume));
            }
        }
        let who = if self.dice.chance(150) { developer() } else { operator() };
        sim.happen(&Happening::Ask(who, ask));
    }

    /// What condemned something, and was not lifted.
    fn guard(&mut self, sim: &Sim) -> Option<DeploymentId> {
        let guards: Vec<_> = sim.engine.as_ref()?.knowledge().guards().map(|one| one.by).collect();
        guards.get(self.dice.below(guards.len() as u64) as usize).copied()
    }

    fn daemon(&mut self, sim: &mut Sim) {
        let happening = match self.dice.below(4) {
            0 => Happening::Kill(self.dice.between(20, 9_000)),
            1 => Happening::Kill(self.dice.between(20_000, 150_000)),
            2 => Happening::DieAt(Die::Before(self.dice.below(6))),
            _ => Happening::DieAt(Die::After(self.dice.below(6))),
        };
        sim.happen(&happening);
    }

    fn machine(&mut self, sim: &mut Sim) {
        let happening = match self.dice.below(6) {
            0 => Happening::Reboot,
            1 => Happening::Suspend(self.dice.between(1_000, 90_000)),
            2 | 3 => Happening::DoorRestart,
            4 => Happening::StepWall(-(self.dice.between(1_000, 7_200_000) as i64)),
            _ => Happening::StepWall(self.dice.between(1_000, 7_200_000) as i64),
        };
        sim.happen(&happening);
    }

    fn replica(&mut self, sim: &mut Sim) {
        let n = self.dice.below(64);
        let happening = if self.dice.chance(500) {
            Happening::ReplicaDies(n)
        } else {
            Happening::Blip(n, self.dice.between(300, 6_000))
        };
        sim.happen(&happening);
    }

    fn part(&mut self, sim: &mut Sim) {
        let part = Part::ALL[self.dice.below(Part::ALL.len() as u64) as usize];
        let board = matches!(part, Part::Planning | Part::Meeting);
        let most = if board { 400_000 } else { 100_000 };
        let ms = self.dice.between(1_000, most);
        let happening = if self.dice.chance(650) {
            Happening::Down(part, ms)
        } else {
            Happening::Slow(part, ms.min(100_000))
        };
        sim.happen(&happening);
    }

    fn room(&mut self, sim: &mut Sim) {
        let ms = self.dice.between(2_000, 60_000);
        let (bad, good) = match self.dice.below(5) {
            0 => (Happening::DiskFull(true), Some(Happening::DiskFull(false))),
            1 => (Happening::ReserveFails(true), Some(Happening::ReserveFails(false))),
            2 => (Happening::HostLow(true), Some(Happening::HostLow(false))),
            3 => (Happening::SecretsGone(true), Some(Happening::SecretsGone(false))),
            _ => match self.stored(sim) {
                Some(digest) => (Happening::Spoil(digest), None),
                None => return,
            },
        };
        sim.happen(&bad);
        if let Some(good) = good {
            sim.plan(ms, good);
        }
    }

    fn stored(&mut self, sim: &Sim) -> Option<Digest> {
        let world = lock(&sim.world);
        let at = self.dice.below(world.store.stored.len() as u64) as usize;
        world.store.stored.keys().nth(at).cloned()
    }

    fn traffic(&mut self, sim: &mut Sim) {
        let service = UNITS[self.dice.below(UNITS.len() as u64) as usize].to_owned();
        let rate = self.dice.weighted(&[(0, 3), (2, 2), (40, 4), (200, 1)]);
        if rate == 0 {
            let dawn = self.dice.between(10_000, 240_000);
            sim.plan(dawn, Happening::Rate(service.clone(), 40));
        }
        sim.happen(&Happening::Rate(service, rate));
    }

    /// After everything was mended: people clear up what waits for them.
    pub fn clear_up(&self, sim: &mut Sim) {
        let Some(engine) = &sim.engine else { return };
        let all = engine.knowledge().halted.is_some();
        // Who forgets a halt in mid-way meets its bound; what only waits is for a person to free.
        let halted =
            |one: &&Deployment| one.halted.is_some() && !(self.forgets && one.blocks_group());
        let ids: Vec<_> = engine.deployments().filter(halted).map(Deployment::id).collect();
        let frozen = |one: &&Deployment| one.phase_name() == PhaseName::Frozen;
        let frozen = engine.deployments().filter(frozen).map(|one| one.created.service.clone());
        let frozen: Vec<_> = frozen.collect();
        if all {
            sim.happen(&Happening::Ask(operator(), Ask::Resume { deployment: None }));
        }
        for id in ids {
            sim.happen(&Happening::Ask(operator(), Ask::Resume { deployment: Some(id) }));
        }
        for service in frozen {
            sim.happen(&Happening::HandStart(service));
        }
    }
}

/// Whether ops has recorded a stage on a ticket.
fn soaked(world: &World, id: &TicketId) -> bool {
    let ticket = world.planning.tickets.get(id);
    ticket.is_some_and(|ticket| {
        ticket.comments.iter().any(|one| one.text.starts_with("## Deployment Complete"))
    })
}

/// All that a person can ask of a deployment under way.
fn asks(deployment: DeploymentId) -> [Ask; 4] {
    let some = Some(deployment);
    [
        Ask::Halt { deployment: some },
        Ask::Resume { deployment: some },
        Ask::Abort { deployment },
        Ask::Acknowledge { deployment },
    ]
}

fn mended(wish: Wish) -> Wish {
    Wish { lacks: Lacks::Nothing, ..wish }
}

fn open(sim: &Sim) -> Vec<(DeploymentId, PhaseName)> {
    let Some(engine) = &sim.engine else { return Vec::new() };
    engine.deployments().map(|one| (one.id(), one.phase_name())).collect()
}
