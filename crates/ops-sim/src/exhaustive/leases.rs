//! Two daemons, two tickets, one lock group: the lease by the journal's own rule, acts by stamps.
//!
//! A daemon asks the world for its highest generation, takes the lease above it, acts, renews, gives
//! it back; it can be stopped for any time at any of these and go on as if nothing had been, it can
//! crash and leave an act under way behind, and time can pass before everything. It takes the same
//! steps as `ops-engine`'s `leases.rs`, and never looks whether its lease has run out before it acts:
//! that is what the world must be safe against.

use ops_core::{
    id::{Generation, OpId, ServiceName, Stamp},
    route::Route,
    time::{BootId, Now},
};
use ops_engine::ports::{ActError, Journal, LeaseRefused};
use ops_store::MemoryJournal;

use super::Small;
use crate::world::door::SimDoor;

const GROUP: &str = "production/web";
/// A lease lasts so many ticks.
const LEASE: u64 = 2;
/// Acts that a daemon has to do.
const ACTS: u8 = 2;
/// Crashes of each daemon: a third one adds nothing, since it forgets what the first one forgot.
const CRASHES: u8 = 2;

#[derive(Clone, PartialEq)]
enum Holds {
    Nothing,
    Asked(Generation),
    Lease(Generation),
}

#[derive(Clone)]
struct Daemon {
    number: u64,
    holds: Holds,
    /// An act under way, by the generation under which it was sent; the daemon waits for it.
    waits: Option<Generation>,
    /// One that a crash left under way.
    behind: Option<Generation>,
    acts: u8,
    crashes: u8,
}

/// The world of two daemons.
#[derive(Clone)]
pub struct Leases {
    journal: Kept,
    door: SimDoor,
    daemons: [Daemon; 2],
    t: u64,
    /// Acts that the door took, by generation and daemon.
    landed: Vec<(Generation, u64)>,
    /// Leases that were given, by generation and daemon.
    given: Vec<(Generation, u64)>,
    /// The mistake in which nobody compares generations, to show that the check can fail.
    unfenced: bool,
}

/// A journal whose clone is another journal.
struct Kept(MemoryJournal);

impl Clone for Kept {
    fn clone(&self) -> Self {
        Self(self.0.snapshot())
    }
}

impl Leases {
    /// Nobody has begun.
    pub fn begin(unfenced: bool) -> Self {
        let daemon = |number| Daemon {
            number,
            holds: Holds::Nothing,
            waits: None,
            behind: None,
            acts: 0,
            crashes: 0,
        };
        Self {
            journal: Kept(MemoryJournal::new()),
            door: SimDoor::default(),
            daemons: [daemon(1), daemon(2)],
            t: 0,
            landed: Vec::new(),
            given: Vec::new(),
            unfenced,
        }
    }

    fn now(&self) -> Now {
        Now { boot: BootId("b".into()), ms: self.t, wall: jiff::Timestamp::UNIX_EPOCH }
    }

    fn holder(&self, at: usize) -> String {
        format!("D-{}", self.daemons[at].number)
    }

    fn after(&self, words: &str, at: usize, change: impl FnOnce(&mut Self)) -> (String, Self) {
        let mut next = self.clone();
        change(&mut next);
        (format!("daemon {} {words}", self.daemons[at].number), next)
    }

    fn take(&mut self, at: usize, above: Generation) {
        let (now, holder) = (self.now(), self.holder(at));
        let journal = &mut self.journal.0;
        let given = journal.release(GROUP, &holder).map_err(LeaseRefused::Journal);
        let lease = given.and_then(|()| journal.lease(GROUP, &holder, above, &now, LEASE));
        self.daemons[at].holds = match lease {
            Ok(lease) => {
                self.given.push((lease.generation, self.daemons[at].number));
                Holds::Lease(lease.generation)
            }
            Err(_) => Holds::Nothing,
        };
    }

    fn renew(&mut self, at: usize, holds: Generation) {
        let (now, holder) = (self.now(), self.holder(at));
        let lease = self.journal.0.lease(GROUP, &holder, Generation::default(), &now, LEASE);
        match lease {
            Ok(lease) if lease.generation == holds => {}
            Ok(lease) => {
                self.given.push((lease.generation, self.daemons[at].number));
                self.daemons[at].holds = Holds::Nothing;
            }
            Err(_) => self.daemons[at].holds = Holds::Nothing,
        }
    }

    /// An act reaches the door. True if it was done.
    fn land(&mut self, at: usize, generation: Generation) -> bool {
        let number = self.daemons[at].number;
        let op = OpId(u32::from(self.daemons[at].acts) + 1);
        let stamp = Stamp { generation, deployment: number, op };
        let route = Route::new(ServiceName::from("web"), None, "/");
        let done = match self.door.set_route(stamp, &route, self.t) {
            Ok(()) => true,
            Err(ActError::Stale(_)) => self.unfenced,
            Err(_) => false,
        };
        if done {
            self.landed.push((generation, number));
        }
        done
    }

