//! A journal of arbitrary bytes: opened with care, never believed where it was tampered with.

use std::{fs, path::Path, sync::OnceLock};

use ops_core::{
    id::{Digest, Generation},
    time::{BootId, Now},
};
use ops_engine::ports::{Journal, JournalError, Record};
use ops_store::{SqliteJournal, verify_anchors};

use crate::{bytes::Bytes, sockets::in_memory};

/// A journal as ops wrote it, and what was published of it.
struct Written {
    file: Vec<u8>,
    records: Vec<Record>,
    anchor: (u64, Digest),
}

fn now(ms: u64) -> Now {
    Now { boot: BootId("b".into()), ms, wall: jiff::Timestamp::UNIX_EPOCH }
}

fn written() -> &'static Written {
    static WRITTEN: OnceLock<Written> = OnceLock::new();
    WRITTEN.get_or_init(|| {
        let dir = in_memory();
        let path = dir.path().join("journal.db");
        let mut journal = SqliteJournal::open(&path).expect("a fresh journal");
        let id = journal.next_deployment().expect("a number");
        journal.lease("g", "h", Generation(4), &now(1), 10).expect("a lease");
        for number in 1..=6 {
            let body = (1, serde_json::json!({ "number": number, "words": "x".repeat(40) }));
            journal.append(Some(id), &now(number), &[body], None).expect("a record");
        }
        let records = journal.after(0, 100).expect("its records");
        let anchor = journal.head().expect("its head");
        // The last connection that closes brings everything into the one file.
        drop(journal);
        Written { file: fs::read(&path).expect("the file"), records, anchor }
    })
}

/// The first byte says what the rest is: a whole file, the file that `SQLite` keeps beside it, or edits
/// of a journal as ops wrote it: cut at a place, bytes put at places, or one text put for another.
pub fn journal(bytes: &[u8]) {
    let mut bytes = Bytes::of(bytes);
    let dir = in_memory();
    let path = dir.path().join("journal.db");
    let kind = bytes.byte();
    let mut file = written().file.clone();
    match kind % 5 {
        0 => file = bytes.rest().to_vec(),
        1 => {
            let beside = dir.path().join("journal.db-wal");
            fs::write(beside, bytes.rest()).expect("a folder in which files can be");
        }
        2 => file.truncate(bytes.number() as usize % (file.len() + 1)),
        3 => edit(&mut file, &mut bytes),
        _ => replace(&mut file, &mut bytes),
    }
    fs::write(&path, &file).expect("a folder in which files can be");
    look(&path, &file, SqliteJournal::open_read_only(&path));
    look(&path, &file, SqliteJournal::open(&path));
    if let Ok(mut journal) = SqliteJournal::open(&path)
        && journal.verify().is_ok()
        && journal.append(None, &now(9), &[(1, serde_json::json!(9))], None).is_ok()
    {
        journal.verify().expect("what was whole is whole with one record more");
    }
}

fn edit(file: &mut [u8], bytes: &mut Bytes<'_>) {
    while !bytes.is_empty() {
        let at = bytes.number() as usize % file.len();
        let length = usize::from(bytes.byte() % 64);
        for (to, from) in file.iter_mut().skip(at).zip(bytes.take(length)) {
            *to = *from;
        }
    }
}

/// Puts one text for another of the same length, wherever it stands.
fn replace(file: &mut [u8], bytes: &mut Bytes<'_>) {
    let length = usize::from(bytes.byte());
    let (text, with) = (bytes.take(length), bytes.rest());
    if text.is_empty() || text.len() != with.len() {
        return;
    }
    let places: Vec<usize> = (0..file.len()).filter(|at| file[*at..].starts_with(text)).collect();
    for at in places {
        file[at..at + with.len()].copy_from_slice(with);
    }
}

/// P14: under the published head, a journal is what ops wrote or it is refused; and whatever it is,
/// looking at it ends.
fn look(path: &Path, file: &[u8], opened: Result<SqliteJournal, JournalError>) {
    let journal = match opened {
        Ok(journal) => journal,
        Err(error) => {
            let words = error.to_string();
            assert!(!words.is_empty() && words.len() < 4_096, "{} bytes", words.len());
            let whole = file == written().file && !path.with_extension("db-wal").exists();
            assert!(!whole, "a whole journal was refused: {words}");
            return;
        }
    };
    let known = written();
    let _ = (journal.head(), journal.stream(None), journal.summaries(false, 10));
    let _ = (journal.needs_format(), journal.summary(ops_core::id::DeploymentId(1)));
    if let Ok(records) = journal.after(0, 100) {
        // Nobody acts on a record whose content does not give its hash: such a hash is not to be had.
        for record in &records {
            let same = known.records.iter().find(|one| one.hash == record.hash);
            assert_eq!(same, Some(record), "a record was made up");
        }
    }
    if verify_anchors(&journal, std::slice::from_ref(&known.anchor)).is_ok() {
        let records = journal.after(0, 100).expect("a journal that was verified");
        assert_eq!(records, known.records, "a tampered journal was believed");
    }
}
