//! S11: a fix for what is sick already is not held by the sickness that it mends.

use super::{Check, Checklist, Fixed, Verdict, judge::Desk};
use crate::{
    markdown::{Piece, pieces},
    settings::{People, Role},
    ticket::Ticket,
    world::ReleaseSpec,
};

/// Checks of the state of things, which a bad deployment can turn red. What proves the candidate
/// itself is never relaxed.
const OF_STATE: [&str; 6] =
    ["service-health", "dependencies", "host", "alerts", "error-budget", "conflict"];

/// Relaxes what was recorded green before the trouble and is red since, if the ticket names that
/// trouble and somebody who may has confirmed it.
pub(super) fn relax(desk: &Desk<'_>, checklist: &mut Checklist) {
    let (Some(ticket), Some(settings)) = (desk.ticket, desk.settings) else { return };
    for fixed in &desk.facts.fixes {
        let Some(by) = confirmed(ticket, &settings.people, fixed) else { continue };
        let red = |check: &&mut Check| {
            OF_STATE.contains(&check.id.as_str())
                && check.verdict == Verdict::Fail
                && fixed.green.contains(&check.id)
        };
        for check in checklist.checks.iter_mut().filter(red) {
            check.verdict = Verdict::Relaxed;
            check.evidence = format!(
                "{}; green before {} and red since, which this ticket fixes, says {by}",
                check.evidence, fixed.named
            );
        }
    }
}

/// What a confirmed fix finds of the deployment that froze, and must clear away.
pub(super) fn left(desk: &Desk<'_>) -> Option<ReleaseSpec> {
    let (ticket, settings) = (desk.ticket?, desk.settings?);
    let service = &desk.service.as_ref()?.name;
    let confirmed = |fixed: &&Fixed| confirmed(ticket, &settings.people, fixed).is_some();
    let fixes = desk.facts.fixes.iter().filter(confirmed);
    fixes.filter_map(|fixed| fixed.left.clone()).find(|left| left.service == *service)
}

/// Who confirmed that the ticket fixes it: PO or a listed person, in a line of their own such as
/// `Confirmed: fixes D-12`.
fn confirmed(ticket: &Ticket, people: &People, fixed: &Fixed) -> Option<String> {
    if fixed.deployment.is_none() || !fixed.stands {
        return None;
    }
    let wanted = format!("confirmed: fixes {}", fixed.named).to_lowercase();
    let may = |who| people.is(who, Role::Po) || people.may_steer(who);
    let says = |text: &str| {
        pieces(text).into_iter().any(|piece| match piece {
            Piece::Prose(line) => {
                line.trim().trim_end_matches('.').replace(['*', '`'], "").to_lowercase() == wanted
            }
            Piece::Fence(_) => false,
        })
    };
    let comment = ticket.comments.iter().rev().find(|one| may(&one.author) && says(&one.text))?;
    Some(crate::record::person(&comment.author))
}
