//! P7: between two acts of a deployment the world is looked at.

use std::collections::{BTreeMap, BTreeSet};

use ops_core::id::DeploymentId;
use ops_engine::{Job, JobKey, Work};

/// Remembers which deployments have acted since their last look.
#[derive(Debug, Default)]
pub(super) struct LookAgain {
    acted: BTreeSet<DeploymentId>,
    ops: BTreeMap<DeploymentId, u32>,
    broken: Option<String>,
}

impl LookAgain {
    pub(super) fn performed(&mut self, job: &Job) {
        match (&job.key, &job.work) {
            (JobKey::Look(id), _) => {
                self.acted.remove(id);
            }
            (JobKey::Act(id, op), Work::Act { act, .. }) => {
                let last = self.ops.insert(*id, op.0);
                if !self.acted.insert(*id) {
                    let words = format!(
                        "{id} did act {} ({}) after act {} without a look",
                        op.0,
                        act.name(),
                        last.unwrap_or_default()
                    );
                    self.broken.get_or_insert(words);
                }
            }
            _ => {}
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.broken.clone().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use ops_core::{
        deploy::Act,
        id::{OpId, Stamp},
    };

    use super::*;

    fn act(op: u32) -> Job {
        let id = DeploymentId(1);
        let act = Act::RemoveRoute { service: "shop".into() };
        Job { key: JobKey::Act(id, OpId(op)), work: Work::Act { stamp: Stamp::default(), act } }
    }

    #[test]
    fn p7_two_acts_without_a_look_are_found() {
        let mut checker = LookAgain::default();
        checker.performed(&act(1));
        assert_eq!(checker.check(), Ok(()));
        checker.performed(&act(2));
        assert!(checker.check().is_err());
    }

    #[test]
    fn p7_a_look_between_two_acts_is_enough() {
        let mut checker = LookAgain::default();
        checker.performed(&act(1));
        checker.performed(&Job { key: JobKey::Look(DeploymentId(1)), work: Work::Highest });
        checker.performed(&act(2));
        assert_eq!(checker.check(), Ok(()));
    }
}
