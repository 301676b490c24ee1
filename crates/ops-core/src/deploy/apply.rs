//! Lets an event happen to a deployment. Total: every event that `decide` makes can be applied,
//! and nothing here chooses.

use std::sync::Arc;

use super::{
    SETTLE_MS,
    act::{Act, Op, Outcome},
    event::Event,
    letter::{About, Delivery, Letter},
    phase::Phase,
    state::{Deployment, Gap, Halt, Milestone, Run, Times},
    watching::Watching,
};
use crate::{
    id::Digest,
    plan::{Goal, Plan, Stage, Step, Via, Which},
    time::{Now, Timer},
};

/// Pause before a letter that did not arrive is sent again, and its upper bound.
const LETTER_PAUSE_MS: u64 = 5_000;
const LETTER_PAUSE_MAX_MS: u64 = 300_000;
/// Pause before a letter that was perhaps sent is looked for: a slow board may still write it.
pub(super) const LETTER_LATE_MS: u64 = 10_000;

impl Deployment {
    /// Applies one event that happened at `now`.
    pub fn apply(&mut self, event: &Event, now: &Now) {
        match event {
            Event::LetterQueued { .. }
            | Event::LetterIntended { .. }
            | Event::LetterSent { .. }
            | Event::LetterRefused { .. }
            | Event::LetterMissed { .. }
            | Event::LetterWritten { .. }
            | Event::LetterDropped { .. } => self.apply_letter(event, now),
            Event::CheckingBegan
            | Event::Held { .. }
            | Event::Planned { .. }
            | Event::Requeued { .. }
            | Event::ConfirmBegan { .. }
            | Event::PrepareFailed { .. }
            | Event::BackBegan { .. }
            | Event::BackDone
            | Event::Froze { .. }
            | Event::Healing { .. }
            | Event::Acknowledged { .. }
            | Event::Thawed
            | Event::WatchPassed
            | Event::Withdrawn { .. }
            | Event::KeptNotClosed { .. }
            | Event::SoakBegan { .. }
            | Event::Promoted
            | Event::Closed => self.apply_phase(event, now),
            _ => self.apply_work(event, now),
        }
        self.last = now.clone();
    }

    /// Words owed and written.
    fn apply_letter(&mut self, event: &Event, now: &Now) {
        match event {
            Event::LetterQueued { to, about, body, news } => self.outbox.push(Letter {
                n: self.outbox.len() as u32 + 1,
                to: to.clone(),
                about: *about,
                body: body.clone(),
                news: *news,
                delivery: Delivery::Owed { pause: None, tries: 0 },
            }),
            Event::LetterIntended { n } => self.letter(*n, |delivery| {
                let Delivery::Owed { tries, .. } = *delivery else {
                    return;
                };
                *delivery = Delivery::Intended { tries: tries + 1 };
            }),
            Event::LetterSent { n, sure } => {
                let wait = if *sure { 0 } else { LETTER_LATE_MS };
                self.letter(*n, |delivery| {
                    let Delivery::Intended { tries } = *delivery else {
                        return;
                    };
                    *delivery = Delivery::Sent { pause: Timer::start(now, wait), misses: 0, tries };
                });
            }
            Event::LetterRefused { n, .. } => self.letter(*n, |delivery| {
                let Delivery::Intended { tries } = *delivery else {
                    return;
                };
                *delivery = Delivery::Owed { pause: Some(letter_pause(now, tries)), tries };
            }),
            Event::LetterMissed { n } => self.letter(*n, |delivery| {
                let Delivery::Sent { misses, tries, .. } = *delivery else {
                    return;
                };
                *delivery = if misses == 0 {
                    Delivery::Sent { pause: Timer::start(now, LETTER_LATE_MS), misses: 1, tries }
                } else {
                    Delivery::Owed { pause: Some(letter_pause(now, tries)), tries }
                };
            }),
            Event::LetterDropped { n, words } => {
                self.note(now, words.clone());
                self.letter(*n, |delivery| *delivery = Delivery::Dropped);
            }
            Event::LetterWritten { n } => self.letter(*n, |delivery| *delivery = Delivery::Written),
            _ => {}
        }
    }

