//! A write-ahead file that a disk lost the end of, at every page and in the middle of pages.

use std::{fs, path::Path};

use ops_engine::ports::{Journal, Record};

use super::{Place, SqliteJournal, append};

/// Bytes of the head of the write-ahead file, and of the head of each of its frames.
const HEAD: usize = 32;
const FRAME_HEAD: usize = 24;
/// Records, each in a transaction of its own.
const RECORDS: u64 = 12;

/// Where the file may end: at the head, at each frame, within a frame's head, within its page.
fn ends(length: usize, page: usize) -> Vec<usize> {
    let frame = FRAME_HEAD + page;
    let whole = (0..=(length - HEAD) / frame).map(|frames| HEAD + frames * frame);
    let inside = |end: usize| [end, end + FRAME_HEAD / 2, end + FRAME_HEAD, end + frame / 2];
    let within = whole.flat_map(inside).filter(|end| *end <= length);
    [0, HEAD / 2].into_iter().chain(within).collect()
}

/// What is left after the file was cut, and what goes on from there.
fn after_the_cut(place: &Path, wal: &[u8], end: usize) -> Vec<Record> {
    let left = Place::new();
    fs::copy(place.join("journal.db"), left.path()).unwrap();
    fs::write(left.dir.path().join("journal.db-wal"), &wal[..end]).unwrap();
    let mut journal = SqliteJournal::open(&left.path()).unwrap();
    let records = journal.after(0, usize::MAX).unwrap();
    assert_eq!(journal.verify().unwrap().0, records.len() as u64, "cut at {end}");
    let next = append(&mut journal, RECORDS + 1).unwrap();
    assert_eq!(next.seq, records.len() as u64 + 1, "cut at {end}");
    assert_eq!(journal.verify().unwrap().0, next.seq, "cut at {end}");
    records
}

#[test]
fn p5_a_write_ahead_file_cut_anywhere_leaves_a_whole_journal_that_goes_on() {
    let place = Place::new();
    let mut writer = place.open();
    let written: Vec<_> = (1..=RECORDS).map(|n| append(&mut writer, n).unwrap()).collect();
    // Copied while open: nothing of it was moved into the database yet.
    let wal = fs::read(place.dir.path().join("journal.db-wal")).unwrap();
    let page = u32::from_be_bytes(wal[8..12].try_into().unwrap()) as usize;
    let mut lengths = std::collections::BTreeSet::new();
    let mut longest = 0;
    for end in ends(wal.len(), page) {
        let records = after_the_cut(place.dir.path(), &wal, end);
        assert_eq!(records, written[..records.len()], "cut at {end}");
        assert!(records.len() >= longest, "a later cut leaves no less: {end}");
        longest = records.len();
        lengths.insert(records.len());
    }
    assert_eq!(longest as u64, RECORDS, "the whole file has all");
    assert!(lengths.len() as u64 > RECORDS, "each length was met: {lengths:?}");
}

#[test]
fn p5_a_page_that_the_disk_garbled_ends_the_journal_there_or_is_refused() {
    let place = Place::new();
    let mut writer = place.open();
    let written: Vec<_> = (1..=RECORDS).map(|n| append(&mut writer, n).unwrap()).collect();
    let wal = fs::read(place.dir.path().join("journal.db-wal")).unwrap();
    let page = u32::from_be_bytes(wal[8..12].try_into().unwrap()) as usize;
    let frames = (wal.len() - HEAD) / (FRAME_HEAD + page);
    for frame in 0..frames {
        let mut garbled = wal.clone();
        garbled[HEAD + frame * (FRAME_HEAD + page) + FRAME_HEAD + page / 3] ^= 0x40;
        let records = after_the_cut(place.dir.path(), &garbled, garbled.len());
        assert_eq!(records, written[..records.len()], "frame {frame}");
        assert!((records.len() as u64) < RECORDS, "frame {frame} was not missed");
    }
}
