//! P1: did CQ and QA both pass, after the last change, for the very candidate that is deployed?
//!
//! Everything is read from the ticket: who wrote what, in which order, and where the ticket went.
//! Whatever cannot be followed is a hold with its own reason; nothing is guessed (P8).
//!
//! # How a comment is read
//!
//! What a comment says is decided by its first visible line and by lines of the form `Verdict: …`
//! or `Status: …`. Quotes, code, HTML comments and `<details>` are not read: nobody says in person
//! what stands there. A line right under a quote belongs to it, as in Markdown.
//!
//! 1. **Fail words win.** A fail within the first words (`QA FAIL`, `REVIEW FAILED`, `Abgelehnt`,
//!    `不通过`, ❌) is a fail, whatever else the line says, unless a denial stands beside it (`did
//!    not fail`: unclear). So is a line further down that is nothing but a fail.
//! 2. **A pass is plain or it is none.** A pass word (`PASS`, `APPROVED`, `LGTM`, `Genehmigt`,
//!    `通过`) at the beginning, with nothing before it but labels (`QA:`, `Final verdict:`) and
//!    words such as `all tests have`. `LGTM` is a pass: reviewers mean nothing else by it.
//! 3. **Every doubt makes it unclear**: a denial, a condition, a question, a share (`8/10`), a
//!    known flaw, irony, quotation marks, a box that is not ticked, something struck out, another
//!    person or another time, a line below that takes it back, characters that nobody sees.
//! 4. **Words of other languages count if they are known** (see `lexicon`), with their denials and
//!    conditions, whatever language stands beside them. What is not known says nothing, and nothing
//!    is not a pass.
//! 5. **A pass counts only in plain letters.** One with letters that only look like Latin ones, or
//!    in wide or mathematical letters, is unclear. A fail counts in disguise as well.
//! 6. **The last word of a role decides.** If it is a fail, unclear or says nothing, the ticket is
//!    held; a later plain pass of the same role lifts that. `[ADDENDUM]` is no word at all, unless
//!    it has a fail on a line of its own.
//!
//! An author of several roles speaks for the one that the comment names. A stranger's pass counts
//! for nothing; a stranger's fail holds until CQ and QA have both passed the change after it. The
//! voices of PO, DEV, OPS and managers are not heard.
//!
//! # A merge or a rebuild after approval (S9)
//!
//! New notes are a change, and both roles look at it again. CQ reads source, though, and a merge
//! whose commit has the very same tree brings none that CQ has not read: such a pass of CQ stays
//! (`tree` says when). QA tests what was built, so QA's verdict is bound to the digest and is given
//! again. That is about notes posted while the ticket stays in its round. A ticket that went back
//! (`in-progress`, say) begins a new round, and nothing that was said before counts in it: whoever
//! took it back wants it looked at again, and a tree is no answer to that.
//!
//! # What cannot be seen
//!
//! A board's record is read as it is. A verdict's text changed beyond the 100 characters that the
//! history repeats, moves taken out of the history in pairs, an entry put before another of another
//! kind, another name on a move, and two comments by one person with the same words that changed
//! places leave no trace in it. The stamp of the embedded board, and what
//! the journal knows of earlier readings (S13), are the guard against these.

mod bond;
mod case;
mod heard;
mod hold;
mod letters;
mod lexicon;
mod phrase;
mod pulled;
mod round;
mod tree;
mod visible;
mod words;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use bond::{Bond, NotesAt};
pub use hold::HoldReason;
pub use pulled::{Pulled, pulled_back};
pub use tree::{SameTree, asked_trees, same_tree};

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
/// `same_tree` is what an earlier pass by CQ may have been about as well (S9); where nobody has
/// looked, it is empty.
pub fn judge(
    ticket: &Ticket,
    people: &People,
    notes: NotesAt,
    candidate: Option<&Digest>,
    same_tree: &[SameTree],
) -> Evidence {
    match Case::new(ticket, people, notes, candidate, same_tree).decide() {
        Ok((cq, qa, solo)) => Evidence::Passed { cq, qa, solo },
        Err(reason) => {
            let (words, question) = hold::told(&reason, ticket, candidate);
            Evidence::Held { reason, words, question }
        }
    }
}
