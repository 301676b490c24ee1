//! A disk without room (S20).

use std::{
    path::Path,
    process::{Command, Stdio},
};

use ops_engine::ports::{Journal, JournalError};
use serde_json::json;

use super::{Place, SqliteJournal, append};
use crate::{RESERVE_BYTES, conformance::now};

const CHILD: &str = "OPS_STORE_TEST_SMALL_DISK";

#[test]
fn s20_a_full_journal_fails_whole_and_goes_on_later() {
    let place = Place::new();
    let mut journal = place.open();
    append(&mut journal, 1).unwrap();
    let id = journal.next_deployment().unwrap();
    let pages = |journal: &SqliteJournal, limit: u64| {
        let set =
            journal
                .connection
                .pragma_update_and_check(None, "max_page_count", limit, |row| row.get::<_, u64>(0));
        set.unwrap()
    };
    let now_used = pages(&journal, 1);
    journal.reserve().unwrap();

    let body = json!("x".repeat(40_000));
    let big = [(1, json!("small")), (1, body)];
    let summary = ops_engine::ports::Summary { id, ended: false, body: json!({}) };
    let refused = journal.append(Some(id), &now("a", 2), &big, Some(&summary));
    assert!(matches!(&refused, Err(JournalError::Full(place)) if place.contains("journal.db")));
    assert_eq!(journal.verify().unwrap().0, 1, "nothing of it was written");
    assert_eq!(journal.summary(id).unwrap(), None);
    let reserve = std::fs::metadata(place.dir.path().join("journal.reserve")).unwrap();
    assert_eq!(reserve.len(), 0, "the reserve was tried");

    pages(&journal, now_used + 1000);
    journal.append(Some(id), &now("a", 2), &big, Some(&summary)).unwrap();
    assert_eq!(journal.verify().unwrap().0, 3);
}

/// Runs this test again in a mount namespace of its own with a small disk, which goes away with
/// the process however it ends.
fn on_a_small_disk(test: &str, size: u64, folder: &Path) -> bool {
    let root = rustix::process::geteuid().is_root();
    let script = "mount -t tmpfs -o size=\"$2\" small \"$1\" || exit 77
         shift 2; exec \"$@\"";
    let status = Command::new("unshare")
        .args(if root { &["--mount"][..] } else { &["--mount", "--map-root-user"] })
        .args(["sh", "-c", script, "sh"])
        .arg(folder)
        .arg(size.to_string())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "--test-threads=1", test])
        .env(CHILD, folder)
        .stdin(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => true,
        // 77 is ours, 1 is what `unshare` itself answers where it is not allowed to.
        Ok(status) if status.code() == Some(77) || status.code() == Some(1) => false,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => false,
        other => panic!("{test} on a small disk: {other:?}"),
    }
}

/// Fills what is left of a disk.
fn fill(folder: &Path) {
    use std::io::Write as _;
    let mut file = std::fs::File::create(folder.join("ballast")).unwrap();
    for size in [1 << 20, 1 << 16, 1 << 12] {
        while file.write_all(&vec![7; size]).is_ok() {}
    }
}

#[test]
fn s20_a_rollback_is_journaled_on_a_full_disk() {
    if let Some(folder) = std::env::var_os(CHILD) {
        write_on_a_full_disk(folder.as_ref());
        return;
    }
    let place = Place::new();
    let name = "sqlite::tests::disk_full::s20_a_rollback_is_journaled_on_a_full_disk";
    if !on_a_small_disk(name, RESERVE_BYTES + (4 << 20), place.dir.path()) {
        eprintln!("NOT TESTED: this machine does not let us mount a small disk");
    }
}

fn write_on_a_full_disk(folder: &Path) {
    let path = folder.join("journal.db");
    let mut journal = SqliteJournal::open(&path).unwrap();
    append(&mut journal, 1).unwrap();
    journal.reserve().unwrap();
    fill(folder);

    // A rollback: records, renewals, a release; far more of them than one takes.
    let mut number = 1;
    for _ in 0..200 {
        number += 1;
        append(&mut journal, number).unwrap();
        let held = journal.lease("g", "h", ops_core::id::Generation(0), &now("a", 1), 30_000);
        held.unwrap();
    }
    journal.release("g", "h").unwrap();
    let left = std::fs::metadata(folder.join("journal.reserve")).unwrap().len();
    assert!(left < RESERVE_BYTES, "it was written with space from the reserve");
    // No room for a reserve: nothing new may start.
    assert!(matches!(journal.reserve(), Err(JournalError::Full(_))));

    let ended = loop {
        fill(folder);
        number += 1;
        match append(&mut journal, number) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(ended, JournalError::Full(_)), "{ended:?}");
    let before = journal.verify().unwrap();
    assert_eq!(before.0, number - 1, "all that was acknowledged, and nothing else");
    drop(journal);

    // Also a daemon that starts on the full disk reads everything, and goes on once there is room.
    let mut journal = SqliteJournal::open(&path).unwrap();
    assert_eq!(journal.verify().unwrap(), before);
    std::fs::remove_file(folder.join("ballast")).unwrap();
    append(&mut journal, number).unwrap();
    journal.reserve().unwrap();
    assert_eq!(journal.verify().unwrap().0, before.0 + 1);
}
