//! What must be done now, and what is waited for. From the state alone, never from the event just
//! written: that is why recovery needs no code of its own.

use std::sync::Arc;

use super::{
    act::{Act, LookOrder},
    letter::{About, Delivery, To},
    phase::Phase,
    sense::Sense,
    state::Deployment,
};
use crate::{
    id::{OpId, ReleaseId},
    judgement::Dossier,
    plan::{Goal, Stage},
    time::{BootMs, Now},
};

/// Pause between two readings of the ticket while users may be affected.
const TICKET_MS: u64 = 10_000;
/// The same while nothing has been done.
const TICKET_IDLE_MS: u64 = 30_000;
/// Pause between two looks at what was frozen or is leaving.
const SLOW_LOOK_MS: u64 = 2_000;

/// Something to be done. The engine does each at most once at a time.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Tell the deployment when its lock group is free.
    AwaitTurn,
    /// Gather the facts for the checks.
    Gather,
    /// Take the lease, or renew it.
    TakeLease,
    /// Give the lease back.
    GiveLease,
    /// Set space aside for the way back.
    Reserve,
    /// Do an act that is journaled as intended.
    Act {
        /// Its number.
        op: OpId,
        /// The act.
        act: Act,
    },
    /// Read the world back.
    Look(LookOrder),
    /// Ask a sense beside the door.
    Sense(Sense),
    /// Read the ticket.
    ReadTicket {
        /// Milliseconds between two readings.
        every_ms: u64,
    },
    /// Send a letter that is journaled as intended.
    Deliver {
        /// Its number.
        n: u32,
    },
    /// Ask a model.
    Judge(Arc<Dossier>),
    /// Look for a letter on the board.
    FindLetter {
        /// Its number.
        n: u32,
    },
}

/// What is waited for, until when, and what happens then (P9).
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a report that nobody reads explains nothing"]
pub struct Report {
    /// In words that fit «waiting until …».
    pub waiting_for: String,
    /// Milliseconds until the deadline; `None` if the wait ends by somebody's doing.
    pub left_ms: Option<u64>,
    /// What happens at the deadline.
    pub then: String,
}

/// The answer of [`owed`].
#[derive(Debug, Clone, PartialEq)]
pub struct Owed {
    /// To be done now.
    pub effects: Vec<Effect>,
    /// Boot time in milliseconds at which to ask again at the latest.
    pub wake_at: Option<BootMs>,
    /// What is waited for.
    pub report: Report,
}

/// What a deployment owes the world.
pub fn owed(state: &Deployment, now: &Now) -> Owed {
    Owed { effects: effects(state, now), wake_at: wake_at(state, now), report: report(state, now) }
}

/// What is to be done now, for those who do it and need no words.
pub fn effects(state: &Deployment, now: &Now) -> Vec<Effect> {
    let mut effects = Vec::new();
    match &state.phase {
        Phase::Queued { .. } => effects.push(Effect::AwaitTurn),
        Phase::Held { recheck, .. } if recheck.over(now) => effects.push(Effect::AwaitTurn),
        Phase::Checking { .. } if state.advice.sought.is_none() => effects.push(Effect::Gather),
        _ => {}
    }
    if state.wants_lease() {
        if state.lease.is_none() {
            effects.push(Effect::TakeLease);
        } else if !state.reserved {
            effects.push(Effect::Reserve);
        }
    } else if state.lease.is_some() {
        effects.push(Effect::GiveLease);
    }
    if let Some(op) = &state.op
        && op.outcome.is_none()
        && state.lease.is_some()
    {
        effects.push(Effect::Act { op: op.id, act: op.act.clone() });
    }
    let stepping = state.run().is_some() || matches!(state.phase, Phase::Frozen { .. });
    if stepping {
        effects.push(Effect::Look(state.look_order()));
        effects.extend(state.senses().into_iter().map(Effect::Sense));
    }
    if state.step().is_some_and(|step| step.goal == Goal::Rechecked)
        && matches!(state.phase, Phase::Planned { failed: None, .. })
        && state.lease.is_some()
        && state.halted.is_none()
    {
        effects.push(Effect::Gather);
    }
    if let Some(sought) = state.advice.sought.as_ref().filter(|_| state.seeks()) {
        effects.push(Effect::Judge(Arc::clone(&sought.dossier)));
    }
    if let Some(every_ms) = state.reads_ticket() {
        effects.push(Effect::ReadTicket { every_ms });
    }
    effects.extend(state.letter_effects(now));
    effects
}

impl Deployment {
    /// Whether its phase acts under a lease.
    pub(crate) fn wants_lease(&self) -> bool {
        matches!(
            self.phase,
            Phase::Planned { .. }
                | Phase::Deploying { .. }
                | Phase::Verifying { .. }
                | Phase::Watching { .. }
                | Phase::RollingBack { .. }
                | Phase::Frozen { .. }
                | Phase::Documenting { run: Some(_) }
        )
    }

