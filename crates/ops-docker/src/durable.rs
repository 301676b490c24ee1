//! Small JSON files that are replaced as a whole and survive a power cut, and locks.

use std::{
    fs::{File, TryLockError},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::{Duration, Instant},
};

use ops_core::world::Fault;
use ops_engine::ports::Look;
use serde::{Serialize, de::DeserializeOwned};

/// How long an act waits for another one to end.
const TURN_WAIT: Duration = Duration::from_secs(3);
const TURN_PAUSE: Duration = Duration::from_millis(10);

/// Replaces a file by a value as JSON; when this returns, it is on disk. Whoever writes holds the
/// folder's turn.
pub(crate) fn save<T: Serialize>(path: &Path, value: &T) -> Look<()> {
    let write = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let fresh = path.with_extension("fresh");
        let mut file =
            File::options().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(&serde_json::to_vec(value)?)?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error| unwritable(path, &error))
}

/// Reads a file back; `None` if there is none.
pub(crate) fn load<T: DeserializeOwned>(path: &Path) -> Look<Option<T>> {
    match std::fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| unreadable(path, &io::Error::from(error))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// Removes a file, if there is one, so that it stays away.
pub(crate) fn forget(path: &Path) -> Look<()> {
    let removed = match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    removed.and_then(|()| File::open(folder)?.sync_all()).map_err(|error| unwritable(path, &error))
}

/// Does what waits for a disk or a program where it holds nobody up.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Look<T> + Send + 'static,
) -> Look<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(Fault::new("the work broke off", "docker target", "see ops's log, then try again"))
    })
}

/// Takes a lock, waiting a bounded time. It is freed when the file is dropped or its holder dies.
pub(crate) fn lock(path: &Path) -> Look<File> {
    lock_within(path, TURN_WAIT)?.ok_or_else(|| {
        Fault::new(
            "another act is under way here and has not ended",
            path.display().to_string(),
            "give the act again; the lock is freed when its holder ends",
        )
    })
}

/// The same for as long as is said; `None` if somebody else has it until then.
pub(crate) fn lock_within(path: &Path, wait: Duration) -> Look<Option<File>> {
    let failed = |error: io::Error| unwritable(path, &error);
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
    let file = File::options().write(true).create(true).truncate(false).open(path);
    let file = file.map_err(failed)?;
    let until = Instant::now() + wait;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                std::thread::sleep(TURN_PAUSE);
            }
            Err(TryLockError::WouldBlock) => return Ok(None),
        }
    }
}

/// What is to be said when state cannot be read.
pub(crate) fn unreadable(place: &Path, error: &io::Error) -> Fault {
    Fault::new(
        format!("ops's own state cannot be read: {error}"),
        place.display().to_string(),
        "check the file's owner and its disk",
    )
}

/// What is to be said when state cannot be written.
pub(crate) fn unwritable(place: &Path, error: &io::Error) -> Fault {
    let next = if error.kind() == io::ErrorKind::StorageFull {
        "free room on the disk of the state folder, then try again"
    } else {
        "check the folder's owner and the room on its disk, then try again"
    };
    Fault::new(
        format!("ops's own state cannot be written: {error}"),
        place.display().to_string(),
        next,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_read_back_and_what_was_forgotten_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/er.json");
        assert_eq!(load::<u32>(&file).unwrap(), None);
        save(&file, &7_u32).unwrap();
        save(&file, &8_u32).unwrap();
        assert_eq!(load::<u32>(&file).unwrap(), Some(8));
        forget(&file).unwrap();
        forget(&file).unwrap();
        assert_eq!(load::<u32>(&file).unwrap(), None);
    }

    #[test]
    fn torn_text_is_no_state() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("torn.json");
        std::fs::write(&file, "{\"half\":").unwrap();
        assert!(load::<u32>(&file).is_err());
    }
}
