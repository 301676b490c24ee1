//! Walking through steps: looking, acting, waiting, giving up.

use super::{Draft, goal, goal::Met};
use crate::{
    deploy::{
        Cause, Event, HoldCause,
        act::{Outcome, View},
        input::LeaseAnswer,
        phase::Phase,
    },
    id::OpId,
    mutation::{Mutation, on},
    plan::{self, Goal, OnDeadline, Plan, Stage, Step, Which},
    settings::Strategy,
    world::{Fault, Replica, ReplicaState},
};

/// How often the act of one step is tried.
const MAX_TRIES: u32 = 8;
/// Time that the acts of a return take besides stopping and starting.
const RETURN_ACTS_MS: u64 = 1_500;
/// An act for which there is no lease is waited for so long: longer than any call lasts.
const UNSENT_MS: u64 = 15_000;
/// A step whose looks do not come at all is given up this long after its deadline.
const BLIND_EXTRA_MS: u64 = 5_000;
/// What is to be cleared away is waited for this long while the world cannot be looked at.
const CLEAR_MAX_MS: u64 = 15 * 60_000;
/// The ticket must have been read so recently when the first acts are done.
const READ_MS: u64 = 30_000;
/// Steps that one look may finish.
const STEPS_PER_LOOK: usize = 32;

