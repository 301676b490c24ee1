//! What a deployment knows of its model's judgements, and what follows from them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Dossier, HALTS_MAX,
    answer::{Answer, Judgement, Opinion},
    dossier::Point,
};
use crate::{
    id::{Digest, Identity},
    settings::Advisor,
    time::Timer,
};

/// Under which terms a model is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Whether the ticket waits as long as no judgement can be had.
    pub required: bool,
    /// Milliseconds until no answer is an answer.
    pub wait_ms: u64,
}

/// Milliseconds that an exchange may take beyond its own time-out until nobody waits for it.
const SLACK_MS: u64 = 5_000;

impl From<&Advisor> for Terms {
    fn from(advisor: &Advisor) -> Self {
        let wait_ms = advisor.timeout_seconds.saturating_mul(1_000) + SLACK_MS;
        Self { required: advisor.required, wait_ms }
    }
}

/// A judgement that is being waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sought {
    /// What the model is shown.
    pub dossier: Arc<Dossier>,
    /// Until when.
    pub until: Timer,
}

/// A judgement that was given, or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// About what.
    pub dossier: Arc<Dossier>,
    /// What came.
    pub answer: Arc<Answer>,
    /// How often the checks had run then.
    pub checked: u32,
}

/// A named person has answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freed {
    /// Who.
    pub by: Identity,
    /// In their words.
    pub words: String,
    /// For which candidate with which verdicts.
    pub round: Digest,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// The terms; `None` as long as no model was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// What is asked right now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sought: Option<Sought>,
    /// The last judgement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Given>,
    /// How often it halted this candidate with these verdicts.
    #[serde(default)]
    pub halts: u8,
    /// Who has answered for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freed: Option<Freed>,
}

/// What the judgements so far mean for a dossier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It is to be asked.
    Ask,
    /// It says that nothing speaks against it.
    Proceed(&'a Judgement),
    /// There is none.
    None(&'a str),
    /// A person has answered its halt.
    Freed(&'a Freed),
    /// It holds.
    Holds {
        /// What it said.
        answer: &'a Answer,
        /// Whether only a named person's answer helps now.
        person: bool,
    },
}

impl Advice {
    /// Nobody was asked.
    pub const fn none() -> Self {
        Self { terms: None, sought: None, last: None, halts: 0, freed: None }
    }

    /// Whether nobody was asked.
    pub fn is_none(&self) -> bool {
        *self == Self::none()
    }

    /// What the judgements so far mean for this dossier, when the checks have run `checked` times.
    pub fn standing(&self, round: &Digest, key: &Digest, checked: u32) -> Standing<'_> {
        let Some(given) = self.last.as_ref().filter(|given| given.dossier.round == *round) else {
            return Standing::Ask;
        };
        if let Some(freed) = self.freed.as_ref().filter(|freed| freed.round == *round) {
            return Standing::Freed(freed);
        }
        let required = self.terms.is_some_and(|terms| terms.required);
        match &*given.answer {
            Answer::Judged(judgement) if judgement.verdict == Opinion::Proceed => {
                Standing::Proceed(judgement)
            }
            Answer::Silent { .. } if required && given.checked != checked => Standing::Ask,
            Answer::Silent { why } => Standing::None(why),
            answer => {
                let person = self.halts >= HALTS_MAX;
                if given.dossier.key == *key || person {
                    Standing::Holds { answer, person }
                } else {
                    Standing::Ask
                }
            }
        }
    }

    /// Whether its last judgement at this point halts, and nobody has answered.
    pub fn halts_now(&self, point: Point) -> bool {
        self.freed.is_none()
            && self
                .last
                .as_ref()
                .is_some_and(|given| given.dossier.point == point && given.answer.halts())
    }

    /// Takes a judgement in.
    pub(crate) fn judged(&mut self, answer: &Arc<Answer>, checked: u32) {
        let Some(Sought { dossier, .. }) = self.sought.take() else { return };
        let same = self.last.as_ref().is_some_and(|last| last.dossier.round == dossier.round);
        if !same {
            self.halts = 0;
        }
        self.freed = None;
        self.halts = self.halts.saturating_add(u8::from(answer.halts()));
        self.last = Some(Given { dossier, answer: Arc::clone(answer), checked });
    }

    /// Takes a person's answer in.
    pub(crate) fn answered(&mut self, by: &Identity, words: &str) {
        if let Some(given) = &self.last {
            let round = given.dossier.round.clone();
            self.freed = Some(Freed { by: by.clone(), words: words.to_owned(), round });
        }
    }
}
