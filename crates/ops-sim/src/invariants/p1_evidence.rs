//! P1: nothing runs whose ticket had no evidence when it was started.

use std::collections::BTreeSet;

use ops_core::id::{Digest, ServiceName};

use crate::world::{World, ledger::Deed, planning::ME};

/// Milliseconds between the last check and the act that it let pass.
pub(super) const LAST_CHECK_MS: u64 = 60_000;

/// Remembers what was once started with evidence: if it was shipped, it may start again as a way
/// back or as its rehearsal.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    read: usize,
    approved: BTreeSet<Digest>,
}

/// Whether a version passed its watch: it serves, its record stands on a ticket that asks for it, or
/// its traffic was seen for as long as a watch lasts. On a ticket that its board denied meanwhile no
/// record comes to stand.
fn shipped(world: &World, artifact: &Digest) -> bool {
    let serves = world.target.replicas.iter().any(|one| {
        let served = world.door.served.get(&one.service);
        one.artifact == *artifact && served.is_some_and(|s| s.route.weight_of(&one.release) > 0)
    });
    let watched = world.ledger.applied.iter().any(|one| {
        let Deed::Start { release, artifact: its, .. } = &one.deed else { return false };
        let seen = world.ledger.seen.get(release).filter(|_| its == artifact);
        let watch = world.units.get(&one.service).map(|unit| unit.watch.seconds);
        seen.zip(watch).is_some_and(|(seen, watch)| seen.seconds >= watch)
    });
    if serves || watched {
        return true;
    }
    let asking = world.planning.asks.iter().filter(|(_, digest)| *digest == artifact);
    let mut tickets = asking.filter_map(|(id, _)| world.planning.tickets.get(id));
    tickets.any(|ticket| {
        let mut records = ticket.comments.iter().filter(|one| one.author.as_str() == ME);
        records.any(|one| one.text.starts_with("## Deployment Complete"))
    })
}

/// Whether it ran before, started by somebody else, healthy, and is to be adopted (S2). What cannot
/// run twice must have been stopped first, and may have been so for a while.
pub(super) fn ran_outside(
    world: &World,
    service: &ServiceName,
    artifact: &Digest,
    t: u64,
    within: u64,
) -> bool {
    let Some(unit) = world.units.get(service) else { return false };
    let within = if unit.runs_twice { within } else { 24 * 3_600_000 };
    let asked = unit.adopt.as_ref().is_some_and(|adopt| adopt.artifact == *artifact);
    asked && world.ran.get(artifact).is_some_and(|last| t.saturating_sub(*last) <= within)
}

impl Evidence {
    pub(super) fn check(&mut self, world: &World) -> Result<(), String> {
        for applied in world.ledger.applied.iter().skip(self.read) {
            let Deed::Start { release, artifact, fresh: true, .. } = &applied.deed else {
                continue;
            };
            // An act that was intended right after the check may be done by the next daemon.
            let within = LAST_CHECK_MS + world.ledger.absent(applied.sent, super::FRESH_MS);
            let approved = world.planning.approved(artifact, applied.sent, within)
                || ran_outside(world, &applied.service, artifact, applied.t, within);
            if approved {
                self.approved.insert(artifact.clone());
            } else if !(self.approved.contains(artifact) && shipped(world, artifact)) {
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
