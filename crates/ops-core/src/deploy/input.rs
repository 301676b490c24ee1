//! What can come in from outside, and why it may be refused.

use super::{
    act::{Outcome, View},
    sense::Sensed,
};
use crate::{
    checks::Facts,
    id::{DeploymentId, Digest, Generation, Identity, OpId},
    judgement::{Answer, Point},
    ticket::Ticket,
    world::Fault,
};

/// An input. Halt, abort and answers are inputs like any other.
#[derive(Debug, Clone)]
pub enum Input {
    /// Time has passed.
    Tick,
    /// The daemon was started; whatever was under way is unknown.
    Restarted,
    /// The lock group is free, and this deployment is next.
    Turn,
    /// The facts for the checks.
    Facts(Box<Facts>),
    /// The answer to a lease.
    Lease(LeaseAnswer),
    /// Space was set aside, or not.
    Reserved(Result<(), String>),
    /// An act ended.
    OpEnded {
        /// Its number.
        op: OpId,
        /// How.
        outcome: Outcome,
    },
    /// A look ended.
    Looked(Box<View>),
    /// A sense beside the door was asked.
    Sensed(Box<Sensed>),
    /// The ticket was read.
    TicketRead(Result<Option<Box<Ticket>>, Fault>),
    /// A letter was sent, or not.
    LetterEnded {
        /// Its number.
        n: u32,
        /// How.
        outcome: Outcome,
    },
    /// A letter was looked for.
    LetterLooked {
        /// Its number.
        n: u32,
        /// Whether it stands on the board.
        found: Result<bool, Fault>,
    },
    /// Somebody halts forward acts.
    Halt {
        /// Who.
        by: Identity,
    },
    /// Somebody lets them go on.
    Resume {
        /// Who.
        by: Identity,
    },
    /// Somebody wants it taken back.
    Abort {
        /// Who.
        by: Identity,
    },
    /// Somebody has taken note of a frozen group.
    Acknowledge {
        /// Who.
        by: Identity,
    },
    /// Somebody reports something wrong with what it brings.
    Reported {
        /// What, in words of ops.
        words: String,
    },
    /// Another deployment has taken its place, or is about to (S11, S12).
    Superseded {
        /// Which.
        by: DeploymentId,
    },
    /// A model was asked.
    Judged {
        /// When.
        point: Point,
        /// About which dossier.
        key: Digest,
        /// What came of it.
        answer: Answer,
    },
    /// A named person answers its halt.
    Answer {
        /// Who.
        by: Identity,
        /// In their words.
        words: String,
    },
}

/// What the journal said of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseAnswer {
    /// It is ours.
    Taken(Generation),
    /// Somebody else has it.
    HeldBy(String),
    /// It could not be asked.
    Failed(String),
    /// It ran out or was taken.
    Lost(String),
    /// It was given back.
    Released,
}

impl Input {
    /// The names of all inputs, for tables.
    pub const NAMES: [&'static str; 20] = [
        "tick",
        "restarted",
        "turn",
        "facts",
        "lease",
        "reserved",
        "op-ended",
        "looked",
        "sensed",
        "ticket-read",
        "letter-ended",
        "letter-looked",
        "halt",
        "resume",
        "abort",
        "acknowledge",
        "reported",
        "superseded",
        "judged",
        "answer",
    ];

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Tick => "tick",
            Self::Restarted => "restarted",
            Self::Turn => "turn",
            Self::Facts(_) => "facts",
            Self::Lease(_) => "lease",
            Self::Reserved(_) => "reserved",
            Self::OpEnded { .. } => "op-ended",
            Self::Looked(_) => "looked",
            Self::Sensed(_) => "sensed",
            Self::TicketRead(_) => "ticket-read",
            Self::LetterEnded { .. } => "letter-ended",
            Self::LetterLooked { .. } => "letter-looked",
            Self::Halt { .. } => "halt",
            Self::Resume { .. } => "resume",
            Self::Abort { .. } => "abort",
            Self::Acknowledge { .. } => "acknowledge",
            Self::Reported { .. } => "reported",
            Self::Superseded { .. } => "superseded",
            Self::Judged { .. } => "judged",
            Self::Answer { .. } => "answer",
        }
    }
}

/// Why an input was refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The phase does not take this input; for a person it says what to do instead.
    #[error("{0}")]
    NotNow(String),
}