    /// Whether the ticket must be read once more before it is closed.
    pub(crate) fn wants_close_confirmed(&self) -> bool {
        let recorded =
            self.outbox.iter().any(|letter| letter.about == About::Record && letter.written());
        matches!(self.phase, Phase::Documenting { run: None }) && recorded && !self.close_confirmed
    }

    fn reads_ticket(&self) -> Option<u64> {
        if !self.created.kind.by_ticket() {
            return None;
        }
        match &self.phase {
            Phase::Queued { .. } | Phase::Held { .. } => Some(TICKET_IDLE_MS),
            Phase::Documenting { run: None } if self.wants_close_confirmed() => Some(1_000),
            Phase::Planned { .. }
            | Phase::Deploying { .. }
            | Phase::Verifying { .. }
            | Phase::Watching { .. }
            | Phase::Soaking { .. }
            | Phase::Documenting { .. } => Some(TICKET_MS),
            Phase::Promoted
            | Phase::Checking { .. }
            | Phase::RollingBack { .. }
            | Phase::Closed
            | Phase::RolledBack { .. }
            | Phase::Frozen { .. }
            | Phase::Thawed { .. }
            | Phase::Withdrawn { .. }
            | Phase::KeptNotClosed { .. } => None,
        }
    }

    fn look_order(&self) -> LookOrder {
        let every_ms = self.plan.as_ref().map_or(SLOW_LOOK_MS, |plan| plan.service.health.every_ms);
        let goal = self.step().map(|step| &step.goal);
        let routed = self.plan.as_ref().is_some_and(|plan| plan.service.route.is_some());
        let watched = self.acted() && routed;
        LookOrder {
            signals_after: watched
                .then(|| self.watching.as_ref().map(|watching| watching.last_second))
                .flatten(),
            smoke: goal.and_then(|goal| match goal {
                Goal::Smoke(via) => Some(*via),
                _ => None,
            }),
            stored: goal.and_then(|goal| match goal {
                Goal::Stored(which) => self.plan.as_ref()?.spec(*which).map(|spec| spec.artifact),
                _ => None,
            }),
            every_ms: if matches!(self.phase, Phase::Frozen { .. }) {
                every_ms.max(SLOW_LOOK_MS)
            } else {
                every_ms
            },
        }
    }

    /// What is asked beside the door while users may be affected.
    fn senses(&self) -> Vec<Sense> {
        let acted = self.acted();
        let (Some(watching), Some(plan)) =
            (self.watching.as_ref().filter(|_| acted), self.plan.as_ref())
        else {
            return Vec::new();
        };
        let signals = plan.service.signals.iter().filter_map(|signal| {
            let after = watching.sensors.get(&signal.name)?.last;
            Some(Sense::Signal { signal: Box::new(signal.clone()), after })
        });
        let senses = plan.senses;
        let others = [
            senses.usage.then_some(Sense::Usage),
            senses.logs.then_some(Sense::Logs),
            senses.alerts.then_some(Sense::Alerts),
        ];
        signals.chain(others.into_iter().flatten()).collect()
    }

    /// Releases whose replicas are probed.
    pub fn probed_releases(&self) -> Vec<ReleaseId> {
        use crate::plan::Which;
        let Some(plan) = &self.plan else {
            return Vec::new();
        };
        let all = [Which::New, Which::Old, Which::Rehearsal];
        all.iter().filter_map(|which| plan.release(*which)).collect()
    }

    /// Letters of each lane that may move now: the first unwritten one for the planning board and
    /// the first for the meeting board, so that one board's silence does not hold up the other.
    pub(crate) fn due_letters(&self, now: &Now) -> Vec<u32> {
        let lane = |planning: bool| {
            self.owing()
                .find(|letter| matches!(letter.to, To::Post { .. }) != planning)
                .into_iter()
                .filter(|letter| match &letter.delivery {
                    Delivery::Owed { pause, .. } => {
                        pause.as_ref().is_none_or(|pause| pause.over(now))
                    }
                    Delivery::Sent { pause, .. } => pause.over(now),
                    Delivery::Intended { .. } => true,
                    Delivery::Written | Delivery::Dropped => false,
                })
                .map(|letter| letter.n)
                .next()
        };
        lane(true).into_iter().chain(lane(false)).collect()
    }

    fn letter_effects(&self, now: &Now) -> Vec<Effect> {
        let mut effects = Vec::new();
        for n in self.due_letters(now) {
            let Some(letter) = self.outbox.iter().find(|letter| letter.n == n) else {
                continue;
            };
            match letter.delivery {
                Delivery::Intended { .. } => effects.push(Effect::Deliver { n }),
                Delivery::Sent { .. } => effects.push(Effect::FindLetter { n }),
                // `decide` makes the intent first; a tick is enough for that.
                Delivery::Owed { .. } | Delivery::Written | Delivery::Dropped => {}
            }
        }
        effects
    }
}

