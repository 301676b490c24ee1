//! Reads an artifact from a tar archive, trusting nothing in it.

use std::{
    cell::Cell,
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
    rc::Rc,
};

use flate2::bufread::MultiGzDecoder;
use ops_core::world::Fault;
use tar::{Archive, EntryType};

use super::{intake::Intake, unreadable};

/// Bytes that may follow an archive's end: tar pads to blocks of records.
const PADDING_MAX: u64 = 1024 * 1024;

/// How an archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
}

impl Packing {
    /// Told by the file's name; `None` if it is no archive.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let ends = |end: &str| name.ends_with(end);
        if ends(".tar.gz") || ends(".tgz") {
            Some(Self::Gzip)
        } else {
            ends(".tar").then_some(Self::Plain)
        }
    }
}

/// Takes in a whole archive.
pub(super) fn read(path: &Path, packing: Packing, intake: &mut Intake) -> Result<(), Fault> {
    let place = path.display().to_string();
    let file = File::open(path).map_err(|error| unreadable(&place, &error))?;
    let bytes = BufReader::new(file);
    match packing {
        Packing::Plain => read_tar(bytes, &place, intake),
        Packing::Gzip => read_tar(MultiGzDecoder::new(bytes), &place, intake),
    }
}

fn read_tar(bytes: impl Read, place: &str, intake: &mut Intake) -> Result<(), Fault> {
    let ended = Rc::new(Cell::new(false));
    let bytes = ToEnd { bytes, ended: Rc::clone(&ended) };
    let damaged = |error: io::Error| damaged(place, &error.to_string());
    let mut archive = Archive::new(bytes);
    for entry in archive.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        take_in(entry, place, intake)?;
    }
    // A whole archive ends with a block of zeros; one that was cut between two entries does not.
    if ended.get() {
        return Err(self::damaged(place, "its end is missing"));
    }
    // What follows is read too, so that a compressed archive's checksum is.
    let mut rest = archive.into_inner().take(PADDING_MAX);
    io::copy(&mut rest, &mut io::sink()).map_err(damaged)?;
    Ok(())
}

fn take_in(
    entry: tar::Entry<'_, impl Read>,
    place: &str,
    intake: &mut Intake,
) -> Result<(), Fault> {
    let path = entry.path_bytes().into_owned();
    let kind = entry.header().entry_type();
    let target = entry.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default();
    match kind {
        EntryType::Directory => intake.folder(&path),
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            let mode = entry.header().mode();
            let mode = mode.map_err(|error| damaged(place, &error.to_string()))?;
            intake.file(&path, mode & 0o111 != 0, entry)
        }
        EntryType::Symlink => intake.link(&path, &target),
        EntryType::Link => intake.copy(&path, &target),
        EntryType::XGlobalHeader => Ok(()),
        _ => Err(intake.refused(&path, "it is a pipe, a device or of an unknown kind")),
    }
}

fn damaged(place: &str, why: &str) -> Fault {
    Fault::new(
        format!("the archive is damaged or cut short: {why}"),
        place,
        "build or copy it again",
    )
}

/// Remembers whether anybody has read to the end.
struct ToEnd<R> {
    bytes: R,
    ended: Rc<Cell<bool>>,
}

impl<R: Read> Read for ToEnd<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.bytes.read(into)?;
        self.ended.set(self.ended.get() || (length == 0 && !into.is_empty()));
        Ok(length)
    }
}
