//! The evidence of the ticket that asks, with all that may be known about it.

use super::judge::{Desk, candidate_of};
use crate::{
    candidate::Candidate,
    evidence::{self, Evidence, SameTree},
    notes::Notes,
    settings::Role,
    world::Fault,
};

/// Whether CQ and QA passed what would be deployed; `None` as long as it cannot be told.
///
/// An earlier pass of CQ counts for the same source tree (S9). Other tickets are never judged that
/// way: to overtake this one, or to ship along with it, they need verdicts for their own notes.
pub(super) fn evidence(desk: &Desk<'_>) -> Option<Evidence> {
    let (ticket, settings, found) = (desk.ticket?, desk.settings?, desk.found_notes()?);
    let candidate = desk.candidate.as_ref().map(Candidate::hash);
    let same = same_tree(desk).unwrap_or_default();
    Some(evidence::judge(ticket, &settings.people, found.into(), candidate.as_ref(), &same))
}

/// Why the source trees could not be compared, if a verdict hangs on that.
pub(super) fn uncompared<'a>(desk: &Desk<'a>, judged: &Evidence) -> Option<&'a Fault> {
    let fault = desk.facts.trees.as_ref().err()?;
    let Evidence::Held { reason, .. } = judged else { return None };
    reason.may_be_same_tree().then_some(fault)
}

fn same_tree(desk: &Desk<'_>) -> Option<Vec<SameTree>> {
    let (ticket, settings, found) = (desk.ticket?, desk.settings?, desk.found_notes()?);
    let (whole, trees) = (desk.whole?, desk.facts.trees.as_ref().ok()?);
    let is_dev = |who: &_| settings.people.is(who, Role::Dev);
    let bad = |notes: &Notes| condemned(desk, notes);
    Some(evidence::same_tree(ticket, is_dev, found, trees, bad, |found, digest| {
        candidate_of(found, whole, digest.clone()).hash()
    }))
}

/// Whether the candidate of these notes was judged bad.
fn condemned(desk: &Desk<'_>, notes: &Notes) -> bool {
    let mut all = desk.facts.condemned.iter();
    all.any(|bad| super::rivals::condemns(bad, notes, notes.bound_digest()))
}
