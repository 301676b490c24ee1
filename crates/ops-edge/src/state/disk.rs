//! The state folder: the lock of the one edge that owns it, and files that are replaced whole.
//!
//! A full disk must not block the way back (S20): 256 KiB are set aside in a file, and given up
//! when a file could not be replaced for want of space.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{FallocateFlags, fallocate};

use crate::error::EdgeError;

/// Bytes set aside for route changes on a full disk.
pub(crate) const RESERVE_BYTES: u64 = 256 * 1024;

const RESERVE_FILE: &str = "routes.reserve";
const LOCK_FILE: &str = "edge.lock";

/// Why a file was not replaced.
#[derive(Debug)]
pub(crate) enum Unwritten {
    /// The old content is still there.
    Untouched(io::Error),
    /// The new content is there, but may be lost if the machine fails now.
    Unsure(io::Error),
}

/// What is asked of the disk. A trait, so that tests can let it fail.
pub(crate) trait Disk: Send + Sync {
    /// Replaces a file of the folder as a whole and makes that durable.
    fn replace(&self, dir: &Path, name: &str, content: &[u8]) -> Result<(), Unwritten>;

    /// Sets the reserve aside, if it is not.
    fn take_reserve(&self, dir: &Path) -> io::Result<()>;

    /// Gives the reserve up; true if there was one.
    fn give_reserve(&self, dir: &Path) -> bool;
}

/// The machine's own file system.
pub(crate) struct FileSystem;

impl Disk for FileSystem {
    fn replace(&self, dir: &Path, name: &str, content: &[u8]) -> Result<(), Unwritten> {
        let next = dir.join(format!("{name}.next"));
        let written = write_new(&next, content).and_then(|()| fs::rename(&next, dir.join(name)));
        if let Err(error) = written {
            // What was written of it may hold the very space that is missing.
            let _ = fs::remove_file(&next);
            return Err(Unwritten::Untouched(error));
        }
        File::open(dir).and_then(|folder| folder.sync_all()).map_err(Unwritten::Unsure)
    }

    fn take_reserve(&self, dir: &Path) -> io::Result<()> {
        let path = dir.join(RESERVE_FILE);
        if fs::metadata(&path).is_ok_and(|meta| meta.len() == RESERVE_BYTES) {
            return Ok(());
        }
        let taken = open_new(&path).and_then(|mut file| {
            match fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES) {
                Err(rustix::io::Errno::OPNOTSUPP) => {
                    file.write_all(&vec![0; RESERVE_BYTES as usize])?;
                }
                other => other?,
            }
            file.sync_all()
        });
        if taken.is_err() {
            let _ = fs::remove_file(&path);
        }
        taken
    }

    fn give_reserve(&self, dir: &Path) -> bool {
        fs::remove_file(dir.join(RESERVE_FILE)).is_ok()
    }
}

fn open_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = open_new(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Held for as long as the edge runs; the kernel lets go of it when the process ends, however it
/// ends.
pub(crate) struct StateLock(File);

impl StateLock {
    /// The same lock once more, for another process: it is free when both have let go.
    pub(crate) fn share(&self) -> io::Result<File> {
        self.0.try_clone()
    }
}

/// The state folder of an edge.
pub(crate) struct StateDir {
    path: PathBuf,
    disk: Box<dyn Disk>,
}

impl StateDir {
    /// Makes the folder if it is missing and locks it.
    pub(crate) fn open(path: &Path) -> Result<(Self, StateLock), EdgeError> {
        let state = |doing, path: &Path, source| {
            let path = path.to_owned();
            EdgeError::State { doing, path, source }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|e| state("making", path, e))?;
        let lock_path = path.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(|e| state("opening", &lock_path, e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(EdgeError::AlreadyRunning { state_dir: path.to_owned() });
            }
            Err(TryLockError::Error(e)) => return Err(state("locking", &lock_path, e)),
        }
        let dir = Self { path: path.to_owned(), disk: Box::new(FileSystem) };
        dir.keep_reserve();
        Ok((dir, StateLock(lock)))
    }

    /// A folder whose lock another process handed over.
    pub(crate) fn inherit(path: &Path, lock: File) -> (Self, StateLock) {
        let dir = Self { path: path.to_owned(), disk: Box::new(FileSystem) };
        dir.keep_reserve();
        (dir, StateLock(lock))
    }

    /// A folder on another disk than the machine's.
    #[cfg(test)]
    pub(crate) fn on(path: &Path, disk: Box<dyn Disk>) -> Self {
        Self { path: path.to_owned(), disk }
    }

    /// A path in the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Replaces a file, if need be at the cost of the reserve.
    pub(crate) fn replace(&self, name: &str, content: &[u8]) -> Result<(), Unwritten> {
        let mut replaced = self.disk.replace(&self.path, name, content);
        if let Err(Unwritten::Untouched(error)) = &replaced
            && is_full(error)
            && self.give_reserve()
        {
            tracing::warn!(%error, "the disk is full: the reserve was given up for {name}");
            replaced = self.disk.replace(&self.path, name, content);
        }
        // The old content gave its space back, so there is often room again at once.
        self.keep_reserve();
        replaced
    }

    fn give_reserve(&self) -> bool {
        self.disk.give_reserve(&self.path)
    }

    /// Sets the reserve aside again, if there is room. Called again and again while there is none.
    pub(crate) fn keep_reserve(&self) {
        if let Err(error) = self.disk.take_reserve(&self.path) {
            tracing::warn!(%error, "no room for the reserve of {RESERVE_BYTES} bytes");
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