    /// From phase to phase.
    fn apply_phase(&mut self, event: &Event, now: &Now) {
        self.advice.sought = None;
        match event {
            Event::CheckingBegan => {
                self.phase = Phase::Checking { deadline: Timer::start(now, super::CHECK_MS) };
            }
            Event::Held { cause, recheck_ms } => {
                self.told.insert(cause.key());
                self.held_on = Some(cause.clone());
                self.unplan();
                self.leave_run();
                self.phase =
                    Phase::Held { cause: cause.clone(), recheck: Timer::start(now, *recheck_ms) };
            }
            Event::Planned { plan, hash } => self.planned(plan, hash, now),
            Event::Requeued { .. } => {
                self.unplan();
                self.leave_run();
                self.phase = Phase::Queued { recheck: Timer::start(now, super::QUEUE_RECHECK_MS) };
            }
            Event::ConfirmBegan { words, steps } => self.confirm_began(words, steps, now),
            Event::PrepareFailed { cause, steps } => {
                let failed = Some(cause.clone());
                self.enter(Some(steps.clone()), 0, now, |run| Phase::Planned { run, failed });
            }
            Event::BackBegan { cause, steps } => {
                self.note(now, format!("rolling back: {}", cause.words()));
                self.halted = None;
                self.abort = None;
                self.decided_back_at = Some(now.ms);
                self.times.back = Some(now.wall);
                let cause = cause.clone();
                self.enter(Some(steps.clone()), 0, now, |run| Phase::RollingBack { run, cause });
            }
            Event::BackDone => self.back_done(now),
            Event::Froze { words } => self.froze(words, now),
            Event::Healing { healthy, new } => {
                if let Phase::Frozen { healthy: since, new: serves, .. } = &mut self.phase {
                    *since = healthy.then(|| Timer::start(now, super::THAW_MS));
                    *serves = *new;
                }
            }
            Event::Acknowledged { by } => self.acknowledged(by),
            Event::Thawed => {
                let new = matches!(self.phase, Phase::Frozen { healthy: Some(_), new: true, .. });
                if let Some(cause) = self.cause().cloned() {
                    self.times.restored = Some(now.wall);
                    self.phase = Phase::Thawed { cause, new };
                }
            }
            Event::WatchPassed => self.watch_passed(now),
            Event::Withdrawn { words } => {
                self.leave_run();
                let serves =
                    matches!(self.phase, Phase::Soaking { .. } | Phase::Documenting { .. });
                self.phase = Phase::Withdrawn { words: words.clone(), serves };
            }
            Event::KeptNotClosed { words } => self.kept(words),
            Event::SoakBegan { seconds } => {
                self.note(now, "recorded, soaking".into());
                let until = Timer::start(now, seconds.saturating_mul(1_000));
                self.pull_seen = None;
                self.phase = Phase::Soaking { until };
            }
            Event::Promoted => self.phase = Phase::Promoted,
            Event::Closed => {
                self.times.closed = Some(now.wall);
                self.phase = Phase::Closed;
            }
            _ => {}
        }
    }

    fn kept(&mut self, words: &str) {
        for letter in &mut self.outbox {
            if letter.about == About::Close && !letter.written() {
                letter.delivery = Delivery::Dropped;
            }
        }
        self.phase = Phase::KeptNotClosed { words: words.into() };
    }

    fn acknowledged(&mut self, by: &crate::id::Identity) {
        if let Phase::Frozen { acknowledged, .. } = &mut self.phase {
            *acknowledged = Some(by.clone());
        }
    }

    fn confirm_began(&mut self, words: &str, steps: &[Step], now: &Now) {
        self.confirmations += 1;
        if let Some(watching) = &mut self.watching {
            watching.judge.restart_baseline();
        }
        self.note(now, format!("{words}: confirming against the previous version"));
        self.enter(Some(steps.to_vec()), 0, now, |run| Phase::Watching { run });
    }

