//! Why a deployment is held or goes back.

use serde::{Deserialize, Serialize};

use crate::id::Identity;

/// Why a deployment goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Cause {
    /// A detector saw users being hurt.
    Harm {
        /// The detector.
        detector: String,
        /// What it saw.
        words: String,
    },
    /// The candidate could not do what it must: start, be healthy, answer smoke requests.
    Failed {
        /// The step.
        step: String,
        /// What was seen last.
        words: String,
    },
    /// Too little was seen to judge (S5).
    Inconclusive {
        /// What was missing.
        words: String,
    },
    /// The surroundings failed.
    Errored {
        /// The step.
        step: String,
        /// What happened.
        words: String,
    },
    /// Somebody said `abort`.
    Aborted {
        /// Who.
        by: Identity,
    },
    /// A halt outlasted its bound.
    HaltExpired {
        /// Who had halted.
        by: Identity,
    },
    /// The ticket was pulled back or a verdict revoked (S13).
    PulledBack {
        /// What was seen on the ticket.
        words: String,
    },
}

impl Cause {
    /// Whether it says that the candidate itself is bad (P15): only then is it condemned.
    pub fn condemns(&self) -> bool {
        matches!(self, Self::Harm { .. } | Self::Failed { .. })
    }

    /// Whether ops itself tries again later without a new round of CQ and QA (S5).
    pub fn retries(&self) -> bool {
        matches!(self, Self::Inconclusive { .. } | Self::Errored { .. })
    }

    /// A short name for tables and JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Harm { .. } => "harm",
            Self::Failed { .. } => "failed",
            Self::Inconclusive { .. } => "inconclusive",
            Self::Errored { .. } => "errored",
            Self::Aborted { .. } => "aborted",
            Self::HaltExpired { .. } => "halt-expired",
            Self::PulledBack { .. } => "pulled-back",
        }
    }

    /// The cause as a sentence without its full stop.
    pub fn words(&self) -> String {
        match self {
            Self::Harm { detector, words } => format!("users were hurt ({detector}): {words}"),
            Self::Failed { step, words } => format!("the new version failed at {step}: {words}"),
            Self::Inconclusive { words } => format!("too little was seen to judge: {words}"),
            Self::Errored { step, words } => {
                format!("something around the deployment failed at {step}: {words}")
            }
            Self::Aborted { by } => format!("{} aborted it", crate::record::person(by)),
            Self::HaltExpired { by } => {
                format!("the halt by {} outlasted its bound", crate::record::person(by))
            }
            Self::PulledBack { words } => format!("the ticket was pulled back: {words}"),
        }
    }
}

/// Why a deployment waits before its first act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum HoldCause {
    /// Checks that do not pass; the checklist names them.
    Checks {
        /// Their ids, in the checklist's order.
        ids: Vec<String>,
    },
    /// The preparation under the lease failed.
    Prepare {
        /// What happened.
        cause: Cause,
    },
    /// Somebody aborted it before its first act; it goes on with `resume`.
    Aborted {
        /// Who.
        by: Identity,
    },
}

impl HoldCause {
    /// Two holds with the same key are the same cause: the ticket is told once.
    pub fn key(&self) -> String {
        match self {
            Self::Checks { ids } => format!("checks:{}", ids.join(",")),
            Self::Prepare { cause } => format!("prepare:{}", cause.name()),
            Self::Aborted { .. } => "aborted".into(),
        }
    }

    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Checks { ids } if ids.len() == 1 => {
                format!("the check {} does not pass", ids.join(""))
            }
            Self::Checks { ids } => format!("these checks do not pass: {}", ids.join(", ")),
            Self::Prepare { cause } => format!("the preparation failed: {}", cause.words()),
            Self::Aborted { by } => {
                format!("{} aborted it before its first act", crate::record::person(by))
            }
        }
    }
}
