//! Whether a step's goal holds in what was read back, and which act would bring it about.

use super::evidence;
use crate::{
    deploy::{
        act::{Act, Op, Outcome, View},
        letter::About,
        state::Deployment,
    },
    id::{ReleaseId, Stamp},
    mutation::{Mutation, on},
    plan::{Goal, Plan, Which},
    route::{Guard, Hold, Leg, Route},
    settings::RouteMatch,
    world::{DoorView, ReleaseSpec, Replica, ReplicaState, TargetView},
};

/// Ends of a new replica by itself until it counts as a crash loop.
const CRASH_LOOP: u32 = 3;

/// The door's own time in which long-lived connections of a release that leaves are closed.
const DOOR_DRAIN_MS: u64 = 30_000;

/// Share of failed requests of a canary, in thousandths, at which the door goes back by itself: far
/// beyond what any watch lets pass, since nobody weighs it.
const GUARD_ERRORS_PERMILLE: u16 = 100;
/// Least requests until that share is judged.
const GUARD_REQUESTS: u64 = 30;
/// Seconds over which it is judged.
const GUARD_SECONDS: u32 = 30;
/// Milliseconds without a daemon until the door may act: four times a lease.
const GUARD_SILENT_MS: u64 = 120_000;

const DIFFERS: &str = "the doors do not all serve the same";

/// What a look says of a goal.
pub(super) enum Met {
    Yes,
    /// Not yet; `blind` if that could not be seen at all.
    No {
        words: String,
        blind: bool,
    },
    /// It will not: waiting longer is of no use.
    Never {
        words: String,
    },
}

pub(super) fn no(words: impl Into<String>) -> Met {
    Met::No { words: words.into(), blind: false }
}

fn blind(fault: &crate::world::Fault) -> Met {
    if on(Mutation::SilencePasses) {
        return Met::Yes;
    }
    Met::No { words: fault.to_string(), blind: true }
}

pub(super) fn met(state: &Deployment, plan: &Plan, goal: &Goal, view: &View) -> Met {
    let accepted = state.op.as_ref().is_some_and(|op| op.outcome == Some(Outcome::Applied));
    if on(Mutation::ForgetReadBack) && accepted {
        return Met::Yes;
    }
    match goal {
        Goal::Announced => announced(state),
        Goal::Rechecked => no("the checks run again"),
        Goal::Stored(which) => stored(*which, view),
        Goal::Smoke(_) => smoke(view),
        Goal::Running(which) => with_target(view, |target| {
            let Some(spec) = plan.spec(*which) else { return Met::Yes };
            running(state, &spec, *which, target)
        }),
        Goal::Healthy(which, n) => with_target(view, |target| {
            let Some(spec) = plan.spec(*which) else { return Met::Yes };
            healthy(&spec, *which, *n, target, view)
        }),
        Goal::RunningOn(hosts) => with_target(view, |target| {
            running(state, &plan.new.spec.on_first(*hosts), Which::New, target)
        }),
        Goal::HealthyOn { hosts, in_a_row } => with_target(view, |target| {
            healthy(&plan.new.spec.on_first(*hosts), Which::New, *in_a_row, target, view)
        }),
        Goal::Stopped(which) => with_target(view, |target| stopped(state, plan, *which, target)),
        Goal::Removed(which) => with_target(view, |target| removed(plan, *which, target)),
        Goal::Drained(which) => drained(plan, *which, view),
        Goal::Routed { new } => routed(state, plan, *new, view),
        Goal::Held => held(state, view),
        Goal::Unrouted => unrouted(state, view),
        Goal::Verified => verified(state, plan, view),
        Goal::Observed { seconds, min_requests, whole } => match absent_hosts(plan, view) {
            Some(missing) => missing,
            None => evidence::observed(state, plan, (*seconds, *min_requests), *whole),
        },
    }
}

fn with_target(view: &View, judge: impl FnOnce(&TargetView) -> Met) -> Met {
    match &view.target {
        Ok(target) => judge(target),
        Err(fault) => blind(fault),
    }
}

fn announced(state: &Deployment) -> Met {
    let plan = state.outbox.iter().rev().find(|letter| letter.about == About::Plan);
    match plan {
        Some(letter) if letter.written() => Met::Yes,
        Some(_) => no("the board has not confirmed the comment yet"),
        // A rollback of something closed announces itself on the meeting board only.
        None => Met::Yes,
    }
}

