//! P8: a ticket is closed only if the program was really told of as much traffic as its watch
//! declares. Whatever it was not told never counts as a pass.

use std::iter;

use ops_core::id::{Digest, TicketId};

use crate::world::{
    World,
    ledger::Deed,
    planning::SimPlanning,
    wishes::{LOOSE_MIN_REQUESTS, MAILER, MIN_REQUESTS, PORTAL_STAGING},
};

/// Remembers which closed tickets were checked.
#[derive(Debug, Default)]
pub(super) struct FailClosed {
    closed: usize,
}

/// What a ticket asks for, and the candidates that hold its work: with one of them it was shipped.
fn shipped_for<'a>(world: &'a World, ticket: &TicketId) -> Vec<&'a Digest> {
    let planning: &SimPlanning = &world.planning;
    let Some(own) = planning.asks.get(ticket) else { return Vec::new() };
    let holds = planning.ever.iter().filter(|wish| wish.includes.contains(ticket));
    iter::once(own).chain(holds.map(|wish| &wish.digest)).collect()
}

impl FailClosed {
    pub(super) fn check(&mut self, world: &World) -> Result<(), String> {
        for (ticket, t) in world.planning.closed.iter().skip(self.closed) {
            let shipped = shipped_for(world, ticket);
            if shipped.is_empty() {
                continue;
            }
            let loose = super::s4_governs::allowed(world);
            let least = if loose { LOOSE_MIN_REQUESTS } else { MIN_REQUESTS };
            let started = world.ledger.applied.iter().filter_map(|one| match &one.deed {
                Deed::Start { release, artifact, .. } if shipped.contains(&artifact) => {
                    Some((release, &one.service, one.t))
                }
                _ => None,
            });
            let enough = started.into_iter().any(|(release, service, since)| {
                let Some(wish) = world.units.get(service) else { return false };
                if service.as_str() == PORTAL_STAGING {
                    return false;
                }
                if service.as_str() == MAILER {
                    return t - since >= wish.watch.seconds * 1_000;
                }
                let seen = world.ledger.seen.get(release).copied().unwrap_or_default();
                seen.seconds >= wish.watch.seconds && seen.requests >= least
            });
            if !enough {
                return Err(format!("{ticket} was closed, and its watch saw too little"));
            }
        }
        self.closed = world.planning.closed.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        invariants::staged::Stage,
        world::{ledger::Seen, planning::Lacks},
    };

    #[test]
    fn p8_closing_after_a_blind_watch_is_found() {
        for (seconds, requests, fine) in [(40, 100, true), (39, 100, false), (40, 99, false)] {
            let mut stage = Stage::new();
            let digest = stage.ticket("v1", Lacks::Nothing);
            stage.start(1, "r1", &digest);
            stage.route(2, &[("r1", 100)]);
            let seen = Seen { last: 50, seconds, requests };
            stage.world.ledger.seen.insert("r1".into(), seen);
            stage.close();
            assert_eq!(FailClosed::default().check(&stage.world).is_ok(), fine);
        }
    }
}
