//! What was done on the meeting board, by whom.

use rusqlite::{Connection, params};
use serde_json::{Map, Value};

use super::{BoardStore, random_id, rows::from_json};
use crate::{
    BoardError, limits,
    wire::{AuditWire, rfc3339_ms},
};

/// Which entries of the audit a list shows, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// By this id only.
    pub actor: Option<String>,
    /// Strictly later than this, in milliseconds since 1970.
    pub since: Option<i64>,
    /// How many at most; `None` is 100. It cuts the oldest off.
    pub limit: Option<usize>,
}

impl BoardStore {
    /// The audit of the meeting board, newest first.
    pub fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditWire>, BoardError> {
        let limit = query.limit.unwrap_or(limits::AUDIT_DEFAULT).min(limits::MESSAGES_MAX);
        self.read(|db| {
            let mut entries = db.prepare_cached(
                "SELECT id, actor, action, details, at FROM audit
                 WHERE (?1 IS NULL OR actor = ?1) AND at > ?2 ORDER BY seq DESC LIMIT ?3",
            )?;
            let since = query.since.unwrap_or(i64::MIN);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = entries.query_map(params![query.actor, since, limit], |row| {
                Ok(AuditWire {
                    id: row.get(0)?,
                    actor: row.get(1)?,
                    action: row.get(2)?,
                    details: from_json(3, &row.get::<_, String>(3)?)?,
                    timestamp: rfc3339_ms(row.get(4)?),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// Writes an entry, in the transaction of what it is about.
pub(super) fn note(
    db: &Connection,
    actor: &str,
    action: &str,
    details: Map<String, Value>,
    now: i64,
) -> Result<(), BoardError> {
    db.prepare_cached("INSERT INTO audit (id, actor, action, details, at) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![
            random_id(now)?,
            actor,
            action,
            Value::Object(details).to_string(),
            now
        ])?;
    Ok(())
}
