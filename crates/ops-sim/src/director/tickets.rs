//! Which tickets a random run has, and what the team does with them.

use ops_core::{
    deploy::Deployment,
    id::{DeploymentId, Digest, TicketId},
};

use super::Director;
use crate::{
    scheduler::{Sim, happening::Happening},
    world::{
        World,
        conduct::{Conduct, Kind},
        lock,
        planning::{Lacks, Wish},
        wishes::{CART, GRID, MAILER, PORTAL, SHOP, STOCK, commit_name},
    },
};

/// Numbers of source commits begin here, apart from those of `ops.yaml`.
const SOURCES: u64 = 1 << 32;

/// Failed tickets that stay in the queue.
const LEFT_IN_QUEUE: usize = 3;

impl Director {
    pub(super) fn wish(&mut self, sim: &Sim, service: &str, kind: Kind, lacks: Lacks) -> Wish {
        self.made += 1;
        let version = format!("v{}", self.made);
        let digest = Digest::of(format!("{service} {version} {:?}", self.dice.roll()).as_bytes());
        lock(&sim.world).conducts.insert(digest.clone(), Conduct::of(kind));
        let priority = self.dice.between(1, 5) as u8;
        Wish { lacks, priority, ..Wish::of(service, &version, digest) }
    }

    pub(super) fn file(&mut self, sim: &mut Sim, wish: Wish) {
        let before = lock(&sim.world).planning.tickets.len();
        sim.happen(&Happening::File(wish.clone()));
        let number = lock(&sim.world).planning.tickets.len();
        if number == before {
            return;
        }
        self.filed.push((TicketId::new(format!("SIM-{number}")), wish));
    }

    /// PO takes what failed and waits for a mended version out of the queue.
    pub(super) fn tidy(&mut self, sim: &mut Sim) {
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

    pub(super) fn ticket(&mut self, sim: &mut Sim) {
        self.left -= 1;
        self.tidy(sim);
        let service = if self.hosts && self.dice.chance(350) {
            GRID
        } else {
            self.dice.weighted(&[(SHOP, 4), (CART, 4), (STOCK, 3), (MAILER, 2), (PORTAL, 4)])
        };
        let kind = self.dice.weighted(&[
            (Kind::Good, 42),
            (Kind::Tardy, 4),
            (Kind::Stubborn, 4),
            (Kind::Errors, 8),
            (Kind::Slow, 4),
            (Kind::Sick, 5),
            (Kind::Crashes, 4),
            (Kind::CrashesLater, 4),
            (Kind::Fades, 3),
            (Kind::Flaps, 3),
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
        if self.dice.chance(250) {
            if self.dice.chance(250) {
                self.unproven_work(sim, service);
            }
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
    pub(super) fn wishes_change(&mut self, sim: &mut Sim, wish: &mut Wish) {
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

    /// A ticket that QA has not passed, whose work the next one may hold.
    fn unproven_work(&mut self, sim: &mut Sim, service: &str) {
        let wish = self.wish(sim, service, Kind::Good, Lacks::Qa);
        let commit = Some(commit_name(SOURCES + self.made));
        self.file(sim, Wish { commit, ..wish });
    }

    /// The wish names its source commit, and perhaps holds the work of earlier tickets.
    pub(super) fn built_from_a_commit(&mut self, sim: &Sim, wish: &mut Wish) {
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
    pub(super) fn fix(&mut self, sim: &mut Sim, frozen: DeploymentId) {
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
        self.file(sim, Wish { fixes: Some(frozen.to_string()), ..wish });
    }

    pub(super) fn any_filed(&mut self, sim: &Sim, status: &str) -> Option<(TicketId, Wish)> {
        let world = lock(&sim.world);
        let fits = |id: &TicketId| {
            world.planning.tickets.get(id).is_some_and(|ticket| ticket.status == status)
        };
        let fitting: Vec<_> = self.filed.iter().filter(|(id, _)| fits(id)).collect();
        let at = self.dice.below(fitting.len() as u64) as usize;
        fitting.get(at).map(|found| (*found).clone())
    }

    /// The team edits tickets.
    pub(super) fn team(&mut self, sim: &mut Sim) {
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
}

/// Whether ops has recorded a stage on a ticket.
fn soaked(world: &World, id: &TicketId) -> bool {
    let ticket = world.planning.tickets.get(id);
    ticket.is_some_and(|ticket| {
        ticket.comments.iter().any(|one| one.text.starts_with("## Deployment Complete"))
    })
}

fn mended(wish: Wish) -> Wish {
    Wish { lacks: Lacks::Nothing, ..wish }
}
