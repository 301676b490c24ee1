//! The files of a replica's log, and where in them reading goes on.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::Path,
};

use ops_keeper::LOG_FILES;

/// Bytes by which a file is known again: a file that was removed may leave its number to another
/// one, but two do not begin with the same line at the same millisecond.
const HEAD: usize = 64;
/// Times that the files are looked at until none has moved meanwhile.
const LOOKS: u32 = 5;

/// One log file, open, with the length that it had.
#[derive(Debug)]
pub(super) struct Segment {
    file: File,
    number: u64,
    head: Vec<u8>,
    pub(super) length: u64,
}

/// Where reading goes on: a file and how much of it was read. The default is before everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    number: u64,
    head: Vec<u8>,
    offset: u64,
}

/// What there is to read behind a cursor.
#[derive(Debug)]
pub(super) struct Unread {
    /// The oldest first.
    pub(super) segments: Vec<Segment>,
    /// Bytes of the first segment that were read before.
    pub(super) offset: u64,
    /// Whether something was removed before it was read.
    pub(super) lost: bool,
}

impl Segment {
    fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        let length = if metadata.is_file() { metadata.len() } else { 0 };
        let mut head = vec![0; HEAD.min(length as usize)];
        file.read_exact_at(&mut head, 0)?;
        Ok(Some(Self { file, number: metadata.ino(), head, length }))
    }

    /// Its bytes from `offset` on, `most` at most.
    pub(super) fn read(&self, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        let left = self.length.saturating_sub(offset);
        let mut bytes = vec![0; most.min(usize::try_from(left).unwrap_or(usize::MAX))];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    /// A cursor in it.
    pub(super) fn at(&self, offset: u64) -> Cursor {
        let read = usize::try_from(offset).unwrap_or(usize::MAX).min(self.head.len());
        let head = self.head.get(..read).unwrap_or(&[]).to_vec();
        Cursor { number: self.number, head, offset }
    }

    fn has(&self, cursor: &Cursor) -> bool {
        self.number == cursor.number
            && self.head.starts_with(&cursor.head)
            && self.length >= cursor.offset
    }
}

/// The end of what a log has now.
pub(super) fn end(folder: &Path) -> io::Result<Cursor> {
    let newest = segments(folder)?.pop();
    Ok(newest.map_or_else(Cursor::default, |newest| newest.at(newest.length)))
}

/// What a log has behind a cursor.
pub(super) fn unread(folder: &Path, cursor: &Cursor) -> io::Result<Unread> {
    let mut segments = segments(folder)?;
    let at = segments.iter().position(|segment| segment.has(cursor));
    let lost = at.is_none() && *cursor != Cursor::default();
    let segments = segments.split_off(at.unwrap_or(0));
    Ok(Unread { segments, offset: if at.is_some() { cursor.offset } else { 0 }, lost })
}

impl Unread {
    /// Bytes that were not read.
    pub(super) fn bytes(&self) -> u64 {
        let all: u64 = self.segments.iter().map(|segment| segment.length).sum();
        all.saturating_sub(self.offset)
    }
}

/// The files of a log as they were at one moment, the oldest first.
fn segments(folder: &Path) -> io::Result<Vec<Segment>> {
    for _ in 1..LOOKS {
        if let Some(segments) = look(folder)? {
            return Ok(segments);
        }
    }
    look(folder)?.ok_or_else(|| io::Error::other("its files are renamed faster than they are read"))
}

/// `None` if files were renamed meanwhile: then the newest one is not where it was.
fn look(folder: &Path) -> io::Result<Option<Vec<Segment>>> {
    let mut newest_first = LOG_FILES.iter().rev().map(|name| folder.join(name));
    let Some(current) = newest_first.next() else { return Ok(None) };
    let newest = Segment::open(&current)?;
    let mut segments = Vec::new();
    for path in newest_first {
        segments.extend(Segment::open(&path)?);
    }
    let again = match current.metadata() {
        Ok(metadata) => Some(metadata.ino()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if again != newest.as_ref().map(|newest| newest.number) {
        return Ok(None);
    }
    segments.reverse();
    segments.extend(newest);
    Ok(Some(segments))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        use io::Write as _;
        let file = File::options().create(true).append(true).open(folder.join(name));
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn rotate(folder: &Path) {
        for pair in LOG_FILES.windows(2) {
            let _ = std::fs::rename(folder.join(pair[1]), folder.join(pair[0]));
        }
    }

    fn text(unread: &Unread) -> String {
        let mut offset = unread.offset;
        let mut text = Vec::new();
        for segment in &unread.segments {
            text.extend(segment.read(offset, 1 << 20).unwrap());
            offset = 0;
        }
        assert_eq!(unread.bytes(), text.len() as u64);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn reading_goes_on_where_it_was_through_rotations() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert_eq!(end(folder).unwrap(), Cursor::default());
        write(folder, "current.log", "one\n");
        assert_eq!(text(&unread(folder, &Cursor::default()).unwrap()), "one\n");
        let cursor = end(folder).unwrap();
        assert_eq!(text(&unread(folder, &cursor).unwrap()), "");
        write(folder, "current.log", "two\n");
        rotate(folder);
        write(folder, "current.log", "three\n");
        rotate(folder);
        write(folder, "current.log", "four\n");
        let seen = unread(folder, &cursor).unwrap();
        assert_eq!((text(&seen).as_str(), seen.lost), ("two\nthree\nfour\n", false));
    }

    #[test]
    fn what_was_removed_unread_is_told_as_lost_and_the_rest_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "current.log", "zero\n");
        let cursor = end(folder).unwrap();
        for n in 1..=LOG_FILES.len() {
            rotate(folder);
            write(folder, "current.log", &format!("{n}\n"));
        }
        let seen = unread(folder, &cursor).unwrap();
        assert_eq!((text(&seen).as_str(), seen.lost), ("1\n2\n3\n4\n", true));
    }

    #[test]
    fn a_file_is_not_taken_for_another_one_that_had_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "current.log", "a file that was there before\n");
        let cursor = end(folder).unwrap();
        let other = Segment::open(&folder.join("current.log")).unwrap().unwrap();
        let other = Segment { head: b"another file that is longer\n".to_vec(), ..other };
        assert!(!other.has(&cursor));
        write(folder, "current.log", "more\n");
        assert_eq!(text(&unread(folder, &cursor).unwrap()), "more\n");
        std::fs::write(folder.join("current.log"), "cut\n").unwrap();
        let seen = unread(folder, &cursor).unwrap();
        assert_eq!((text(&seen).as_str(), seen.lost), ("cut\n", true));
    }

    #[test]
    fn a_log_that_is_no_file_has_nothing_to_read() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.path().join("current.log")).unwrap();
        assert_eq!(unread(folder.path(), &Cursor::default()).unwrap().bytes(), 0);
    }
}
