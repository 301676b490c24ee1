//! The store of artifacts, addressed by content: `<state>/artifacts/<64 hex digits>/…`.

mod archive;
mod content;
mod disk;
mod folder;
mod intake;

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use ops_core::{id::Digest, world::Fault};
use ops_engine::ports::{Act, ActError, Artifacts, Look, ResolvedArtifact};

pub(crate) use self::content::{Content, Node};
use self::intake::Intake;

/// Bytes that one artifact may have, unpacked, whatever the quota.
const BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// How long an import or a prune waits for another one.
const TURN_WAIT: Duration = Duration::from_secs(5);
const TURN_PAUSE: Duration = Duration::from_millis(20);
/// Folders that are being filled or emptied begin with this.
const PASSING: &str = ".passing-";
const LOCK: &str = ".lock";

/// The store on this machine.
///
/// What it holds is read-only and never changed in place: an artifact is copied to a passing
/// folder, hashed there, made durable, and only then renamed to its digest.
#[derive(Debug)]
pub struct ArtifactStore {
    folder: PathBuf,
    quota: u64,
}

struct Stored {
    digest: Digest,
    folder: PathBuf,
    size: u64,
    since: SystemTime,
}

impl ArtifactStore {
    /// The store below a state folder, with its quota in MiB.
    pub fn new(state_dir: &Path, quota_mb: u64) -> Self {
        let state_dir = std::path::absolute(state_dir).unwrap_or_else(|_| state_dir.to_owned());
        Self { folder: state_dir.join("artifacts"), quota: quota_mb.saturating_mul(1024 * 1024) }
    }

    /// Where a stored artifact's content is.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.hex())
    }

    /// Reads what a reference names and hashes it, whatever program it may hold.
    pub fn measure(&self, reference: &str) -> Look<ResolvedArtifact> {
        let content = self.take_in(reference, Intake::looking(reference, BYTES_MAX))?;
        let digest = content.digest();
        let stored = self.path(&digest).is_dir();
        Ok(ResolvedArtifact { digest, size: content.size(), stored, image: None })
    }

    fn place(&self) -> String {
        self.folder.display().to_string()
    }

    /// Reads what a reference names, and copies it on the way if told where to.
    fn take_in(&self, reference: &str, mut intake: Intake) -> Look<Content> {
        if let Some(path) = self.in_store(reference)? {
            folder::read(&path, &mut intake)?;
            return intake.finish();
        }
        let path = Path::new(reference);
        let metadata = std::fs::metadata(path).map_err(|error| unreadable(reference, &error))?;
        if metadata.is_dir() {
            folder::read(path, &mut intake)?;
        } else if !metadata.is_file() {
            return Err(Fault::new(
                "the artifact is neither a folder nor a file",
                reference,
                "name a folder, a .tar, .tar.gz or .tgz archive, or one executable file",
            ));
        } else if let Some(packing) = archive::Packing::of(path) {
            archive::read(path, packing, &mut intake)?;
        } else {
            folder::read_single(path, &mut intake)?;
        }
        intake.finish()
    }

    /// The folder of a `sha256:…` reference; `None` for any other reference.
    fn in_store(&self, reference: &str) -> Look<Option<PathBuf>> {
        if !reference.starts_with("sha256:") {
            return Ok(None);
        }
        let digest: Digest = reference.parse().map_err(|error: ops_core::id::NotADigest| {
            Fault::new(error.to_string(), reference, "correct the digest")
        })?;
        let path = self.path(&digest);
        if path.is_dir() {
            return Ok(Some(path));
        }
        Err(Fault::new(
            format!("the artifact {digest} is not in the store"),
            self.place(),
            "name the file or folder that it was made from, so that it can be imported",
        ))
    }

    fn stored(&self) -> Look<Vec<Stored>> {
        let unreadable = |error: std::io::Error| unreadable(&self.place(), &error);
        let listing = match std::fs::read_dir(&self.folder) {
            Ok(listing) => listing,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut stored = Vec::new();
        for entry in listing {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            let Ok(digest) = format!("sha256:{}", name.to_string_lossy()).parse() else {
                continue;
            };
            let folder = entry.path();
            let since = folder.metadata().and_then(|m| m.modified()).map_err(unreadable)?;
            let size = disk::size(&folder).map_err(unreadable)?;
            stored.push(Stored { digest, folder, size, since });
        }
        stored.sort_by_key(|artifact| artifact.since);
        Ok(stored)
    }

    /// Waits for its turn to change the store, and clears away what a crashed turn left.
    fn turn(&self) -> Result<File, ActError> {
        let failed = |error: std::io::Error| {
            let what = format!("the store cannot be changed: {error}");
            let next = "check the folder's owner and the room on its disk";
            ActError::NotApplied(Fault::new(what, self.place(), next))
        };
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        let path = self.folder.join(LOCK);
        let lock = File::options().write(true).create(true).truncate(false).open(path);
        let lock = lock.map_err(failed)?;
        let until = Instant::now() + TURN_WAIT;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    std::thread::sleep(TURN_PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(ActError::NotApplied(Fault::new(
                        "another import into the store is under way",
                        self.place(),
                        "try again when it has ended",
                    )));
                }
            }
        }
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().to_string_lossy().starts_with(PASSING) {
                disk::remove(&entry.path()).map_err(failed)?;
            }
        }
        Ok(lock)
    }

    /// Fills a passing folder and proves its digest; nothing of the store is touched yet.
    fn fill(&self, reference: &str, expected: &Digest, passing: &Path) -> Look<()> {
        let used: u64 =
            self.stored()?.iter().filter(|a| a.digest != *expected).map(|a| a.size).sum();
        let room = self.quota.saturating_sub(used);
        let content = self.take_in(reference, Intake::copying(reference, passing, room)?)?;
        let found = content.digest();
        if found != *expected {
            return Err(Fault::new(
                format!(
                    "the artifact's content is {found}, not the approved {expected}: it changed"
                ),
                reference,
                "put the approved content back, or let CQ and QA look at the new one",
            ));
        }
        disk::seal(passing).map_err(|error| disk::unwritable(passing, &error))
    }
}