fn stored(which: Which, view: &View) -> Met {
    match (&view.stored, which) {
        (Some(Ok(true)), _) => Met::Yes,
        (Some(Ok(false)), Which::New) => no("the artifact is not in the store yet"),
        (Some(Ok(false)), _) => Met::Never {
            words:
                "the previous version's artifact is missing from the store or was changed there; \
              a way back needs it: deploy a version whose artifact is at hand first"
                    .into(),
        },
        (Some(Err(fault)), _) => blind(fault),
        (None, _) => no("the store was not asked yet"),
    }
}

fn smoke(view: &View) -> Met {
    match &view.smoke {
        Some(Ok(failures)) if failures.is_empty() => Met::Yes,
        Some(Ok(failures)) => no(failures.join("; ")),
        Some(Err(fault)) => blind(fault),
        None => no("no smoke request was sent yet"),
    }
}

fn running(state: &Deployment, spec: &ReleaseSpec, which: Which, target: &TargetView) -> Met {
    let (release, replicas) = (&spec.release, spec.replicas);
    let count = target.running(release).count();
    // An order to stop the old release may still come: only an order of ours with a later stamp,
    // read back from it, keeps it running.
    // The rest of a Compose project goes back as well, which only an order of ours brings about.
    let whole = spec.compose.is_some() && state.cause().is_some();
    let fenced = which != Which::Old
        || !(state.old_stopped || whole)
        || target
            .running(release)
            .all(|replica| state.op.as_ref().is_some_and(|op| since(state, op, replica.stamp)));
    if count >= replicas as usize && fenced {
        return Met::Yes;
    }
    if count >= replicas as usize {
        return no("it was not told to stay yet");
    }
    crash_loop(which, target.of(release))
        .unwrap_or_else(|| no(format!("{count} of {replicas} run")))
}

/// Where a release runs on several hosts, users of one that cannot be seen are sent to the others,
/// and nothing hurts them: what was observed says nothing of the version there (P8).
fn absent_hosts(plan: &Plan, view: &View) -> Option<Met> {
    let spec = &plan.new.spec;
    if spec.hosts().len() < 2 {
        return None;
    }
    let target = match &view.target {
        Ok(target) => target,
        Err(fault) => return Some(blind(fault)),
    };
    let unseen = target.of(&spec.release).any(|one| one.state == ReplicaState::Unknown);
    unseen.then(|| Met::No { words: "a host of it cannot be seen".into(), blind: true })
}

fn crash_loop<'a>(which: Which, replicas: impl Iterator<Item = &'a Replica>) -> Option<Met> {
    let worst = replicas.max_by_key(|replica| replica.restarts)?;
    let judged = which == Which::New && worst.restarts >= CRASH_LOOP;
    judged.then(|| Met::Never {
        words: format!(
            "replica {} ended {} times by itself, last with {}",
            worst.id,
            worst.restarts,
            worst.last_exit.as_deref().unwrap_or("an unknown status")
        ),
    })
}

fn healthy(spec: &ReleaseSpec, which: Which, n: u32, target: &TargetView, view: &View) -> Met {
    let (release, replicas) = (&spec.release, spec.replicas);
    if let Some(never) = crash_loop(which, target.of(release)) {
        return never;
    }
    let good = |replica: &&Replica| view.health.get(&replica.id).is_some_and(|h| h.good >= n);
    let count = target.running(release).filter(good).count();
    let beside = target.changed_by(release).find(|one| !good(one));
    if count >= replicas as usize {
        let Some(one) = beside else { return Met::Yes };
        let why = view.health.get(&one.id).and_then(|health| health.why.clone());
        let why = why.map_or(String::new(), |why| format!(": {why}"));
        return no(format!("{} beside it is not healthy {n} times in a row{why}", one.id));
    }
    let why = target
        .of(release)
        .find_map(|replica| {
            let why = view.health.get(&replica.id).and_then(|health| health.why.clone());
            why.or_else(|| replica.last_exit.as_ref().map(|exit| format!("it ended with {exit}")))
        })
        .map_or(String::new(), |why| format!(": {why}"));
    no(format!("{count} of {replicas} replicas are healthy {n} times in a row{why}"))
}

