//! How a verdict is tied to the candidate: it carries its hash, names it, or came after the notes
//! that say by digest what is to be deployed. CQ's may also be tied to the source tree (`tree`).

use serde::{Deserialize, Serialize};

use super::{HoldReason, visible};
use crate::{
    id::Digest,
    mutation::{Mutation, on},
    notes::{FoundNotes, Place},
    settings::Role,
    ticket::Comment,
};

/// Hex digits of a hash that a verdict must at least name.
const LEAST_DIGITS: usize = 12;

/// Where the deployment notes stand, and whether they bear a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotesAt {
    /// Where they stand.
    pub place: Place,
    /// Whether they name the artifact by digest. If not, coming after them ties a verdict to
    /// nothing.
    pub bear_digest: bool,
}

impl From<&FoundNotes> for NotesAt {
    fn from(found: &FoundNotes) -> Self {
        Self { place: found.place, bear_digest: found.notes.bound_digest().is_some() }
    }
}

/// How a verdict is tied to the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bond {
    /// The board stamped the candidate's hash on it.
    Stamped,
    /// Its text names the candidate's hash.
    Named,
    /// It came after the notes that bear the digest.
    AfterNotes,
    /// It came before the notes, for others whose commit has the very same source tree (S9). Only
    /// CQ's can.
    SameTree,
}

/// The bond of a pass, or why there is none.
pub(super) fn of(
    comment: &Comment,
    index: usize,
    role: Role,
    notes: NotesAt,
    candidate: Option<&Digest>,
) -> Result<Bond, HoldReason> {
    match (&comment.candidate, candidate) {
        (Some(stamp), Some(candidate)) if stamp == candidate => Ok(Bond::Stamped),
        (Some(_), _) => {
            let newer = (notes.place > Place::Comment(index)).then_some(notes.place);
            Err(HoldReason::OtherCandidate { role, comment: index, newer })
        }
        (None, Some(candidate)) if names(&comment.text, candidate) => Ok(Bond::Named),
        _ if notes.place > Place::Comment(index) && !on(Mutation::AcceptOtherEvidence) => {
            Err(HoldReason::ChangedAfter { role, place: notes.place })
        }
        _ if !notes.bear_digest => Err(HoldReason::NotBound { role, comment: index }),
        _ => Ok(Bond::AfterNotes),
    }
}

/// Whether the author's own words name the hash, by at least its first twelve digits.
fn names(text: &str, candidate: &Digest) -> bool {
    let hex = candidate.hex();
    let Some(least) = hex.get(..LEAST_DIGITS) else { return false };
    let mut windows = text.as_bytes().windows(LEAST_DIGITS);
    if !windows.any(|window| window.eq_ignore_ascii_case(least.as_bytes())) {
        return false;
    }
    let named = |line: &str| {
        let mut runs = line.split(|c: char| !c.is_ascii_alphanumeric());
        runs.any(|run| {
            let start = hex.get(..run.len());
            run.len() >= LEAST_DIGITS && start.is_some_and(|start| start.eq_ignore_ascii_case(run))
        })
    };
    visible::lines(text).any(|line| named(&line))
}