    fn moves_of(&self, at: usize, all: &mut Vec<(String, Self)>) {
        let daemon = &self.daemons[at];
        if let Some(generation) = daemon.waits {
            all.push(self.after("acts", at, |next| {
                next.daemons[at].waits = None;
                if next.land(at, generation) {
                    next.daemons[at].acts += 1;
                } else {
                    next.daemons[at].holds = Holds::Nothing;
                }
            }));
        } else if daemon.acts < ACTS {
            self.work_of(at, all);
        } else if let Holds::Lease(_) = daemon.holds {
            all.push(self.after("gives the lease back", at, |next| {
                let holder = next.holder(at);
                let _ = next.journal.0.release(GROUP, &holder);
                next.daemons[at].holds = Holds::Nothing;
            }));
        }
        if let Some(generation) = daemon.behind {
            all.push(self.after("acted before it died, and now that takes effect", at, |next| {
                next.daemons[at].behind = None;
                next.land(at, generation);
            }));
        }
        if daemon.crashes < CRASHES && (daemon.holds != Holds::Nothing || daemon.waits.is_some()) {
            all.push(self.after("crashes and starts again", at, |next| {
                let daemon = &mut next.daemons[at];
                daemon.crashes += 1;
                daemon.holds = Holds::Nothing;
                daemon.behind = daemon.waits.take().or(daemon.behind);
                let holder = next.holder(at);
                let _ = next.journal.0.release(GROUP, &holder);
            }));
        }
    }

    fn work_of(&self, at: usize, all: &mut Vec<(String, Self)>) {
        match self.daemons[at].holds {
            Holds::Nothing => all.push(self.after("asks the world", at, |next| {
                next.daemons[at].holds = Holds::Asked(next.door.generation());
            })),
            Holds::Asked(above) => {
                all.push(self.after("asks for the lease", at, |next| next.take(at, above)));
            }
            Holds::Lease(generation) => {
                all.push(self.after("renews", at, |next| next.renew(at, generation)));
                all.push(self.after("sends an act", at, |next| {
                    next.daemons[at].waits = Some(generation);
                }));
            }
        }
    }
}

impl Small for Leases {
    fn key(&self) -> String {
        // Only the order of generations matters, not their numbers; only what is left of the lease.
        let mut all: Vec<Generation> =
            self.given.iter().map(|(generation, _)| *generation).collect();
        all.extend([Generation::default(), self.door.generation()]);
        let held: Vec<_> = self.daemons.iter().flat_map(Daemon::generations).collect();
        all.retain(|one| held.contains(one) || *one == self.door.generation());
        all.sort_unstable();
        all.dedup();
        let rank = |generation: Generation| all.iter().position(|one| *one == generation);
        let each: Vec<_> = self.daemons.iter().map(|one| one.key(&rank)).collect();
        let mut probe = self.journal.clone();
        // Whoever asks is told how long the lease of somebody else still lasts.
        let left = (0..=LEASE).find(|after| {
            let now = Now { ms: self.t + after, ..self.now() };
            probe.0.snapshot().lease(GROUP, "probe", Generation::default(), &now, 1).is_ok()
        });
        let mine = |at: usize| {
            let lease =
                probe.0.lease(GROUP, &self.holder(at), Generation::default(), &self.now(), 1);
            lease.is_ok_and(|lease| self.given.iter().any(|(one, _)| *one == lease.generation))
        };
        let owner = [0, 1].map(mine);
        let last = self.landed.last().and_then(|(generation, _)| rank(*generation));
        let door = rank(self.door.generation());
        format!("{each:?} {left:?} {owner:?} {door:?} {last:?}")
    }

    fn moves(&self) -> Vec<(String, Self)> {
        let mut all = Vec::new();
        for at in [0, 1] {
            self.moves_of(at, &mut all);
        }
        if self.end().is_none() {
            let mut next = self.clone();
            next.t += 1;
            all.push(("time passes".into(), next));
        }
        all
    }

    fn holds(&self) -> Result<(), String> {
        if let Some(two) = self.landed.windows(2).find(|two| two[1].0 < two[0].0) {
            return Err(format!("an act of generation {} after one of {}", two[1].0, two[0].0));
        }
        for (generation, number) in &self.given {
            if let Some((_, other)) =
                self.given.iter().find(|one| one.0 == *generation && one.1 != *number)
            {
                return Err(format!("{generation} was given to daemon {number} and to {other}"));
            }
        }
        if let Some((generation, number)) = self.landed.iter().find(|one| !self.given.contains(one))
        {
            return Err(format!("daemon {number} acted under {generation}, which it never had"));
        }
        Ok(())
    }

    fn end(&self) -> Option<&'static str> {
        let done = self
            .daemons
            .iter()
            .all(|one| one.acts == ACTS && one.holds == Holds::Nothing && one.behind.is_none());
        done.then_some("both are done")
    }
}

impl Daemon {
    fn generations(&self) -> Vec<Generation> {
        let held = match self.holds {
            Holds::Nothing => None,
            Holds::Asked(generation) | Holds::Lease(generation) => Some(generation),
        };
        held.into_iter().chain(self.waits).chain(self.behind).collect()
    }

    fn key(&self, rank: &impl Fn(Generation) -> Option<usize>) -> String {
        let holds = match self.holds {
            Holds::Nothing => "nothing".to_owned(),
            Holds::Asked(generation) => format!("asked {:?}", rank(generation)),
            Holds::Lease(generation) => format!("lease {:?}", rank(generation)),
        };
        let (waits, behind) = (self.waits.map(rank), self.behind.map(rank));
        format!("{holds} {waits:?} {behind:?} {} {}", self.acts, self.crashes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exhaustive::explore;

    #[test]
    fn p4_acts_exclude_each_other_in_every_order_of_two_daemons() {
        let found = explore(Leases::begin(false), 2_000_000);
        println!("{} states, {} moves", found.states, found.moves);
        assert_eq!(found.broken, None);
        assert!(!found.cut);
        assert_eq!(found.dead_ends, 0, "from every state both can still do their work");
        assert_eq!(found.ends, ["both are done"]);
        assert!(found.states > 1_000, "{}", found.states);
    }

    #[test]
    fn p4_a_door_that_does_not_compare_generations_is_found() {
        let (why, way) = explore(Leases::begin(true), 2_000_000).broken.unwrap();
        assert!(why.contains("after one of"), "{why}: {way:?}");
    }
}