    /// Within a phase: steps, acts, leases, people.
    fn apply_work(&mut self, event: &Event, now: &Now) {
        match event {
            Event::Created(_) => {}
            Event::Rearmed => self.rearm(now),
            Event::Restarted => self.restarted(now),
            Event::Checked { checklist, ticket, people, candidate } => {
                self.people.clone_from(people);
                self.checklist = Some(Arc::clone(checklist));
                self.ticket.clone_from(ticket);
                self.candidate.clone_from(candidate);
                self.checked += 1;
                self.read_at = Some(now.clone());
            }
            Event::LeaseTaken { generation } => self.lease = Some(*generation),
            Event::LeaseLost { .. } | Event::LeaseReleased => {
                self.lease = None;
                self.reserved = false;
            }
            Event::Reserved => self.reserved = true,
            Event::StepDone => self.step_done(now),
            Event::StepExtended => self.step_extended(now),
            Event::StepLeft { words } => {
                let name = self.step().map(|step| step.goal.words()).unwrap_or_default();
                self.note(now, format!("gave up waiting until {name}: {words}"));
                self.next_step(now);
            }
            Event::OpIntended { op, act } => self.op_intended(*op, act, now),
            Event::OpEnded { op, outcome } => self.op_ended(*op, outcome, now),
            Event::Seen { seconds } => self.seen(seconds),
            Event::SignalRead { .. }
            | Event::SignalLost { .. }
            | Event::Used { .. }
            | Event::Logged { .. }
            | Event::Alerted { .. } => self.sensed(event, now),
            Event::Beat => self.beat(now),
            Event::Concerned { words } => {
                if let Some(watching) = &mut self.watching {
                    watching.reported(words.clone());
                }
            }
            Event::PullSeen { words } => self.pull_seen = Some(words.clone()),
            Event::PullGone => self.pull_seen = None,
            Event::TicketStays => self.read_at = Some(now.clone()),
            Event::Confirmed => self.close_confirmed = true,
            Event::Halted { by } => {
                self.note(now, format!("halted by {}", crate::record::person(by)));
                self.halted =
                    Some(Halt { by: by.clone(), bound: Timer::start(now, super::HALT_MS) });
            }
            Event::Resumed { by } => {
                self.note(now, format!("resumed by {}", crate::record::person(by)));
                self.resumed(now);
            }
            Event::AbortNoted { by } => self.abort = Some(by.clone()),
            Event::JudgementSought { dossier, terms } => self.sought(dossier, *terms, now),
            Event::Judged { answer } => self.judged(answer, now),
            Event::Answered { by, words } => self.answered(by, words, now),
            _ => {}
        }
    }

    pub(super) fn note(&mut self, now: &Now, words: String) {
        self.milestones.push(Milestone { at: now.wall, words });
    }

    fn letter(&mut self, n: u32, change: impl FnOnce(&mut Delivery)) {
        if let Some(letter) = self.outbox.iter_mut().find(|letter| letter.n == n) {
            change(&mut letter.delivery);
        }
    }

    fn froze(&mut self, words: &str, now: &Now) {
        let Some(cause) = self.cause().cloned() else { return };
        self.note(now, format!("the way back failed: {words}"));
        self.leave_run();
        let words = words.to_owned();
        let since = Timer::start(now, 0);
        self.phase =
            Phase::Frozen { cause, words, healthy: None, new: false, acknowledged: None, since };
    }

    fn back_done(&mut self, now: &Now) {
        let Some(cause) = self.cause().cloned() else { return };
        self.note(now, "the previous state serves again".into());
        self.times.restored = Some(now.wall);
        self.leave_run();
        self.phase = match cause {
            super::Cause::PulledBack { words } => Phase::Withdrawn { words, serves: false },
            cause => Phase::RolledBack { cause },
        };
    }

    fn leave_run(&mut self) {
        self.op = None;
        self.abort = None;
    }

    fn unplan(&mut self) {
        self.plan = None;
        self.plan_hash = None;
    }

