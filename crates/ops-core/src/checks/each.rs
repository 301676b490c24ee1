//! All checks in their order, and what they share.

use super::{
    Check, Verdict, advisor, around, engines, ground, judge::Desk, paper, proof, rivals, season,
    signals,
};
use crate::{
    deploy::{HoldCause, RETRIES_MAX, recheck_ms},
    evidence::Evidence,
    id::DeploymentId,
    record::duration,
    world::Fault,
};

pub(super) fn all(desk: &Desk<'_>) -> Vec<Check> {
    let checks = vec![
        paper::settings(desk),
        paper::evidence(desk),
        paper::notes(desk),
        paper::artifact(desk),
        engines::image(desk),
        rivals::overtaken(desk),
        ground::service_health(desk),
        engines::drift(desk),
        around::dependencies(desk),
        engines::engine(desk),
        ground::room(desk),
        around::host(desk),
        ground::variables(desk),
        paper::migrations(desk),
        ground::rollback_plan(desk),
        around::fingerprint(desk),
        season::window(desk),
        season::error_budget(desk),
        around::alerts(desk),
        signals::signals(desk),
        conflict(desk),
        rivals::guards(desk),
        retries(desk),
        advisor::placeholder(),
    ];
    checks.into_iter().map(harmless).collect()
}

/// Boards take `@` for a mention, and much of what a check tells comes from outside.
pub(super) fn harmless(mut check: Check) -> Check {
    for text in [&mut check.looked_at, &mut check.evidence, &mut check.remedy] {
        if text.contains('@') {
            *text = text.replace('@', "(at)");
        }
    }
    check
}

/// A remedy outside the ticket: nothing tells ops when it is done, so it says when ops looks again.
pub(super) fn soon(remedy: &str) -> String {
    let every = duration(recheck_ms(&HoldCause::Checks { ids: Vec::new() }, 0));
    let remedy = remedy.trim_end().trim_end_matches('.');
    format!("{remedy}; ops looks again every {every} and goes on by itself")
}

pub(super) fn check(
    id: &str,
    at: impl Into<String>,
    verdict: Verdict,
    seen: impl Into<String>,
) -> Check {
    Check {
        id: id.into(),
        looked_at: at.into(),
        verdict,
        evidence: seen.into(),
        remedy: String::new(),
        until: None,
    }
}

/// Seconds after which ops looks again where somebody waits for that.
pub(super) const SHORTLY_SECONDS: i64 = 5;

impl Check {
    /// Lets ops look again shortly.
    pub(super) fn shortly(self, desk: &Desk<'_>) -> Self {
        let again = jiff::SignedDuration::from_secs(SHORTLY_SECONDS);
        self.until(desk.facts.at.checked_add(again).ok())
    }

    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    pub(super) fn until(mut self, until: Option<jiff::Timestamp>) -> Self {
        self.until = until;
        self
    }
}

pub(super) fn not_declared(id: &str, looked_at: &str) -> Check {
    check(id, looked_at, Verdict::NotDeclared, "ops.yaml declares none")
}

pub(super) fn error(id: &str, at: &str, fault: &Fault) -> Check {
    let seen = format!("{} ({})", fault.what, fault.place);
    check(id, at, Verdict::Error, seen).remedy(soon(&fault.next))
}

pub(super) fn waits_for(id: &str, at: &str, other: &str) -> Check {
    check(id, at, Verdict::Inconclusive, format!("cannot be told before the check {other} passes"))
        .remedy(format!("see the check {other}"))
}

fn conflict(desk: &Desk<'_>) -> Check {
    let at = format!("other deployments in {}", desk.created.group);
    if desk.facts.conflicts.is_empty() {
        return check("conflict", at, Verdict::Pass, "none under way");
    }
    let names: Vec<_> = desk.facts.conflicts.iter().map(ToString::to_string).collect();
    check("conflict", at, Verdict::Fail, format!("{} under way", names.join(", "))).remedy(
        "nobody needs to do anything: it goes on by itself when they have ended; \
             `ops explain` with their number says what they wait for",
    )
}

/// Whether both verdicts that count name the failure: then the round was about it (S10).
pub(super) fn named(desk: &Desk<'_>, by: DeploymentId) -> bool {
    let (Some(ticket), Some(Evidence::Passed { cq, qa, .. })) =
        (desk.ticket, proof::evidence(desk))
    else {
        return false;
    };
    let names = |comment: usize| {
        ticket.comments.get(comment).is_some_and(|comment| in_words(&comment.text, by))
    };
    names(cq.comment) && names(qa.comment)
}

/// Whether a text names a deployment, as a word of its own.
pub(super) fn in_words(text: &str, deployment: DeploymentId) -> bool {
    let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '-');
    words.any(|word| word.eq_ignore_ascii_case(&deployment.to_string()))
}

fn retries(desk: &Desk<'_>) -> Check {
    let at = "earlier tries of this ticket that ended without a verdict";
    let n = desk.created.retries;
    if n < RETRIES_MAX || desk.facts.answered {
        return check("retries", at, Verdict::Pass, format!("{n} of at most {RETRIES_MAX}"));
    }
    let ticket = desk.created.tickets.first().map_or("the ticket", |ticket| ticket.as_str());
    check("retries", at, Verdict::Fail, format!("{n} tries, none could be judged")).remedy(format!(
        "a listed person (`operators` in ops.yaml) reads in the failure comments what was missing \
         each time, mends that, and says `ops resume {ticket}`; ops does not try again by itself"
    ))
}
