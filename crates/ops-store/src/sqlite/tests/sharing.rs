//! Several programs on one journal.

use std::sync::atomic::{AtomicBool, Ordering};

use ops_core::id::Generation;
use ops_engine::ports::{Journal, JournalError, LeaseRefused};

use super::{Place, SqliteJournal, append};
use crate::conformance::now;

#[test]
fn p4_a_second_writer_is_refused_at_once_by_name() {
    let place = Place::new();
    let first = place.open();
    let refused = SqliteJournal::open(&place.path()).unwrap_err();
    let holder = format!("process {}", std::process::id());
    assert!(
        matches!(&refused, JournalError::Locked(who) if who.contains(&holder)
            && who.contains("journal.lock")),
        "{refused}"
    );
    drop(first);
    place.open();
}

#[test]
fn a_reader_cannot_write() {
    let place = Place::new();
    append(&mut place.open(), 1).unwrap();
    let mut reader = SqliteJournal::open_read_only(&place.path()).unwrap();
    let read_only = |error: JournalError| {
        assert!(error.to_string().contains("opened only to be read"), "{error}");
    };
    read_only(append(&mut reader, 2).unwrap_err());
    read_only(reader.next_deployment().unwrap_err());
    read_only(reader.release("g", "h").unwrap_err());
    read_only(reader.reserve().unwrap_err());
    match reader.lease("g", "h", Generation(0), &now("a", 1), 1) {
        Err(LeaseRefused::Journal(error)) => read_only(error),
        other => panic!("{other:?}"),
    }
    assert_eq!(reader.verify().unwrap().0, 1);
    // It holds nothing that a writer needs.
    append(&mut place.open(), 2).unwrap();
    assert_eq!(reader.verify().unwrap().0, 2);
}

#[test]
fn readers_see_a_whole_journal_while_it_is_written() {
    const APPENDS: u64 = 150;
    let place = Place::new();
    let mut writer = place.open();
    append(&mut writer, 1).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let reader = SqliteJournal::open_read_only(&place.path()).unwrap();
                    let mut seen = 0;
                    loop {
                        let last_look = done.load(Ordering::Acquire);
                        let (seq, _) = reader.verify().unwrap();
                        assert!(seq >= seen, "it never goes back");
                        seen = seq;
                        if last_look {
                            return seen;
                        }
                    }
                })
            })
            .collect();
        for number in 2..=APPENDS {
            append(&mut writer, number).unwrap();
        }
        done.store(true, Ordering::Release);
        for reader in readers {
            assert_eq!(reader.join().unwrap(), APPENDS);
        }
    });
}

#[test]
fn a_reader_opens_what_a_killed_writer_left_behind() {
    let place = Place::new();
    let left = Place::new();
    let mut writer = place.open();
    append(&mut writer, 1).unwrap();
    // Copied while open: the write-ahead file is there and nothing was cleaned up.
    for name in ["journal.db", "journal.db-wal"] {
        std::fs::copy(place.dir.path().join(name), left.dir.path().join(name)).unwrap();
    }
    let reader = SqliteJournal::open_read_only(&left.path()).unwrap();
    assert_eq!(reader.verify().unwrap().0, 1);
}