impl Draft<'_> {
    pub(super) fn plan(&self) -> Option<std::sync::Arc<Plan>> {
        self.state.plan.clone()
    }

    pub(super) fn tick(&mut self) {
        if let Phase::Checking { deadline } = &self.state.phase
            && deadline.over(self.now)
        {
            let cause =
                Cause::Errored { step: "checks".into(), words: "they did not end in time".into() };
            self.hold(&HoldCause::Prepare { cause });
            return;
        }
        self.judgement_overdue();
        if let Phase::Soaking { until } = &self.state.phase
            && until.over(self.now)
        {
            self.push(Event::Promoted);
            return;
        }
        self.unsent();
        self.abort_noted();
        self.halt_bound();
        self.gap_limit();
        let over = self.state.run().is_some_and(|run| {
            run.deadline.boot == self.now.boot
                && self.now.ms >= run.deadline.ends() + BLIND_EXTRA_MS
        });
        if over && !self.state.busy() && self.state.halted.is_none() && !on(Mutation::WaitForever) {
            self.deadline("nothing could be looked at", true, true);
        }
        if let Phase::Frozen { healthy: Some(since), .. } = &self.state.phase
            && since.over(self.now)
        {
            self.push(Event::Thawed);
            self.tell_ended();
        }
    }

    /// An act was intended, and its lease was lost before it went out: nothing goes out without one,
    /// so no answer comes. What waits for an answer waits no longer (P9); an act that was sent none the
    /// less has ended long ago.
    fn unsent(&mut self) {
        let waits = self.state.busy() && self.state.lease.is_none();
        if !waits || self.state.acted_within(UNSENT_MS, self.now) || on(Mutation::WaitForever) {
            return;
        }
        let fault = Fault::new(
            "nobody knows whether it was sent: the lease was lost",
            "the lease of the lock group",
            "it is looked at before anything is done again",
        );
        if let Some(op) = self.state.op.as_ref().map(|op| op.id) {
            self.op_ended(op, &Outcome::Unknown { fault });
        }
    }

    /// Abort was asked for while an act was under way, and nobody was told of the end of that act: ops
    /// was restarted meanwhile.
    fn abort_noted(&mut self) {
        if self.state.busy() || on(Mutation::ForgetAbort) {
            return;
        }
        if let Some(by) = self.state.abort.clone() {
            self.abort_now(by);
        }
    }

    fn halt_bound(&mut self) {
        let Some(halt) = self.state.halted.clone() else {
            return;
        };
        if !halt.bound.over(self.now) || self.state.busy() {
            return;
        }
        let cause = Cause::HaltExpired { by: halt.by };
        if self.state.acted() {
            self.back(cause);
        } else if matches!(self.state.phase, Phase::Planned { failed: None, .. }) {
            self.prepare_failed(cause);
        }
    }

    /// The gap at the door includes the return, so the way back begins while there is time for it.
    fn gap_limit(&mut self) {
        if !matches!(self.state.phase, Phase::Deploying { .. }) || self.state.busy() {
            return;
        }
        let (Some(gap), Some(plan)) = (&self.state.gap, self.plan()) else {
            return;
        };
        if gap.lasted_ms.is_some() || gap.limit.boot != self.now.boot {
            return;
        }
        let limit = gap.limit.length;
        let known = plan.old.as_ref().and_then(|old| old.start_ms);
        // The new version must stop first, and each act must be read back.
        let stop_ms = plan.service.drain_ms.min(limit / 8);
        let back_ms = known.unwrap_or(limit / 3) + stop_ms + RETURN_ACTS_MS;
        let back_ms = back_ms.min(limit * 2 / 3);
        let spent = self.now.ms.saturating_sub(gap.limit.since);
        if spent >= limit - back_ms {
            let words = format!(
                "requests waited {spent} ms at the door; of the {limit} ms allowed, {back_ms} are kept \
         for the return to the previous version"
            );
            self.back(Cause::Failed { step: "gap".into(), words });
        }
    }

    pub(super) fn op_ended(&mut self, op: OpId, outcome: &Outcome) {
        let current =
            self.state.op.as_ref().is_some_and(|known| known.id == op && known.outcome.is_none());
        if !current {
            return;
        }
        self.push(Event::OpEnded { op, outcome: outcome.clone() });
        if let Outcome::Stale { fault } = outcome {
            self.lease(&LeaseAnswer::Lost(fault.to_string()));
        }
        if let Some(by) = self.state.abort.clone().filter(|_| !on(Mutation::ForgetAbort)) {
            self.abort_now(by);
        }
    }

    pub(super) fn looked(&mut self, view: &View) {
        if self.state.plan.is_none() {
            return;
        }
        self.observe(view);
        if self.state.acted() {
            // A way back that begins here already acts on what this look shows.
            self.judge_harm(view);
        }
        if matches!(self.state.phase, Phase::Frozen { .. }) {
            self.settle_frozen(view);
            return;
        }
        for _ in 0..STEPS_PER_LOOK {
            if !self.advance(view) {
                break;
            }
        }
    }

    fn observe(&mut self, view: &View) {
        let Some(watching) = &self.state.watching else {
            return;
        };
        if !self.state.acted() {
            return;
        }
        let last = watching.last_second;
        if let Some(Ok(seconds)) = &view.signals {
            let fresh: Vec<_> = seconds
                .iter()
                .filter(|second| second.second > last)
                .map(|second| watching.own(second))
                .collect();
            if !fresh.is_empty() {
                self.push(Event::Seen { seconds: fresh });
            }
        } else if self.plan().is_some_and(|plan| plan.service.route.is_none()) && self.alive(view) {
            self.push(Event::Beat);
        }
    }

    fn alive(&self, view: &View) -> bool {
        let (Some(plan), Ok(target)) = (self.plan(), &view.target) else {
            return false;
        };
        let spec = &plan.new.spec;
        let well = |one: &Replica| view.health.get(&one.id).is_some_and(|health| health.good > 0);
        target.running(&spec.release).count() >= spec.replicas as usize
            && target.changed_by(&spec.release).all(well)
    }

    /// One move with what the look shows; false if there is nothing more to do with it.
    fn advance(&mut self, view: &View) -> bool {
        if self.state.busy() {
            return false;
        }
        let backwards =
            self.state.goes_back() || matches!(self.state.phase, Phase::Documenting { .. });
        if self.state.halted.is_some() && !backwards && !on(Mutation::ActWhileHalted) {
            return false;
        }
        let (Some(step), Some(plan)) = (self.state.step().cloned(), self.plan()) else {
            return false;
        };
        if step.stage == Stage::Retire && matches!(self.state.phase, Phase::Watching { .. }) {
            return false;
        }
        match goal::met(&self.state, &plan, &step.goal, view) {
            // Nothing of it is there, but its start may come about yet: an order to stop that was
            // accepted proves nothing where nothing ran (P7).
            Met::Yes if self.may_start_late(&step.goal, &plan, view) => false,
            Met::Yes => {
                self.push(Event::StepDone);
                self.finish_runs();
                true
            }
            Met::Never { words } => self.give_up(&step, &words, false),
            Met::No { words, blind } => {
                let over = self.state.run().is_some_and(|run| run.deadline.over(self.now));
                if over && !on(Mutation::WaitForever) {
                    let lingers = blind || still_there(&step.goal, &plan, view);
                    return self.deadline(&words, blind, lingers);
                }
                self.act(&step, &plan, view);
                false
            }
        }
    }

    fn may_start_late(&self, goal: &Goal, plan: &Plan, view: &View) -> bool {
        let late = self.state.may_start_late(self.now);
        let Goal::Stopped(which @ (Which::New | Which::Rehearsal)) = goal else { return false };
        let Some(release) = plan.release(*which) else { return false };
        late && view.target.as_ref().is_ok_and(|target| target.of(&release).next().is_none())
    }

    fn act(&mut self, step: &Step, plan: &Plan, view: &View) {
        if self.state.lease.is_none() || self.state.run().is_some_and(|run| run.tries >= MAX_TRIES)
        {
            return;
        }
        if self.state.may_land_late(self.now) || self.is_doubtful() {
            return;
        }
        if let Some(act) = goal::act_for(&self.state, plan, &step.goal, view) {
            self.push(Event::OpIntended { op: OpId(self.state.next_op), act });
        }
    }

    /// Whether the ticket was read as pulled back and the second reading is to come, or was not read
    /// for long before the first acts: until then nothing more is brought forward (P1, S13), unless
    /// requests wait at the door for it.
    fn is_doubtful(&self) -> bool {
        let read = self.state.read_at.as_ref().is_some_and(|at| {
            at.boot == self.now.boot && self.now.ms <= at.ms.saturating_add(READ_MS)
        });
        if self.state.is_unseen() && self.state.created.kind.by_ticket() && !read {
            return true;
        }
        // What was proven to be good serves whatever becomes of its ticket (S14): that the version
        // before it leaves brings nothing forward, and nobody else would see to it (P5).
        let forward = match self.state.phase {
            Phase::Documenting { .. } => false,
            Phase::Planned { .. } => true,
            _ => self.state.acted(),
        };
        let waiting = self.state.gap.as_ref().is_some_and(|gap| gap.lasted_ms.is_none());
        self.state.pull_seen.is_some() && forward && !self.state.goes_back() && !waiting
    }

    /// The current step's time is over. True if the deployment moved on.
    fn deadline(&mut self, words: &str, blind: bool, lingers: bool) -> bool {
        let Some(step) = self.state.step().cloned() else {
            return false;
        };
        match step.on_deadline {
            OnDeadline::Extend => {
                let allowed = self.plan().map_or(0, |plan| plan.service.watch.extensions);
                let used = self.state.run().map_or(0, |run| run.extensions);
                if used < allowed {
                    self.push(Event::StepExtended);
                    self.seek_in_the_watch(words);
                    return false;
                }
                self.give_up(&step, words, blind)
            }
            OnDeadline::Proceed if self.may_wait_on(&step, lingers) => {
                self.push(Event::StepExtended);
                false
            }
            OnDeadline::Proceed => {
                self.push(Event::StepLeft { words: words.into() });
                self.finish_runs();
                true
            }
            OnDeadline::Fail | OnDeadline::Error => self.give_up(&step, words, blind),
        }
    }

    /// What is to be cleared away and is still there, could not be looked at, or not be told to go
    /// for want of a lease: nobody comes after this to clear it away, so it is waited for as long as
    /// anything is (DESIGN §6).
    fn may_wait_on(&self, step: &Step, lingers: bool) -> bool {
        let clearing = matches!(
            self.state.phase,
            Phase::Documenting { .. } | Phase::Planned { failed: Some(_), .. }
        );
        let used = self.state.run().map_or(0, |run| u64::from(run.extensions) + 1);
        let time_left = used.saturating_mul(step.deadline_ms) < CLEAR_MAX_MS;
        clearing && time_left && (lingers || self.state.lease.is_none())
    }

    fn give_up(&mut self, step: &Step, words: &str, blind: bool) -> bool {
        let name = step.goal.name();
        let words = words.to_owned();
        let cause = match step.on_deadline {
            OnDeadline::Extend => Cause::Inconclusive { words },
            OnDeadline::Fail if !blind => Cause::Failed { step: name, words },
            OnDeadline::Fail | OnDeadline::Error | OnDeadline::Proceed => {
                Cause::Errored { step: name, words }
            }
        };
        match self.state.phase {
            Phase::Planned { failed: None, .. } => self.prepare_failed(cause),
            Phase::RollingBack { .. } => self.freeze(&cause.words()),
            Phase::Documenting { .. } | Phase::Planned { failed: Some(_), .. } => {
                self.push(Event::StepLeft { words: cause.words() });
            }
            _ => self.back(cause),
        }
        true
    }

    /// Begins the way back, unless one is under way.
    pub(super) fn back(&mut self, cause: Cause) {
        if !self.state.acted() {
            return;
        }
        let Some(plan) = self.plan() else { return };
        let steps = plan::back(&plan, self.state.old_stopped);
        self.push(Event::BackBegan { cause, steps });
        self.tell_back();
    }

    /// The preparation failed: whatever the rehearsal left is cleared away, then the ticket is held.
    pub(super) fn prepare_failed(&mut self, cause: Cause) {
        let Some(plan) = self.plan() else { return };
        let mut steps = Vec::new();
        if self.state.rehearsal_started {
            let stage = Stage::Prepare;
            let on_deadline = OnDeadline::Proceed;
            let deadline_ms = plan.service.drain_ms + 60_000;
            for goal in [Goal::Stopped(Which::Rehearsal), Goal::Removed(Which::Rehearsal)] {
                steps.push(Step { stage, goal, deadline_ms, on_deadline });
            }
        }
        self.push(Event::PrepareFailed { cause, steps });
        self.finish_runs();
    }

    pub(super) fn freeze(&mut self, words: &str) {
        self.push(Event::Froze { words: words.into() });
        self.tell_frozen();
    }

    /// What follows when a run has no step left.
    pub(super) fn finish_runs(&mut self) {
        let done = self.state.step().is_none();
        match &self.state.phase {
            Phase::Planned { failed: Some(cause), .. } if done => match cause.clone() {
                Cause::PulledBack { words } => self.withdraw(words),
                Cause::Aborted { by } => self.hold(&HoldCause::Aborted { by }),
                cause => self.hold(&HoldCause::Prepare { cause }),
            },
            Phase::RollingBack { .. } if done && on(Mutation::CloseWhatWentBack) => {
                self.push(Event::WatchPassed);
            }
            Phase::RollingBack { .. } if done => {
                self.push(Event::BackDone);
                self.tell_ended();
            }
            Phase::Watching { .. } if done || self.state.stage() == Some(Stage::Retire) => {
                self.push(Event::WatchPassed);
            }
            Phase::Deploying { .. } if self.state.step().is_some() => self.tell_start(),
            _ => {}
        }
    }

    /// Steps that confirm baseline-only harm against the old version, then the rest of the watch.
    pub(super) fn confirm(&mut self, words: String) {
        let Some(plan) = self.plan() else { return };
        let watch = &plan.service.watch;
        let half = match &plan.service.strategy {
            Strategy::Canary { steps } => steps.last().map_or(50, |step| step.weight),
            Strategy::BlueGreen | Strategy::Recreate => 50,
        };
        let stage = Stage::Watch;
        let step = |goal, deadline_ms, on_deadline| Step { stage, goal, deadline_ms, on_deadline };
        let observe = |seconds: u64| {
            let goal = Goal::Observed { seconds, min_requests: 0, whole: false };
            step(goal, seconds * 1_000 + 60_000, OnDeadline::Extend)
        };
        let steps = vec![
            step(Goal::Routed { new: half }, 30_000, OnDeadline::Error),
            observe(watch.last_stretch_seconds.max(crate::settings::floor::WATCH_SECONDS)),
            step(Goal::Routed { new: 100 }, 30_000, OnDeadline::Error),
            observe(watch.last_stretch_seconds),
        ];
        self.push(Event::ConfirmBegan { words, steps });
    }
}

/// Whether something of what is to leave is seen there. A host or keeper that is silent has been told
/// all that it can be told: what it has leaves when it is back.
fn still_there(goal: &Goal, plan: &Plan, view: &View) -> bool {
    let (Goal::Stopped(which) | Goal::Removed(which)) = goal else { return false };
    let (Some(release), Ok(target)) = (plan.release(*which), &view.target) else { return false };
    target.of(&release).any(|one| one.state != ReplicaState::Unknown)
}
