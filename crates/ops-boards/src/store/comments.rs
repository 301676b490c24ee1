//! Comments: each with its history entry in the same transaction, verdicts with their candidate.

use rusqlite::{Connection, params};

use super::{
    BoardStore, Member, bounded, millis, random_id, reading, rows::Stored, tickets, watch,
};
use crate::{
    BoardError,
    feed::Topic,
    limits,
    notice::{self, Happening},
    role::Role,
    wire::{CommentWire, EventWire, iso_ms, json_text},
};

/// How much of a comment its history entry repeats, in UTF-16 units as `DevTeam`'s board counts.
const QUOTED: usize = 100;

impl BoardStore {
    /// Adds a comment. Everybody may; the author is the member, and a comment by CQ or QA is
    /// stamped with the candidate that the board was last told for the ticket.
    pub fn comment(&self, by: &Member, id: &str, text: &str) -> Result<CommentWire, BoardError> {
        bounded("a comment", text, limits::COMMENT_BYTES)?;
        let settings = self.settings();
        if by.role().judges() {
            (settings.before_verdict)(id);
        }
        let url = &settings.public_url;
        let (comment, _) = self.write_told(
            |db, now| {
                let now = millis(now);
                let row = reading::find(db, id)?;
                room(&row, by, text.len())?;
                let comment = compose(&row, by, text, now)?;
                insert(db, &row, &comment, now)?;
                tickets::note(db, &row, by, "comment_added", &quoted(text), now)?;
                let happening = Happening::Commented { text };
                let recipients = watch::recipients(db)?;
                let told = notice::notices(&recipients, &row.wire, by.email(), happening, url);
                Ok(((comment, row.wire), told))
            },
            |feed, (comment, ticket)| {
                let user = by.email();
                let event = EventWire::CommentAdded { task_id: &ticket.id, comment, user };
                feed.tell(Topic::Board(&ticket.board_id), || json_text(&event));
            },
        )?;
        Ok(comment)
    }
}

fn compose(row: &Stored, by: &Member, text: &str, now: i64) -> Result<CommentWire, BoardError> {
    let candidate = if by.role().judges() { row.wire.candidate.clone() } else { None };
    Ok(CommentWire {
        id: random_id(now)?,
        author: by.email().to_owned(),
        author_name: by.name().to_owned(),
        text: text.to_owned(),
        body: text.to_owned(),
        timestamp: iso_ms(now),
        candidate,
    })
}

fn insert(
    db: &Connection,
    row: &Stored,
    comment: &CommentWire,
    now: i64,
) -> Result<(), BoardError> {
    db.prepare_cached(
        "INSERT INTO comment (ticket, id, author, author_name, text, candidate, at)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        row.seq,
        comment.id,
        comment.author,
        comment.author_name,
        comment.text,
        comment.candidate,
        now
    ])?;
    db.prepare_cached(
        "UPDATE ticket SET comments = comments + 1, comment_bytes = comment_bytes + ?,
             updated_at = ? WHERE seq = ?",
    )?
    .execute(params![i64::try_from(comment.text.len()).unwrap_or(i64::MAX), now, row.seq])?;
    Ok(())
}

fn room(row: &Stored, by: &Member, bytes: usize) -> Result<(), BoardError> {
    let ops = by.role() == Role::Ops;
    let count = limits::COMMENTS_PER_TICKET + if ops { limits::RESERVED_FOR_OPS } else { 0 };
    let total =
        limits::COMMENT_BYTES_PER_TICKET + if ops { limits::RESERVED_BYTES_FOR_OPS } else { 0 };
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    if row.comments >= count || row.comment_bytes.saturating_add(bytes) > total {
        return Err(BoardError::Full(format!(
            "{} holds {} comments with {} bytes already: go on in a new ticket",
            row.wire.ticket_number, row.comments, row.comment_bytes
        )));
    }
    Ok(())
}

/// `Comment: ` and the first 100 UTF-16 units; a character cut in the middle is left out, so that
/// the quoted part always is a prefix of the comment.
fn quoted(text: &str) -> String {
    let part = prefix_utf16(text, QUOTED);
    let dots = if part.len() < text.len() { "..." } else { "" };
    format!("Comment: {part}{dots}")
}

/// The first characters of a text that hold at most so many UTF-16 units together.
pub(crate) fn prefix_utf16(text: &str, most: usize) -> &str {
    let mut units = 0;
    for (at, letter) in text.char_indices() {
        units += letter.len_utf16();
        if units > most {
            return &text[..at];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_comment_is_quoted_up_to_100_units() {
        assert_eq!(quoted("short"), "Comment: short");
        assert_eq!(quoted(&"x".repeat(100)), format!("Comment: {}", "x".repeat(100)));
        assert_eq!(quoted(&"x".repeat(101)), format!("Comment: {}...", "x".repeat(100)));
        let rockets = "🚀".repeat(51);
        assert_eq!(quoted(&rockets), format!("Comment: {}...", "🚀".repeat(50)));
        let odd = format!("x{rockets}");
        assert_eq!(quoted(&odd), format!("Comment: x{}...", "🚀".repeat(49)));
    }

    proptest! {
        #[test]
        fn the_quoted_part_is_a_prefix(text in "\\PC{0,150}") {
            let details = quoted(&text);
            let part = details.strip_prefix("Comment: ").unwrap();
            let part = if text.starts_with(part) { part } else { part.strip_suffix("...").unwrap() };
            prop_assert!(text.starts_with(part));
        }
    }
}
