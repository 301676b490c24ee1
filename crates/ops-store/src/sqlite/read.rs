//! Reading rows back, and checking all of them.

use ops_core::id::DeploymentId;
use ops_engine::ports::{JournalError, Record, Summary, Tampered};
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::failed;
use crate::chain::{Head, Line};

/// A query for whole lines.
pub(super) fn lines(which: &str) -> String {
    format!("SELECT seq, deployment, boot, ms, wall, v, body, previous, hash FROM records {which}")
}

/// A bound or number as `SQLite` can compare it: its whole numbers have 63 bits.
pub(super) fn bounded(number: u64) -> u64 {
    number.min(i64::MAX as u64)
}

pub(super) fn line(row: &Row<'_>) -> rusqlite::Result<Line> {
    Ok(Line {
        seq: row.get(0)?,
        deployment: row.get(1)?,
        boot: row.get(2)?,
        ms: row.get(3)?,
        wall: row.get(4)?,
        v: row.get(5)?,
        body: row.get(6)?,
        previous: row.get(7)?,
        hash: row.get(8)?,
    })
}

/// Records of lines; each is checked against its own hash, so that nobody acts on one that was
/// edited.
pub(super) fn records(lines: Vec<Line>) -> Result<Vec<Record>, JournalError> {
    Ok(lines.into_iter().map(Line::into_record).collect::<Result<_, _>>()?)
}

pub(super) fn summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    let body: String = row.get(2)?;
    let body = serde_json::from_str(&body).map_err(|e| {
        rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, Box::new(e))
    })?;
    Ok(Summary { id: DeploymentId(row.get(0)?), ended: row.get(1)?, body })
}

/// The last record, which must be the one that the last append left behind.
pub(super) fn head(connection: &Connection) -> Result<Head, JournalError> {
    let (seq, hash): (u64, String) = connection
        .prepare_cached("SELECT head_seq, head_hash FROM meta")
        .and_then(|mut statement| statement.query_row((), |row| Ok((row.get(0)?, row.get(1)?))))
        .map_err(|e| failed(&e))?;
    let last: Option<(u64, String)> = connection
        .prepare_cached("SELECT seq, hash FROM records ORDER BY seq DESC LIMIT 1")
        .and_then(|mut statement| {
            statement.query_row((), |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .map_err(|e| failed(&e))?;
    let empty = Head::empty();
    let (last_seq, last_hash) = last.unwrap_or((empty.seq, empty.hash.to_string()));
    if (last_seq, last_hash.as_str()) != (seq, hash.as_str()) {
        let why =
            format!("the last append left record {seq} behind, the last one now is {last_seq}");
        return Err(Tampered { seq: last_seq.min(seq) + u64::from(last_seq != seq), why }.into());
    }
    let hash = hash
        .parse()
        .map_err(|e| Tampered { seq, why: format!("the hash of the last record: {e}") })?;
    Ok(Head { seq, hash })
}

/// Checks the chain from its first to its last record, and what can be made again against it.
pub(super) fn verify(connection: &Connection) -> Result<Head, JournalError> {
    let found = chain(connection)?;
    let expected = head(connection)?;
    if found != expected {
        let why = format!("it is the last one, but the last append left {} behind", expected.seq);
        return Err(Tampered { seq: found.seq, why }.into());
    }
    numbers_never_go_back(connection, found.seq)?;
    let health: String = connection
        .query_row("PRAGMA integrity_check(1)", (), |row| row.get(0))
        .map_err(|e| failed(&e))?;
    if health != "ok" {
        return Err(JournalError::Failed(format!("the file is damaged: {health}")));
    }
    Ok(found)
}

fn chain(connection: &Connection) -> Result<Head, JournalError> {
    let mut head = Head::empty();
    let mut statement =
        connection.prepare_cached(&lines("ORDER BY seq")).map_err(|e| failed(&e))?;
    let mut rows = statement.query(()).map_err(|e| failed(&e))?;
    while let Some(row) = rows.next().map_err(|e| failed(&e))? {
        let line = line(row).map_err(|e| Tampered {
            seq: head.seq + 1,
            why: format!("a field of it is no longer what ops writes there: {e}"),
        })?;
        head.follow(line)?;
    }
    Ok(head)
}

/// A number that was given once, to a deployment or a lease, must not be given again.
fn numbers_never_go_back(connection: &Connection, last: u64) -> Result<(), JournalError> {
    let (next, highest): (u64, u64) = connection
        .query_row(
            "SELECT next_deployment, max(
                 (SELECT coalesce(max(deployment), 0) FROM records),
                 (SELECT coalesce(max(id), 0) FROM deployments))
             FROM meta",
            (),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .map_err(|e| failed(&e))?;
    if next <= highest {
        let why = format!(
            "D-{highest} exists, but D-{next} is noted as the next one: the number was set back"
        );
        return Err(Tampered { seq: last, why }.into());
    }
    let (given, held): (u64, u64) = connection
        .query_row(
            "SELECT generation, (SELECT coalesce(max(generation), 0) FROM leases) FROM meta",
            (),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .map_err(|e| failed(&e))?;
    if given < held {
        let why = format!("a lease has generation {held}, above the highest one given, {given}");
        return Err(Tampered { seq: last, why }.into());
    }
    Ok(())
}
