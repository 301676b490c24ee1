//! Where the notes of a ticket stand.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Complaint, ComplaintKind, Draft, MAX_TEXT_BYTES, Notes,
    parse::{complain, parse},
};
use crate::{
    id::{Digest, Identity},
    markdown::{Fence, Piece, pieces},
    ticket::Ticket,
};

/// What a fence's info string must say first.
const INFO: &str = "ops";

/// Where a block stands. The description counts as before all comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// In the ticket's description.
    Description,
    /// In the comment with this index, from 0.
    Comment(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Description => f.write_str("the description"),
            Self::Comment(index) => write!(f, "comment {}", index + 1),
        }
    }
}

/// Notes and where they stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundNotes {
    /// The notes.
    pub notes: Notes,
    /// Where they stand.
    pub place: Place,
    /// Hash of the block's text, line ends made `\n`.
    pub hash: Digest,
}

/// What a ticket says about its deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotesFound {
    /// Complete notes.
    Found(Box<FoundNotes>),
    /// No block anywhere.
    Missing,
    /// The newest block is not complete. An older one does not stand in for it: it is no longer
    /// what DEV says.
    Invalid {
        /// Where it stands.
        place: Place,
        /// All that is wrong with it.
        complaints: Vec<Complaint>,
        /// What could be read of it.
        draft: Draft,
    },
}

/// Finds the newest block: the description's, or the last in a comment by DEV. Comments of others
/// do not count, nor does what is quoted.
pub fn find_notes(ticket: &Ticket, is_dev: impl Fn(&Identity) -> bool) -> NotesFound {
    find_notes_by(ticket, is_dev, notes_in)
}

/// The same, where `read` says what the block of one text says: [`notes_in`], or who remembers what
/// that said. It is not asked about texts that cannot have one.
pub fn find_notes_by(
    ticket: &Ticket,
    is_dev: impl Fn(&Identity) -> bool,
    mut read: impl FnMut(Place, &str) -> Option<NotesFound>,
) -> NotesFound {
    let comments = ticket.comments.iter().enumerate().rev();
    let by_dev = comments.filter(|(_, comment)| is_dev(&comment.author));
    let mut texts = by_dev
        .map(|(index, comment)| (Place::Comment(index), comment.text.as_str()))
        .chain([(Place::Description, ticket.description.as_str())]);
    texts
        .find_map(|(place, text)| if may_have_block(text) { read(place, text) } else { None })
        .unwrap_or(NotesFound::Missing)
}

/// So many earlier blocks of a ticket are looked at, complete or not.
pub const MAX_EARLIER: usize = 16;

/// The complete notes before the one at `place`, newest first: those that stood once. What comes
/// before the newest [`MAX_EARLIER`] blocks is not looked at.
pub fn earlier_notes(
    ticket: &Ticket,
    is_dev: impl Fn(&Identity) -> bool,
    place: Place,
) -> Vec<FoundNotes> {
    let Place::Comment(before) = place else { return Vec::new() };
    let comments = ticket.comments.iter().enumerate().take(before).rev();
    let texts = comments
        .filter(|(_, comment)| is_dev(&comment.author))
        .map(|(index, comment)| (Place::Comment(index), comment.text.as_str()))
        .chain([(Place::Description, ticket.description.as_str())]);
    let blocks = texts.filter(|(_, text)| has_block(text)).take(MAX_EARLIER);
    let complete = blocks.filter_map(|(place, text)| match notes_in(place, text)? {
        NotesFound::Found(found) => Some(*found),
        NotesFound::Missing | NotesFound::Invalid { .. } => None,
    });
    complete.collect()
}

/// What the block of one text says; `None` without a block.
pub fn notes_in(place: Place, text: &str) -> Option<NotesFound> {
    match too_long(text) {
        true if may_have_block(text) => Some(unsearched(place, text)),
        true => None,
        false => read(place, &blocks(text)),
    }
}

