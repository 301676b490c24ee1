//! P1: nothing runs whose ticket had no evidence when it was started.

use std::collections::BTreeSet;

use ops_core::id::Digest;

use crate::world::{World, ledger::Deed};

/// Milliseconds between the last check and the act that it let pass.
const LAST_CHECK_MS: u64 = 60_000;

/// Remembers what was shipped: it may start again as a way back.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    read: usize,
    closed: usize,
    shipped: BTreeSet<Digest>,
}

impl Evidence {
    pub(super) fn check(&mut self, world: &World) -> Result<(), String> {
        for (ticket, _) in world.planning.closed.iter().skip(self.closed) {
            self.shipped.extend(world.planning.asks.get(ticket).cloned());
        }
        self.closed = world.planning.closed.len();
        for applied in world.ledger.applied.iter().skip(self.read) {
            let Deed::Start { release, artifact, fresh: true } = &applied.deed else { continue };
            let approved = world.planning.approved(artifact, applied.t, LAST_CHECK_MS);
            if !approved && !self.shipped.contains(artifact) {
                return Err(format!(
                    "{release} was started without evidence for {}",
                    artifact.short()
                ));
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
    fn p1_a_start_without_evidence_is_found() {
        for (lacks, fine) in [(Lacks::Nothing, true), (Lacks::Qa, false), (Lacks::Changed, false)] {
            let mut stage = Stage::new();
            let digest = stage.ticket("v1", lacks);
            stage.start(1, "r1", &digest);
            assert_eq!(Evidence::default().check(&stage.world).is_ok(), fine, "{lacks:?}");
        }
    }
}