fn stopped(state: &Deployment, plan: &Plan, which: Which, target: &TargetView) -> Met {
    let Some(release) = plan.release(which) else {
        return Met::Yes;
    };
    // A start that was never reported may still come: an order of ours with a later stamp must
    // stand before the absence counts.
    let told = state.op.as_ref().is_some_and(|op| {
        op.outcome == Some(Outcome::Applied)
            && matches!(&op.act, Act::Stop { release: of, .. } if *of == release)
    });
    // Where it was started and nothing of it is there, the word that it was stopped is not enough:
    // the order itself must be seen, so that a start which comes about late is refused.
    let begun = state.start_late.is_some() && target.of(&release).next().is_none();
    let seen = state.lease.is_none_or(|lease| target.highest >= lease);
    let fenced = told && (!begun || seen);
    let alive =
        target.of(&release).filter(|replica| replica.state != ReplicaState::Stopped).count();
    match (alive, fenced) {
        (0, true) => Met::Yes,
        (0, false) => no("it was not told to stop yet"),
        (n, _) => no(format!("{n} of its replicas have not stopped")),
    }
}

fn removed(plan: &Plan, which: Which, target: &TargetView) -> Met {
    let Some(release) = plan.release(which) else {
        return Met::Yes;
    };
    match target.of(&release).count() {
        0 => Met::Yes,
        n => no(format!("{n} of its replicas are still known")),
    }
}

fn drained(plan: &Plan, which: Which, view: &View) -> Met {
    let Some(release) = plan.release(which) else {
        return Met::Yes;
    };
    match &view.door {
        Err(fault) => blind(fault),
        Ok(door) => {
            let flight =
                door.in_flight.iter().find(|(id, _)| *id == release).map_or(0, |(_, n)| *n);
            if flight == 0 { Met::Yes } else { no(format!("{flight} requests are in flight")) }
        }
    }
}

/// Whether the door's answer comes from an act of this step, and not from an earlier one that a
/// late act could still change.
fn own_stamp(state: &Deployment, view: &View) -> bool {
    let Some(op) = &state.op else { return false };
    let Ok(door) = &view.door else { return false };
    door.served.as_ref().is_some_and(|served| since(state, op, served.stamp))
}

/// Whether the door has carried out the last order that this deployment gave it, if that was its last
/// act: until then one that was accepted may still come.
pub(super) fn carried_out(state: &Deployment, door: &DoorView) -> bool {
    let route = |act: &Act| matches!(act, Act::SetRoute { .. } | Act::RemoveRoute { .. });
    let Some(op) = state.op.as_ref().filter(|op| route(&op.act)) else { return true };
    let last = door.last.or(door.served.as_ref().map(|served| served.stamp));
    last.is_some_and(|last| since(state, op, last))
}

/// Whether a stamp that was read back is of this operation of ours, or of a later one.
fn since(state: &Deployment, op: &Op, stamp: Stamp) -> bool {
    stamp.deployment == state.id().0 && stamp.op >= op.id
}

fn routed(state: &Deployment, plan: &Plan, new: u8, view: &View) -> Met {
    let door = match &view.door {
        Ok(door) => door,
        Err(fault) => return blind(fault),
    };
    let Some(served) = &door.served else {
        return no("the door has no route");
    };
    if door.differs {
        return no(DIFFERS);
    }
    let untouched = new == 0 && !state.on_traffic && state.gap.is_none();
    if !untouched && !own_stamp(state, view) {
        return no("the door has not confirmed this route yet");
    }
    let old = plan.release(Which::Old);
    // Where the door went back by itself, the other one is still on its route, with nothing.
    let apart = (1..100).contains(&new) || served.route.legs.len() == 1;
    let fits = served.route.hold.is_none()
        && apart
        && served.route.weight_of(&plan.new.spec.release) == new
        && old.is_none_or(|old| served.route.weight_of(&old) == 100 - new)
        && reaches_all(&served.route, view);
    match (fits, served.probed) {
        (true, true) => Met::Yes,
        (true, false) => no("the door has not reached the replicas yet"),
        (false, _) => no("the door serves another route"),
    }
}

fn held(state: &Deployment, view: &View) -> Met {
    match &view.door {
        Err(fault) => blind(fault),
        Ok(door) => {
            let hold = door.served.as_ref().is_some_and(|served| served.route.hold.is_some());
            let holds = hold && !door.differs && own_stamp(state, view);
            if holds { Met::Yes } else { no("the door does not hold yet") }
        }
    }
}

fn unrouted(state: &Deployment, view: &View) -> Met {
    let door = match &view.door {
        Ok(door) => door,
        Err(fault) => return blind(fault),
    };
    // An order to route that was never reported may still come: the door must have carried out ours
    // after it, and say so itself.
    let fenced = !state.on_traffic
        || state.op.as_ref().zip(door.last).is_some_and(|(op, last)| {
            matches!(op.act, Act::RemoveRoute { .. }) && since(state, op, last)
        });
    match (&door.served, fenced) {
        (None, true) => Met::Yes,
        (None, false) => no("the door was not told yet"),
        (Some(_), _) => no("the door still has a route"),
    }
}

