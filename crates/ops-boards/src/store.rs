//! The board file: one writer, readers beside it, every write one durable transaction.

mod audit;
mod backlog;
mod cards;
mod channels;
mod comments;
mod edit;
mod gateway;
mod members;
mod messages;
mod reading;
mod rights;
mod rows;
mod schema;
mod search;
mod tickets;
mod watch;

use std::{
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use ops_engine::ports::Clock;
use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use audit::AuditQuery;
pub(crate) use cards::{Card, Column};
pub(crate) use comments::prefix_utf16;
pub(crate) use edit::KINDS;
pub use edit::{Edit, FieldChange, NewTicket};
pub use gateway::Gateway;
pub(crate) use members::hash;
pub use members::{Member, NewMember};
pub use messages::MessageQuery;
pub(crate) use messages::Posted;
pub use reading::ListQuery;
pub(crate) use watch::Recipient;

use crate::{
    BoardError, BoardSettings,
    feed::{Feed, Following},
    limits, mail,
    mail::Mail,
    notice::Notice,
};

/// How long a statement waits for another process that holds the file.
const BUSY: Duration = Duration::from_secs(5);

/// Prepared statements that each connection keeps.
const STATEMENTS: usize = 64;

/// Both boards in one file. All rules are enforced here, so that HTTP, the shell and ops itself
/// cannot differ.
pub struct BoardStore {
    writer: Mutex<Connection>,
    readers: Vec<Mutex<Connection>>,
    turn: AtomicUsize,
    clock: Arc<dyn Clock>,
    settings: RwLock<Arc<BoardSettings>>,
    feed: Arc<Feed>,
    mail: Mail,
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
        let readers = (0..limits::READERS).map(|_| {
            let reader = connect(path)?;
            reader.pragma_update(None, "query_only", "ON")?;
            Ok(Mutex::new(reader))
        });
        Ok(Self {
            writer: Mutex::new(writer),
            readers: readers.collect::<Result<_, BoardError>>()?,
            turn: AtomicUsize::new(0),
            clock,
            settings: RwLock::default(),
            feed: Arc::default(),
            mail: Mail::default(),
        })
    }

    /// Says how strict the board is from now on; `router` does.
    pub(crate) fn set_settings(&self, settings: Arc<BoardSettings>) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// How strict the board is.
    pub(crate) fn settings(&self) -> Arc<BoardSettings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Joins those who are told of every write; `None` if there are too many.
    pub(crate) fn follow(&self) -> Option<Following> {
        self.feed.follow()
    }

    /// Milliseconds of the machine's running time, which no clock change touches.
    pub(crate) fn running_ms(&self) -> u64 {
        self.clock.now().ms
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

    /// Runs one write of which followers and gateways are told once it is durable. Followers hear
    /// of writes in their order, unless notifications block: then this write's gateways answer
    /// first, as on `DevTeam`'s board.
    fn write_told<T>(
        &self,
        act: impl FnOnce(&Transaction<'_>, Timestamp) -> Result<(T, Vec<Notice>), BoardError>,
        tell: impl FnOnce(&Feed, &T),
    ) -> Result<T, BoardError> {
        let mut db = held(&self.writer);
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (done, notices) = act(&tx, self.clock.now().wall)?;
        tx.commit().map_err(BoardError::Uncertain)?;
        let settings = self.settings();
        if settings.blocking_notifications && !notices.is_empty() {
            drop(db);
            for notice in &notices {
                mail::deliver(notice, &settings.resolve_secret);
            }
            tell(&self.feed, &done);
        } else {
            tell(&self.feed, &done);
            drop(db);
            self.mail.post(notices, &settings.resolve_secret);
        }
        Ok(done)
    }

    /// Runs one read that sees one moment of the file, however many statements it needs.
    fn read<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, BoardError>,
    ) -> Result<T, BoardError> {
        let mut db = self.reader();
        let tx = db.transaction_with_behavior(TransactionBehavior::Deferred)?;
        look(&tx)
    }

    /// A free reader, or the one whose turn it is.
    fn reader(&self) -> MutexGuard<'_, Connection> {
        let free = self.readers.iter().find_map(|reader| match reader.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        free.unwrap_or_else(|| {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % limits::READERS;
            held(&self.readers[turn])
        })
    }
}

fn connect(path: &Path) -> Result<Connection, BoardError> {
    let db = Connection::open(path)?;
    db.busy_timeout(BUSY)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", "ON")?;
    db.pragma_update(None, "trusted_schema", "OFF")?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
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
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
