//! Whether enough was seen: time, requests, and whatever else the service declares.

use super::goal::{Met, no};
use crate::{
    deploy::{Watching, state::Deployment},
    mutation::{Mutation, on},
    plan::Plan,
    settings::SignalKind,
};

/// What asks for a closer look makes the watch longer by this part of it.
const LONGER_BY: u64 = 2;

/// Whether a step has observed its seconds and requests; `whole`: and all declared evidence.
pub(super) fn observed(
    state: &Deployment,
    plan: &Plan,
    (seconds, min_requests): (u64, u64),
    whole: bool,
) -> Met {
    let (Some(run), Some(watching)) = (state.run(), &state.watching) else {
        return no("nothing is observed");
    };
    let lacking = if whole { lacking(plan, watching) } else { Vec::new() };
    let wanted = if whole { seconds + longer(plan, watching, seconds) } else { seconds };
    let enough = run.seconds >= wanted || (whole && shown(plan, watching, run.seconds));
    let passed_ms = state.last.ms.saturating_sub(run.deadline.since);
    if on(Mutation::CountWallTime) && passed_ms >= seconds * 1_000 {
        return Met::Yes;
    }
    if enough && run.requests >= min_requests && lacking.is_empty() {
        return Met::Yes;
    }
    let mut words = format!(
        "observed {} of {wanted} s and {} of {min_requests} requests",
        run.seconds, run.requests
    );
    for lack in lacking {
        words.push_str(", ");
        words.push_str(&lack);
    }
    no(words)
}

/// Evidence that the service declares beside requests and that is not there yet.
fn lacking(plan: &Plan, watching: &Watching) -> Vec<String> {
    let watch = &plan.service.watch;
    let done = plan.service.signals.iter().filter_map(|signal| match signal.kind {
        SignalKind::Done { at_least, .. } => {
            let seen = watching.done.get(&signal.name).copied().unwrap_or(0);
            Some((seen, at_least, format!("of {}", signal.name)))
        }
        _ => None,
    });
    let own = [
        (watching.synthetic, watch.min_synthetic, "requests of the door's own".to_owned()),
        (watching.beats, watch.min_heartbeats, "heartbeats".to_owned()),
    ];
    own.into_iter()
        .chain(done)
        .filter(|(seen, wanted, _)| seen < wanted)
        .map(|(seen, wanted, what)| format!("{seen} of {wanted} {what}"))
        .collect()
}

/// Seconds by which the watch is longer because something was seen that proves nothing by itself.
/// Without extensions there is no time to grant.
fn longer(plan: &Plan, watching: &Watching, seconds: u64) -> u64 {
    let granted = !watching.concerns.is_empty() && plan.service.watch.extensions > 0;
    if granted { seconds / LONGER_BY } else { 0 }
}

/// Whether the part with both versions on traffic may end early: `ops.yaml` allows it from so many
/// observed seconds on, the new version was shown to be good enough, and nothing asks for more.
fn shown(plan: &Plan, watching: &Watching, seconds: u64) -> bool {
    let allowed = plan.service.watch.good_enough_seconds.is_some_and(|least| seconds >= least);
    allowed && watching.concerns.is_empty() && watching.judge.good_enough(watching.seconds)
}
