//! When two states of the machine are one.

use ops_core::{
    deploy::{About, Act, Letter, Phase},
    id::ReleaseId,
    plan::Which,
    time::Timer,
};

use super::Machine;

impl Machine {
    /// All that makes a difference for what can happen next.
    pub(super) fn as_key(&self) -> String {
        let state = &self.state;
        let over = |timer: &Timer| timer.over(&self.now);
        let phase = self.phase_key();
        let cause = state.cause().map(ops_core::deploy::Cause::name);
        let run = state.run().map(|run| {
            let own: Vec<_> = run.own.iter().flatten().map(|step| step.goal.name()).collect();
            (
                run.at,
                own,
                over(&run.deadline),
                run.extensions.min(2),
                run.tries.min(3),
                run.seconds > 0,
            )
        });
        let failed = match &state.phase {
            Phase::Planned { failed, .. } => failed.as_ref().map(ops_core::deploy::Cause::name),
            _ => None,
        };
        let op = state.op.as_ref().map(|op| {
            let outcome = op.outcome.as_ref().map(std::mem::discriminant);
            (op.act.name(), self.role(&op.act), outcome, over(&op.settle))
        });
        let about = |about| {
            let mut of = state.outbox.iter().filter(|letter| letter.about == about);
            of.any(Letter::settled)
        };
        let paper = [About::Plan, About::Record, About::Close].map(about);
        let flags = [
            state.halted.is_some(),
            state.halted.as_ref().is_some_and(|halt| over(&halt.bound)),
            state.abort.is_some(),
            state.lease.is_some(),
            state.reserved,
            state.on_traffic,
            state.old_stopped,
            state.rehearsal_started,
            state.started,
            state.gap.is_some(),
            state.gap.as_ref().is_some_and(|gap| gap.lasted_ms.is_some()),
            state.watching.is_some(),
            state.confirmations > 0,
            state.confirmations > 1,
            state.confirmations > 2,
            state.pull_seen.is_some(),
            state.close_confirmed,
            self.stored,
            self.pulled,
        ];
        let late = self
            .late
            .as_ref()
            .map(|(act, stamp, _)| (act.name(), self.role(act), stamp.op.0 + 1 >= state.next_op));
        let world = self.world();
        let left = self.troubles;
        format!(
            "{:?} {phase} {cause:?} {failed:?} {run:?} {op:?} {paper:?} {flags:?} {late:?} {world} {left}",
            state.phase_name()
        )
    }

    /// What of the phase makes a difference beside its name.
    fn phase_key(&self) -> String {
        let state = &self.state;
        let over = |timer: &Timer| timer.over(&self.now);
        let over_now = match &state.phase {
            Phase::Queued { recheck } | Phase::Held { recheck, .. } => over(recheck),
            Phase::Checking { deadline } | Phase::Soaking { until: deadline } => over(deadline),
            Phase::Frozen { healthy, acknowledged, .. } => {
                healthy.as_ref().is_some_and(over) ^ acknowledged.is_some()
            }
            _ => false,
        };
        let healing = matches!(&state.phase, Phase::Frozen { healthy: Some(_), .. });
        let held = match &state.phase {
            Phase::Held { cause, .. } => cause.key(),
            _ => String::new(),
        };
        format!("{over_now} {healing} {held}")
    }

    fn role(&self, act: &Act) -> String {
        let Some(plan) = &self.state.plan else { return String::new() };
        let of = |release: &ReleaseId| {
            let all = [Which::New, Which::Old, Which::Rehearsal];
            let found = all.iter().position(|which| plan.release(*which).as_ref() == Some(release));
            found.map_or_else(|| "other".to_owned(), |at| ["new", "old", "copy"][at].to_owned())
        };
        match act {
            Act::Start { spec } => of(&spec.release),
            Act::Stop { release, .. } | Act::Remove { release, .. } => of(release),
            Act::SetRoute { route } => {
                format!("{} {}", route.weight_of(&plan.new.spec.release), route.hold.is_some())
            }
            Act::Import { .. } | Act::RemoveRoute { .. } => String::new(),
        }
    }

    /// Replicas and route, as far as they differ for the machine.
    fn world(&self) -> String {
        let Some(plan) = &self.state.plan else { return String::new() };
        let each = [Which::New, Which::Old, Which::Rehearsal].map(|which| {
            let release = plan.release(which);
            let mut of = self
                .target
                .of(&plan.service.name)
                .filter(|one| Some(&one.release) == release.as_ref());
            of.next().map(|one| (one.running(), one.alive(), one.healthy(self.now.ms)))
        });
        let route = self.door.served.get(&plan.service.name).map(|served| {
            let ours = self.state.op.as_ref().is_some_and(|op| {
                served.stamp.deployment == self.state.id().0 && served.stamp.op >= op.id
            });
            let weight = served.route.weight_of(&plan.new.spec.release);
            (weight, served.route.hold.is_some(), served.probed_at <= self.now.ms, ours)
        });
        format!("{each:?} {route:?}")
    }
}