    fn planned(&mut self, plan: &Arc<Plan>, hash: &Digest, now: &Now) {
        self.note(now, format!("all checks passed, plan {}", hash.short()));
        self.plan = Some(Arc::clone(plan));
        self.plan_hash = Some(hash.clone());
        self.told.clear();
        self.held_on = None;
        self.created.tickets.clone_from(&plan.tickets);
        self.created.service = plan.service.name.clone();
        self.created.environment = plan.environment.clone();
        self.created.group.clone_from(&plan.group);
        self.rehearsal_started = false;
        self.started = false;
        self.started_at = None;
        self.rehearsed_at = None;
        self.on_traffic = false;
        self.old_stopped = false;
        self.times = Times::default();
        self.watching = None;
        self.confirmations = 0;
        self.enter(None, 0, now, |run| Phase::Planned { run, failed: None });
    }

    pub(super) fn enter(
        &mut self,
        own: Option<Vec<Step>>,
        at: usize,
        now: &Now,
        phase: impl FnOnce(Run) -> Phase,
    ) {
        self.op = None;
        let run = Run {
            own,
            at,
            deadline: Timer::start(now, 0),
            extensions: 0,
            tries: 0,
            restarts: 0,
            seconds: 0,
            requests: 0,
        };
        self.phase = phase(run);
        self.arm_step(now);
    }

    fn arm_step(&mut self, now: &Now) {
        let length = self.step().map_or(0, |step| step.deadline_ms);
        if let Some(run) = self.run_mut() {
            run.deadline = Timer::start(now, length);
        }
    }

    /// How long the way back takes until the previous version answers, as it was just seen.
    fn rehearsed(&mut self, now: &Now, plan: &Plan) {
        let (Some(at), Some(old)) = (self.rehearsed_at, &plan.old) else { return };
        let seconds = now.ms.saturating_sub(at) as f64 / 1_000.0;
        let version = &old.candidate.version;
        self.note(now, format!("rehearsed the way back: {version} answered after {seconds:.1} s"));
    }

    fn step_done(&mut self, now: &Now) {
        if let (Some(step), Some(plan)) = (self.step().cloned(), self.plan.clone()) {
            let switching = matches!(step.goal, Goal::Routed { .. } | Goal::Smoke(Via::Replicas));
            if switching && self.cause().is_none() {
                let began = self.run().map_or(now.ms, |run| run.deadline.since);
                self.switch_ms += now.ms.saturating_sub(began);
            }
            match &step.goal {
                Goal::Healthy(Which::New, _) => {
                    self.start_ms = self.started_at.map(|at| now.ms.saturating_sub(at));
                    if plan.service.route.is_none() && self.watching.is_none() {
                        self.watching = Some(Box::new(Watching::begin(&plan, now.ms / 1_000)));
                    }
                }
                Goal::Healthy(Which::Rehearsal, _) => self.rehearsed(now, &plan),
                Goal::Routed { new } => {
                    self.note(now, format!("{new} % of the traffic on the new version"));
                    if let Some(gap) = &mut self.gap
                        && gap.lasted_ms.is_none()
                    {
                        gap.lasted_ms = Some(now.ms.saturating_sub(gap.limit.since));
                    }
                }
                _ => {}
            }
        }
        self.next_step(now);
    }

    fn next_step(&mut self, now: &Now) {
        self.op = None;
        let Some(run) = self.run_mut() else { return };
        run.at += 1;
        run.extensions = 0;
        run.tries = 0;
        run.seconds = 0;
        run.requests = 0;
        self.arm_step(now);
        if matches!(self.phase, Phase::Documenting { .. }) && self.step().is_none() {
            self.phase = Phase::Documenting { run: None };
        }
        self.follow_stage();
    }

    /// The phase is the stage of the current step, until the watch is over.
    fn follow_stage(&mut self) {
        let Some(stage) = self.stage() else { return };
        let placeholder = Phase::Closed;
        self.phase = match (std::mem::replace(&mut self.phase, placeholder), stage) {
            (Phase::Planned { run, failed: None }, Stage::Deploy) => Phase::Deploying { run },
            (Phase::Deploying { run }, Stage::Verify) => Phase::Verifying { run },
            (Phase::Verifying { run }, Stage::Watch) => Phase::Watching { run },
            (phase, _) => phase,
        };
    }

