//! The new lines of one replica's log.

use std::{io, path::Path};

use ops_core::logs::Stream;
use ops_keeper::{LINE_MAX, LogLine, Source};

use super::segments::{Cursor, Unread, end, unread};

/// Bytes that a line of a log may have with its stamp. A last line that is longer has no end.
const WHOLE_LINE_MAX: usize = LINE_MAX + 64;
/// Bytes of a line, as long as none was read.
const LINE_GUESSED: u64 = 100;

/// What is remembered of one replica's log.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail {
    cursor: Cursor,
    /// Of standard output and standard error: which lines belong together.
    streams: [Stream; 2],
    /// Whether the last line of each was cut, so that the next one goes on with it.
    cut: [bool; 2],
}

/// Lines that were read, and where reading goes on.
#[derive(Debug)]
pub(super) struct Batch {
    /// Whole lines, each with its end.
    bytes: Vec<u8>,
    after: Cursor,
    /// Bytes that were passed over.
    skipped: u64,
    /// Lines that are known to be lost.
    lost: u64,
}

impl Tail {
    /// Begins at the end of a log.
    pub(super) fn at_end(logs: &Path) -> io::Result<Self> {
        Ok(Self { cursor: end(logs)?, ..Self::default() })
    }

    /// What there is to read.
    pub(super) fn unread(&self, logs: &Path) -> io::Result<Unread> {
        unread(logs, &self.cursor)
    }

    /// Takes in a batch, `most` lines of it at most, and hands the service's own ones on. Returns
    /// how many were lost or dropped; where only bytes are known, as many as they make up.
    pub(super) fn take(
        &mut self,
        batch: Batch,
        most: u64,
        mut each: impl FnMut(&mut Stream, &[u8]),
    ) -> u64 {
        let (mut lines, mut dropped) = (0, batch.lost);
        for line in batch.bytes.split_inclusive(|byte| *byte == b'\n') {
            lines += 1;
            if lines > most {
                dropped += 1;
                continue;
            }
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let Some(line) = LogLine::parse(line) else {
                dropped += 1;
                continue;
            };
            dropped += line.lost().unwrap_or(0);
            if let Some(stream) = self.stream_of(&line) {
                each(stream, line.text);
            }
        }
        self.cursor = batch.after;
        if batch.skipped > 0 {
            // The lines around the gap do not belong together.
            (self.streams, self.cut) = Default::default();
            let length = (batch.bytes.len() as u64).checked_div(lines).unwrap_or(LINE_GUESSED);
            dropped += batch.skipped.div_ceil(length.max(1));
        }
        dropped
    }

    /// The stream of a line of the service that begins one; `None` for what goes on with a line
    /// that was cut, and for the keeper's own words.
    fn stream_of(&mut self, line: &LogLine<'_>) -> Option<&mut Stream> {
        let which = match line.source {
            Source::Out => 0,
            Source::Err => 1,
            Source::Keeper => return None,
        };
        let goes_on = std::mem::replace(self.cut.get_mut(which)?, line.text.len() == LINE_MAX);
        if goes_on { None } else { self.streams.get_mut(which) }
    }
}

impl Unread {
    /// Reads whole lines, `most` bytes at most, and passes over the rest. A last line that has no
    /// end yet is left for later.
    pub(super) fn read(&self, most: usize) -> io::Result<Batch> {
        let mut batch = Batch {
            bytes: Vec::new(),
            after: Cursor::default(),
            skipped: 0,
            lost: u64::from(self.lost),
        };
        let mut offset = self.offset;
        for (n, segment) in self.segments.iter().enumerate() {
            let newest = n + 1 == self.segments.len();
            let bytes = segment.read(offset, most - batch.bytes.len())?;
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
            batch.bytes.extend_from_slice(bytes.get(..whole).unwrap_or(&[]));
            let unread = segment.length - offset - whole as u64;
            offset = segment.length;
            if unread > 0 {
                let all_was_read = bytes.len() as u64 == unread + whole as u64;
                if newest && all_was_read && unread <= WHOLE_LINE_MAX as u64 {
                    offset -= unread;
                } else if all_was_read {
                    batch.lost += 1;
                } else {
                    batch.skipped += unread;
                }
            }
            batch.after = segment.at(offset);
            offset = 0;
        }
        Ok(batch)
    }

