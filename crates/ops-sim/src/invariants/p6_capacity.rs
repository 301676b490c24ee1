//! P6: by what ops does, the replicas that are reachable through the route and were once healthy
//! never fall below the declared minimum. What the world does to replicas does not count here, what
//! ops stops, leaves out of a route or routes to too early does. A service that cannot run twice
//! may have a gap while the door holds its requests.

use std::collections::BTreeMap;

use ops_core::{id::ServiceName, settings::Service};

use crate::world::{World, wishes::GAP_MS};

/// What a gap may last longer than its limit: a new version that does not react to TERM has its
/// grace before the old one can start again, and the route must be read back and probed.
const GAP_SLACK_MS: u64 = 3_000 + 3_000;

/// Remembers which services serve, and since when one has a gap.
#[derive(Debug, Default)]
pub(super) struct Capacity {
    serving: BTreeMap<ServiceName, bool>,
    gap_since: BTreeMap<ServiceName, u64>,
}

/// Replicas that a route reaches and that ops has reason to count on.
fn reachable(world: &World, name: &ServiceName) -> usize {
    let Some(served) = world.door.served.get(name) else { return 0 };
    if served.route.hold.is_some() {
        return 0;
    }
    let legs = served.route.legs.iter().filter(|leg| leg.weight > 0);
    let counts = |leg: &ops_core::route::Leg| {
        let there = |address: &String| leg.backends.contains(address);
        let mut of = world.target.of(name).filter(|one| one.release == leg.release);
        let sound = of.by_ref().filter(|one| one.wanted && one.sound);
        sound.filter(|one| one.address.as_ref().is_some_and(there)).count()
    };
    legs.map(counts).sum()
}

impl Capacity {
    pub(super) fn check(&mut self, world: &World, calm: bool) -> Result<(), String> {
        for (name, service) in &world.units {
            if service.route.is_some() {
                self.service(world, name, service, calm)?;
            }
        }
        Ok(())
    }

    fn service(
        &mut self,
        world: &World,
        name: &ServiceName,
        service: &Service,
        calm: bool,
    ) -> Result<(), String> {
        let now = reachable(world, name);
        let shipped = world.planning.closed.iter().any(|(ticket, _)| {
            world.planning.tickets.get(ticket).is_some_and(|t| t.title.starts_with(name.as_str()))
        });
        let serving = self.serving.entry(name.clone()).or_default();
        // Until something was shipped, a first deployment may be taken away again (S1).
        *serving |= shipped && now >= service.replicas as usize;
        if !*serving {
            return Ok(());
        }
        if service.runs_twice {
            if now < service.min_serving as usize {
                return Err(format!(
                    "{name} is served by {now} replicas, at least {} are declared",
                    service.min_serving
                ));
            }
            return Ok(());
        }
        self.gap(world, name, now, calm)
    }

    fn gap(
        &mut self,
        world: &World,
        name: &ServiceName,
        reachable: usize,
        calm: bool,
    ) -> Result<(), String> {
        if reachable > 0 {
            self.gap_since.remove(name);
            return Ok(());
        }
        let t = world.t();
        let since = *self.gap_since.entry(name.clone()).or_insert(t);
        let held = world.door.served.get(name).is_some_and(|one| one.route.hold.is_some());
        let routed_early = world.door.served.get(name).is_some_and(|served| {
            served.route.legs.iter().any(|leg| {
                world.target.of(name).any(|one| one.release == leg.release && one.wanted)
            })
        });
        if !held && !routed_early {
            return Err(format!("nothing serves {name}, and the door does not hold its requests"));
        }
        if calm && t - since > GAP_MS + GAP_SLACK_MS {
            return Err(format!("{name} has had a gap for {} ms", t - since));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{invariants::staged::Stage, world::planning::Lacks};

    fn shipped() -> (Stage, Capacity) {
        let mut stage = Stage::new();
        let digest = stage.ticket("v1", Lacks::Nothing);
        stage.start(1, "r1", &digest);
        stage.pass(5_000);
        stage.route(2, &[("r1", 100)]);
        stage.close();
        let mut checker = Capacity::default();
        assert_eq!(checker.check(&stage.world, true), Ok(()));
        (stage, checker)
    }

    #[test]
    fn p6_stopping_what_serves_is_found() {
        let (mut stage, mut checker) = shipped();
        stage.stop(3, "r1");
        assert!(checker.check(&stage.world, true).is_err());
    }

    #[test]
    fn p6_routing_to_what_was_never_healthy_is_found() {
        let (mut stage, mut checker) = shipped();
        let digest = stage.ticket("v2", Lacks::Nothing);
        stage.start(3, "r2", &digest);
        stage.route(4, &[("r2", 100)]);
        assert!(checker.check(&stage.world, true).is_err());
    }

    #[test]
    fn p6_a_crash_of_a_replica_is_not_the_doing_of_ops() {
        let (mut stage, mut checker) = shipped();
        let t = stage.world.t();
        assert!(stage.world.target.crash(0, t));
        assert_eq!(checker.check(&stage.world, true), Ok(()));
    }
}
