//! The tables of the board file, and what a new one holds.

use rusqlite::{Connection, params};

use super::random_id;
use crate::{BoardError, role::Status, wire::ColumnWire};

/// The newest version of the tables that this program knows, kept in `user_version`.
pub(super) const VERSION: i64 = 1;

/// The channels that `DevTeam`'s meeting board seeds.
const CHANNELS: [(&str, &str); 6] = [
    ("standup", "Daily standup updates"),
    ("planning", "Planning of the next work"),
    ("review", "Reviews and their findings"),
    ("retrospective", "What went well and what did not"),
    ("ad-hoc", "Everything else, and trouble"),
    ("humans", "For the people of the team"),
];

// Sequence numbers order everything: comments and history are read back in the order in which
// they were written, whatever the wall clock did meanwhile. AUTOINCREMENT never reuses one.
const TABLES: &str = "
CREATE TABLE member (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    avatar TEXT NOT NULL,
    token_hash BLOB UNIQUE
) STRICT;
CREATE TABLE board (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    columns TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE ticket (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    number INTEGER NOT NULL UNIQUE,
    board_id TEXT NOT NULL REFERENCES board(id),
    kind TEXT NOT NULL,
    title TEXT,
    name TEXT,
    description TEXT,
    status TEXT NOT NULL,
    priority INTEGER NOT NULL,
    complexity INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    assignee TEXT,
    labels TEXT,
    release TEXT,
    candidate TEXT,
    folded TEXT NOT NULL,
    comments INTEGER NOT NULL DEFAULT 0,
    comment_bytes INTEGER NOT NULL DEFAULT 0,
    changes INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    updated_by TEXT NOT NULL
) STRICT;
CREATE INDEX ticket_status ON ticket(status, updated_at);
CREATE INDEX ticket_updated ON ticket(updated_at);
CREATE TABLE comment (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket INTEGER NOT NULL REFERENCES ticket(seq),
    id TEXT NOT NULL UNIQUE,
    author TEXT NOT NULL,
    author_name TEXT NOT NULL,
    text TEXT NOT NULL,
    candidate TEXT,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX comment_ticket ON comment(ticket, seq);
CREATE TABLE history (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket INTEGER NOT NULL REFERENCES ticket(seq),
    action TEXT NOT NULL,
    user TEXT NOT NULL,
    details TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX history_ticket ON history(ticket, seq);
CREATE TABLE channel (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    channel INTEGER NOT NULL REFERENCES channel(seq),
    thread_id TEXT,
    author TEXT NOT NULL,
    author_name TEXT NOT NULL,
    author_role TEXT NOT NULL,
    content TEXT NOT NULL,
    mentions TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX message_channel ON message(channel, seq);
CREATE TABLE mention (
    who TEXT NOT NULL,
    message INTEGER NOT NULL REFERENCES message(seq),
    PRIMARY KEY (who, message)
) STRICT, WITHOUT ROWID;
";

/// Makes the tables of a new file; leaves an existing one as it is.
pub(super) fn prepare(db: &mut Connection, path: &str, now: i64) -> Result<(), BoardError> {
    let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > VERSION {
        return Err(BoardError::Newer { path: path.to_owned(), found, known: VERSION });
    }
    if found == VERSION {
        return Ok(());
    }
    tx.execute_batch(TABLES)?;
    seed(&tx, now)?;
    tx.pragma_update(None, "user_version", VERSION)?;
    tx.commit().map_err(BoardError::Uncertain)
}

fn seed(db: &Connection, now: i64) -> Result<(), BoardError> {
    let columns: Vec<ColumnWire> = Status::ALL
        .into_iter()
        .filter(|status| *status != Status::Closed)
        .map(|status| ColumnWire {
            id: status.as_str().to_owned(),
            name: status.label().to_owned(),
        })
        .collect();
    db.execute(
        "INSERT INTO board (id, name, description, columns, created_at) VALUES (?, ?, ?, ?, ?)",
        params![
            random_id(now)?,
            "Main Board",
            "The team's way from idea to production",
            serde_json::json!(columns).to_string(),
            now,
        ],
    )?;
    for (name, description) in CHANNELS {
        db.execute(
            "INSERT INTO channel (id, name, description, created_at) VALUES (?, ?, ?, ?)",
            params![random_id(now)?, name, description, now],
        )?;
    }
    Ok(())
}
