//! The tables, as numbered migrations with checksums.

use ops_core::id::Digest;
use ops_engine::ports::JournalError;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use crate::{chain::genesis, sqlite::failed};

/// All migrations in order; their numbers count from 1. A migration that was released is never
/// edited: its checksum is compared with the one it had when it was applied.
const MIGRATIONS: &[&str] = &[include_str!("schema/1.sql")];

/// Brings a journal's tables up to date, in one transaction.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), JournalError> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|e| failed(&e))?;
    let done = applied(&transaction)?;
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(done) {
        apply(&transaction, index + 1, sql).map_err(|e| failed(&e))?;
    }
    transaction.commit().map_err(|e| failed(&e))
}

/// Checks that a journal's tables are those of this program, without changing anything.
pub(crate) fn expect_current(connection: &Connection) -> Result<(), JournalError> {
    let done = applied(connection)?;
    if done < MIGRATIONS.len() {
        return Err(JournalError::Failed(format!(
            "its tables are of format {done}, this ops reads {}; start `ops serve` once",
            MIGRATIONS.len()
        )));
    }
    Ok(())
}

fn apply(connection: &Connection, number: usize, sql: &str) -> rusqlite::Result<()> {
    if number == 1 {
        connection.execute_batch(
            "CREATE TABLE migrations (number INTEGER PRIMARY KEY, checksum TEXT NOT NULL) STRICT;",
        )?;
    }
    connection.execute_batch(sql)?;
    connection.execute(
        "INSERT INTO migrations (number, checksum) VALUES (?1, ?2)",
        (number as u64, Digest::of(sql.as_bytes()).as_str()),
    )?;
    if number == 1 {
        connection.execute(
            "INSERT INTO meta (one, head_seq, head_hash, next_deployment, generation)
             VALUES (1, 0, ?1, 1, 0)",
            [genesis().as_str()],
        )?;
    }
    Ok(())
}

/// How many of the migrations were applied, after comparing their checksums.
fn applied(connection: &Connection) -> Result<usize, JournalError> {
    let fresh = connection
        .query_row("SELECT 1 FROM sqlite_schema LIMIT 1", (), |_| Ok(()))
        .optional()
        .map_err(|e| failed(&e))?
        .is_none();
    if fresh {
        return Ok(0);
    }
    let list: Vec<(u32, String)> = connection
        .prepare("SELECT number, checksum FROM migrations ORDER BY number")
        .and_then(|mut statement| {
            statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .map_err(|e| JournalError::Failed(format!("it is not a journal of ops: {e}")))?;
    let have = MIGRATIONS.len() as u32;
    if let Some((needs, _)) = list.last().filter(|(number, _)| *number > have) {
        return Err(JournalError::TooNew { needs: *needs, have });
    }
    for (index, (number, checksum)) in list.iter().enumerate() {
        let ours = MIGRATIONS.get(index).map(|sql| Digest::of(sql.as_bytes()));
        if *number as usize != index + 1 || ours.as_ref().map(Digest::as_str) != Some(checksum) {
            return Err(JournalError::Failed(format!(
                "migration {number} of its tables is not the one this ops knows; restore the \
                 journal from a backup or run the ops that wrote it"
            )));
        }
    }
    Ok(list.len())
}
