//! S11: a fix for what is sick already is not held by the sickness that it mends; and a rollback is
//! not held by the state of what it takes away.

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
/// What a rollback is not held by: the same deployment that it takes back may have caused it.
const TAKEN_BACK: [&str; 3] = ["service-health", "dependencies", "drift"];

/// Relaxes what was recorded green before the trouble and is red since, if the ticket names that
/// trouble and somebody who may has confirmed it.
pub(super) fn relax(desk: &Desk<'_>, checklist: &mut Checklist) {
    if desk.rollback() {
        return take_back(checklist);
    }
    let (Some(ticket), Some(settings)) = (desk.ticket, desk.settings) else { return };
    let mut mended = Vec::new();
    for fixed in desk.facts.fixes.iter().filter(|one| one.deployment.is_some() && one.stands) {
        match confirmed(ticket, &settings.people, fixed) {
            Some(by) => mended.push((fixed, by)),
            None => ask(fixed, checklist),
        }
    }
    for check in checklist.checks.iter_mut().filter(|check| red(check)) {
        // A deployment under way that the ticket does not fix still stands in its way (P4).
        let own = |id| mended.iter().any(|(fixed, _)| fixed.deployment == Some(id));
        if check.id == "conflict" && !desk.facts.conflicts.iter().all(|id| own(*id)) {
            continue;
        }
        let found = mended.iter().find(|(fixed, _)| fixed.green.contains(&check.id));
        let Some((fixed, by)) = found else { continue };
        check.verdict = Verdict::Relaxed;
        check.remedy.clear();
        check.evidence = format!(
            "{}; green before {} and red since, which this ticket fixes, says {by}",
            check.evidence, fixed.named
        );
    }
}

fn red(check: &Check) -> bool {
    OF_STATE.contains(&check.id.as_str()) && check.verdict == Verdict::Fail
}

/// A failure of what is taken back is the reason for the rollback. What could not be looked at
/// still holds it (P8), except the health of the very version that goes.
fn take_back(checklist: &mut Checklist) {
    for check in &mut checklist.checks {
        let unread = check.verdict == Verdict::Error && check.id == "service-health";
        let failed = check.verdict == Verdict::Fail && TAKEN_BACK.contains(&check.id.as_str());
        if failed || unread {
            check.verdict = Verdict::Relaxed;
            check.remedy.clear();
            check.evidence.push_str("; that does not hold a rollback");
        }
    }
}

/// Tells who can say that the ticket mends what is red.
fn ask(fixed: &Fixed, checklist: &mut Checklist) {
    let red = |check: &&mut Check| red(check) && fixed.green.contains(&check.id);
    for check in checklist.checks.iter_mut().filter(red) {
        let named = &fixed.named;
        check.remedy = format!(
            "{}. If this ticket mends it, PO or a listed person comments on it with the line \
             `Confirmed: fixes {named}`",
            check.remedy
        );
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
    let wanted = format!("confirmed: fixes {}", fixed.named).to_lowercase();
    let may = |who| people.is(who, Role::Po) || people.may_steer(who);
    let says = |text: &str| {
        pieces(text).into_iter().any(|piece| match piece {
            Piece::Prose(line) => {
                line.replace(['*', '`'], "").trim().trim_end_matches('.').to_lowercase() == wanted
            }
            Piece::Fence(_) => false,
        })
    };
    let comment = ticket.comments.iter().rev().find(|one| may(&one.author) && says(&one.text))?;
    Some(crate::record::person(&comment.author))
}