impl Artifacts for ArtifactStore {
    fn resolve(&self, reference: &str, command: &[String]) -> Look<ResolvedArtifact> {
        let content = self.take_in(reference, Intake::looking(reference, BYTES_MAX))?;
        let digest = content.digest();
        if reference.starts_with("sha256:") && reference != digest.as_str() {
            return Err(Fault::new(
                format!("the stored artifact {reference} is damaged: its content is {digest}"),
                self.place(),
                "import it again from where it was made",
            ));
        }
        content.check_program(command, reference)?;
        let stored = self.path(&digest).is_dir();
        Ok(ResolvedArtifact { digest, size: content.size(), stored, image: None })
    }

    fn import(&self, reference: &str, expected: &Digest) -> Act {
        let turn = self.turn()?;
        let target = self.path(expected);
        if target.is_dir() && self.verify(expected).unwrap_or(false) {
            return Ok(());
        }
        let passing = self.folder.join(format!("{PASSING}{}", expected.hex()));
        if let Err(fault) = self.fill(reference, expected, &passing) {
            // What cannot be removed now is removed by the next turn.
            let _ = disk::remove(&passing);
            return Err(ActError::NotApplied(fault));
        }
        let placed = disk::place(&passing, &target, &self.folder.join(format!("{PASSING}old")));
        drop(turn);
        placed.map_err(|error| ActError::Unknown(disk::unwritable(&target, &error)))
    }

    fn verify(&self, digest: &Digest) -> Look<bool> {
        let content = self.take_in(digest.as_str(), Intake::looking(digest.as_str(), BYTES_MAX))?;
        Ok(content.digest() == *digest)
    }

    fn prune(&self, keep: &[Digest]) -> Act {
        let _turn = self.turn()?;
        let stored = self.stored().map_err(ActError::NotApplied)?;
        let mut used: u64 = stored.iter().map(|artifact| artifact.size).sum();
        // Room for one more like the largest, so that the next import finds it.
        let largest = stored.iter().map(|artifact| artifact.size).max().unwrap_or(0);
        let goal = self.quota.saturating_sub(largest);
        for artifact in stored {
            if used <= goal {
                break;
            }
            if keep.contains(&artifact.digest) {
                continue;
            }
            let passing = self.folder.join(format!("{PASSING}old"));
            std::fs::rename(&artifact.folder, &passing)
                .and_then(|()| disk::remove(&passing))
                .map_err(|error| ActError::Unknown(disk::unwritable(&artifact.folder, &error)))?;
            used = used.saturating_sub(artifact.size);
        }
        Ok(())
    }
}

/// Reads what the store holds in a folder of its own.
pub(crate) fn read_stored(folder: &Path) -> Look<Content> {
    let mut intake = Intake::looking(&folder.display().to_string(), BYTES_MAX);
    folder::read(folder, &mut intake)?;
    intake.finish()
}

/// What is to be said when something cannot be read.
fn unreadable(place: &str, error: &std::io::Error) -> Fault {
    let (what, next) = match error.kind() {
        std::io::ErrorKind::NotFound => ("there is nothing here", "correct the artifact's path"),
        std::io::ErrorKind::PermissionDenied => {
            ("this may not be read", "give the user that runs ops the right to read it")
        }
        _ => {
            return Fault::new(format!("this cannot be read: {error}"), place, "make it readable");
        }
    };
    Fault::new(what, place, next)
}