/// Whether a text has a block, complete or not. A text too long to be searched has one if it looks
/// as if it had.
pub fn has_block(text: &str) -> bool {
    if too_long(text) { may_have_block(text) } else { !blocks(text).is_empty() }
}

fn too_long(text: &str) -> bool {
    text.len() > MAX_TEXT_BYTES
}

/// A first look that costs little: most texts have no block, and few are worth being cut up.
pub(super) fn may_have_block(text: &str) -> bool {
    ['`', '~'].into_iter().any(|mark| {
        fences(text, mark).any(|at| {
            let fence = text.get(at..).unwrap_or_default();
            fence.trim_start_matches(mark).trim_start().starts_with(INFO)
        })
    })
}

/// Whether three fence marks stand anywhere in a text.
pub(crate) fn may_have_fence(text: &str) -> bool {
    ['`', '~'].into_iter().any(|mark| fences(text, mark).next().is_some())
}

/// Where runs of at least three such marks begin, each run once, wherever in a line it stands.
fn fences(text: &str, mark: char) -> impl Iterator<Item = usize> {
    let is = move |at: usize| text.as_bytes().get(at).is_some_and(|byte| char::from(*byte) == mark);
    let begins = move |at: &usize| is(at + 1) && is(at + 2) && !at.checked_sub(1).is_some_and(is);
    text.match_indices(mark).map(|(at, _)| at).filter(begins)
}

fn blocks(text: &str) -> Vec<Fence<'_>> {
    if !may_have_block(text) {
        return Vec::new();
    }
    let ours = |piece| match piece {
        Piece::Fence(fence) if fence.info.split_whitespace().next() == Some(INFO) => Some(fence),
        _ => None,
    };
    // Some editors put a byte order mark in front of everything.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    pieces(text).into_iter().filter_map(ours).collect()
}

fn unsearched(place: Place, text: &str) -> NotesFound {
    let what = format!("{place} has {} kB, too much to search for notes", text.len() / 1024);
    let hint = format!(
        "post the notes as a new comment by DEV; texts of up to {} kB are searched",
        MAX_TEXT_BYTES / 1024
    );
    let complaints = vec![complain(1, ComplaintKind::TooLarge, "", what, hint)];
    NotesFound::Invalid { place, complaints, draft: Draft::default() }
}

fn read(place: Place, blocks: &[Fence<'_>]) -> Option<NotesFound> {
    let block = blocks.first()?;
    let whole = |kind, what: &str, hint: &str| NotesFound::Invalid {
        place,
        complaints: vec![complain(1, kind, "", what, hint)],
        draft: Draft::default(),
    };
    if blocks.len() > 1 {
        let what = format!("{place} has {} blocks", blocks.len());
        return Some(whole(ComplaintKind::SeveralBlocks, &what, "keep the one that is meant"));
    }
    if !block.closed {
        let hint = "end the block with a line of three backticks";
        return Some(whole(ComplaintKind::Unclosed, "the block has no end", hint));
    }
    let text = block.lines.join("\n");
    Some(match parse(&text) {
        Ok(notes) => {
            let hash = Digest::of(text.as_bytes());
            NotesFound::Found(Box::new(FoundNotes { notes, place, hash }))
        }
        Err((complaints, draft)) => NotesFound::Invalid { place, complaints, draft },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn p1_the_first_look_misses_no_block(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "```", "````", "~~~", "`", "~", " ", "\t", "\n", "\r\n", "ops", "ops x", "a: 1",
                    "> ", "\u{a0}", "\u{feff}", "<!--", "-->", "é",
                ]),
                0..16,
            ),
        ) {
            let text = parts.concat();
            let block = |piece: &Piece<'_>| match piece {
                Piece::Fence(fence) => fence.info.split_whitespace().next() == Some(INFO),
                Piece::Prose(_) => false,
            };
            let unmarked = text.strip_prefix('\u{feff}').unwrap_or(&text);
            if pieces(unmarked).iter().any(block) {
                prop_assert!(may_have_block(&text) && has_block(&text), "{text:?}");
            }
        }
    }
}
