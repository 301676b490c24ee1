//! Takes in an artifact entry by entry, from wherever, within bounds; copies it on the way if
//! told to.

use std::{
    ffi::OsStr,
    fs::{DirBuilder, File},
    io::{self, Read, Write as _},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirBuilderExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use ops_core::world::Fault;
use sha2::{Digest as _, Sha256};

use super::{
    content::{Content, Node},
    disk::unwritable,
};

/// Entries of one artifact.
const ENTRIES_MAX: usize = 100_000;
/// Bytes of one path, and of a link's target.
const PATH_MAX: usize = 4096;
/// Bytes of one name.
const NAME_MAX: usize = 255;
/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// An artifact on its way in.
pub(super) struct Intake {
    place: String,
    copy_to: Option<PathBuf>,
    room: u64,
    size: u64,
    content: Content,
}

impl Intake {
    /// Only looks. `room`: the bytes at which it stops.
    pub(super) fn looking(place: &str, room: u64) -> Self {
        Self { place: place.to_owned(), copy_to: None, room, size: 0, content: Content::default() }
    }

    /// Copies into a new folder, at most `room` bytes.
    pub(super) fn copying(place: &str, folder: &Path, room: u64) -> Result<Self, Fault> {
        make_folder(folder).map_err(|error| unwritable(folder, &error))?;
        Ok(Self { copy_to: Some(folder.to_owned()), ..Self::looking(place, room) })
    }

    /// Takes in a folder. One that is there already stays.
    pub(super) fn folder(&mut self, path: &[u8]) -> Result<(), Fault> {
        let path = self.clean(path)?;
        self.folders(&path)
    }

    /// Takes in a file.
    pub(super) fn file(
        &mut self,
        path: &[u8],
        executable: bool,
        mut bytes: impl Read,
    ) -> Result<(), Fault> {
        let path = self.clean(path)?;
        self.vacant(&path)?;
        let mut copy = self.new_file(&path, executable)?;
        let (mut size, mut hash) = (0, Sha256::new());
        let mut chunk = vec![0; CHUNK];
        loop {
            let length = match bytes.read(&mut chunk) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.broken(&path, &error)),
            };
            let part = chunk.get(..length).unwrap_or(&[]);
            size += length as u64;
            self.size += length as u64;
            if self.size > self.room {
                return Err(self.too_large());
            }
            hash.update(part);
            if let Some((file, at)) = &mut copy {
                file.write_all(part).map_err(|error| unwritable(at, &error))?;
            }
        }
        self.content
            .nodes
            .insert(path, Node::File { executable, size, hash: hash.finalize().into() });
        Ok(())
    }

    /// Takes in a link. It is not followed, and it is made last, so nothing is written through it.
    pub(super) fn link(&mut self, path: &[u8], target: &[u8]) -> Result<(), Fault> {
        let path = self.clean(path)?;
        self.vacant(&path)?;
        if target.is_empty() || target.len() > PATH_MAX || target.contains(&0) {
            return Err(self.refused(&path, "its link target is empty or too long"));
        }
        self.content.nodes.insert(path, Node::Link { target: target.to_vec() });
        Ok(())
    }

    /// Takes in a hard link to a file that was taken in before, as a copy of it.
    pub(super) fn copy(&mut self, path: &[u8], of: &[u8]) -> Result<(), Fault> {
        let (path, of) = (self.clean(path)?, self.clean(of)?);
        self.vacant(&path)?;
        let Some(Node::File { executable, size, hash }) = self.content.nodes.get(&of).cloned()
        else {
            return Err(self.refused(&path, "it is a hard link to no file before it"));
        };
        self.size += size;
        if self.size > self.room {
            return Err(self.too_large());
        }
        if let Some((mut file, at)) = self.new_file(&path, executable)? {
            let from = at_path(self.copy_to.as_deref().unwrap_or(Path::new("")), &of);
            File::open(from)
                .and_then(|mut from| io::copy(&mut from, &mut file))
                .map_err(|error| unwritable(&at, &error))?;
        }
        self.content.nodes.insert(path, Node::File { executable, size, hash });
        Ok(())
    }

    /// Everything is in: checks the links and makes them.
    pub(super) fn finish(self) -> Result<Content, Fault> {
        if self.content.nodes.is_empty() {
            return Err(Fault::new("the artifact is empty", self.place, "build it again"));
        }
        self.content.check_links(&self.place)?;
        if let Some(folder) = &self.copy_to {
            for (path, node) in &self.content.nodes {
                if let Node::Link { target } = node {
                    let at = at_path(folder, path);
                    std::os::unix::fs::symlink(OsStr::from_bytes(target), &at)
                        .map_err(|error| unwritable(&at, &error))?;
                }
            }
        }
        Ok(self.content)
    }

    /// What is to be said about an entry that cannot be taken in.
    pub(super) fn refused(&self, path: &[u8], why: &str) -> Fault {
        Fault::new(
            format!("the artifact's entry `{}` is refused: {why}", String::from_utf8_lossy(path)),
            &*self.place,
            "build the artifact without it",
        )
    }

    fn broken(&self, path: &[u8], error: &io::Error) -> Fault {
        Fault::new(
            format!("`{}` cannot be read to its end: {error}", String::from_utf8_lossy(path)),
            &*self.place,
            "the artifact is damaged or cut short: build or copy it again",
        )
    }

    fn too_large(&self) -> Fault {
        let room = self.room / (1024 * 1024);
        Fault::new(
            format!("the artifact does not fit: there is room for {room} MiB"),
            &*self.place,
            "raise the store's quota in ops.yaml, keep fewer releases, or make the artifact smaller",
        )
    }

    /// A path in its one form, or the reason why it is none.
    fn clean(&self, path: &[u8]) -> Result<Vec<u8>, Fault> {
        if path.starts_with(b"/") {
            return Err(self.refused(path, "its path is absolute"));
        }
        let parts = path.split(|b| *b == b'/').filter(|part| !matches!(*part, b"" | b"."));
        let parts: Vec<&[u8]> = parts.collect();
        if parts.contains(&b"..".as_slice()) {
            return Err(self.refused(path, "its path leads upwards"));
        }
        if path.len() > PATH_MAX || parts.iter().any(|part| part.len() > NAME_MAX) {
            return Err(self.refused(path, "its name is too long"));
        }
        if path.contains(&0) {
            return Err(self.refused(path, "its name holds a zero byte"));
        }
        Ok(parts.join(&b'/'))
    }

    /// Checks that there is nothing at a path yet, and makes the folders above it.
    fn vacant(&mut self, path: &[u8]) -> Result<(), Fault> {
        if path.is_empty() || self.content.nodes.contains_key(path) {
            return Err(self.refused(path, "there are two of this name"));
        }
        if let Some(end) = path.iter().rposition(|b| *b == b'/') {
            self.folders(path.get(..end).unwrap_or(&[]))?;
        }
        self.bounded()
    }

    fn folders(&mut self, path: &[u8]) -> Result<(), Fault> {
        let ends = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
        for end in ends.chain([path.len()]) {
            let folder = path.get(..end).unwrap_or(&[]);
            match self.content.nodes.get(folder) {
                Some(Node::Folder) => {}
                Some(_) => return Err(self.refused(folder, "it is a folder and something else")),
                None if folder.is_empty() => {}
                None => {
                    self.bounded()?;
                    if let Some(root) = &self.copy_to {
                        let at = at_path(root, folder);
                        make_folder(&at).map_err(|error| unwritable(&at, &error))?;
                    }
                    self.content.nodes.insert(folder.to_vec(), Node::Folder);
                }
            }
        }
        Ok(())
    }

    fn bounded(&self) -> Result<(), Fault> {
        if self.content.nodes.len() < ENTRIES_MAX {
            return Ok(());
        }
        Err(Fault::new(
            format!("the artifact has more than {ENTRIES_MAX} entries"),
            &*self.place,
            "pack what belongs together into fewer files",
        ))
    }

    fn new_file(&self, path: &[u8], executable: bool) -> Result<Option<(File, PathBuf)>, Fault> {
        let Some(root) = &self.copy_to else {
            return Ok(None);
        };
        let at = at_path(root, path);
        let mode = if executable { 0o555 } else { 0o444 };
        let file = File::options().write(true).create_new(true).mode(mode).open(&at);
        file.map(|file| Some((file, at.clone()))).map_err(|error| unwritable(&at, &error))
    }
}

fn at_path(root: &Path, path: &[u8]) -> PathBuf {
    root.join(OsStr::from_bytes(path))
}

fn make_folder(at: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o755).create(at)
}