/// When to ask again at the latest.
pub fn wake_at(state: &Deployment, now: &Now) -> Option<BootMs> {
    let mut times = Vec::new();
    match &state.phase {
        Phase::Queued { recheck } | Phase::Held { recheck, .. } => times.push(recheck.ends()),
        Phase::Checking { deadline } => times.push(deadline.ends()),
        Phase::Soaking { until } => times.push(until.ends()),
        Phase::Frozen { healthy: Some(since), .. } => times.push(since.ends()),
        _ => {}
    }
    if let Some(run) = state.run() {
        times.push(run.deadline.ends().saturating_add(5_000));
    }
    if let Some(halt) = &state.halted {
        times.push(halt.bound.ends());
    }
    if let Some(sought) = state.advice.sought.as_ref().filter(|_| state.seeks()) {
        times.push(sought.until.ends());
    }
    for letter in state.owing() {
        match &letter.delivery {
            Delivery::Owed { pause: Some(pause), .. } | Delivery::Sent { pause, .. } => {
                times.push(pause.ends());
            }
            Delivery::Owed { pause: None, .. }
            | Delivery::Intended { .. }
            | Delivery::Written
            | Delivery::Dropped => {}
        }
    }
    // What is due already was done in this turn or waits for an answer: an alarm for it would ring
    // again and again until that answer comes.
    times.into_iter().filter(|at| *at > now.ms).min()
}

fn report(state: &Deployment, now: &Now) -> Report {
    let say = |waiting_for: String, left_ms, then: &str| Report {
        waiting_for,
        left_ms,
        then: then.to_owned(),
    };
    if let Some(halt) = &state.halted {
        let then = if state.acted() { "it rolls back" } else { "it is held" };
        let by = crate::record::person(&halt.by);
        return say(
            format!("somebody resumes it ({by} halted it)"),
            Some(halt.bound.left(now)),
            then,
        );
    }
    match &state.phase {
        Phase::Queued { recheck } => {
            let group = &state.created.group;
            say(
                format!("it is its turn in {group}"),
                Some(recheck.left(now)),
                "it is looked at again",
            )
        }
        Phase::Checking { .. } if state.advice.sought.is_some() => {
            let sought = state.advice.sought.as_ref();
            say(
                "the model has judged it".into(),
                sought.map(|sought| sought.until.left(now)),
                if state.advice.terms.is_some_and(|terms| terms.required) {
                    "it is held"
                } else {
                    "it goes on without a judgement"
                },
            )
        }
        Phase::Checking { deadline } => {
            say("the checks have run".into(), Some(deadline.left(now)), "it is held")
        }
        Phase::Held { cause, recheck } => say(
            format!("the cause of the hold is gone: {}", cause.words()),
            Some(recheck.left(now)),
            "the checks run again",
        ),
        Phase::Frozen { words, healthy: None, .. } => say(
            format!("one version serves healthy ({words})"),
            None,
            "the lock group stays blocked; see the remedy on the ticket",
        ),
        Phase::Frozen { healthy: Some(since), .. } => say(
            "one version has served healthy for long enough".into(),
            Some(since.left(now)),
            "the lock group is free again",
        ),
        Phase::Soaking { until } => say(
            "its time on this stage is over".into(),
            Some(until.left(now)),
            "the next stage gets a deployment of its own",
        ),
        Phase::Documenting { run: None } => say(
            "the record stands on the ticket and it is closed".into(),
            None,
            "it is tried again",
        ),
        _ if state.ended() => say("nothing: it has ended".into(), None, "nothing"),
        _ if state.at_rest() => {
            say("all its words stand on the boards".into(), None, "they are tried again")
        }
        _ => step_report(state, now),
    }
}

fn step_report(state: &Deployment, now: &Now) -> Report {
    let left_ms = state.run().map(|run| run.deadline.left(now));
    let waiting_for =
        state.step().map_or_else(|| "the next step begins".to_owned(), |step| step.goal.words());
    let back = matches!(state.phase, Phase::RollingBack { .. });
    let then = match state.step().map(|step| (step.on_deadline, step.stage)) {
        _ if back => "the lock group freezes and a person is called",
        Some((crate::plan::OnDeadline::Proceed, _)) | None => "the next step begins",
        Some((_, Stage::Prepare)) => "it is held, nothing was touched",
        Some((crate::plan::OnDeadline::Extend, _)) => {
            "it is extended a bounded number of times, then it rolls back"
        }
        Some(_) => "it rolls back",
    };
    Report { waiting_for, left_ms, then: then.to_owned() }
}
