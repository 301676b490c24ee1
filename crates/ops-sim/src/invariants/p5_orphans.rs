//! P5: when all is quiet, nothing in the world is unaccounted for.

use std::collections::BTreeSet;

use ops_core::{id::ServiceName, route::Route};

use crate::world::World;

pub(super) fn check(world: &World) -> Result<(), String> {
    if world.late_acts() > 0 {
        return Err("an act is still to take effect although all is quiet".into());
    }
    for (name, service) in &world.units {
        let alive: BTreeSet<_> =
            world.target.of(name).filter(|one| one.alive()).map(|one| &one.release).collect();
        if service.route.is_none() {
            if alive.len() > 1 {
                return Err(format!("{name} has {} releases alive: {alive:?}", alive.len()));
            }
            continue;
        }
        let Some(served) = world.door.served.get(name) else {
            if alive.is_empty() {
                continue;
            }
            return Err(format!("{name} has no route, and {alive:?} live"));
        };
        if let Some(orphan) = alive.iter().find(|one| served.route.weight_of(one) == 0) {
            return Err(format!("{orphan} lives and serves nobody"));
        }
        routed(world, name, &served.route)?;
    }
    Ok(())
}

fn routed(world: &World, name: &ServiceName, route: &Route) -> Result<(), String> {
    if route.hold.is_some() {
        return Err(format!("requests to {name} still wait at the door"));
    }
    if route.legs.len() != 1 {
        return Err(format!("{name} is still split: {:?}", route.legs));
    }
    for leg in &route.legs {
        for backend in &leg.backends {
            let there = world.target.of(name).any(|one| {
                one.alive() && one.release == leg.release && one.address.as_ref() == Some(backend)
            });
            if !there {
                return Err(format!("the route of {name} leads to {backend}, where nothing lives"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{invariants::staged::Stage, world::planning::Lacks};

    fn serving() -> (Stage, ops_core::id::Digest) {
        let mut stage = Stage::new();
        let digest = stage.ticket("v1", Lacks::Nothing);
        stage.start(1, "r1", &digest);
        stage.route(2, &[("r1", 100)]);
        (stage, digest)
    }

    #[test]
    fn p5_a_release_that_serves_nobody_is_found() {
        let (mut stage, digest) = serving();
        assert_eq!(check(&stage.world), Ok(()));
        stage.start(3, "r2", &digest);
        assert!(check(&stage.world).unwrap_err().contains("serves nobody"));
    }

    #[test]
    fn p5_a_route_to_a_dead_release_is_found() {
        let (mut stage, _) = serving();
        stage.stop(3, "r1");
        stage.pass(10_000);
        assert!(check(&stage.world).unwrap_err().contains("nothing lives"));
    }

    #[test]
    fn p5_a_split_that_nobody_ends_is_found() {
        let (mut stage, digest) = serving();
        stage.start(3, "r2", &digest);
        stage.route(4, &[("r1", 50), ("r2", 50)]);
        assert!(check(&stage.world).unwrap_err().contains("split"));
    }
}
