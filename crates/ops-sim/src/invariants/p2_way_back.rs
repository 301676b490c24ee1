//! P2: nothing new starts beside a serving version whose way back was not shown a moment ago: its
//! artifact intact, and, where both can run, a copy of it seen healthy.

use std::collections::BTreeMap;

use ops_core::id::{Digest, ServiceName};

use super::FRESH_MS;
use crate::world::{World, ledger::Deed};

/// Remembers when a copy of an artifact beside the serving one was last healthy.
#[derive(Debug, Default)]
pub(super) struct WayBack {
    read: usize,
    rehearsed: BTreeMap<(ServiceName, Digest), u64>,
}

impl WayBack {
    pub(super) fn check(&mut self, world: &World) -> Result<(), String> {
        let t = world.t();
        for replica in world.target.replicas.iter().filter(|one| one.healthy(t)) {
            let served = world.door.served.get(&replica.service);
            let beside = served.is_some_and(|s| s.route.weight_of(&replica.release) == 0);
            if beside {
                let key = (replica.service.clone(), replica.artifact.clone());
                self.rehearsed.insert(key, t);
            }
        }
        for applied in world.ledger.applied.iter().skip(self.read) {
            if let Deed::Start { release, artifact, fresh: true, .. } = &applied.deed {
                self.start(world, &applied.service, release.as_str(), artifact)?;
            }
        }
        self.read = world.ledger.applied.len();
        Ok(())
    }

    fn start(
        &self,
        world: &World,
        service: &ServiceName,
        release: &str,
        artifact: &Digest,
    ) -> Result<(), String> {
        let t = world.t();
        let Some(served) = world.door.served.get(service) else { return Ok(()) };
        let legs = &served.route.legs;
        let serving = legs.iter().find(|leg| leg.release.as_str() != release);
        let old =
            serving.and_then(|leg| world.target.of(service).find(|one| one.release == leg.release));
        let Some(old) = old.map(|one| one.artifact.clone()).filter(|old| old != artifact) else {
            return Ok(());
        };
        if !world.store.was_intact(&old, t, FRESH_MS) {
            return Err(format!("{release} was started while the way back to {old} was broken"));
        }
        let twice = world.units.get(service).is_some_and(|one| one.runs_twice);
        let shown = self.rehearsed.get(&(service.clone(), old.clone()));
        match shown {
            _ if !twice => Ok(()),
            Some(at) if at + FRESH_MS >= t => Ok(()),
            _ => Err(format!("{release} was started and no copy of {} was rehearsed", old.short())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{invariants::staged::Stage, world::planning::Lacks};

    #[test]
    fn p2_a_start_without_a_rehearsed_way_back_is_found() {
        let mut stage = Stage::new();
        let (old, new) = (stage.ticket("v1", Lacks::Nothing), stage.ticket("v2", Lacks::Nothing));
        stage.start(1, "r1", &old);
        stage.route(2, &[("r1", 100)]);
        stage.pass(5_000);
        let mut checker = WayBack::default();
        assert_eq!(checker.check(&stage.world), Ok(()));
        stage.start(3, "r2", &new);
        assert!(checker.check(&stage.world).unwrap_err().contains("rehearsed"));
    }

    #[test]
    fn p2_a_spoilt_artifact_of_the_old_version_is_found() {
        let mut stage = Stage::new();
        let (old, new) = (stage.ticket("v1", Lacks::Nothing), stage.ticket("v2", Lacks::Nothing));
        stage.start(1, "r1", &old);
        stage.route(2, &[("r1", 100)]);
        stage.start(3, "copy", &old);
        stage.pass(5_000);
        let mut checker = WayBack::default();
        assert_eq!(checker.check(&stage.world), Ok(()));
        let t = stage.world.t();
        stage.world.store.spoil(&old, t);
        stage.pass(FRESH_MS + 1);
        stage.start(4, "r2", &new);
        assert!(checker.check(&stage.world).unwrap_err().contains("broken"));
    }
}
