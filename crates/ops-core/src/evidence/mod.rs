//! P1: did CQ and QA both pass, after the last change, for the very candidate that is deployed?
//!
//! Everything is read from the ticket: who wrote what, in which order, and where the ticket went.
//! Whatever cannot be followed is a hold with its own reason; nothing is guessed (P8).

mod bond;
mod case;
mod heard;
mod hold;
mod letters;
mod lexicon;
mod phrase;
mod pulled;
mod round;
mod visible;
mod words;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use bond::{Bond, NotesAt};
pub use hold::HoldReason;
pub use pulled::{Pulled, pulled_back};

pub(crate) use letters::{folded, invisible};

use case::Case;

use crate::{
    id::{Digest, Identity},
    settings::People,
    ticket::Ticket,
};

/// A comment with this in it is a record by ops, not a verdict. Whoever else writes it is only
/// heard less.
pub const RECORD_MARK: &str = "<!-- ops";

/// A verdict that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Who gave it.
    pub author: Identity,
    /// Index of its comment on the ticket, from 0.
    pub comment: usize,
    /// When, as the board says; a label.
    pub at: String,
    /// How it is tied to the candidate.
    pub bond: Bond,
}

/// What a ticket proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// It may ship.
    Passed {
        /// CQ's verdict.
        cq: Verdict,
        /// QA's verdict.
        qa: Verdict,
        /// One identity had two of the roles, which the settings allow. Goes on every record.
        solo: bool,
    },
    /// It may not.
    Held {
        /// Why.
        reason: HoldReason,
        /// For a person: what stopped it and what must happen first.
        words: String,
        /// The one question to ask, where an answer would help.
        question: Option<String>,
    },
}

/// Judges a ticket.
///
/// `notes` says where the deployment notes stand. `candidate` is the hash of what would be
/// deployed; without it, verdicts that name or carry a hash cannot be compared and do not count.
pub fn judge(
    ticket: &Ticket,
    people: &People,
    notes: NotesAt,
    candidate: Option<&Digest>,
) -> Evidence {
    match Case::new(ticket, people, notes, candidate).decide() {
        Ok((cq, qa, solo)) => Evidence::Passed { cq, qa, solo },
        Err(reason) => {
            let (words, question) = hold::told(&reason, ticket, candidate);
            Evidence::Held { reason, words, question }
        }
    }
}
