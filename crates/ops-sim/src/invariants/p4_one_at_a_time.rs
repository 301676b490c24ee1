//! P4: in one lock group no deployment acts after another one has begun to act, unless under a
//! newer generation.

use std::collections::BTreeMap;

use ops_core::id::{Generation, ServiceName};

use crate::world::{World, ledger::Deed, wishes::ENVIRONMENT};

/// Remembers the highest generation that acted in each group, and for which deployment.
#[derive(Debug, Default)]
pub(super) struct OneAtATime {
    read: usize,
    acting: BTreeMap<String, (Generation, u64)>,
}

fn group(world: &World, service: &ServiceName) -> String {
    let found = world.units.get(service).and_then(|one| one.lock_group.clone());
    let stage = service.as_str().split_once('@').map_or(ENVIRONMENT, |(_, stage)| stage);
    format!("{stage}/{}", found.unwrap_or_else(|| service.to_string()))
}

impl OneAtATime {
    pub(super) fn check(&mut self, world: &World) -> Result<(), String> {
        if let Some(words) = world.door.contradictions.first() {
            return Err(words.clone());
        }
        for applied in world.ledger.applied.iter().skip(self.read) {
            if matches!(applied.deed, Deed::Stop { ran: false, .. } | Deed::Start { ran: true, .. })
            {
                // It told nobody to stop: an order for a release that is long gone. Or it told to run
                // what runs.
                continue;
            }
            let group = group(world, &applied.service);
            let (generation, deployment) = (applied.stamp.generation, applied.stamp.deployment);
            let acting = self.acting.entry(group.clone()).or_insert((generation, deployment));
            if generation < acting.0 && deployment != acting.1 {
                return Err(format!(
                    "in {group} an act of D-{deployment} under generation {generation} took effect \
                     after D-{} had acted under {}: {:?}",
                    acting.1, acting.0, applied.deed
                ));
            }
            if generation == acting.0 && deployment != acting.1 {
                return Err(format!(
                    "in {group} D-{deployment} and D-{} acted under one generation {generation}",
                    acting.1
                ));
            }
            if generation > acting.0 {
                *acting = (generation, deployment);
            }
        }
        self.read = world.ledger.applied.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{invariants::staged::Stage, world::planning::Lacks};

    #[test]
    fn p4_an_act_of_an_overtaken_deployment_is_found() {
        let mut stage = Stage::new();
        let digest = stage.ticket("v1", Lacks::Nothing);
        let mut checker = OneAtATime::default();
        stage.start_for((2, 7), "r7", &digest);
        stage.start_for((3, 8), "r8", &digest);
        assert_eq!(checker.check(&stage.world), Ok(()));
        // The target refuses it, as it should; what if it did not?
        let mut late = stage.world.ledger.applied.first().unwrap().clone();
        late.stamp.op.0 += 1;
        stage.world.ledger.applied.push(late);
        assert!(checker.check(&stage.world).is_err());
    }

    #[test]
    fn p4_two_deployments_under_one_generation_are_found() {
        let mut stage = Stage::new();
        let digest = stage.ticket("v1", Lacks::Nothing);
        stage.start_for((2, 7), "r7", &digest);
        stage.start_for((2, 8), "r8", &digest);
        assert!(OneAtATime::default().check(&stage.world).is_err());
    }
}