    fn step_extended(&mut self, now: &Now) {
        if let Some(run) = self.run_mut() {
            run.extensions += 1;
            run.tries = 0;
        }
        self.arm_step(now);
    }

    fn op_intended(&mut self, id: crate::id::OpId, act: &Act, now: &Now) {
        let goal = self.step().map_or(Goal::Announced, |step| step.goal.clone());
        // A route that the door may undo by itself takes the number after its own for that.
        let numbers = if act.leaves_order() { 2 } else { 1 };
        self.next_op = self.next_op.max(id.0 + numbers);
        self.op = Some(Op {
            id,
            act: act.clone(),
            goal,
            outcome: None,
            settle: Timer::start(now, SETTLE_MS),
        });
        if let Some(run) = self.run_mut() {
            run.tries += 1;
        }
        let Some(plan) = self.plan.clone() else {
            return;
        };
        match act {
            Act::Start { spec } if spec.release == plan.new.spec.release => {
                self.started = true;
                self.started_at.get_or_insert(now.ms);
            }
            Act::Start { spec } if plan.release(Which::Rehearsal) == Some(spec.release.clone()) => {
                self.rehearsal_started = true;
                self.rehearsed_at.get_or_insert(now.ms);
            }
            Act::Stop { release, .. } if plan.release(Which::Old).as_ref() == Some(release) => {
                self.old_stopped = true;
            }
            Act::SetRoute { route } if route.hold.is_some() => self.gap_began(&plan, now),
            Act::SetRoute { route } if route.weight_of(&plan.new.spec.release) > 0 => {
                self.on_traffic = true;
                self.times.traffic.get_or_insert(now.wall);
                if self.watching.is_none() {
                    let from = (now.ms / 1_000).saturating_sub(1);
                    self.watching = Some(Box::new(Watching::begin(&plan, from)));
                }
            }
            _ => {}
        }
    }

    fn gap_began(&mut self, plan: &Plan, now: &Now) {
        if self.gap.as_ref().is_none_or(|gap| gap.lasted_ms.is_some()) {
            let limit = Timer::start(now, plan.service.gap_limit_ms);
            self.gap = Some(Gap { limit, lasted_ms: None });
        }
    }

    fn op_ended(&mut self, id: crate::id::OpId, outcome: &Outcome, now: &Now) {
        if let Some(op) = &mut self.op
            && op.id == id
        {
            op.outcome = Some(outcome.clone());
            op.settle = Timer::start(now, SETTLE_MS);
        }
        // One that is said to be done is not believed either until it is seen.
        if matches!(outcome, Outcome::Unknown { .. } | Outcome::Applied) {
            self.start_is_unknown(now);
        }
    }

    fn watch_passed(&mut self, now: &Now) {
        if self.plan.is_some() {
            self.note(now, "the watch passed".into());
        }
        self.times.passed = Some(now.wall);
        self.halted = None;
        self.abort = None;
        let first = self
            .plan
            .as_ref()
            .and_then(|plan| plan.steps.iter().position(|step| step.stage == Stage::Retire));
        match first {
            Some(at) => self.enter(None, at, now, |run| Phase::Documenting { run: Some(run) }),
            None => self.phase = Phase::Documenting { run: None },
        }
    }

    fn resumed(&mut self, now: &Now) {
        self.halted = None;
        if matches!(self.phase, Phase::Held { .. }) {
            self.phase = Phase::Queued { recheck: Timer::start(now, super::QUEUE_RECHECK_MS) };
        } else {
            // The time of the halt was not the step's fault.
            self.arm_step(now);
        }
    }
}

fn letter_pause(now: &Now, tries: u32) -> Timer {
    let doubled = LETTER_PAUSE_MS.saturating_mul(1 << tries.min(10));
    Timer::start(now, doubled.min(LETTER_PAUSE_MAX_MS))
}
