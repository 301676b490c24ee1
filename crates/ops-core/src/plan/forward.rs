//! The steps of each strategy.

use super::{Goal, OnDeadline, Plan, Stage, Step, Via, Which};
use crate::{
    mutation::{Mutation, on},
    settings::{Service, Strategy},
};

/// Time for an act on the door or a keeper to show, in milliseconds.
const ACT_MS: u64 = 30_000;
/// Time to copy an artifact into the store and read it back.
const STORE_MS: u64 = 300_000;
/// Time for the plan's comment to stand on the ticket, and for the checks to run again.
const DESK_MS: u64 = 120_000;
/// Time for Compose to bring about all of a project, of which it may wait for a part.
pub(super) const PROJECT_MS: u64 = 150_000;
/// Time for smoke requests to succeed.
const SMOKE_MS: u64 = 15_000;
/// A rehearsal copy gets this much longer to stop than its grace.
const STOP_EXTRA_MS: u64 = 15_000;
/// Slack of a dwell or watch beyond the seconds it needs.
const OBSERVE_SLACK_MS: u64 = 60_000;

pub(super) fn steps(plan: &Plan) -> Vec<Step> {
    let mut steps = prepare(plan);
    steps.extend(deploy(plan));
    steps.extend(verify(plan));
    steps.extend(watch(plan));
    steps.extend(retire(plan));
    steps
}

pub(super) fn step(stage: Stage, goal: Goal, deadline_ms: u64, on_deadline: OnDeadline) -> Step {
    Step { stage, goal, deadline_ms, on_deadline }
}

/// Everything under the lease that users cannot notice.
fn prepare(plan: &Plan) -> Vec<Step> {
    let make = |goal, ms| step(Stage::Prepare, goal, ms, OnDeadline::Error);
    let mut steps = vec![make(Goal::Announced, DESK_MS), make(Goal::Stored(Which::New), STORE_MS)];
    if plan.old.is_some() {
        steps.push(make(Goal::Stored(Which::Old), STORE_MS));
    }
    if rehearses_by_start(plan) {
        let health = &plan.service.health;
        let stop = plan.service.drain_ms + STOP_EXTRA_MS;
        steps.push(make(Goal::Running(Which::Rehearsal), start_ms(plan)));
        steps
            .push(make(Goal::Healthy(Which::Rehearsal, health.in_a_row), health.start_deadline_ms));
        steps.push(make(Goal::Stopped(Which::Rehearsal), stop));
        steps.push(make(Goal::Removed(Which::Rehearsal), ACT_MS));
    }
    steps.push(make(Goal::Rechecked, DESK_MS));
    steps
}

/// Whether there is one set of its containers, which all releases share.
fn stands_once(service: &Service) -> bool {
    service.compose.as_ref().is_some_and(|compose| compose.without_door)
}

/// Time for a release to run.
fn start_ms(plan: &Plan) -> u64 {
    if plan.service.compose.is_some() { PROJECT_MS } else { ACT_MS }
}

/// Whether the rehearsal starts the previous version beside itself, or only checks that it could.
pub(crate) fn rehearses_by_start(plan: &Plan) -> bool {
    let twice = plan.service.runs_twice && !on(Mutation::SkipRehearsal);
    plan.old.is_some() && twice && plan.service.route.is_some()
}

fn deploy(plan: &Plan) -> Vec<Step> {
    match (&plan.service.strategy, &plan.old) {
        // What changed of it is made anew, and its old containers leave, in one act of the target.
        (Strategy::Recreate, Some(_)) if stands_once(&plan.service) => beside(plan),
        (Strategy::Recreate, Some(_)) => recreate(plan),
        (Strategy::Canary { steps }, Some(_)) if plan.service.route.is_some() => {
            let mut all = beside(plan);
            for traffic in steps {
                all.push(routed(traffic.weight));
                all.push(observed(Stage::Deploy, traffic.dwell_seconds, traffic.min_requests));
            }
            all
        }
        _ => {
            let mut all = beside(plan);
            if plan.service.route.is_some() {
                all.push(routed(100));
            }
            all
        }
    }
}

fn routed(new: u8) -> Step {
    step(Stage::Deploy, Goal::Routed { new }, ACT_MS, OnDeadline::Error)
}

/// The new release comes up beside the old one, off traffic.
fn beside(plan: &Plan) -> Vec<Step> {
    let health = &plan.service.health;
    let first = on(Mutation::DropCapacityFloor) && plan.old.is_some();
    let stop =
        first.then(|| step(Stage::Deploy, Goal::Stopped(Which::Old), STORE_MS, OnDeadline::Error));
    let mut steps: Vec<_> = stop.into_iter().collect();
    let hosts = plan.new.spec.hosts().len();
    steps.extend(host_by_host(plan));
    // An engine elsewhere gets the image first. What the first host could do is no fault of the
    // candidate's on another one.
    let (running_ms, failed) =
        if hosts > 1 { (STORE_MS, OnDeadline::Error) } else { (start_ms(plan), OnDeadline::Fail) };
    steps.extend([
        step(Stage::Deploy, Goal::Running(Which::New), running_ms, failed),
        step(
            Stage::Deploy,
            Goal::Healthy(Which::New, health.in_a_row),
            health.start_deadline_ms,
            failed,
        ),
    ]);
    steps.extend(smoke_replicas(plan));
    steps
}

