//! P15: what ops said that it does not deploy again is not deployed again, unless a listed person
//! lifted that.

use std::collections::BTreeSet;

use ops_core::id::{Digest, ServiceName};
use ops_engine::Ask;

use super::board::started;
use crate::world::{World, ledger::Deed, marker, planning::ME};

/// The words on the ticket.
const SAID: &str = "This candidate is not deployed again";

/// Remembers which guards were lifted, and what was said when.
#[derive(Debug, Default)]
pub(super) struct Learns {
    read: usize,
    lifted: BTreeSet<u64>,
}

/// A deployment that said so, with its service and its artifact.
struct Bad<'a> {
    by: u64,
    service: &'a ServiceName,
    artifact: &'a Digest,
}

impl Learns {
    /// Is told of a request that was granted, perhaps.
    pub(super) fn granted(&mut self, ask: &Ask) {
        if let Ask::Lift { guard, .. } = ask {
            self.lifted.insert(guard.0);
        }
    }

    pub(super) fn check(&mut self, world: &World) -> Result<(), String> {
        let mut bad = None;
        for applied in world.ledger.applied.iter().skip(self.read) {
            let Deed::Start { release, artifact, fresh: true, .. } = &applied.deed else {
                continue;
            };
            let by = applied.stamp.deployment;
            if started(world, by) != Some(release) {
                continue;
            }
            let bad = bad.get_or_insert_with(|| said(world));
            let again = bad.iter().find(|one| {
                one.by < by
                    && *one.service == applied.service
                    && one.artifact == artifact
                    && !self.lifted.contains(&one.by)
            });
            if let Some(again) = again {
                return Err(format!(
                    "D-{by} started {release}, of which D-{} had said that it is not deployed again",
                    again.by
                ));
            }
        }
        self.read = world.ledger.applied.len();
        Ok(())
    }
}

/// Everything that ops said is not deployed again.
fn said(world: &World) -> Vec<Bad<'_>> {
    let mut all = Vec::new();
    for ticket in world.planning.tickets.values() {
        let ours = ticket.comments.iter().filter(|one| one.author.as_str() == ME);
        for comment in ours.filter(|one| one.text.contains(SAID)) {
            let by = marker(&comment.text).and_then(super::p10_tickets::number);
            let found = by.and_then(|by| {
                world.ledger.applied.iter().find_map(|one| match &one.deed {
                    Deed::Start { release, artifact, .. }
                        if one.stamp.deployment == by && started(world, by) == Some(release) =>
                    {
                        Some(Bad { by, service: &one.service, artifact })
                    }
                    _ => None,
                })
            });
            all.extend(found);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use ops_core::id::DeploymentId;

    use super::*;
    use crate::{invariants::staged::Stage, world::planning::Lacks};

    #[test]
    fn p15_starting_again_what_was_judged_bad_is_found_unless_it_was_lifted() {
        for lifted in [false, true] {
            let mut stage = Stage::new();
            let mut learns = Learns::default();
            let digest = stage.ticket("v1", Lacks::Nothing);
            stage.start_for((1, 1), "cart-1", &digest);
            stage.comment(&format!("## Deployment Failed\n\n{SAID}.\n\n<!-- ops:D-1:2 -->"));
            assert_eq!(learns.check(&stage.world), Ok(()));
            if lifted {
                let reason = "the test was wrong".into();
                learns.granted(&Ask::Lift { guard: DeploymentId(1), reason });
            }
            stage.start_for((2, 2), "cart-2", &digest);
            assert_eq!(learns.check(&stage.world).is_ok(), lifted);
        }
    }
}