fn verified(state: &Deployment, plan: &Plan, view: &View) -> Met {
    let target = match &view.target {
        Ok(target) => target,
        Err(fault) => return blind(fault),
    };
    let spec = &plan.new.spec;
    let approved = target
        .running(&spec.release)
        .filter(|replica| replica.artifact == plan.new.candidate.artifact)
        .count();
    if approved < spec.replicas as usize {
        return no(format!("{approved} of {} replicas run the approved artifact", spec.replicas));
    }
    if plan.service.route.is_none() {
        return Met::Yes;
    }
    let door = match &view.door {
        Ok(door) => door,
        Err(fault) => return blind(fault),
    };
    if door.differs {
        return no(DIFFERS);
    }
    let weight = door.served.as_ref().map_or(0, |served| served.route.weight_of(&spec.release));
    let expected = state.expected_weight();
    if weight != expected {
        return no(format!("the door sends {weight} % to the new version instead of {expected} %"));
    }
    match &view.signals {
        Some(Ok(_)) => Met::Yes,
        Some(Err(fault)) => blind(fault),
        None => no("the watch's signals were not read yet"),
    }
}

/// The act that serves a goal, if any act can.
pub(super) fn act_for(state: &Deployment, plan: &Plan, goal: &Goal, view: &View) -> Option<Act> {
    let service = plan.service.name.clone();
    match goal {
        Goal::Stored(Which::New) => Some(Act::Import {
            reference: plan.reference.clone(),
            digest: plan.new.candidate.artifact.clone(),
            project: plan.new.spec.project(),
        }),
        Goal::Running(which) => plan.spec(*which).map(|spec| Act::Start { spec: Box::new(spec) }),
        Goal::RunningOn(hosts) => {
            Some(Act::Start { spec: Box::new(plan.new.spec.on_first(*hosts)) })
        }
        Goal::Stopped(which) => plan.release(*which).map(|release| Act::Stop { service, release }),
        Goal::Removed(which) => {
            let release = plan.release(*which)?;
            // An order to stop that never arrived must not leave it running for ever.
            let target = view.target.as_ref().ok()?;
            let count = |state: ReplicaState| {
                target.of(&release).filter(|replica| replica.state == state).count()
            };
            let (all, ended) = (target.of(&release).count(), count(ReplicaState::Stopped));
            // A host that is silent keeps what it has until it is back and is told then, what ended
            // elsewhere goes. In turns, since it may answer again.
            let silent = count(ReplicaState::Unknown);
            let tries = state.run().map_or(0, |run| run.tries);
            let goes_later = ended + silent == all && tries.is_multiple_of(2);
            Some(if ended == all || goes_later {
                Act::Remove { service, release }
            } else {
                Act::Stop { service, release }
            })
        }
        Goal::Routed { new } => route(plan, *new, view).map(|route| Act::SetRoute { route }),
        Goal::Held => hold(plan).map(|route| Act::SetRoute { route }),
        Goal::Unrouted => Some(Act::RemoveRoute { service }),
        Goal::Healthy(Which::Old, _) if state.cause().is_some() => {
            // On the way back a previous version that died meanwhile is started again.
            let target = view.target.as_ref().ok()?;
            let spec = plan.spec(Which::Old)?;
            let lacking = target.running(&spec.release).count() < spec.replicas as usize;
            lacking.then(|| Act::Start { spec: Box::new(spec) })
        }
        Goal::Announced
        | Goal::Stored(_)
        | Goal::Healthy(..)
        | Goal::HealthyOn { .. }
        | Goal::Smoke(_)
        | Goal::Rechecked
        | Goal::Drained(_)
        | Goal::Verified
        | Goal::Observed { .. } => None,
    }
}

/// Where the replicas of a release listen: also those that ended by themselves and come back, and
/// those whose keeper is silent, which most likely serve on (keepers may die, services do not with
/// them). Nothing would bring them into the route later; the door tries the others meanwhile.
fn addresses(target: &TargetView, release: &ReleaseId) -> Vec<String> {
    let there = |replica: &&Replica| {
        use ReplicaState::{BackingOff, Running, Unknown};
        matches!(replica.state, Running | BackingOff | Unknown)
    };
    target.of(release).filter(there).filter_map(|replica| replica.address.clone()).collect()
}

/// Whether every replica of the releases on a route can be reached through it.
fn reaches_all(route: &Route, view: &View) -> bool {
    let Ok(target) = &view.target else { return false };
    route.legs.iter().all(|leg| {
        addresses(target, &leg.release).iter().all(|address| leg.backends.contains(address))
    })
}

