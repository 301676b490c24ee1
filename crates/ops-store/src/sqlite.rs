//! The journal in a `SQLite` file.

mod leases;
mod read;
mod write;

#[cfg(test)]
mod tests;

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use ops_core::{
    id::{DeploymentId, Digest, Generation},
    time::Now,
};
use ops_engine::ports::{Journal, JournalError, Lease, LeaseRefused, Record, Seq, Summary};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use crate::{grant::Claim, lock::WriterLock, reserve::Reserve, schema};

/// Longest wait for another program that has the file locked. Well within the 10 s that a call of
/// a port may take.
const BUSY: Duration = Duration::from_secs(5);

/// Bytes that the write-ahead file keeps between two checkpoints.
const WAL_KEEP: u64 = 16 << 20;

/// The journal in one file, for one writer and any number of readers.
///
/// Beside the file `journal.db` stand `journal.lock` (who writes) and `journal.reserve` (S20).
#[derive(Debug)]
pub struct SqliteJournal {
    connection: Connection,
    path: PathBuf,
    access: Access,
}

#[derive(Debug)]
enum Access {
    Reader,
    Writer {
        reserve: Reserve,
        /// Set when a commit ended so that nobody knows whether it will be there after a crash.
        doubtful: Option<String>,
        _lock: WriterLock,
    },
}

impl SqliteJournal {
    /// Opens the journal for writing and creates it if there is none.
    ///
    /// Fails at once with [`JournalError::Locked`] if another process has it open for writing, and
    /// with [`JournalError::TooNew`] if its tables are of a newer ops. Records of a newer format
    /// do not stop it: see [`Journal::needs_format`].
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let lock = WriterLock::take(&path.with_extension("lock"))?;
        create_private(path)
            .map_err(|e| JournalError::Failed(format!("cannot create {}: {e}", path.display())))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = connect(path, flags)?;
        durable(&connection).map_err(|why| at(path, why))?;
        schema::migrate(&mut connection).map_err(|e| at(path, e))?;
        let reserve = Reserve::at(path.with_extension("reserve"));
        let access = Access::Writer { reserve, doubtful: None, _lock: lock };
        Ok(Self { connection, path: path.to_owned(), access })
    }

    /// Opens an existing journal only to read it, also while a daemon writes it. Never makes the
    /// writer wait; every call that would write fails.
    pub fn open_read_only(path: &Path) -> Result<Self, JournalError> {
        if !path.exists() {
            return Err(JournalError::Failed(format!(
                "there is no journal at {}; `ops serve` creates it",
                path.display()
            )));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = connect(path, flags)?;
        schema::expect_current(&connection).map_err(|e| at(path, e))?;
        Ok(Self { connection, path: path.to_owned(), access: Access::Reader })
    }

    /// Where the journal is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn query<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, JournalError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map(parameters, read)?.collect())
            .map_err(|e| failed(&e))
    }
}

impl Journal for SqliteJournal {
    fn append(
        &mut self,
        deployment: Option<DeploymentId>,
        at: &Now,
        bodies: &[(u32, serde_json::Value)],
        summary: Option<&Summary>,
    ) -> Result<Vec<Record>, JournalError> {
        if bodies.is_empty() && summary.is_none() {
            return Ok(Vec::new());
        }
        let records = self.write(|tx| write::append(tx, deployment, at, bodies, summary))?;
        #[cfg(debug_assertions)]
        crate::crash::after(&records);
        Ok(records)
    }

    fn stream(&self, deployment: Option<DeploymentId>) -> Result<Vec<Record>, JournalError> {
        let lines = self.query(
            &read::lines("WHERE deployment IS ?1 ORDER BY seq"),
            [deployment.map(|id| read::bounded(id.0))],
            read::line,
        )?;
        read::records(lines)
    }

    fn after(&self, after: Seq, limit: usize) -> Result<Vec<Record>, JournalError> {
        let lines = self.query(
            &read::lines("WHERE seq > ?1 ORDER BY seq LIMIT ?2"),
            [read::bounded(after), read::bounded(limit as u64)],
            read::line,
        )?;
        read::records(lines)
    }

    fn head(&self) -> Result<(Seq, Digest), JournalError> {
        let head = read::head(&self.connection)?;
        Ok((head.seq, head.hash))
    }

