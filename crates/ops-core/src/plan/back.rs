//! The way back, for whatever was perhaps applied.

use super::{
    Goal, OnDeadline, Plan, Stage, Step, Via, Which,
    forward::{PROJECT_MS, step},
};
use crate::{
    mutation::{Mutation, on},
    settings::Strategy,
};

const ACT_MS: u64 = 60_000;
/// Until the rest goes on where the door could not be told at once.
const TRAFFIC_MS: u64 = 10_000;
const SMOKE_MS: u64 = 30_000;

/// The steps of the way back.
///
/// Every goal is looked at before anything is done for it, so steps whose goal holds already cost
/// nothing; a step that failed or was never reported counts as perhaps applied and is covered.
/// `old_stopped` says that stopping the old release was at least intended.
pub fn back(plan: &Plan, old_stopped: bool) -> Vec<Step> {
    let service = &plan.service;
    let routed = service.route.is_some();
    let fail = |goal, ms| step(Stage::Deploy, goal, ms, OnDeadline::Error);
    let go_on = |goal, ms| step(Stage::Deploy, goal, ms, OnDeadline::Proceed);
    let stop_ms = service.drain_ms + ACT_MS;

    let mut steps = Vec::new();
    if plan.old.is_none() {
        if routed {
            steps.push(fail(Goal::Unrouted, ACT_MS));
            steps.push(go_on(Goal::Drained(Which::New), service.drain_ms));
        }
        steps.push(fail(Goal::Stopped(Which::New), stop_ms));
        steps.push(go_on(Goal::Removed(Which::New), ACT_MS));
        steps.extend(frozen(plan, stop_ms));
        return steps;
    }

    let exclusive = service.strategy == Strategy::Recreate && old_stopped;
    if exclusive {
        if routed {
            steps.push(fail(Goal::Held, ACT_MS));
        }
        steps.push(fail(Goal::Stopped(Which::New), stop_ms));
        if plan.frozen.is_some() {
            steps.push(fail(Goal::Stopped(Which::Frozen), stop_ms));
        }
    }
    let healthy = Goal::Healthy(Which::Old, service.health.in_a_row);
    let project = service.compose.is_some();
    let spread = plan.old.as_ref().is_some_and(|old| old.spec.hosts().len() > 1);
    if (project || spread) && routed && !exclusive {
        // Traffic first: the old copies run most likely, and Compose takes its time for the rest, as
        // does waiting for a host that is silent.
        steps.push(go_on(Goal::Routed { new: 0 }, TRAFFIC_MS));
    }
    let running = if project { PROJECT_MS } else { ACT_MS };
    steps.push(fail(Goal::Running(Which::Old), running));
    if exclusive {
        steps.push(fail(healthy.clone(), service.health.start_deadline_ms));
    }
    if routed {
        steps.push(fail(Goal::Routed { new: 0 }, ACT_MS));
    }
    if !exclusive {
        steps.push(fail(healthy, service.health.start_deadline_ms));
    }
    if routed && !service.smoke.is_empty() {
        steps.push(fail(Goal::Smoke(Via::Door), SMOKE_MS));
    }
    if routed {
        steps.push(go_on(Goal::Drained(Which::New), service.drain_ms));
    }
    if on(Mutation::LeaveItThere) {
        return steps;
    }
    steps.push(fail(Goal::Stopped(Which::New), stop_ms));
    // What is left of a stopped release harms nobody: no reason to call a person.
    steps.push(go_on(Goal::Removed(Which::New), ACT_MS));
    steps.extend(frozen(plan, stop_ms));
    steps
}

/// What the deployment that this one mends has left goes as well: nobody else clears it away.
fn frozen(plan: &Plan, stop_ms: u64) -> Vec<Step> {
    if plan.frozen.is_none() {
        return Vec::new();
    }
    vec![
        step(Stage::Deploy, Goal::Stopped(Which::Frozen), stop_ms, OnDeadline::Error),
        step(Stage::Deploy, Goal::Removed(Which::Frozen), ACT_MS, OnDeadline::Proceed),
    ]
}