    /// Passes over everything.
    pub(super) fn skip(&self) -> io::Result<Batch> {
        self.read(0)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write as _};

    use super::*;

    const STAMP: &str = "2026-11-22T12:05:01.123Z";

    /// A log that is written by hand, and its tail.
    struct Hand {
        folder: tempfile::TempDir,
        tail: Tail,
    }

    impl Hand {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), tail: Tail::default() }
        }

        fn write(&self, text: &str) {
            let path = self.folder.path().join("current.log");
            let mut file = File::options().create(true).append(true).open(path).unwrap();
            file.write_all(text.replace('#', STAMP).as_bytes()).unwrap();
        }

        /// Lines that are heard, and how many were dropped.
        fn hear(&mut self, bytes: usize, lines: u64) -> (Vec<String>, u64) {
            let batch = self.tail.unread(self.folder.path()).unwrap().read(bytes).unwrap();
            let mut heard = Vec::new();
            let dropped = self.tail.take(batch, lines, |_, line| {
                heard.push(String::from_utf8_lossy(line).into_owned());
            });
            (heard, dropped)
        }

        fn all(&mut self) -> (Vec<String>, u64) {
            self.hear(1 << 20, 1000)
        }
    }

    fn heard(lines: &[&str], dropped: u64) -> (Vec<String>, u64) {
        (lines.iter().map(|line| (*line).to_owned()).collect(), dropped)
    }

    #[test]
    fn a_last_line_waits_for_its_end() {
        let mut hand = Hand::new();
        hand.write("# out one\n# out tw");
        assert_eq!(hand.all(), heard(&["one"], 0));
        assert_eq!(hand.all(), heard(&[], 0));
        hand.write("o\n# err three\n");
        assert_eq!(hand.all(), heard(&["two", "three"], 0));
    }

    #[test]
    fn what_never_ends_is_dropped_and_lines_after_it_are_heard() {
        let mut hand = Hand::new();
        hand.write(&format!("# out {}", "x".repeat(2 * WHOLE_LINE_MAX)));
        assert_eq!(hand.all(), heard(&[], 1));
        hand.write("yyy\n# out after it\n");
        assert_eq!(hand.all(), heard(&["after it"], 1));
    }

    #[test]
    fn a_line_without_end_in_a_file_that_is_full_is_lost_alone() {
        let mut hand = Hand::new();
        hand.write("# out one\n# out half a li");
        let file = |name: &str| hand.folder.path().join(name);
        std::fs::rename(file("current.log"), file("1.log")).unwrap();
        hand.write("# out two\n");
        assert_eq!(hand.all(), heard(&["one", "two"], 1));
    }

    #[test]
    fn beyond_its_bounds_reading_jumps_ahead_and_says_how_far() {
        let mut hand = Hand::new();
        for _ in 0..100 {
            hand.write("# out abc\n");
        }
        let line = STAMP.len() + " out abc\n".len();
        let (lines, dropped) = hand.hear(10 * line + 3, 1000);
        assert_eq!((lines.len(), dropped), (10, 90));
        assert_eq!(hand.all(), heard(&[], 0));
        for _ in 0..100 {
            hand.write("# out abc\n");
        }
        let (lines, dropped) = hand.hear(1 << 20, 30);
        assert_eq!((lines.len(), dropped), (30, 70));
        hand.write("# out def\n");
        assert_eq!(hand.all(), heard(&["def"], 0));
    }

    #[test]
    fn pieces_of_a_line_that_was_cut_are_heard_once_though_another_stream_speaks_between() {
        let mut hand = Hand::new();
        let piece = "x".repeat(LINE_MAX);
        hand.write(&format!("# out {piece}\n# err other\n# out {piece}\n# out end\n# out next\n"));
        assert_eq!(hand.all(), heard(&[&piece, "other", "next"], 0));
    }

    #[test]
    fn the_keepers_own_words_are_not_the_services_but_what_it_lost_counts() {
        let mut hand = Hand::new();
        let lost = "# ops 7 lines were dropped: the disk is full or the log floods\n";
        hand.write(&format!(
            "# ops started as process 1\n# out a\n{lost}# ops stopped\nnonsense\n"
        ));
        assert_eq!(hand.all(), heard(&["a"], 8));
    }
}
