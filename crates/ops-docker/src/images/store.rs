//! The store of images, addressed by content.
//!
//! `<state>/images/blobs/<64 hex digits>` is content that is written once; two images share what
//! they have in common. `<state>/images/kept/<64 hex digits>.json` says of what an image consists;
//! it is written when all of that is on disk.

use std::{
    collections::BTreeSet,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use ops_core::{id::Digest, world::Fault};
use ops_engine::ports::{ActError, Look};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::manifest::{Configuration, Part, described};
use crate::durable::{self, unreadable, unwritable};

/// Content that is being written begins with this.
const PASSING: &str = ".passing-";
const PIECE: usize = 256 * 1024;

/// The store on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    folder: PathBuf,
}

/// Of what a kept image consists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// What it is named by.
    pub(crate) digest: Digest,
    /// Its manifest, and the list that names it if there is one.
    pub(crate) documents: Vec<Part>,
    /// Its configuration, by whose digest engines know it too.
    pub(crate) config: Part,
    /// Its layers, the lowest first.
    pub(crate) layers: Vec<Part>,
    /// The layers as they are unpacked.
    pub(crate) diff_ids: Vec<String>,
}

impl Kept {
    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.documents.iter().chain([&self.config]).chain(&self.layers)
    }

    /// Bytes that it takes.
    pub(crate) fn size(&self) -> u64 {
        self.parts().map(|part| part.size).sum()
    }
}

impl Store {
    /// The store below a state folder.
    pub(crate) fn new(state_dir: &Path) -> Self {
        let state_dir = std::path::absolute(state_dir).unwrap_or_else(|_| state_dir.to_owned());
        Self { folder: state_dir.join("images") }
    }

    pub(crate) fn place(&self) -> String {
        self.folder.display().to_string()
    }

    /// Where content lies.
    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.folder.join("blobs").join(digest.hex())
    }

    fn record(&self, digest: &Digest) -> PathBuf {
        self.folder.join("kept").join(format!("{}.json", digest.hex()))
    }

    /// Waits for its turn to change the store, and clears away what a crashed turn left.
    pub(crate) fn turn(&self) -> Look<File> {
        let lock = durable::lock(&self.folder.join(".turn"))?;
        let blobs = self.folder.join("blobs");
        let failed = |error: std::io::Error| unwritable(&blobs, &error);
        std::fs::create_dir_all(&blobs).map_err(failed)?;
        for entry in std::fs::read_dir(&blobs).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().to_string_lossy().starts_with(PASSING) {
                std::fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(lock)
    }

    /// What is known of a kept image; `None` if it is not kept.
    pub(crate) fn kept(&self, digest: &Digest) -> Look<Option<Kept>> {
        durable::load(&self.record(digest))
    }

    /// What a kept image is like.
    pub(crate) fn configuration(&self, kept: &Kept) -> Look<Configuration> {
        let path = self.blob(&kept.config.digest);
        let bytes = std::fs::read(&path).map_err(|error| unreadable(&path, &error))?;
        if Digest::of(&bytes) != kept.config.digest {
            let what = format!("the configuration of the image {} was changed", kept.digest);
            return Err(Fault::new(what, self.place(), "import the image again"));
        }
        described(&bytes, &self.place())
    }

    /// Says that all of an image is on disk.
    pub(crate) fn keep(&self, kept: &Kept) -> Look<()> {
        let blobs = self.folder.join("blobs");
        File::open(&blobs)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| unwritable(&blobs, &error))?;
        durable::save(&self.record(&kept.digest), kept)
    }

    /// Whether content is here and is what its digest says.
    pub(crate) fn holds(&self, digest: &Digest) -> Look<bool> {
        let path = self.blob(digest);
        let failed = |error: std::io::Error| unreadable(&path, &error);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        let (mut hash, mut piece) = (Sha256::new(), vec![0; PIECE]);
        loop {
            match file.read(&mut piece).map_err(failed)? {
                0 => return Ok(Digest::from_hash(&hash.finalize()) == *digest),
                read => hash.update(&piece[..read]),
            }
        }
    }

    /// Reads a kept image back, all of it.
    pub(crate) fn verify(&self, digest: &Digest) -> Look<bool> {
        let Some(kept) = self.kept(digest)? else {
            let what = format!("the image {digest} is not in the store");
            return Err(Fault::new(what, self.place(), "import it first"));
        };
        for part in kept.parts() {
            if !self.holds(&part.digest)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Begins to write content.
    pub(crate) fn passing(&self, digest: &Digest) -> PathBuf {
        self.folder.join("blobs").join(format!("{PASSING}{}", digest.hex()))
    }

    /// Bytes of all content.
    pub(crate) fn used(&self) -> Look<u64> {
        let blobs = self.folder.join("blobs");
        let failed = |error: std::io::Error| unreadable(&blobs, &error);
        let mut used = 0;
        for entry in std::fs::read_dir(&blobs).map_err(failed)? {
            used += entry.and_then(|entry| entry.metadata()).map_err(failed)?.len();
        }
        Ok(used)
    }

    /// Lets go of all images except these; tells which.
    pub(crate) fn prune(&self, keep: &[Digest]) -> Result<Vec<Digest>, ActError> {
        let _turn = self.turn().map_err(ActError::NotApplied)?;
        let images = self.all().map_err(ActError::NotApplied)?;
        let (stay, leave): (Vec<_>, Vec<_>) =
            images.into_iter().partition(|kept| keep.contains(&kept.digest));
        for kept in &leave {
            durable::forget(&self.record(&kept.digest)).map_err(ActError::Unknown)?;
        }
        if !leave.is_empty() {
            self.sweep(&stay).map_err(ActError::Unknown)?;
        }
        Ok(leave.into_iter().map(|kept| kept.digest).collect())
    }

    /// Removes content that no kept image consists of.
    fn sweep(&self, images: &[Kept]) -> Look<()> {
        let parts = images.iter().flat_map(Kept::parts);
        let wanted: BTreeSet<&str> = parts.map(|part| part.digest.hex()).collect();
        let blobs = self.folder.join("blobs");
        let failed = |error: std::io::Error| unwritable(&blobs, &error);
        for entry in std::fs::read_dir(&blobs).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if !wanted.contains(entry.file_name().to_string_lossy().as_ref()) {
                std::fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn all(&self) -> Look<Vec<Kept>> {
        let folder = self.folder.join("kept");
        let failed = |error: std::io::Error| unreadable(&folder, &error);
        let listing = match std::fs::read_dir(&folder) {
            Ok(listing) => listing,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut images = Vec::new();
        for entry in listing {
            let entry = entry.map_err(failed)?;
            if entry.path().extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            images.extend(durable::load(&entry.path())?);
        }
        Ok(images)
    }
}
