//! What a new boot and a new daemon mean for a deployment that was under way.

use super::{
    LATE_MS, SETTLE_MS,
    act::{Act, Op, Outcome},
    apply::LETTER_LATE_MS,
    letter::Delivery,
    phase::Phase,
    state::Deployment,
};
use crate::{
    plan::{Goal, Which},
    time::{Now, Timer},
};

/// Restarts after each of which a step has its whole time once more.
const WHOLE_AGAIN: u32 = 3;
/// Restarts up to which it has time for a look.
const LOOK_AGAIN: u32 = 20;
/// Time for a look, in milliseconds.
const LOOK_MS: u64 = 10_000;

impl Deployment {
    /// All waits begin anew, with their whole length (S18).
    pub(super) fn rearm(&mut self, now: &Now) {
        if let Some(halt) = &mut self.halted {
            halt.bound.rearm(now);
        }
        if let Some(op) = &mut self.op {
            op.settle.rearm(now);
        }
        if let Some(gap) = &mut self.gap {
            gap.limit.rearm(now);
        }
        if let Some(late) = &mut self.start_late {
            late.rearm(now);
        }
        if let Some(sought) = &mut self.advice.sought {
            sought.until.rearm(now);
        }
        if let Some(watching) = &mut self.watching {
            watching.rebooted(now.ms / 1_000);
        }
        self.started_at = None;
        self.rehearsed_at = None;
        match &mut self.phase {
            Phase::Queued { recheck } | Phase::Held { recheck, .. } => recheck.rearm(now),
            Phase::Checking { deadline } => deadline.rearm(now),
            Phase::Soaking { until } => until.rearm(now),
            Phase::Frozen { healthy, since, .. } => {
                since.rearm(now);
                if let Some(healthy) = healthy {
                    healthy.rearm(now);
                }
            }
            _ => {}
        }
        if let Some(run) = self.run_mut() {
            run.deadline.rearm(now);
        }
        for letter in &mut self.outbox {
            match &mut letter.delivery {
                Delivery::Owed { pause: Some(pause), .. } | Delivery::Sent { pause, .. } => {
                    pause.rearm(now);
                }
                Delivery::Owed { pause: None, .. }
                | Delivery::Intended { .. }
                | Delivery::Written
                | Delivery::Dropped => {}
            }
        }
    }

    /// Its last act ended and nobody has seen how: if it was the start of the new release or of a copy
    /// for the rehearsal, that may come about late.
    pub(super) fn start_is_unknown(&mut self, now: &Now) {
        let Some(plan) = &self.plan else { return };
        let rehearsal = plan.release(Which::Rehearsal);
        let comes = [Some(&plan.new.spec.release), rehearsal.as_ref()];
        let start = |op: &Op| matches!(&op.act, Act::Start { spec } if comes.contains(&Some(&spec.release)));
        if self.op.as_ref().is_some_and(start) {
            self.start_late = Some(Timer::start(now, LATE_MS));
        }
    }

    /// What was under way when the daemon died is unknown now: look first (P5).
    pub(super) fn restarted(&mut self, now: &Now) {
        if let Some(op) = &mut self.op
            && op.outcome.is_none()
        {
            let fault = crate::world::Fault::new(
                "ops was restarted while this was under way",
                "this daemon",
                "the world is looked at first",
            );
            op.outcome = Some(Outcome::Unknown { fault });
            op.settle = Timer::start(now, SETTLE_MS);
            self.start_is_unknown(now);
        }
        for letter in &mut self.outbox {
            if let Delivery::Intended { tries } = letter.delivery {
                let pause = Timer::start(now, LETTER_LATE_MS);
                letter.delivery = Delivery::Sent { pause, misses: 0, tries };
            }
        }
        // The question ended with the daemon and is asked anew: then there is its time for an answer.
        if let Some(sought) = &mut self.advice.sought {
            sought.until = Timer::start(now, sought.until.length);
            if let Phase::Checking { deadline } = &mut self.phase {
                *deadline = Timer::start(now, deadline.length);
            }
        }
        self.lease = None;
        self.reserved = false;
        self.look_before_giving_up(now);
        self.check_again_before_the_first_act(now);
    }

    /// Between the last checks and the first act no time may pass in which nobody looked (P1).
    fn check_again_before_the_first_act(&mut self, now: &Now) {
        if !matches!(self.phase, Phase::Deploying { .. }) || self.touched() {
            return;
        }
        let rechecked = self
            .plan
            .as_ref()
            .and_then(|plan| plan.steps.iter().position(|step| step.goal == Goal::Rechecked));
        if let Some(at) = rechecked {
            self.enter(None, at, now, |run| Phase::Planned { run, failed: None });
        }
    }

    /// What ran out while no daemon could look has not failed: the step gets its whole time once
    /// more. When it began stays, so that seconds read back from meanwhile still count (S6). But a
    /// daemon that dies again and again reaches the step's end too (P9): after some restarts there is
    /// only time for a look, and at last none.
    fn look_before_giving_up(&mut self, now: &Now) {
        let length = self.step().map_or(0, |step| step.deadline_ms);
        if let Phase::Checking { deadline } = &mut self.phase {
            *deadline = Timer::start(now, deadline.length);
        }
        if let Some(run) = self.run_mut()
            && run.deadline.boot == now.boot
        {
            run.restarts = run.restarts.saturating_add(1);
            let passed = now.ms.saturating_sub(run.deadline.since);
            if run.restarts <= WHOLE_AGAIN {
                run.deadline.length = passed + length;
            } else if run.restarts <= LOOK_AGAIN {
                let look = passed + length.min(LOOK_MS);
                run.deadline.length = run.deadline.length.max(look);
            }
        }
    }
}
