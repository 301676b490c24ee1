//! Writing: one immediate transaction each, a second try from the reserve when the disk is full.

use ops_core::{id::DeploymentId, time::Now};
use ops_engine::ports::{JournalError, Record, Summary};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, ffi};

use super::{Access, SqliteJournal, failed, full, read, read_only};
use crate::chain::{Line, within_limit};

/// Why a transaction was given up.
#[derive(Debug)]
pub(super) enum Trouble {
    Sql(rusqlite::Error),
    Journal(JournalError),
    /// The commit failed in a way that does not tell whether it will be there after a crash.
    Doubtful(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<JournalError> for Trouble {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl SqliteJournal {
    /// Runs `work` in one transaction. If the disk is full, tries again with space from the
    /// reserve, piece by piece, until it fits or the reserve is used up (S20).
    pub(super) fn write<T>(
        &mut self,
        work: impl Fn(&Transaction<'_>) -> Result<T, Trouble>,
    ) -> Result<T, JournalError> {
        loop {
            match self.attempt(&work) {
                Err(JournalError::Full(place)) => {
                    let Access::Writer { reserve, .. } = &self.access else {
                        return Err(JournalError::Full(place));
                    };
                    match reserve.give_up_a_piece() {
                        Ok(true) => {}
                        Ok(false) => return Err(JournalError::Full(place)),
                        Err(e) => {
                            return Err(JournalError::Full(format!(
                                "{place}, and its reserve cannot be given up: {e}"
                            )));
                        }
                    }
                }
                other => return other,
            }
        }
    }

    /// Runs `work` in one transaction and leaves the reserve alone: for what starts something new.
    pub(super) fn write_within_room<T>(
        &mut self,
        work: impl Fn(&Transaction<'_>) -> Result<T, Trouble>,
    ) -> Result<T, JournalError> {
        self.attempt(&work)
    }

    fn attempt<T>(
        &mut self,
        work: &impl Fn(&Transaction<'_>) -> Result<T, Trouble>,
    ) -> Result<T, JournalError> {
        match &self.access {
            Access::Reader => return Err(read_only(&self.path)),
            Access::Writer { doubtful: Some(why), .. } => {
                return Err(JournalError::Failed(why.clone()));
            }
            Access::Writer { doubtful: None, .. } => {}
        }
        let trouble = match transact(&mut self.connection, work) {
            Ok(done) => return Ok(done),
            Err(trouble) => trouble,
        };
        match trouble {
            Trouble::Journal(error) => Err(error),
            Trouble::Sql(error) if is_full(&error) => Err(full(&self.path, &error.to_string())),
            Trouble::Sql(error) => Err(failed(&error)),
            Trouble::Doubtful(error) => {
                let why = format!(
                    "{}: a commit ended in doubt ({error}); nothing more is written until ops is \
                     started again and has looked at what is there",
                    self.path.display()
                );
                if let Access::Writer { doubtful, .. } = &mut self.access {
                    *doubtful = Some(why.clone());
                }
                Err(JournalError::Failed(why))
            }
        }
    }
}

fn transact<T>(
    connection: &mut Connection,
    work: &impl Fn(&Transaction<'_>) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = work(&transaction)?;
    match transaction.commit() {
        Ok(()) => Ok(done),
        // The frame that would make the transaction count is written last, so it is not there.
        Err(error) if is_full(&error) => Err(Trouble::Sql(error)),
        // After a failed sync, for one, the frame may be in the file: this process goes on without
        // it, while the next one would find it.
        Err(error) => Err(Trouble::Doubtful(error)),
    }
}

/// Whether there was no room: `SQLite` tells a full disk as such, a full quota as a failed write,
/// and missing room for its shared index as a failed resize.
fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        || error.sqlite_error().is_some_and(|e| {
            [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_SHMSIZE, ffi::SQLITE_IOERR_SHMMAP]
                .contains(&e.extended_code)
        })
}

pub(super) fn append(
    tx: &Transaction<'_>,
    deployment: Option<DeploymentId>,
    at: &Now,
    bodies: &[(u32, serde_json::Value)],
    summary: Option<&Summary>,
) -> Result<Vec<Record>, Trouble> {
    let next = next_number(tx)?;
    for id in deployment.into_iter().chain(summary.map(|summary| summary.id)) {
        if id >= next {
            return Err(JournalError::Failed(format!(
                "{id} was never given as a number; the next one is {next}"
            ))
            .into());
        }
    }
    let mut head = read::head(tx)?;
    let made = head.extend(deployment, at, bodies)?;
    for (line, _) in &made {
        insert(tx, line)?;
    }
    if !made.is_empty() {
        tx.prepare_cached("UPDATE meta SET head_seq = ?1, head_hash = ?2")?
            .execute((head.seq, head.hash.as_str()))?;
    }
    if let Some(summary) = summary {
        let body = summary.body.to_string();
        within_limit(&body)?;
        tx.prepare_cached(
            "INSERT INTO deployments (id, ended, body, updated) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET ended = ?2, body = ?3, updated = ?4",
        )?
        .execute((summary.id.0, summary.ended, body, at.wall.to_string()))?;
    }
    Ok(made.into_iter().map(|(_, record)| record).collect())
}

fn insert(tx: &Transaction<'_>, line: &Line) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO records (seq, deployment, boot, ms, wall, v, body, previous, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute((
        line.seq,
        line.deployment,
        &line.boot,
        line.ms,
        &line.wall,
        line.v,
        &line.body,
        &line.previous,
        &line.hash,
    ))?;
    Ok(())
}

pub(super) fn next_deployment(tx: &Transaction<'_>) -> Result<DeploymentId, Trouble> {
    let next = next_number(tx)?;
    tx.prepare_cached("UPDATE meta SET next_deployment = ?1")?.execute([next.0 + 1])?;
    Ok(next)
}

fn next_number(tx: &Transaction<'_>) -> rusqlite::Result<DeploymentId> {
    tx.prepare_cached("SELECT next_deployment FROM meta")?
        .query_row((), |row| row.get(0))
        .map(DeploymentId)
}
