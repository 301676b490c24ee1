//! Checks of the time and of what users have borne already: windows and the error budget.

use super::{
    Check, Tally, Verdict,
    class::class_of,
    each::{check, not_declared, waits_for},
    judge::Desk,
    window::{Windows, judge_windows},
};
use crate::settings::NORMAL_CLASS;

/// Requests below which a share says nothing: fewer failures than this hold nothing.
const FAILURES_MIN: u64 = 10;

/// The class of the ticket; a rollback has none, and nothing of this holds it.
fn class(desk: &Desk<'_>) -> String {
    match (desk.ticket, desk.settings) {
        (Some(ticket), Some(settings)) => class_of(ticket, &settings.people),
        _ => NORMAL_CLASS.to_owned(),
    }
}

pub(super) fn window(desk: &Desk<'_>) -> Check {
    let at = "deployment windows and freezes";
    let (id, Some(settings)) = ("window", desk.settings) else {
        return waits_for("window", at, "settings");
    };
    if settings.gate.windows.is_empty() {
        return not_declared(id, at);
    }
    if desk.rollback() {
        return check(id, at, Verdict::Pass, "no window holds a rollback");
    }
    let Some(service) = desk.named() else {
        return waits_for(id, at, "notes");
    };
    let class = class(desk);
    let (windows, now) = (&settings.gate.windows, desk.facts.at);
    match judge_windows(windows, now, service, &desk.environment, &class) {
        Err(why) => check(id, at, Verdict::Error, why.to_string())
            .remedy("mend the window in ops.yaml; until then nothing begins"),
        Ok(Windows::None) => {
            let seen = format!("none holds tickets of class `{class}` of this service");
            check(id, at, Verdict::Pass, seen)
        }
        Ok(Windows::Open(words)) => check(id, at, Verdict::Pass, words),
        Ok(Windows::Shut { words, until }) => {
            let when = until.map_or_else(String::new, |until| {
                format!("wait: it goes on by itself at {until}; or ")
            });
            let remedy = format!(
                "{when}PO writes `Class: …` with a class that the window lets through (this ticket's is `{class}`)"
            );
            check(id, at, Verdict::Fail, words).remedy(remedy)
        }
    }
}

/// How much of the budget is spent, 1 meaning all of it.
fn spent(tally: Tally, share: f64) -> f64 {
    if tally.requests == 0 || share <= 0.0 {
        return if tally.failed == 0 { 0.0 } else { f64::INFINITY };
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of requests stay far below 2^52")]
    let (failed, requests) = (tally.failed as f64, tally.requests as f64);
    failed / (requests * share)
}

pub(super) fn error_budget(desk: &Desk<'_>) -> Check {
    let (id, at) = ("error-budget", "the service's error budget");
    let Some(service) = desk.service.as_ref() else {
        return waits_for(id, at, "notes");
    };
    let Some(budget) = &service.budget else {
        return not_declared(id, at);
    };
    if desk.rollback() {
        return check(id, at, Verdict::Pass, "no budget holds a rollback");
    }
    if let Err(fault) = &desk.facts.signals {
        return super::each::error(id, at, fault);
    }
    let tally = desk.facts.tally;
    let spent = spent(tally, budget.error_share);
    let seen = format!(
        "{} of {} requests failed in {} h seen of the last {} days: {:.0} % of the budget of {} % is spent",
        tally.failed,
        tally.requests,
        tally.seconds / 3_600,
        budget.days,
        (spent * 100.0).min(9_999.0),
        budget.error_share * 100.0,
    );
    let class = class(desk);
    if spent < 1.0 || tally.failed < FAILURES_MIN {
        return check(id, at, Verdict::Pass, seen);
    }
    if budget.except.contains(&class) {
        let seen = format!("{seen}; tickets of class `{class}` go all the same");
        return check(id, at, Verdict::Pass, seen);
    }
    check(id, at, Verdict::Fail, seen).remedy(format!(
        "make the service more reliable first: a ticket that does so gets a class that an empty \
         budget lets through, from PO, by the line `Class: …` ({})",
        if budget.except.is_empty() {
            "ops.yaml names none".to_owned()
        } else {
            budget.except.join(", ")
        }
    ))
}
