//! The board file: one writer, readers beside it, every write one durable transaction.

mod channels;
mod comments;
mod edit;
mod members;
mod messages;
mod reading;
mod rows;
mod schema;
mod tickets;

use std::{
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use ops_engine::ports::Clock;
use rusqlite::{Connection, Transaction, TransactionBehavior};

pub(crate) use edit::KINDS;
pub use edit::{Edit, FieldChange, NewTicket};
pub use members::{Member, NewMember};
pub use messages::MessageQuery;
pub(crate) use messages::Posted;
pub use reading::ListQuery;

use crate::{BoardError, limits};

/// How long a statement waits for another process that holds the file.
const BUSY: Duration = Duration::from_secs(5);

/// Both boards in one file. All rules are enforced here, so that HTTP, the shell and ops itself
/// cannot differ.
pub struct BoardStore {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    clock: Arc<dyn Clock>,
}

impl BoardStore {
    /// Opens the file, or makes it (readable by its owner only) with the six channels of the
    /// meeting board and an empty planning board.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, BoardError> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| BoardError::File { path: path.display().to_string(), source })?;
        let mut writer = connect(path)?;
        schema::prepare(&mut writer, &path.display().to_string(), millis(clock.now().wall))?;
        let reader = connect(path)?;
        reader.pragma_update(None, "query_only", "ON")?;
        Ok(Self { writer: Mutex::new(writer), reader: Mutex::new(reader), clock })
    }

    /// The wall clock in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        millis(self.clock.now().wall)
    }

    /// Runs one write. The wall clock is read while the writer is held, so that labels follow the
    /// order of writing as far as the clock itself does.
    fn write<T>(
        &self,
        act: impl FnOnce(&Transaction<'_>, Timestamp) -> Result<T, BoardError>,
    ) -> Result<T, BoardError> {
        let mut db = held(&self.writer);
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = act(&tx, self.clock.now().wall)?;
        tx.commit().map_err(BoardError::Uncertain)?;
        Ok(done)
    }

    /// Runs one read that sees one moment of the file, however many statements it needs.
    fn read<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, BoardError>,
    ) -> Result<T, BoardError> {
        let mut db = held(&self.reader);
        let tx = db.transaction_with_behavior(TransactionBehavior::Deferred)?;
        look(&tx)
    }
}

fn connect(path: &Path) -> Result<Connection, BoardError> {
    let db = Connection::open(path)?;
    db.busy_timeout(BUSY)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", "ON")?;
    db.pragma_update(None, "trusted_schema", "OFF")?;
    Ok(db)
}

/// A panic while a connection was held rolled its transaction back, so the connection is still good.
fn held(db: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    db.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Milliseconds as they are stored; what is finer is cut off.
fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// 24 hex digits: the second of making in front, as `MongoDB` has it, then 64 random bits.
fn random_id(now_ms: i64) -> Result<String, BoardError> {
    let second = u32::try_from(now_ms.div_euclid(1000)).unwrap_or(0);
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(BoardError::NoRandom)?;
    Ok(format!("{second:08x}{:016x}", u64::from_be_bytes(random)))
}

/// Refuses a text above its bound.
fn bounded(what: &'static str, text: &str, bound: usize) -> Result<(), BoardError> {
    if text.len() > bound {
        return Err(BoardError::TooLong { what, bytes: text.len(), bound });
    }
    Ok(())
}

/// Refuses a one-line text that is too long or could be mistaken on a screen.
fn plain(what: &'static str, text: &str) -> Result<(), BoardError> {
    bounded(what, text, limits::SHORT_BYTES)?;
    if text.chars().any(char::is_control) {
        return Err(BoardError::Refused(format!("{what} must not hold control characters")));
    }
    Ok(())
}

/// Whether a text has the form of an id.
fn is_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
