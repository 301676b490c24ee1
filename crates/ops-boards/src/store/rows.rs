//! Rows of tickets, comments and history as they stand in the file, in their wire shapes.

use rusqlite::Row;

use crate::{
    BoardError, limits,
    role::Status,
    wire::{CommentWire, HistoryWire, TicketWire, iso_ms},
};

/// The prefix of ticket numbers, hard-coded on `DevTeam`'s board too.
pub(super) const PREFIX: &str = "MNS-";

/// A ticket's own row: the wire shape with empty lists, and what the store counts.
pub(super) struct Stored {
    pub(super) seq: i64,
    pub(super) wire: TicketWire,
    pub(super) comments: i64,
    pub(super) comment_bytes: i64,
    pub(super) changes: i64,
}

/// The columns that `stored` reads.
pub(super) const COLUMNS: &str = "seq, id, number, board_id, kind, title, name, description, status, priority, \
     complexity, rank, assignee, labels, release, candidate, comments, comment_bytes, changes, \
     created_at, created_by, updated_at, updated_by, more";

impl Stored {
    /// Bytes of text that the ticket has on the wire, roughly: a comment's text is there twice.
    pub(super) fn size(&self) -> usize {
        let free = if self.wire.more.is_empty() { 0 } else { limits::FREE_BYTES };
        let own = self.wire.description.as_ref().map_or(0, String::len) + free + 1024;
        let comments = usize::try_from(self.comment_bytes).unwrap_or(usize::MAX);
        let changes = usize::try_from(self.changes).unwrap_or(usize::MAX);
        own.saturating_add(comments.saturating_mul(2)).saturating_add(changes.saturating_mul(200))
    }
}

pub(super) fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let labels: Option<String> = row.get(13)?;
    let more: Option<String> = row.get(23)?;
    Ok(Stored {
        seq: row.get(0)?,
        wire: TicketWire {
            id: row.get(1)?,
            ticket_number: number_text(row.get(2)?),
            board_id: row.get(3)?,
            kind: row.get(4)?,
            title: row.get(5)?,
            name: row.get(6)?,
            description: row.get(7)?,
            status: row.get(8)?,
            priority: row.get(9)?,
            complexity: row.get(10)?,
            rank: row.get(11)?,
            assignee: row.get(12)?,
            labels: labels.map(|labels| from_json(13, &labels)).transpose()?,
            release: row.get(14)?,
            candidate: row.get(15)?,
            comments: Vec::new(),
            history: Vec::new(),
            created_at: iso_ms(row.get(19)?),
            created_by: row.get(20)?,
            updated_at: iso_ms(row.get(21)?),
            updated_by: row.get(22)?,
            more: more.map(|more| from_json(23, &more)).transpose()?.unwrap_or_default(),
        },
        comments: row.get(16)?,
        comment_bytes: row.get(17)?,
        changes: row.get(18)?,
    })
}

pub(super) fn comment(row: &Row<'_>) -> rusqlite::Result<CommentWire> {
    let text: String = row.get(4)?;
    Ok(CommentWire {
        id: row.get(1)?,
        author: row.get(2)?,
        author_name: row.get(3)?,
        body: text.clone(),
        text,
        timestamp: iso_ms(row.get(5)?),
        candidate: row.get(6)?,
    })
}

pub(super) fn change(row: &Row<'_>) -> rusqlite::Result<HistoryWire> {
    Ok(HistoryWire {
        action: row.get(1)?,
        timestamp: iso_ms(row.get(2)?),
        user: row.get(3)?,
        details: row.get(4)?,
    })
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(
    column: usize,
    text: &str,
) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|why| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, why.into())
    })
}

/// `MNS-7`.
pub(super) fn number_text(number: i64) -> String {
    format!("{PREFIX}{number}")
}

/// The status of a stored ticket; the store only ever writes known ones.
pub(super) fn status(ticket: &TicketWire) -> Result<Status, BoardError> {
    Status::parse(&ticket.status).ok_or_else(|| {
        BoardError::Refused(format!(
            "{} has the unknown status `{}`",
            ticket.ticket_number, ticket.status
        ))
    })
}