    fn summaries(&self, open_only: bool, limit: usize) -> Result<Vec<Summary>, JournalError> {
        let sql = if open_only {
            "SELECT id, ended, body FROM deployments WHERE ended = 0 ORDER BY id DESC LIMIT ?1"
        } else {
            "SELECT id, ended, body FROM deployments ORDER BY id DESC LIMIT ?1"
        };
        self.query(sql, [read::bounded(limit as u64)], read::summary)
    }

    fn summary(&self, id: DeploymentId) -> Result<Option<Summary>, JournalError> {
        self.connection
            .query_row(
                "SELECT id, ended, body FROM deployments WHERE id = ?1",
                [read::bounded(id.0)],
                read::summary,
            )
            .optional()
            .map_err(|e| failed(&e))
    }

    fn next_deployment(&mut self) -> Result<DeploymentId, JournalError> {
        self.write_within_room(write::next_deployment)
    }

    fn lease(
        &mut self,
        group: &str,
        holder: &str,
        above: Generation,
        now: &Now,
        length_ms: u64,
    ) -> Result<Lease, LeaseRefused> {
        let claim = Claim { group, holder, above, now, length_ms };
        self.write(|tx| leases::take(tx, &claim))?
    }

    fn release(&mut self, group: &str, holder: &str) -> Result<(), JournalError> {
        self.write(|tx| leases::release(tx, group, holder))
    }

    fn reserve(&mut self) -> Result<(), JournalError> {
        match &self.access {
            Access::Reader => Err(read_only(&self.path)),
            Access::Writer { reserve, .. } => reserve.top_up().map_err(|e| match e.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    full(&self.path, &e.to_string())
                }
                _ => JournalError::Failed(format!("cannot set space aside: {e}")),
            }),
        }
    }

    fn needs_format(&self) -> Result<u32, JournalError> {
        self.connection
            .query_row("SELECT coalesce(max(v), 0) FROM records", (), |row| row.get(0))
            .map_err(|e| failed(&e))
    }

    fn verify(&self) -> Result<(Seq, Digest), JournalError> {
        // One transaction, so that a writer beside us cannot change what we compare.
        let snapshot = self.connection.unchecked_transaction().map_err(|e| failed(&e))?;
        let head = read::verify(&snapshot)?;
        Ok((head.seq, head.hash))
    }
}

/// Creates the file so that only its owner can read it; `SQLite` gives the same rights to the files
/// that it puts beside it.
fn create_private(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        other => other?.sync_all()?,
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, JournalError> {
    let connection = Connection::open_with_flags(path, flags)
        .and_then(|connection| {
            connection.busy_timeout(BUSY)?;
            // What stands in the file must not be able to call functions of this program.
            connection.pragma_update(None, "trusted_schema", false)?;
            Ok(connection)
        })
        .map_err(|e| self::at(path, failed(&e)))?;
    Ok(connection)
}

/// Makes every commit reach the disk before it returns, and makes sure that it does.
fn durable(connection: &Connection) -> Result<(), JournalError> {
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(|e| failed(&e))?;
    if mode != "wal" {
        return Err(JournalError::Failed(format!(
            "this file system gives journal mode `{mode}` where `wal` is needed; keep the state \
             on a local disk"
        )));
    }
    connection
        .pragma_update(None, "synchronous", "full")
        .and_then(|()| {
            let limit = connection.pragma_update_and_check(
                None,
                "journal_size_limit",
                WAL_KEEP,
                |row| row.get::<_, u64>(0),
            )?;
            debug_assert_eq!(limit, WAL_KEEP);
            Ok(())
        })
        .map_err(|e| failed(&e))
}

/// Puts an error of `SQLite` into words.
pub(crate) fn failed(error: &rusqlite::Error) -> JournalError {
    JournalError::Failed(match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy) => {
            format!("another program kept the file locked for {} s", BUSY.as_secs())
        }
        _ => error.to_string(),
    })
}

fn at(path: &Path, error: JournalError) -> JournalError {
    match error {
        JournalError::Failed(why) => JournalError::Failed(format!("{}: {why}", path.display())),
        other => other,
    }
}

fn full(path: &Path, why: &str) -> JournalError {
    JournalError::Full(format!("{}: {why}", path.display()))
}

fn read_only(path: &Path) -> JournalError {
    JournalError::Failed(format!(
        "{} was opened only to be read; only `ops serve` writes it",
        path.display()
    ))
}
