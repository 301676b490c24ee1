//! S8: an older candidate never ships over a newer one that serves, and a ticket closes along with
//! another one only if that one names it, holds its commit, and it has its own evidence.

use ops_core::id::{Digest, ServiceName, TicketId};

use crate::world::{World, ledger::Deed, planning::Wish};

/// Remembers which acts and which closed tickets were checked.
#[derive(Debug, Default)]
pub(super) struct Newest {
    read: usize,
    closed: usize,
}

fn commit<'a>(world: &'a World, artifact: &Digest) -> Option<&'a String> {
    world.planning.ever.iter().find(|wish| wish.digest == *artifact)?.commit.as_ref()
}

impl Newest {
    pub(super) fn check(&mut self, world: &World) -> Result<(), String> {
        for (at, applied) in world.ledger.applied.iter().enumerate().skip(self.read) {
            let Deed::Start { artifact, fresh: true, .. } = &applied.deed else { continue };
            // What ran there before comes as a way back or as its rehearsal.
            let known = world.ledger.applied.iter().take(at).any(|one| {
                one.service == applied.service
                    && matches!(&one.deed, Deed::Start { artifact: ran, .. } if ran == artifact)
            });
            if !known {
                ships(world, &applied.service, artifact)?;
            }
        }
        self.read = world.ledger.applied.len();
        for (ticket, _) in world.planning.closed.iter().skip(self.closed) {
            along(world, ticket)?;
        }
        self.closed = world.planning.closed.len();
        Ok(())
    }
}

fn ships(world: &World, service: &ServiceName, artifact: &Digest) -> Result<(), String> {
    let Some(served) = world.door.served.get(service) else { return Ok(()) };
    let Some(leg) = served.route.legs.iter().find(|leg| leg.weight == 100) else { return Ok(()) };
    let mut replicas = world.target.of(service).filter(|one| one.release == leg.release);
    let Some(serving) = replicas.next().map(|one| &one.artifact) else { return Ok(()) };
    match (commit(world, artifact), commit(world, serving)) {
        (Some(new), Some(old)) if new < old => Err(format!(
            "{} was started over {}, which serves {service} and holds its commit and more",
            artifact.short(),
            serving.short()
        )),
        _ => Ok(()),
    }
}

/// Whoever closes with another ticket is named by it, held by it, and approved itself.
fn along(world: &World, ticket: &TicketId) -> Result<(), String> {
    let Some(asked) = world.planning.asks.get(ticket) else { return Ok(()) };
    let own = world
        .ledger
        .applied
        .iter()
        .any(|one| matches!(&one.deed, Deed::Start { artifact, .. } if artifact == asked));
    if own {
        return Ok(());
    }
    let theirs = world.planning.wishes.get(ticket).and_then(|wish| wish.commit.as_ref());
    let names = |wish: &&Wish| {
        wish.includes.contains(ticket)
            && theirs.is_some_and(|theirs| wish.commit.as_ref().is_some_and(|c| c >= theirs))
    };
    let approved = world.planning.approvals.contains_key(ticket);
    match world.planning.ever.iter().find(names) {
        Some(_) if approved => Ok(()),
        Some(_) => Err(format!("{ticket} was closed along with another without its own evidence")),
        None => Err(format!("{ticket} was closed, and nothing that holds its work was started")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{invariants::staged::Stage, world::planning::Lacks};

    fn newer_serves() -> (Stage, Digest) {
        let mut stage = Stage::new();
        let older = stage.ticket_at("v1", 1, &[], Lacks::Nothing);
        let newer = stage.ticket_at("v2", 2, &[], Lacks::Nothing);
        stage.start(1, "r2", &newer);
        stage.route(2, &[("r2", 100)]);
        (stage, older)
    }

    #[test]
    fn s8_an_older_one_over_a_newer_one_is_found() {
        let (mut stage, older) = newer_serves();
        let mut checker = Newest::default();
        assert_eq!(checker.check(&stage.world), Ok(()));
        stage.start(3, "r1", &older);
        assert!(Newest::default().check(&stage.world).is_err());
    }

    #[test]
    fn s8_closing_along_needs_a_name_and_evidence() {
        for (lacks, named, fine) in
            [(Lacks::Nothing, true, true), (Lacks::Nothing, false, false), (Lacks::Qa, true, false)]
        {
            let mut stage = Stage::new();
            stage.ticket_at("v1", 1, &[], lacks);
            let first = TicketId::new("SIM-1");
            let includes = if named { vec![first.clone()] } else { Vec::new() };
            let newer = stage.ticket_at("v2", 2, &includes, Lacks::Nothing);
            stage.start(1, "r2", &newer);
            stage.world.planning.close(&first, 1).unwrap();
            assert_eq!(Newest::default().check(&stage.world).is_ok(), fine, "{lacks:?} {named}");
        }
    }
}
