//! S19: an ops that finds in its journal what a newer one has written brings nothing forward: it begins
//! no deployment, starts nothing that has not served, and gives it no traffic.

use ops_core::{deploy::Act, id::ReleaseId};
use ops_engine::{Job, Work};

use crate::world::{World, ledger::Deed};

/// Remembers what was brought forward.
#[derive(Debug, Default)]
pub(super) struct Formats {
    deployments: u64,
    wrong: Option<String>,
}

impl Formats {
    /// Another ops starts.
    pub(super) fn started_anew(&mut self, deployments: u64) {
        self.deployments = deployments;
    }

    /// So many deployments are there while the ops that runs is too old.
    pub(super) fn begun(&mut self, deployments: u64) {
        if deployments > self.deployments {
            let words = "a deployment was begun over records that cannot be read".to_owned();
            self.wrong.get_or_insert(words);
        }
    }

    /// An act of an ops that is too old reaches the world.
    pub(super) fn performed(&mut self, world: &World, job: &Job) {
        let Work::Act { act, .. } = &job.work else { return };
        let forward = match act {
            Act::Import { .. } => Some("an artifact was brought in".to_owned()),
            Act::Start { spec } if !has_served(world, &spec.release) => {
                Some(format!("{} was started", spec.release))
            }
            Act::SetRoute { route } => {
                let served = world.door.served.get(&route.service);
                let now = |release| served.map_or(0, |served| served.route.weight_of(release));
                let more = route
                    .legs
                    .iter()
                    .find(|leg| leg.weight > now(&leg.release) && !has_served(world, &leg.release));
                more.map(|leg| format!("{} got {} % of the traffic", leg.release, leg.weight))
            }
            _ => None,
        };
        if let Some(what) = forward {
            self.wrong.get_or_insert(format!("{what} over records that cannot be read"));
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.wrong.clone().map_or(Ok(()), Err)
    }
}

/// Whether a release had all traffic at some time.
fn has_served(world: &World, release: &ReleaseId) -> bool {
    world
        .ledger
        .applied
        .iter()
        .any(|one| matches!(&one.deed, Deed::Route { route } if route.weight_of(release) == 100))
}

#[cfg(test)]
mod tests {
    use ops_core::{
        id::{DeploymentId, OpId, Stamp},
        route::Route,
    };
    use ops_engine::JobKey;

    use super::*;
    use crate::{invariants::staged::Stage, world::planning::Lacks};

    #[test]
    fn s19_what_is_brought_forward_over_newer_records_is_found() {
        let mut stage = Stage::new();
        let digest = stage.ticket("v1", Lacks::Nothing);
        stage.start(1, "r1", &digest);
        stage.route(2, &[("r1", 100)]);
        stage.start(3, "r2", &digest);
        let route = |legs: &[(&str, u8)]| {
            let leg = |(release, weight): &(&str, u8)| ops_core::route::Leg {
                release: (*release).into(),
                weight: *weight,
                backends: Vec::new(),
            };
            let legs = legs.iter().map(leg).collect();
            let route = Route { legs, ..Route::new("cart".into(), None, "/") };
            let work = Work::Act { stamp: Stamp::default(), act: Act::SetRoute { route } };
            Job { key: JobKey::Act(DeploymentId(1), OpId(4)), work }
        };
        let mut formats = Formats::default();
        formats.performed(&stage.world, &route(&[("r1", 100)]));
        assert_eq!(formats.check(), Ok(()), "it goes back");
        formats.performed(&stage.world, &route(&[("r1", 50), ("r2", 50)]));
        assert!(formats.check().is_err());
        let mut formats = Formats::default();
        formats.started_anew(3);
        formats.begun(3);
        assert_eq!(formats.check(), Ok(()));
        formats.begun(4);
        assert!(formats.check().is_err());
    }
}
