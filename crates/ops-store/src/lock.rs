//! One writer at a time: an advisory lock that the kernel gives back when its holder dies, so that
//! nobody ever unlocks by hand.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use ops_engine::ports::JournalError;

/// Longest text that is read from a lock file.
const HOLDER_LIMIT: u64 = 64;

/// The right to write a journal, held until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Takes the lock at once, or says which process holds it.
    pub(crate) fn take(path: &Path) -> Result<Self, JournalError> {
        let failed = |e: std::io::Error| {
            JournalError::Failed(format!("cannot lock {}: {e}", path.display()))
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JournalError::Locked(format!(
                    "{} holds {}",
                    holder(&mut file),
                    path.display()
                )));
            }
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        // The number is only there for the message above; it is not the lock. A disk without room
        // for it must not keep a daemon from starting, which has a rollback to finish.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
        Ok(Self { _file: file })
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(HOLDER_LIMIT).read_to_string(&mut text);
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(pid)) => format!("process {pid}"),
        _ => "another process".to_owned(),
    }
}
