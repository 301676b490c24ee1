//! While frozen: the healthiest copy serves, and what the way back left undone is done as soon as
//! the world lets it be done. So that a thawed group holds one version, and nothing besides it.

use super::{Draft, goal};
use crate::{
    deploy::{
        Event,
        act::{Act, View},
        phase::Phase,
    },
    id::ReleaseId,
    plan::{Plan, Which},
    settings::Strategy,
    world::{DoorView, ReplicaState, TargetView},
};

/// Pause between two tries to start the previous version where nothing is healthy.
const START_AGAIN_MS: u64 = 60_000;

/// What is missing until the group can thaw.
enum Missing {
    Nothing,
    Act(Act),
    /// Nothing can be done about it now.
    Time,
}

impl Draft<'_> {
    pub(super) fn settle_frozen(&mut self, view: &View) {
        let Some(plan) = self.plan() else { return };
        let missing = match (&view.target, &view.door) {
            (Ok(target), Ok(door)) => {
                let routed = goal::carried_out(&self.state, door);
                match plan.old {
                    None => absent(&plan, target, door, routed),
                    Some(_) => previous(&plan, target, door, routed, view),
                }
            }
            _ => Missing::Time,
        };
        let missing = match missing {
            Missing::Nothing if self.state.may_start_late(self.now) => Missing::Time,
            missing => missing,
        };
        let right = matches!(missing, Missing::Nothing);
        let new = right && new_serves(&plan, view);
        let healing = match self.state.phase {
            Phase::Frozen { healthy: Some(_), new, .. } => Some(new),
            _ => None,
        };
        if right.then_some(new) != healing {
            self.push(Event::Healing { healthy: right, new });
        }
        if let Missing::Act(act) = missing
            && self.state.lease.is_some()
            && self.rested(&act)
        {
            self.push(Event::OpIntended { op: crate::id::OpId(self.state.next_op), act });
        }
    }

    fn rested(&self, act: &Act) -> bool {
        let Some(op) = &self.state.op else { return true };
        let since = self.now.ms.saturating_sub(op.settle.since);
        let starting = matches!((act, &op.act), (Act::Start { .. }, Act::Start { .. }));
        op.outcome.is_some()
            && !self.state.may_land_late(self.now)
            && (!starting || op.settle.boot != self.now.boot || since >= START_AGAIN_MS)
    }
}

/// A first deployment is taken back to nothing at all (S1). `routed`: the last order to the door was
/// carried out, so none comes late.
fn absent(plan: &Plan, target: &TargetView, door: &DoorView, routed: bool) -> Missing {
    if door.served.is_some() || !routed {
        return Missing::Act(Act::RemoveRoute { service: plan.service.name.clone() });
    }
    gone(plan, target)
}

/// Nothing of the new release is left, nor of what this deployment was to mend.
fn gone(plan: &Plan, target: &TargetView) -> Missing {
    match gone_of(plan, plan.new.spec.release.clone(), target) {
        Missing::Nothing => mended(plan, target),
        missing => missing,
    }
}

fn mended(plan: &Plan, target: &TargetView) -> Missing {
    let frozen = plan.release(Which::Frozen);
    frozen.map_or(Missing::Nothing, |release| gone_of(plan, release, target))
}

fn gone_of(plan: &Plan, release: ReleaseId, target: &TargetView) -> Missing {
    let service = plan.service.name.clone();
    let mut of = target.of(&release).map(|replica| &replica.state).peekable();
    if of.peek().is_none() {
        return Missing::Nothing;
    }
    let states: Vec<_> = of.collect();
    if states.iter().all(|state| **state == ReplicaState::Stopped) {
        return Missing::Act(Act::Remove { service, release });
    }
    if states.iter().all(|s| matches!(s, ReplicaState::Stopped | ReplicaState::Stopping)) {
        return Missing::Time;
    }
    Missing::Act(Act::Stop { service, release })
}

fn healthy(plan: &Plan, which: Which, target: &TargetView, view: &View) -> usize {
    let good = |id: &str| view.health.get(id).is_some_and(|health| health.good > 0);
    let count = |release: ReleaseId| target.running(&release).filter(|one| good(&one.id)).count();
    plan.release(which).map_or(0, count)
}

/// Whether more replicas of the new version are healthy than of the previous one; `None` where none
/// is.
fn healthiest(plan: &Plan, target: &TargetView, view: &View) -> Option<bool> {
    let old = healthy(plan, Which::Old, target, view);
    let new = healthy(plan, Which::New, target, view);
    (old > 0 || new > 0).then_some(new > old)
}

fn new_serves(plan: &Plan, view: &View) -> bool {
    let target = view.target.as_ref().ok().filter(|_| plan.old.is_some());
    target.and_then(|target| healthiest(plan, target, view)).unwrap_or(false)
}

fn previous(
    plan: &Plan,
    target: &TargetView,
    door: &DoorView,
    routed: bool,
    view: &View,
) -> Missing {
    let Some(new) = healthiest(plan, target, view) else { return start_old(plan, target, door) };
    let weight = if new { 100 } else { 0 };
    if plan.service.route.is_some() {
        let served = door.served.as_ref();
        let fits = served.is_some_and(|served| {
            routed
                && !door.differs
                && served.route.hold.is_none()
                && served.route.legs.len() == 1
                && served.route.weight_of(&plan.new.spec.release) == weight
        });
        if !fits {
            let route = goal::route(plan, weight, view);
            return route.map_or(Missing::Time, |route| Missing::Act(Act::SetRoute { route }));
        }
        if !served.is_some_and(|served| served.probed) {
            return Missing::Time;
        }
    }
    // Where only the new version is healthy it stays: the healthiest copy serves.
    if weight == 0 { gone(plan, target) } else { mended(plan, target) }
}

/// Nothing answers healthy: the previous version is started again. Where two cannot run, only
/// while no request can reach the new one: it may serve although nobody could ask.
fn start_old(plan: &Plan, target: &TargetView, door: &DoorView) -> Missing {
    let Some(spec) = plan.spec(Which::Old) else { return Missing::Time };
    if target.running(&spec.release).count() >= spec.replicas as usize {
        return Missing::Time;
    }
    let release = &plan.new.spec.release;
    let alone = plan.service.strategy != Strategy::Recreate
        || target.of(release).all(|replica| replica.state == ReplicaState::Stopped);
    let reached = door.served.as_ref().is_some_and(|served| served.route.weight_of(release) > 0);
    match (alone, reached) {
        (true, _) => Missing::Act(Act::Start { spec: Box::new(spec) }),
        (false, false) => gone(plan, target),
        (false, true) => Missing::Time,
    }
}
