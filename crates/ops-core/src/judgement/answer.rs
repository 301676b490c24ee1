//! What a model answered, read strictly: in the agreed form, or not at all.

use serde::{Deserialize, Serialize};

use crate::record::quoted;

/// Bytes of an answer that are read; a longer one is no answer.
pub const ANSWER_MAX: usize = 16 << 10;
/// Concerns, and questions, that an answer may have.
const LINES_MAX: usize = 12;
/// Characters that are kept of each.
const LINE_MAX: usize = 400;

/// What it would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opinion {
    /// Nothing speaks against it, in its view.
    Proceed,
    /// Somebody should look first.
    Halt,
}

/// A judgement, made harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// What it would do.
    pub verdict: Opinion,
    /// What it worries about.
    pub concerns: Vec<String>,
    /// What it would ask.
    pub questions: Vec<String>,
    /// How sure it says it is, in percent. Nothing is decided by it.
    pub confidence: u8,
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// It answered in the agreed form.
    Judged(Judgement),
    /// Nothing came, or nothing could be asked: no judgement.
    Silent {
        /// Why.
        why: String,
    },
    /// Something came that is no judgement: it holds.
    Unfit {
        /// What it was.
        why: String,
    },
}

impl Answer {
    /// Whether it holds.
    pub fn halts(&self) -> bool {
        match self {
            Self::Judged(judgement) => judgement.verdict == Opinion::Halt,
            Self::Unfit { .. } => true,
            Self::Silent { .. } => false,
        }
    }

    /// In a few words, harmless.
    pub fn words(&self) -> String {
        match self {
            Self::Judged(Judgement { verdict, concerns, confidence, .. }) => {
                let verdict = match verdict {
                    Opinion::Proceed => "proceed",
                    Opinion::Halt => "halt",
                };
                let mut words = format!("the model says {verdict}, {confidence} % sure");
                if !concerns.is_empty() {
                    words.push_str(": ");
                    words.push_str(&concerns.join("; "));
                }
                words
            }
            Self::Silent { why } => format!("no judgement: {why}"),
            Self::Unfit { why } => format!("the model's answer is no judgement: {why}"),
        }
    }
}

/// Why a text is no judgement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is too long to be one.
    #[error("it has {0} bytes, more than {ANSWER_MAX}")]
    TooLong(usize),
    /// It is not the agreed JSON.
    #[error("it is not the JSON that was agreed on: {0}")]
    Json(String),
    /// It has more lines than anybody would read.
    #[error("it has more than {LINES_MAX} {0}")]
    TooMany(&'static str),
    /// Its confidence is no share.
    #[error("its confidence is not between 0 and 1")]
    Confidence,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    verdict: Opinion,
    concerns: Vec<String>,
    questions: Vec<String>,
    confidence: f64,
}

/// Reads a judgement. Whatever stands in it is made harmless.
///
/// # Errors
///
/// [`Malformed`], if it is not exactly in the agreed form: nothing is guessed.
pub fn read(text: &str) -> Result<Judgement, Malformed> {
    if text.len() > ANSWER_MAX {
        return Err(Malformed::TooLong(text.len()));
    }
    let raw: Raw = serde_json::from_str(text)
        // It repeats what it did not expect.
        .map_err(|why| Malformed::Json(harmless(&why.to_string())))?;
    if !(0.0..=1.0).contains(&raw.confidence) {
        return Err(Malformed::Confidence);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
    let confidence = (raw.confidence * 100.0).round() as u8;
    Ok(Judgement {
        verdict: raw.verdict,
        concerns: lines("concerns", &raw.concerns)?,
        questions: lines("questions", &raw.questions)?,
        confidence,
    })
}

fn lines(what: &'static str, all: &[String]) -> Result<Vec<String>, Malformed> {
    if all.len() > LINES_MAX {
        return Err(Malformed::TooMany(what));
    }
    let harmless = all.iter().map(|line| harmless(line));
    Ok(harmless.filter(|line| !line.is_empty()).collect())
}

/// Characters of a draft that are shown.
const DRAFT_MAX: usize = 1_200;

/// A model's draft as it may stand beside the facts, marked as one; `None` if it wrote nothing.
pub(super) fn draft(text: &str) -> Option<String> {
    let words = plain(text, DRAFT_MAX);
    (!words.is_empty()).then(|| format!("In a model's words, which may be wrong: {words}"))
}

/// A model's words as they may stand among ops's own: one line of plain text.
pub(super) fn harmless(text: &str) -> String {
    plain(text, LINE_MAX)
}

fn plain(text: &str, most: usize) -> String {
    let plain: String = text
        .chars()
        .map(|c| match c {
            '`' => '\'',
            '<' => '‹',
            '>' => '›',
            '[' => '(',
            ']' => ')',
            '*' | '_' | '#' | '|' | '~' | '\\' => ' ',
            c if crate::evidence::invisible(c) => ' ',
            c => c,
        })
        .collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    quoted(&plain, most)
}
