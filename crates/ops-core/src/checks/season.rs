//! Checks of the time and of what users have borne already: windows and the error budget.

use std::collections::BTreeSet;

use super::{
    Check, Tally, Verdict,
    class::class_of,
    each::{check, error, not_declared, soon, waits_for},
    judge::Desk,
    window::{Windows, judge_windows},
};
use crate::settings::{NORMAL_CLASS, Window};

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
    let (id, at) = ("window", "deployment windows and freezes");
    if desk.rollback() {
        return check(id, at, Verdict::Pass, "no window holds a rollback");
    }
    let Some(settings) = desk.settings else {
        return waits_for(id, at, "settings");
    };
    if settings.gate.windows.is_empty() {
        return not_declared(id, at);
    }
    let Some(service) = desk.named() else {
        return waits_for(id, at, "notes");
    };
    let class = class(desk);
    let (windows, now) = (&settings.gate.windows, desk.facts.at);
    match judge_windows(windows, now, service, &desk.environment, &class) {
        Err(why) => check(id, at, Verdict::Error, why.to_string())
            .remedy("DEV mends the window in ops.yaml; until then nothing begins but rollbacks"),
        Ok(Windows::None) => {
            let seen = format!("none holds tickets of class `{class}` of this service");
            check(id, at, Verdict::Pass, seen)
        }
        Ok(Windows::Open(words)) => check(id, at, Verdict::Pass, words),
        Ok(Windows::Shut { words, until }) => {
            let wait = until.map_or_else(
                || "it never opens again: DEV mends it in ops.yaml (`windows`)".to_owned(),
                |until| {
                    format!(
                        "nobody needs to do anything: it goes on by itself once {until} is past"
                    )
                },
            );
            let shut = |class: &str| {
                let then = judge_windows(windows, now, service, &desk.environment, class);
                matches!(then, Ok(Windows::Shut { .. }) | Err(_))
            };
            let urgent = match let_through(windows, shut).as_slice() {
                _ if desk.ticketless() => {
                    "no ticket asks for this, so none of its class lets it through".to_owned()
                }
                [] => "no class of tickets is let through".to_owned(),
                classes => format!(
                    "if it cannot wait, PO comments on the ticket with the line `Class: …` and one \
                     of {} (this ticket's class is `{class}`)",
                    classes.join(", ")
                ),
            };
            check(id, at, Verdict::Fail, words).remedy(format!("{wait}; {urgent}")).until(until)
        }
    }
}

/// The classes that would let it begin all the same.
fn let_through(windows: &[Window], shut: impl Fn(&str) -> bool) -> Vec<String> {
    let classes: BTreeSet<_> = windows.iter().flat_map(|window| &window.except).collect();
    let open = classes.into_iter().filter(|class| !shut(class));
    open.map(|class| format!("`{class}`")).collect()
}

/// A share in percent, without the noise of its last binary digits.
fn percent(share: f64) -> f64 {
    (share * 1e6).round() / 1e4
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
    if desk.rollback() {
        return check(id, at, Verdict::Pass, "no budget holds a rollback");
    }
    let Some(service) = desk.service.as_ref() else {
        return waits_for(id, at, "notes");
    };
    let Some(budget) = &service.budget else {
        return not_declared(id, at);
    };
    if let Err(fault) = &desk.facts.signals {
        return error(id, at, fault);
    }
    let tally = desk.facts.tally;
    if tally.seconds == 0 && desk.facts.old.is_some() {
        let seen = format!("nothing was counted yet in the last {} days", budget.days);
        return check(id, at, Verdict::Inconclusive, seen).remedy(soon(
            "ops counts what passes the door by itself; a service without `route` in ops.yaml has \
             nothing to count, and no use for a `budget`",
        ));
    }
    let spent = spent(tally, budget.error_share);
    let seen = format!(
        "{} of {} requests failed in {} h seen of the last {} days: {:.0} % of the budget of {} % is spent",
        tally.failed,
        tally.requests,
        tally.seconds / 3_600,
        budget.days,
        (spent * 100.0).min(9_999.0),
        percent(budget.error_share),
    );
    let class = class(desk);
    if spent < 1.0 || tally.failed < FAILURES_MIN {
        return check(id, at, Verdict::Pass, seen);
    }
    if budget.except.contains(&class) {
        let seen = format!("{seen}; tickets of class `{class}` go all the same");
        return check(id, at, Verdict::Pass, seen);
    }
    let classes: Vec<_> = budget.except.iter().map(|class| format!("`{class}`")).collect();
    let urgent = match classes.as_slice() {
        _ if desk.ticketless() => "no ticket asks for this: its class is `normal`".to_owned(),
        [] => "ops.yaml lets no class of tickets through (`except`)".to_owned(),
        classes => format!(
            "a ticket that makes it more reliable may go now: PO comments on it with the line \
             `Class: …` and one of {} (this ticket's class is `{class}`)",
            classes.join(", ")
        ),
    };
    check(id, at, Verdict::Fail, seen).remedy(soon(&format!(
        "wait until older failures are out of the span, while DEV makes the service more \
             reliable; {urgent}"
    )))
}
