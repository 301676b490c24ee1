//! One question to a model and what came back, for the journal and the budget.

use serde::{Deserialize, Serialize};

use super::{
    answer::{ANSWER_MAX, Answer, draft, read},
    redact,
};

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "kebab-case")]
pub enum Said {
    /// A whole answer.
    Text {
        /// It.
        text: String,
    },
    /// Nothing, in time: unreachable, too slow, no budget, too many failures of late.
    Nothing {
        /// Why.
        why: String,
    },
    /// Something that is no whole answer: refused, cut off, too large.
    Unfit {
        /// What.
        why: String,
    },
}

/// One exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// What came back.
    pub said: Said,
    /// Tokens of the question.
    pub asked_tokens: u64,
    /// Tokens of the answer.
    pub answered_tokens: u64,
    /// Whether the model's server counted them; else they are estimated from the length.
    pub counted: bool,
    /// Milliseconds from the first try to the end.
    pub ms: u64,
    /// Tries.
    pub tries: u32,
}

impl Exchange {
    /// One that never took place.
    pub fn none(why: impl Into<String>) -> Self {
        Self {
            said: Said::Nothing { why: why.into() },
            asked_tokens: 0,
            answered_tokens: 0,
            counted: true,
            ms: 0,
            tries: 0,
        }
    }

    /// The same without what may be a secret or a person (P13), no longer than an answer may be.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let short = |text: &str| -> String { redact(text).chars().take(ANSWER_MAX).collect() };
        let said = match &self.said {
            Said::Text { text } => Said::Text { text: short(text) },
            Said::Nothing { why } => Said::Nothing { why: short(why) },
            Said::Unfit { why } => Said::Unfit { why: short(why) },
        };
        Self { said, ..self.clone() }
    }

    /// The answer as a draft beside the facts, marked as one and harmless.
    pub fn draft(&self) -> Option<String> {
        match &self.said {
            Said::Text { text } => draft(text),
            Said::Nothing { .. } | Said::Unfit { .. } => None,
        }
    }

    /// The answer as a judgement.
    pub fn judgement(&self) -> Answer {
        match &self.said {
            Said::Text { text } => match read(text) {
                Ok(judgement) => Answer::Judged(judgement),
                Err(why) => Answer::Unfit { why: why.to_string() },
            },
            Said::Nothing { why } => Answer::Silent { why: super::answer::harmless(why) },
            Said::Unfit { why } => Answer::Unfit { why: super::answer::harmless(why) },
        }
    }
}

/// Tokens that a text has at most, roughly: models differ, and none counts fewer than a token for
/// four bytes of English by much.
pub fn estimated_tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(3)
}
