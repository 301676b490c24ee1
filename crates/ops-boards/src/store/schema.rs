//! The tables of the board file, and what a new one holds.

use rusqlite::{Connection, params};

use super::random_id;
use crate::{BoardError, role::Status};

/// The newest version of the tables that this program knows, kept in `user_version`.
pub(super) const VERSION: i64 = 2;

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

/// What the second version added: gateways and watched columns of members, free fields of
/// tickets, the audit of the meeting board; the folded text served a search that is now by pattern.
const SECOND: &str = "
ALTER TABLE member ADD COLUMN gateway TEXT;
ALTER TABLE member ADD COLUMN gateway_secret TEXT;
ALTER TABLE member ADD COLUMN watch TEXT;
ALTER TABLE member ADD COLUMN notify INTEGER NOT NULL DEFAULT 1;
ALTER TABLE ticket ADD COLUMN more TEXT;
ALTER TABLE ticket DROP COLUMN folded;
CREATE INDEX ticket_rank ON ticket(rank);
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    details TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_actor ON audit(actor, seq);
CREATE INDEX message_thread ON message(thread_id) WHERE thread_id IS NOT NULL;
";

/// Makes the tables of a new file, and brings those of an older one up to date.
pub(super) fn prepare(db: &mut Connection, path: &str, now: i64) -> Result<(), BoardError> {
    let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > VERSION {
        return Err(BoardError::Newer { path: path.to_owned(), found, known: VERSION });
    }
    if found == VERSION {
        return Ok(());
    }
    if found < 1 {
        tx.execute_batch(TABLES)?;
        seed(&tx, now)?;
    }
    tx.execute_batch(SECOND)?;
    tx.execute("UPDATE board SET columns = ?", [columns()])?;
    tx.pragma_update(None, "user_version", VERSION)?;
    tx.commit().map_err(BoardError::Uncertain)
}

/// The columns of the board, as a JSON list; `closed` has none.
fn columns() -> String {
    let open = Status::ALL.into_iter().filter(|status| *status != Status::Closed);
    serde_json::json!(open.map(Status::as_str).collect::<Vec<_>>()).to_string()
}

fn seed(db: &Connection, now: i64) -> Result<(), BoardError> {
    db.execute(
        "INSERT INTO board (id, name, description, columns, created_at) VALUES (?, ?, ?, ?, ?)",
        params![random_id(now)?, "Main Board", "Primary task board", columns(), now],
    )?;
    for (name, description) in CHANNELS {
        db.execute(
            "INSERT INTO channel (id, name, description, created_at) VALUES (?, ?, ?, ?)",
            params![random_id(now)?, name, description, now],
        )?;
    }
    Ok(())
}
