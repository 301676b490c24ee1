//! P10 and S24: a ticket is closed only with its record on it, for a candidate that served and was
//! not taken back; after a failure exactly one comment says so, and the ticket is not closed.

use std::collections::BTreeSet;

use ops_core::id::TicketId;

use super::board::{Written, comments, deeds, posts, twice};
use crate::world::{World, ledger::Deed, marker, planning::ME};

const FAILED: [&str; 2] = ["## Deployment Failed", "## Deployment Withdrawn"];
const DONE: [&str; 2] = ["## Deployment Complete", "## Deployment Rolled Back Later"];

/// Remembers which closed tickets were checked.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    closed: usize,
}

impl Tickets {
    pub(super) fn check(&mut self, world: &World) -> Result<(), String> {
        for (ticket, _) in world.planning.closed.iter().skip(self.closed) {
            let Some(read) = world.planning.tickets.get(ticket) else { continue };
            let record =
                read.comments.iter().rev().find(|comment| {
                    comment.author.as_str() == ME && comment.text.starts_with(DONE[0])
                });
            let Some(record) = record else {
                return Err(format!("{ticket} was closed without a record"));
            };
            let deployment = marker(&record.text).and_then(number);
            let Some(deployment) = deployment else {
                return Err(format!("the record on {ticket} names no deployment"));
            };
            let asks_settings =
                world.planning.wishes.get(ticket).is_some_and(|wish| wish.governs.is_some());
            if asks_settings {
                // Nothing was started for it; that it may govern is looked at elsewhere.
                continue;
            }
            s24(world, deployment).map_err(|why| format!("{ticket} was closed: {why}"))?;
        }
        self.closed = world.planning.closed.len();
        Ok(())
    }
}

/// The deployment's number in `<!-- ops:D-7:3 -->`.
pub(super) fn number(marker: &str) -> Option<u64> {
    marker.strip_prefix("<!-- ops:D-")?.split(':').next()?.parse().ok()
}

/// The candidate served, and no rollback of it began.
fn s24(world: &World, deployment: u64) -> Result<(), String> {
    let Some(deeds) = deeds(world).remove(&deployment) else {
        return Err(format!("D-{deployment} never started anything"));
    };
    if deeds.took_back {
        return Err(format!("D-{deployment} had taken {} back", deeds.release));
    }
    let service = world.ledger.applied.iter().find(|one| one.stamp.deployment == deployment);
    let routed = service
        .and_then(|one| world.units.get(&one.service))
        .is_some_and(|service| service.route.is_some());
    let served = world.ledger.applied.iter().any(
        |one| matches!(&one.deed, Deed::Route { route } if route.weight_of(&deeds.release) == 100),
    );
    if routed && !served {
        return Err(format!("{} never took all traffic", deeds.release));
    }
    Ok(())
}

/// Every deployment that has ended has exactly its one record, and no letter stands twice.
pub(super) fn at_rest(world: &World) -> Result<(), String> {
    for (deployment, deeds) in deeds(world) {
        let written = comments(world, deployment);
        let markers = written.iter().map(|one| one.marker.as_str());
        if let Some(words) = twice(markers, &world.planning.late) {
            return Err(words);
        }
        let own = |(text, _): &(String, String)| {
            text.starts_with("OPS: rotation of ") || text.starts_with("OPS: adoption of ")
        };
        if posts(world, deployment).iter().any(own) {
            // No ticket asked for it, so none may bear its words.
            if written.is_empty() {
                continue;
            }
            return Err(format!("D-{deployment}, which no ticket asked for, wrote on a ticket"));
        }
        // Where the way back failed, the new version may have stayed.
        let froze = written.iter().any(|one| one.heading == "## Deployment Frozen");
        let wanted = if deeds.took_back || froze { (1, 0) } else { (0, 1) };
        let tickets: BTreeSet<_> = written.iter().map(|one| &one.ticket).collect();
        let records = |ticket: &TicketId, headings: &[&str]| {
            let fits =
                |one: &&Written| one.ticket == *ticket && headings.contains(&one.heading.as_str());
            written.iter().filter(fits).map(|one| &one.marker).collect::<BTreeSet<_>>().len()
        };
        // What was withdrawn while it soaked has passed its watch before.
        let soaked = written.iter().any(|one| one.heading == FAILED[1]) && !deeds.took_back;
        let wanted = if soaked && !froze { (1, 1) } else { wanted };
        let found: Vec<_> =
            tickets.iter().map(|id| (records(id, &FAILED), records(id, &DONE))).collect();
        // A twin may have been left behind when the plan was made anew: it has no record then.
        let odd = found.iter().any(|one| *one != wanted && *one != (0, 0));
        if odd || !found.contains(&wanted) {
            return Err(format!(
                "D-{deployment} took back: {}; failures and records on its tickets: {found:?}",
                deeds.took_back
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{invariants::staged::Stage, world::planning::Lacks};

    const RECORD: &str = "## Deployment Complete\n\n<!-- ops:D-1:2 -->";
    const FAILURE: &str = "## Deployment Failed\n\n<!-- ops:D-1:3 -->";

    fn served() -> Stage {
        let mut stage = Stage::new();
        let digest = stage.ticket("v1", Lacks::Nothing);
        stage.start(1, "abc-1", &digest);
        stage.route(2, &[("abc-1", 100)]);
        stage
    }

    #[test]
    fn p10_closing_without_a_record_is_found() {
        let mut stage = served();
        stage.close();
        assert!(Tickets::default().check(&stage.world).is_err());
    }

    #[test]
    fn p10_closing_with_a_record_is_fine() {
        let mut stage = served();
        stage.comment(RECORD);
        stage.close();
        assert_eq!(Tickets::default().check(&stage.world), Ok(()));
        assert_eq!(at_rest(&stage.world), Ok(()));
    }

    #[test]
    fn s24_closing_what_was_taken_back_is_found() {
        let mut stage = served();
        stage.comment(RECORD);
        stage.stop(3, "abc-1");
        stage.close();
        assert!(Tickets::default().check(&stage.world).unwrap_err().contains("taken"));
    }

    #[test]
    fn p10_a_missing_or_a_second_failure_comment_is_found() {
        let mut stage = served();
        stage.stop(3, "abc-1");
        assert!(at_rest(&stage.world).is_err());
        stage.comment(FAILURE);
        assert_eq!(at_rest(&stage.world), Ok(()));
        stage.comment(FAILURE);
        assert!(at_rest(&stage.world).is_err(), "one letter stands twice");
        stage.world.planning.late.push("<!-- ops:D-1:3 -->".into());
        assert_eq!(at_rest(&stage.world), Ok(()), "the board wrote one of them late");
        stage.comment("## Deployment Failed\n\n<!-- ops:D-1:4 -->");
        assert!(at_rest(&stage.world).is_err(), "two failures of one deployment");
    }
}