fn legs(plan: &Plan, new: u8, view: &View) -> Option<Vec<Leg>> {
    let target = view.target.as_ref().ok()?;
    let shares = [(Which::New, new), (Which::Old, 100 - new)];
    let mut legs = Vec::new();
    for (which, weight) in shares {
        if weight == 0 {
            continue;
        }
        let release = plan.release(which)?;
        let backends = addresses(target, &release);
        if backends.is_empty() {
            return None;
        }
        legs.push(Leg { release, weight, backends });
    }
    Some(legs)
}

pub(super) fn route(plan: &Plan, new: u8, view: &View) -> Option<Route> {
    let wanted = plan.service.route.as_ref()?;
    let legs = legs(plan, new, view)?;
    Some(Route { guard: guard(plan, &legs), legs, ..bare(plan, wanted) })
}

/// The order with which the door goes back by itself, where both versions serve (DESIGN §4). With
/// all traffic on one of them there is nothing to return to, or no need to.
fn guard(plan: &Plan, legs: &[Leg]) -> Option<Box<Guard>> {
    let to = plan.release(Which::Old)?;
    let limit = plan.service.slo.error_share.map_or(0, |share| (share * 2_000.0) as u16);
    let both = legs.len() > 1 && legs.iter().any(|leg| leg.release == to);
    both.then(|| {
        Box::new(Guard {
            to,
            // Whoever carries out the act gives it the act's own stamp and the next number.
            stamp: Stamp::default(),
            max_errors_permille: limit.clamp(GUARD_ERRORS_PERMILLE, 1_000),
            min_requests: GUARD_REQUESTS,
            over_seconds: GUARD_SECONDS,
            silent_ms: GUARD_SILENT_MS,
        })
    })
}

fn hold(plan: &Plan) -> Option<Route> {
    let wanted = plan.service.route.as_ref()?;
    let hold =
        Hold { max_wait_ms: plan.service.gap_limit_ms, max_requests: plan.service.hold_requests };
    Some(Route { hold: Some(hold), ..bare(plan, wanted) })
}

fn bare(plan: &Plan, wanted: &RouteMatch) -> Route {
    let route = Route::new(plan.service.name.clone(), wanted.host.clone(), wanted.path.clone());
    let mut manner = wanted.manner.clone();
    // What lasts is closed within the time that the plan gives a drain.
    if manner.drain_ms.is_none() && plan.service.drain_ms != DOOR_DRAIN_MS {
        manner.drain_ms = Some(plan.service.drain_ms);
    }
    // The door watches a switch through its own front, also where nobody named a path for that. A
    // health path outside of the route would lead to another service, or to none.
    if manner.probe_path.is_none() {
        let path = plan.service.health.path.as_ref();
        manner.probe_path = path.filter(|path| leads_to(wanted, path)).cloned();
    }
    Route { manner, ..route }
}

/// Whether a request for a path, perhaps with a query, is one of this route's.
fn leads_to(route: &RouteMatch, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let rest = path.strip_prefix(route.path.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{World, canary};

    /// The probe path of the route that is sent for a service whose route and health are these.
    fn probe(route: &str, named: Option<&str>, health: Option<&str>) -> Option<String> {
        let mut world = World::new(canary(), "v1");
        world.until(|world| world.state.plan.is_some());
        let mut plan = Plan::clone(world.state.plan.as_ref().unwrap());
        let mut wanted = RouteMatch::of(None, route);
        wanted.manner.probe_path = named.map(str::to_owned);
        plan.service.health.path = health.map(str::to_owned);
        bare(&plan, &wanted).manner.probe_path.clone()
    }

    #[test]
    fn a_switch_is_watched_on_the_health_path_where_no_other_is_named() {
        let healthz = Some("/healthz");
        assert_eq!(probe("/", None, healthz).as_deref(), healthz);
        assert_eq!(probe("/", Some("/alive"), healthz).as_deref(), Some("/alive"));
        assert_eq!(probe("/", None, None), None);
        for (route, health, leads) in [
            ("/shop", "/healthz", false),
            ("/shop", "/shopping/healthz", false),
            ("/shop", "/shop/healthz", true),
            ("/shop/", "/shop/healthz?deep", true),
            ("/shop", "/shop?x=/", true),
            ("/", "/?x", true),
        ] {
            assert_eq!(probe(route, None, Some(health)).is_some(), leads, "{route} {health}");
        }
    }
}
