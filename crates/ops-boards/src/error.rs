//! What can go wrong on the boards.

use crate::role::{Role, Status};

/// Why the board did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// There is no such ticket.
    #[error("there is no ticket `{0}` on this board (GET /api/tickets lists them)")]
    NoTicket(String),
    /// There is no such ticket, asked for as a task.
    #[error("there is no task `{0}` on this board (GET /api/tasks lists them)")]
    NoTask(String),
    /// The text can be neither a ticket's number nor its id.
    #[error("`{0}` is neither a ticket's number like MNS-7 nor its id of 24 hex digits")]
    NotAnId(String),
    /// There is no such channel.
    #[error("there is no channel `{0}` (GET /api/channels lists them)")]
    NoChannel(String),
    /// There is a channel of this name already.
    #[error("there is a channel `{0}` already")]
    ChannelExists(String),
    /// There is no such message.
    #[error("there is no message `{0}` on this board")]
    NoMessage(String),
    /// There is no such identity.
    #[error("there is no member `{0}` on this board; add it to the team in ops.yaml")]
    NoMember(String),
    /// The role may not make this move.
    #[error("{role} may not move a ticket from {from} to {to}{}", who(*.from, *.to))]
    MoveForbidden {
        /// The caller's role.
        role: Role,
        /// The ticket's status.
        from: Status,
        /// What was asked for.
        to: Status,
    },
    /// The role may not do this at all.
    #[error("{role} may not {what}; {allowed}")]
    Forbidden {
        /// The caller's role.
        role: Role,
        /// What was asked for.
        what: String,
        /// Who may, or what is possible instead.
        allowed: String,
    },
    /// The request makes no sense as it is.
    #[error("{0}")]
    Refused(String),
    /// A search pattern that is none.
    #[error("Regular expression is invalid: {0}")]
    Pattern(String),
    /// A field that nobody can change.
    #[error("Performing an update on the path '{0}' would modify the immutable field '{0}'")]
    Immutable(String),
    /// A text is longer than its bound.
    #[error("{what} holds at most {bound} bytes, this one has {bytes}: shorten it")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// Its bound.
        bound: usize,
    },
    /// A bound of the board is reached.
    #[error("{0}")]
    Full(String),
    /// The file was written by a newer ops.
    #[error("the board file {path} has version {found}, this ops knows {known}: use the newer ops")]
    Newer {
        /// The file.
        path: String,
        /// Its version.
        found: i64,
        /// The newest that this program reads.
        known: i64,
    },
    /// The file could not be read or written; nothing was changed.
    #[error("the board file could not be {doing}: {source}; check the disk and `ops doctor`")]
    Storage {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: rusqlite::Error,
    },
    /// The last step of a write failed: it may have been kept.
    #[error("the board file may not have kept the change: {0}; read it back before trying again")]
    Uncertain(rusqlite::Error),
    /// The board file could not be made.
    #[error(
        "the board file {path} could not be opened: {source}; check that the folder exists and is yours"
    )]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The daemon is stopping.
    #[error("the board is stopping: try again when the daemon is back")]
    Stopping,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    NoRandom(getrandom::Error),
}

fn who(from: Status, to: Status) -> String {
    format!("; that move belongs to {}", Role::who_may(from, to).join(", "))
}

impl From<rusqlite::Error> for BoardError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Storage { doing: "read or written", source }
    }
}
