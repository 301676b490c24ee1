//! A ticket as a planning board tells it.

use serde::{Deserialize, Serialize};

use crate::id::{Digest, Identity, TicketId};

/// A ticket, read whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its number.
    pub id: TicketId,
    /// Its title in words.
    pub title: String,
    /// Markdown; empty if there is none.
    pub description: String,
    /// Status as the board spells it; text that is no known status stays as it is.
    pub status: String,
    /// 1 lowest to 5 critical.
    pub priority: u8,
    /// `story`, `epic`, …
    pub kind: String,
    /// Comments, oldest first.
    pub comments: Vec<Comment>,
    /// History, oldest first.
    pub history: Vec<Change>,
}

/// A comment on a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// The board's id of it.
    pub id: String,
    /// Who wrote it, as the board authenticated them.
    pub author: Identity,
    /// Markdown.
    pub text: String,
    /// ISO 8601 as the board gave it; a label, never compared.
    pub at: String,
    /// The candidate that the board stamped on it, on boards that do.
    pub candidate: Option<Digest>,
}

/// An entry of a ticket's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// `created`, `status_change`, `comment_added`, …
    pub action: String,
    /// Who did it.
    pub user: Identity,
    /// In the board's words, such as `Status: in-qa → rfp`.
    pub details: String,
    /// ISO 8601 as the board gave it.
    pub at: String,
}

/// The board's message in a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The board's id of it.
    pub id: String,
    /// The channel's name, without `#`.
    pub channel: String,
    /// The message it replies to.
    pub thread: Option<String>,
    /// Who wrote it.
    pub author: Identity,
    /// Whether the board knew that: some take whoever shows no token for somebody.
    pub authenticated: bool,
    /// Text.
    pub text: String,
    /// Whether it mentions ops, by the board's own parsing.
    pub mentions_ops: bool,
    /// ISO 8601 as the board gave it.
    pub at: String,
}
