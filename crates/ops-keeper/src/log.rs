//! The service's output on disk: stamped lines, rotated, within a quota.
//!
//! What cannot be kept is dropped and counted, and a line of the keeper says so as soon as it can be
//! written.

use std::{
    fs::File,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::{
    line::{self, LINE_MAX, Source},
    time,
};

/// Files among which the quota is divided.
const SEGMENTS: u64 = LOG_FILES.len() as u64;
/// The files of a log, the oldest first. Lines are only added to the last one; from time to time it
/// becomes the one before it, and so on, and the oldest is gone.
pub const LOG_FILES: [&str; 4] = ["3.log", "2.log", "1.log", "current.log"];
/// Bytes kept per second; a service that says more floods its log.
const RATE_MAX: u64 = 16 * 1024 * 1024;
/// Bytes that a file holds at least, whatever the quota: a few of the longest lines.
const SEGMENT_MIN: u64 = 32 * 1024;

/// The log files of one replica.
pub(crate) struct Log {
    folder: PathBuf,
    segment: u64,
    file: Option<File>,
    written: u64,
    batch: Vec<u8>,
    batched: u64,
    second: u64,
    this_second: u64,
    dropped: u64,
    untold: u64,
}

impl Log {
    /// Goes on with the files in a folder.
    pub(crate) fn open(folder: &Path, quota: u64, dropped: u64) -> Self {
        let mut log = Self {
            folder: folder.to_owned(),
            segment: (quota / SEGMENTS).max(SEGMENT_MIN),
            file: None,
            written: 0,
            batch: Vec::new(),
            batched: 0,
            second: 0,
            this_second: 0,
            dropped,
            untold: 0,
        };
        log.reopen();
        log
    }

    /// Lines that could not be kept, over the replica's life.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Keeps a line of the keeper itself.
    pub(crate) fn note(&mut self, text: &str) {
        self.append(Source::Keeper, text.as_bytes());
        self.flush();
    }

    /// Writes what was appended; when the disk is full it is dropped.
    pub(crate) fn flush(&mut self) {
        if self.untold > 0 && !self.batch.is_empty() {
            self.stamp_line(Source::Keeper, line::lost(self.untold).as_bytes());
        }
        if self.batch.is_empty() {
            return;
        }
        if self.file.is_none() || self.written + self.batch.len() as u64 > self.segment {
            self.rotate();
        }
        let batch = std::mem::take(&mut self.batch);
        let kept = self.file.as_mut().is_some_and(|file| file.write_all(&batch).is_ok());
        if kept {
            self.written += batch.len() as u64;
            self.untold = 0;
        } else {
            self.drop_lines(self.batched);
            self.reopen();
        }
        self.batched = 0;
        self.batch = batch;
        self.batch.clear();
        self.batch.shrink_to(2 * LINE_MAX);
    }

    /// Keeps a line of a stream; it is written with the next [`Self::flush`] at the latest.
    pub(crate) fn append(&mut self, source: Source, line: &[u8]) {
        let second = time::boot_ms() / 1000;
        if second != self.second {
            (self.second, self.this_second) = (second, 0);
        }
        self.this_second += line.len() as u64 + 1;
        if self.this_second > RATE_MAX {
            self.drop_lines(1);
            return;
        }
        self.batched += 1;
        self.stamp_line(source, line);
        if self.batch.len() as u64 >= (self.segment / 2).min(8 * LINE_MAX as u64) {
            self.flush();
        }
    }

    fn stamp_line(&mut self, source: Source, line: &[u8]) {
        self.batch.extend_from_slice(time::wall_clock().as_bytes());
        self.batch.push(b' ');
        self.batch.extend_from_slice(source.name().as_bytes());
        self.batch.push(b' ');
        self.batch.extend_from_slice(line);
        self.batch.push(b'\n');
    }

    fn drop_lines(&mut self, lines: u64) {
        self.dropped += lines;
        self.untold += lines;
    }

    /// `2.log` becomes `3.log`, and so on; the oldest is overwritten. A rename that fails leaves
    /// the current file to be emptied, so the quota holds in any case.
    fn rotate(&mut self) {
        self.file = None;
        let current = self.folder.join("current.log");
        let numbered = |n: u64| self.folder.join(format!("{n}.log"));
        for n in (1..SEGMENTS - 1).rev() {
            // A missing file is normal for a young replica.
            let _ = std::fs::rename(numbered(n), numbered(n + 1));
        }
        if std::fs::rename(&current, numbered(1)).is_err() {
            let _ = std::fs::remove_file(&current);
        }
        self.reopen();
    }

    fn reopen(&mut self) {
        let path = self.folder.join("current.log");
        self.file = File::options().create(true).append(true).mode(0o600).open(path).ok();
        let length = self.file.as_ref().and_then(|file| file.metadata().ok());
        self.written = length.map_or(0, |metadata| metadata.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(folder: &Path, name: &str) -> String {
        std::fs::read_to_string(folder.join(name)).unwrap_or_default()
    }

    fn total(folder: &Path) -> u64 {
        folder.read_dir().unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum()
    }

    #[test]
    fn the_quota_holds_and_the_newest_lines_stay() {
        let folder = tempfile::tempdir().unwrap();
        let quota = SEGMENTS * SEGMENT_MIN;
        let mut log = Log::open(folder.path(), quota, 0);
        for n in 0..10_000 {
            log.append(Source::Out, format!("line {n} {}", "x".repeat(n % 200)).as_bytes());
            if n % 7 == 0 {
                log.flush();
            }
            if n % 1000 == 0 {
                log = Log::open(folder.path(), quota, log.dropped());
            }
        }
        log.flush();
        assert!(total(folder.path()) <= quota);
        assert!(total(folder.path()) > quota / 2);
        assert!(text(folder.path(), "current.log").contains("line 9999 "));
        assert_eq!(folder.path().read_dir().unwrap().count() as u64, SEGMENTS);
    }

    #[test]
    fn a_flood_is_dropped_counted_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::open(folder.path(), 1 << 20, 0);
        let line = [b'x'; LINE_MAX];
        let mut sent = 0;
        while log.dropped() == 0 {
            log.append(Source::Out, &line);
            sent += 1;
            assert!(sent < 100_000, "nothing limits the flood");
        }
        (log.second, log.this_second) = (0, 0);
        log.note("after the flood");
        assert!(text(folder.path(), "current.log").contains("1 lines were dropped"));
    }

    #[test]
    fn s20_a_full_disk_drops_lines_and_later_ones_are_kept_again() {
        let folder = tempfile::tempdir().unwrap();
        let current = folder.path().join("current.log");
        std::os::unix::fs::symlink("/dev/full", &current).unwrap();
        let mut log = Log::open(folder.path(), 1 << 20, 0);
        log.append(Source::Out, b"lost");
        log.append(Source::Out, b"lost too");
        log.flush();
        assert_eq!(log.dropped(), 2);
        std::fs::remove_file(&current).unwrap();
        log.reopen();
        log.note("kept");
        let text = text(folder.path(), "current.log");
        assert!(text.contains("ops kept") && text.contains("2 lines were dropped"), "{text}");
    }
}
