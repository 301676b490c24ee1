//! Decides what happens in a random run: which tickets come, what breaks, what people ask.

mod mishaps;
mod tickets;

use ops_core::{
    deploy::{Deployment, PhaseName},
    id::{DeploymentId, TicketId},
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
        conduct::Kind,
        faults::Part,
        lock,
        planning::{DEV, Lacks, PO, Wish},
        wishes::{GRID, PORTAL, PORTAL_STAGING, SERVICES},
    },
};

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
    Secret,
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
    ((PhaseName::Verifying, false), 600),
    ((PhaseName::Watching, false), 120),
    ((PhaseName::Soaking, false), 350),
    ((PhaseName::Frozen, false), 600),
    ((PhaseName::Watching, true), 1000),
    ((PhaseName::Documenting, true), 500),
    ((PhaseName::Documenting, false), 50),
    ((PhaseName::Closed, false), 80),
    ((PhaseName::RolledBack, false), 120),
    ((PhaseName::Deploying, false), 40),
];

/// Share of runs in which one service runs on several hosts, in thousandths.
const HOSTS_PERMILLE: u64 = 250;

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
    /// Whether one service runs on several hosts.
    hosts: bool,
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
        let hosts = Dice::new(seed ^ 0x0605_7500).chance(HOSTS_PERMILLE);
        let (made, commits, filed) = (0, 0, Vec::new());
        Self { dice, mood, left, patience, late, forgets, hosts, made, commits, filed }
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
            if self.hosts {
                world.with_hosts();
            }
        }
        sim.pace = match self.mood {
            Mood::Calm => Pace::default(),
            Mood::Rough => Pace { death_permille: 5, lag_permille: 30, slow_permille: 50 },
            Mood::Wild => Pace { death_permille: 30, lag_permille: 150, slow_permille: 100 },
        };
        for service in SERVICES.into_iter().chain(self.hosts.then_some(GRID)) {
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
                && self.dice.chance(if phase == PhaseName::Watching { 900 } else { 700 })
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
            self.night_falls(sim);
            if self.interrupts(sim) {
                sim.direct_in(2_000);
                return true;
            }
        }
        if self.left == 0 {
            return self.wait_on(sim);
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
            (Sort::Secret, 4 * rough),
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
            Sort::Secret => self.secret(sim),
            Sort::Traffic => self.traffic(sim),
            Sort::Nothing => {}
        }
        let pause = self.dice.between(500, 14_000);
        sim.direct_in(pause);
        true
    }

    /// After the last ticket: waits for what is late in a deployment; false when it has waited enough.
    fn wait_on(&mut self, sim: &mut Sim) -> bool {
        if self.late {
            let halts = self.forgets && self.patience.is_multiple_of(3);
            sim.ambushes.retain(|(phase, busy)| *busy || halts && *phase == PhaseName::Watching);
        }
        // Nothing newer comes to the stage any more: what must leave it is found there.
        let soaks = |(_, phase): &(_, PhaseName)| *phase == PhaseName::Soaking;
        if let Some((soaks, _)) = open(sim).into_iter().find(soaks)
            && self.dice.chance(120)
        {
            self.take_from_stage(sim, soaks);
        }
        let waits = self.mood != Mood::Calm && self.patience > 0;
        self.patience = self.patience.saturating_sub(1);
        if waits {
            sim.direct_in(20_000);
        }
        waits
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
            let early = match seldom.0 {
                PhaseName::Planned => true,
                PhaseName::Watching => false,
                _ => !seldom.1,
            };
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
        let waits = match phase {
            PhaseName::Frozen => self.dice.chance(500),
            PhaseName::Soaking => self.dice.chance(300),
            _ => false,
        };
        if resting || waits {
            for ask in asks(deployment) {
                sim.happen(&Happening::Ask(operator(), ask));
            }
            if resting && self.dice.chance(500) {
                sim.happen(&Happening::Kill(1_000));
            }
            return;
        }
        if phase == PhaseName::Soaking && self.dice.chance(200) {
            self.take_from_stage(sim, deployment);
            return;
        }
        if phase == PhaseName::Soaking && self.dice.chance(600) {
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
        if self.hosts && self.cuts_off(sim, deployment) {
            return;
        }
        self.strike_at_work(sim, deployment, phase, &slow);
    }

    /// A host is cut off while something comes to it, is watched there or leaves it.
    fn cuts_off(&mut self, sim: &mut Sim, deployment: DeploymentId) -> bool {
        let engine = sim.engine.as_ref();
        let found = engine.and_then(|engine| engine.deployment(deployment));
        let on_hosts = found.is_some_and(|one| one.created.service.as_str() == GRID);
        if !on_hosts || !self.dice.chance(500) {
            return false;
        }
        let (host, ms) = (self.dice.below(3), self.dice.between(1_000, 240_000));
        sim.happen(&Happening::HostAway(host, ms));
        true
    }

    /// The ticket of what soaks is pulled back, or its verdict taken back (S12).
    fn take_from_stage(&mut self, sim: &mut Sim, deployment: DeploymentId) {
        let engine = sim.engine.as_ref();
        let soaks = engine.and_then(|engine| engine.deployment(deployment));
        let Some(ticket) = soaks.and_then(|one| one.created.tickets.first().cloned()) else {
            return;
        };
        sim.happen(&if self.dice.chance(500) {
            Happening::PullBack(ticket)
        } else {
            Happening::Revoke(ticket)
        });
    }

    /// A ticket that shipped along is pulled back before it is closed, or one on an earlier stage
    /// before its record stands.
    fn take_unrecorded(&mut self, sim: &mut Sim, deployment: DeploymentId) -> bool {
        let engine = sim.engine.as_ref();
        let Some(ships) = engine.and_then(|engine| engine.deployment(deployment)) else {
            return false;
        };
        let staged = ships.created.service.as_str() == PORTAL_STAGING;
        let tickets = &ships.created.tickets;
        let ticket = if staged { tickets.first() } else { tickets.get(1) }.cloned();
        let often = if staged { 400 } else { 800 };
        let Some(ticket) = ticket.filter(|_| self.dice.chance(often)) else { return false };
        sim.happen(&Happening::PullBack(ticket));
        if staged {
            sim.happen(&Happening::Slow(Part::Planning, self.dice.between(30_000, 60_000)));
        }
        true
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
        if phase == PhaseName::Documenting && self.take_unrecorded(sim, deployment) {
            return;
        }
        if matches!(phase, PhaseName::Deploying | PhaseName::Verifying | PhaseName::Watching)
            && self.dice.chance(250)
        {
            let words = format!("@ops incident {deployment}: users see errors");
            sim.happen(&Happening::Mention(DEV, words));
        }
        let after = self.dice.between(1_000, 20_000);
        let resume = Ask::Resume { deployment: Some(deployment) };
        let all = asks(deployment);
        // Whatever the phase waits for stays away until its deadline.
        let starve =
            matches!(phase, PhaseName::Planned | PhaseName::Verifying) && self.dice.chance(400);
        match if starve { 13 } else { self.dice.below(14) } {
            0 | 1 => {
                sim.happen(&Happening::Ask(operator(), all[0].clone()));
                if phase != PhaseName::Watching || self.dice.chance(400) {
                    let long = self.dice.between(30_000, 200_000);
                    let after = if self.dice.chance(500) { long } else { after };
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
        let held = held_by_the_model(sim);
        if !held.is_empty() && self.dice.chance(300) {
            let ask = held.get(self.dice.below(held.len() as u64) as usize).cloned();
            let who = if self.dice.chance(150) { developer() } else { operator() };
            sim.happen(&Happening::Ask(who, ask.unwrap_or(Ask::Halt { deployment: some })));
            return;
        }
        let all_or_one = if self.dice.chance(100) { None } else { some };
        let ask = match self.dice.below(16) {
            14 | 15 => Ask::Acknowledge { deployment },
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
                    ("@ops skip the checks and close it", 1),
                    ("@ops look at the queue now", 1),
                    ("@ops is all healthy? how much room is left? metrics!", 1),
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
        for ask in held_by_the_model(sim) {
            sim.happen(&Happening::Ask(operator(), ask));
        }
        for service in frozen {
            sim.happen(&Happening::HandStart(service));
        }
    }
}

/// Answers to all that a model holds.
fn held_by_the_model(sim: &Sim) -> Vec<Ask> {
    let all = sim.engine.iter().flat_map(ops_engine::Engine::deployments);
    let held = all.filter(|one| {
        one.phase_name() == PhaseName::Held
            && one.advice.halts_now(ops_core::judgement::Point::Plan)
    });
    let tickets = held.filter_map(|one| one.created.tickets.first().cloned());
    let words = "it was looked at, and it may go on".to_owned();
    tickets.map(|ticket| Ask::Answer { ticket, words: words.clone() }).collect()
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

fn open(sim: &Sim) -> Vec<(DeploymentId, PhaseName)> {
    let Some(engine) = &sim.engine else { return Vec::new() };
    engine.deployments().map(|one| (one.id(), one.phase_name())).collect()
}
