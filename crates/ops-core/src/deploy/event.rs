//! What happened to a deployment. The journal holds these, and nothing else makes its state.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    act::{Act, Outcome},
    cause::{Cause, HoldCause},
    letter::{About, News, To},
    state::Created,
};
use crate::{
    checks::Checklist,
    id::{Digest, Generation, Identity, OpId},
    judgement::{Answer, Dossier, Terms},
    plan::{Plan, Step},
    reading::{LogReading, Reading, Usage},
    settings::People,
    signal::SignalSecond,
    ticket::Ticket,
};

/// One thing that happened. Durable before anything is done because of it (P5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The deployment exists.
    Created(Box<Created>),
    /// The machine was rebooted: all waits begin anew (S18).
    Rearmed,
    /// The daemon was restarted: what was under way is now unknown.
    Restarted,
    /// It is its turn.
    CheckingBegan,
    /// The checks ran.
    Checked {
        /// All of them.
        checklist: Arc<Checklist>,
        /// The ticket as it was read.
        ticket: Option<Arc<Ticket>>,
        /// Who was who then.
        people: Option<Arc<People>>,
        /// The candidate, as far as it could be told.
        candidate: Option<Digest>,
    },
    /// It waits for something to change.
    Held {
        /// For what.
        cause: HoldCause,
        /// Milliseconds until it looks again by itself.
        recheck_ms: u64,
    },
    /// All checks passed.
    Planned {
        /// What will be done.
        plan: Arc<Plan>,
        /// Its hash.
        hash: Digest,
    },
    /// Somebody else acts in this lock group: back to the queue.
    Requeued {
        /// Who, in words.
        holder: String,
    },
    /// The lease is ours.
    LeaseTaken {
        /// Its generation.
        generation: Generation,
    },
    /// The lease is not ours any more.
    LeaseLost {
        /// How that was learnt.
        words: String,
    },
    /// The space that a way back needs is set aside.
    Reserved,
    /// The current step's goal was seen.
    StepDone,
    /// The current step got more time (S5).
    StepExtended,
    /// The current step's time was over, and the deployment goes on without it.
    StepLeft {
        /// What was seen last.
        words: String,
    },
    /// An act is about to be done.
    OpIntended {
        /// Its number.
        op: OpId,
        /// The act.
        act: Act,
    },
    /// An act ended.
    OpEnded {
        /// Its number.
        op: OpId,
        /// How.
        outcome: Outcome,
    },
    /// Signals were read.
    Seen {
        /// Whole seconds, only the arms of this deployment.
        seconds: Vec<SignalSecond>,
    },
    /// A service without a door was seen alive.
    Beat,
    /// A declared signal was read.
    SignalRead {
        /// Its name.
        name: String,
        /// Windows that were not told before.
        readings: Vec<Reading>,
    },
    /// A declared signal could not be read.
    SignalLost {
        /// Its name.
        name: String,
        /// Why.
        words: String,
    },
    /// It was read what replicas take of their machines.
    Used {
        /// Replicas of this deployment's releases.
        usage: Vec<Usage>,
    },
    /// It was read what replicas log.
    Logged {
        /// Templates and counts (P13).
        reading: LogReading,
    },
    /// Other alerts fire than before.
    Alerted {
        /// Their names.
        names: Vec<String>,
    },
    /// Somebody reported something wrong with what it brings.
    Concerned {
        /// What, in words of ops.
        words: String,
    },
    /// Harm that only the baseline shows is confirmed against the old version.
    ConfirmBegan {
        /// What was seen.
        words: String,
        /// The steps of the confirmation, then of the rest of the watch.
        steps: Vec<Step>,
    },
    /// The preparation failed; what it left is cleared away.
    PrepareFailed {
        /// Why.
        cause: Cause,
        /// What clears it away.
        steps: Vec<Step>,
    },
    /// The way back began.
    BackBegan {
        /// Why.
        cause: Cause,
        /// The way.
        steps: Vec<Step>,
    },
    /// The way back was walked and read back.
    BackDone,
    /// The way back failed (S11).
    Froze {
        /// Why.
        words: String,
    },
    /// While frozen: one version is healthy since now, or not any more.
    Healing {
        /// Whether it is.
        healthy: bool,
        /// Whether it is the new one: nothing else was healthy.
        #[serde(default)]
        new: bool,
    },
    /// The frozen lock group was read back healthy for long enough.
    Thawed,
    /// Somebody has taken note of the frozen group.
    Acknowledged {
        /// Who.
        by: Identity,
    },
    /// The whole watch passed.
    WatchPassed,
    /// The lease was given back.
    LeaseReleased,
    /// Words are owed.
    LetterQueued {
        /// To whom.
        to: To,
        /// About what.
        about: About,
        /// The text, marker included.
        body: String,
        /// What kind of news it is.
        #[serde(default, skip_serializing_if = "News::is_alone")]
        news: News,
    },
    /// A letter is about to be sent.
    LetterIntended {
        /// Its number.
        n: u32,
    },
    /// A letter was sent, or perhaps.
    LetterSent {
        /// Its number.
        n: u32,
        /// Whether the board said yes.
        sure: bool,
    },
    /// A letter certainly did not go out.
    LetterRefused {
        /// Its number.
        n: u32,
        /// Why.
        words: String,
    },
    /// A letter is not wanted any more.
    LetterDropped {
        /// Its number.
        n: u32,
        /// Why.
        words: String,
    },
    /// A letter was looked for and not found.
    LetterMissed {
        /// Its number.
        n: u32,
    },
    /// A letter was read back.
    LetterWritten {
        /// Its number.
        n: u32,
    },
    /// The ticket looks pulled back, once.
    PullSeen {
        /// What was seen.
        words: String,
    },
    /// It does not any more.
    PullGone,
    /// It was read before users can notice anything, and asks for the same as at the checks.
    TicketStays,
    /// The ticket still wants to be closed, read right before the move.
    Confirmed,
    /// Forward acts stop.
    Halted {
        /// Who.
        by: Identity,
    },
    /// They go on.
    Resumed {
        /// Who.
        by: Identity,
    },
    /// Abort was asked for while an act was under way.
    AbortNoted {
        /// Who.
        by: Identity,
    },
    /// The ticket was pulled back before anything was done.
    Withdrawn {
        /// What was seen.
        words: String,
    },
    /// The record stands on the ticket of a stage that is not the last one.
    SoakBegan {
        /// Seconds that it stays there.
        seconds: u64,
    },
    /// Its time on this stage is over.
    Promoted,
    /// The ticket was pulled back after the watch (S13).
    KeptNotClosed {
        /// What was seen.
        words: String,
    },
    /// Done, recorded, closed.
    Closed,
    /// A model is to be asked.
    JudgementSought {
        /// What it is shown.
        dossier: Arc<Dossier>,
        /// Under which terms.
        terms: Terms,
    },
    /// It was asked.
    Judged {
        /// What came of it.
        answer: Arc<Answer>,
    },
    /// A named person has answered its halt.
    Answered {
        /// Who.
        by: Identity,
        /// In their words.
        words: String,
    },
}

impl Event {
    /// The event's name, as in the journal.
    pub fn name(&self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|value| value.get("event").and_then(|name| name.as_str().map(str::to_owned)))
            .unwrap_or_default()
    }
}
