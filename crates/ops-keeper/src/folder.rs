//! A replica's folder: how it is made, locked and read without its keeper.

use std::{
    fs::{DirBuilder, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use crate::{
    durable,
    protocol::Order,
    spec::Spec,
    status::{Stale, Stamp, Status},
};

pub(crate) const SPEC: &str = "spec.json";
pub(crate) const STATUS: &str = "status.json";
pub(crate) const SOCKET: &str = "keeper.sock";
pub(crate) const LOGS: &str = "logs";
const LOCK: &str = "keeper.lock";
const WORK: &str = "work";

/// Makes a replica's folder, complete or not at all. The replica is stopped until it gets an
/// order. Fails with `AlreadyExists` if there is one.
pub fn create(replica_dir: &Path, spec: &Spec) -> io::Result<()> {
    let (parent, name) = match (replica_dir.parent(), replica_dir.file_name()) {
        (Some(parent), Some(name)) => (parent, name.to_string_lossy()),
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    if replica_dir.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let growing = parent.join(format!(".new-{name}"));
    if growing.exists() {
        std::fs::remove_dir_all(&growing)?;
    }
    let private = |path: &Path| DirBuilder::new().mode(0o700).recursive(true).create(path);
    private(&growing)?;
    private(&growing.join(LOGS))?;
    private(&growing.join(WORK))?;
    durable::save(&growing.join(SPEC), spec)?;
    durable::save(&growing.join(STATUS), &Status::default())?;
    std::fs::rename(&growing, replica_dir)?;
    durable::sync_folder(parent)
}

/// Reads what a replica runs.
pub fn read_spec(replica_dir: &Path) -> io::Result<Spec> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, "the folder has no spec.json");
    durable::load(&replica_dir.join(SPEC))?.ok_or_else(missing)
}

/// Writes down from which references a replica that has stopped reads its secrets when it starts
/// again. All else of it stays as it was made.
pub fn refer(
    _proof: &ReplicaLock,
    replica_dir: &Path,
    secrets: &[(String, String)],
) -> io::Result<Spec> {
    let mut spec = read_spec(replica_dir)?;
    spec.secrets = secrets.to_vec();
    durable::save(&replica_dir.join(SPEC), &spec)?;
    Ok(spec)
}

/// Reads what was last written down of a replica. Only while its [`ReplicaLock`] is held is this
/// also how things stand.
pub fn read_status(replica_dir: &Path) -> io::Result<Status> {
    Ok(durable::load(&replica_dir.join(STATUS))?.unwrap_or_default())
}

pub(crate) fn write_status(replica_dir: &Path, status: &Status) -> io::Result<()> {
    durable::save(&replica_dir.join(STATUS), status)
}

/// Proof that no keeper is at work in a folder, for as long as it is held.
///
/// The kernel keeps the lock until a process that was just forked by the keeper has become the
/// service, so whoever gets it also sees every process that the last keeper started.
#[derive(Debug)]
pub struct ReplicaLock {
    _file: File,
}

impl ReplicaLock {
    /// Takes the lock; `None` if a keeper holds it.
    pub fn try_take(replica_dir: &Path) -> io::Result<Option<Self>> {
        let path = replica_dir.join(LOCK);
        let file =
            File::options().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // The folder may have been removed between opening and locking.
        let same = path.metadata()?.ino() == file.metadata()?.ino();
        if same { Ok(Some(Self { _file: file })) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

/// Takes down an order in the place of a keeper that is not at work. Whoever calls this must then
/// start a keeper, unless the answer says that nothing is to be done: the status is stopped.
pub fn take_order(
    _proof: &ReplicaLock,
    replica_dir: &Path,
    order: Order,
    stamp: Stamp,
) -> io::Result<Result<Status, Stale>> {
    let mut status = read_status(replica_dir)?;
    if let Err(stale) = status.take(order, stamp) {
        return Ok(Err(stale));
    }
    write_status(replica_dir, &status)?;
    Ok(Ok(status))
}