fn smoke_replicas(plan: &Plan) -> Option<Step> {
    let asked = !plan.service.smoke.is_empty();
    asked.then(|| step(Stage::Deploy, Goal::Smoke(Via::Replicas), SMOKE_MS, OnDeadline::Fail))
}

/// The first host alone, then the others in batches, up to the last batch, which is all of them.
fn host_by_host(plan: &Plan) -> Vec<Step> {
    let (spec, health) = (&plan.new.spec, &plan.service.health);
    let all = u32::try_from(spec.hosts().len()).unwrap_or(u32::MAX);
    let batch = spec.container.as_ref().and_then(|container| container.batch).unwrap_or(1).max(1);
    let mut steps = Vec::new();
    let mut hosts = 1;
    while hosts < all {
        let failed = if hosts == 1 { OnDeadline::Fail } else { OnDeadline::Error };
        let healthy = Goal::HealthyOn { hosts, in_a_row: health.in_a_row };
        steps.push(step(Stage::Deploy, Goal::RunningOn(hosts), STORE_MS, failed));
        steps.push(step(Stage::Deploy, healthy, health.start_deadline_ms, failed));
        if hosts == 1 {
            steps.extend(smoke_replicas(plan));
        }
        hosts = hosts.saturating_add(batch);
    }
    steps
}

/// Old stops, new starts; requests wait at the door (S7).
fn recreate(plan: &Plan) -> Vec<Step> {
    let service = &plan.service;
    let mut steps = Vec::new();
    if service.route.is_some() && !on(Mutation::ForgetToHold) {
        steps.push(step(Stage::Deploy, Goal::Held, ACT_MS, OnDeadline::Error));
        steps.push(step(
            Stage::Deploy,
            Goal::Drained(Which::Old),
            service.gap_limit_ms / 4,
            OnDeadline::Proceed,
        ));
    }
    steps.push(step(
        Stage::Deploy,
        Goal::Stopped(Which::Old),
        service.drain_ms + STOP_EXTRA_MS,
        OnDeadline::Error,
    ));
    if plan.frozen.is_some() {
        // It would keep the new one from starting.
        let stop_ms = service.drain_ms + STOP_EXTRA_MS;
        let goal = Goal::Stopped(Which::Frozen);
        steps.push(step(Stage::Deploy, goal, stop_ms, OnDeadline::Error));
    }
    steps.extend(beside(plan));
    if service.route.is_some() {
        steps.push(routed(100));
    }
    steps
}

fn verify(plan: &Plan) -> Vec<Step> {
    let mut steps = vec![step(Stage::Verify, Goal::Verified, ACT_MS, OnDeadline::Fail)];
    if plan.service.route.is_some() && !plan.service.smoke.is_empty() {
        steps.push(step(Stage::Verify, Goal::Smoke(Via::Door), SMOKE_MS, OnDeadline::Fail));
    }
    steps
}

fn watch(plan: &Plan) -> Vec<Step> {
    let watch = &plan.service.watch;
    let canary = matches!(plan.service.strategy, Strategy::Canary { .. })
        && plan.old.is_some()
        && plan.service.route.is_some();
    if !canary {
        return vec![evidenced(watch.seconds, watch.min_requests)];
    }
    let last = watch.last_stretch_seconds;
    vec![
        evidenced(watch.seconds.saturating_sub(last), watch.min_requests),
        step(Stage::Watch, Goal::Routed { new: 100 }, ACT_MS, OnDeadline::Error),
        observed(Stage::Watch, last, 0),
    ]
}

fn observed(stage: Stage, seconds: u64, min_requests: u64) -> Step {
    let deadline = seconds.saturating_mul(1_000).saturating_add(OBSERVE_SLACK_MS);
    let goal = Goal::Observed { seconds, min_requests, whole: false };
    step(stage, goal, deadline, OnDeadline::Extend)
}

/// The part of the watch in which all evidence must be seen that the service declares.
fn evidenced(seconds: u64, min_requests: u64) -> Step {
    let goal = Goal::Observed { seconds, min_requests, whole: true };
    Step { goal, ..observed(Stage::Watch, seconds, min_requests) }
}

/// The old version leaves only now. Nothing here is ever a reason to go back (S14).
fn retire(plan: &Plan) -> Vec<Step> {
    let grace = plan.service.drain_ms;
    let make = |goal, ms| step(Stage::Retire, goal, ms, OnDeadline::Proceed);
    let mut steps = match (&plan.old, &plan.service.strategy) {
        (None, _) => Vec::new(),
        // It was stopped before, but somebody may have started it again since.
        (Some(_), Strategy::Recreate) => vec![
            make(Goal::Stopped(Which::Old), grace + STOP_EXTRA_MS),
            make(Goal::Removed(Which::Old), ACT_MS),
        ],
        (Some(_), _) => vec![
            make(Goal::Drained(Which::Old), grace),
            make(Goal::Stopped(Which::Old), grace + STOP_EXTRA_MS),
            make(Goal::Removed(Which::Old), ACT_MS),
        ],
    };
    if plan.frozen.is_some() {
        steps.push(make(Goal::Drained(Which::Frozen), grace));
        steps.push(make(Goal::Stopped(Which::Frozen), grace + STOP_EXTRA_MS));
        steps.push(make(Goal::Removed(Which::Frozen), ACT_MS));
    }
    steps
}
