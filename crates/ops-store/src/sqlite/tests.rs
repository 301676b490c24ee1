//! The journal on a real disk: tampering, crashes, a full disk, a second writer, readers.

mod crash;
mod cut;
mod disk_full;
mod sharing;
mod tampering;

use std::path::PathBuf;

use ops_core::id::{DeploymentId, Generation};
use ops_engine::ports::{Journal, JournalError, Record, Summary};
use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

use super::SqliteJournal;
use crate::{
    MemoryJournal,
    conformance::{CASES, now},
};

/// A folder for one journal.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("journal.db")
    }

    fn open(&self) -> SqliteJournal {
        SqliteJournal::open(&self.path()).unwrap()
    }
}

fn append(journal: &mut dyn Journal, number: u64) -> Result<Record, JournalError> {
    journal
        .append(None, &now("a", number), &[(1, json!({ "number": number }))], None)
        .map(|mut records| records.pop().unwrap())
}

#[test]
fn it_passes_the_conformance_suite() {
    for case in CASES {
        let place = Place::new();
        (case.run)(&|| Box::new(place.open()));
        assert!(place.open().verify().is_ok(), "after: {}", case.name);
    }
}

#[test]
fn the_file_is_only_for_its_owner_and_written_through() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let mut journal = place.open();
    append(&mut journal, 1).unwrap();
    for name in ["journal.db", "journal.db-wal", "journal.db-shm", "journal.lock"] {
        let mode = std::fs::metadata(place.dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let pragma = |name: &str| -> String {
        let read = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
        format!("{:?}", journal.connection.pragma_query_value(None, name, read).unwrap())
    };
    assert_eq!(pragma("journal_mode"), "Text(\"wal\")");
    assert_eq!(pragma("synchronous"), "Integer(2)", "full");
}

#[test]
fn s19_the_format_that_is_needed_is_told_and_newer_tables_are_refused() {
    let place = Place::new();
    let mut journal = place.open();
    assert_eq!(journal.needs_format().unwrap(), 0);
    for v in [1, 9, 2] {
        journal.append(None, &now("a", 1), &[(v, json!(v))], None).unwrap();
    }
    assert_eq!(journal.needs_format().unwrap(), 9);
    journal.connection.execute("INSERT INTO migrations VALUES (2, 'of a newer ops')", ()).unwrap();
    drop(journal);
    for refused in
        [SqliteJournal::open(&place.path()), SqliteJournal::open_read_only(&place.path())]
    {
        assert!(matches!(refused, Err(JournalError::TooNew { needs: 2, have: 1 })), "{refused:?}");
    }
}

#[test]
fn what_is_no_journal_is_refused_in_words() {
    let place = Place::new();
    let refusal = || SqliteJournal::open(&place.path()).unwrap_err().to_string();
    std::fs::write(place.path(), "something else entirely, and long enough to be a header")
        .unwrap();
    assert!(refusal().contains("journal.db"), "{}", refusal());
    std::fs::remove_file(place.path()).unwrap();

    let other = rusqlite::Connection::open(place.path()).unwrap();
    other.execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    drop(other);
    assert!(refusal().contains("not a journal of ops"), "{}", refusal());

    let missing = SqliteJournal::open_read_only(&place.dir.path().join("none.db")).unwrap_err();
    assert!(missing.to_string().contains("`ops serve` creates it"), "{missing}");
    let no_folder = SqliteJournal::open(&place.dir.path().join("no/journal.db")).unwrap_err();
    assert!(no_folder.to_string().contains("no/journal.lock"), "{no_folder}");
}

#[test]
fn a_migration_that_was_edited_is_refused() {
    let place = Place::new();
    place.open().connection.execute("UPDATE migrations SET checksum = 'x'", ()).unwrap();
    let refused = SqliteJournal::open(&place.path()).unwrap_err();
    assert!(refused.to_string().contains("migration 1"), "{refused}");
}

#[derive(Debug, Clone)]
enum Step {
    Lease { group: u8, holder: u8, above: u64 },
    Release { group: u8, holder: u8 },
    Wait(u64),
    Reboot,
    Number,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3_u8, 0..3_u8, 0..12_u64)
            .prop_map(|(group, holder, above)| Step::Lease { group, holder, above }),
        2 => (0..3_u8, 0..3_u8).prop_map(|(group, holder)| Step::Release { group, holder }),
        2 => (0..80_u64).prop_map(Step::Wait),
        1 => Just(Step::Reboot),
        1 => Just(Step::Number),
    ]
}

/// Runs the steps; answers what came of each, after checking that generations only rise.
fn outcomes(journal: &mut dyn Journal, steps: &[Step]) -> Vec<String> {
    let (mut boot, mut ms, mut highest) = (0, 0, Generation(0));
    let mut mine = std::collections::BTreeMap::new();
    steps
        .iter()
        .map(|step| match step {
            Step::Lease { group, holder, above } => {
                let at = now(&format!("boot {boot}"), ms);
                let (group, holder) = (format!("g{group}"), format!("h{holder}"));
                let answer = journal.lease(&group, &holder, Generation(*above), &at, 50);
                if let Ok(lease) = &answer {
                    let renewed =
                        mine.insert((group, holder), lease.generation) == Some(lease.generation);
                    assert!(renewed || lease.generation > highest, "{lease:?} after {highest}");
                    assert!(renewed || lease.generation > Generation(*above));
                    highest = highest.max(lease.generation);
                }
                format!("{answer:?}")
            }
            Step::Release { group, holder } => {
                format!("{:?}", journal.release(&format!("g{group}"), &format!("h{holder}")))
            }
            Step::Wait(length) => {
                ms += length;
                String::new()
            }
            Step::Reboot => {
                boot += 1;
                ms = 0;
                String::new()
            }
            Step::Number => format!("{:?}", journal.next_deployment()),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn p4_generations_rise_and_both_journals_agree(
        steps in prop::collection::vec(step(), 1..40)
    ) {
        let place = Place::new();
        let on_disk = outcomes(&mut place.open(), &steps);
        let in_memory = outcomes(&mut MemoryJournal::new(), &steps);
        prop_assert_eq!(on_disk, in_memory);
    }
}

#[test]
fn a_commit_in_doubt_stops_all_writing_until_the_next_start() {
    let place = Place::new();
    let mut journal = place.open();
    append(&mut journal, 1).unwrap();
    // A constraint that is only looked at on commit stands for a disk that fails there.
    journal
        .connection
        .execute_batch(
            "PRAGMA foreign_keys = ON;
             CREATE TEMP TABLE a (x PRIMARY KEY);
             CREATE TEMP TABLE b (x REFERENCES a DEFERRABLE INITIALLY DEFERRED);
             CREATE TEMP TRIGGER t AFTER INSERT ON records BEGIN INSERT INTO b VALUES (1); END;",
        )
        .unwrap();
    let first = append(&mut journal, 2).unwrap_err().to_string();
    assert!(first.contains("doubt"), "{first}");
    journal.connection.execute_batch("DROP TRIGGER t").unwrap();
    assert_eq!(append(&mut journal, 2).unwrap_err().to_string(), first);
    assert!(journal.lease("g", "h", Generation(0), &now("a", 1), 1).is_err());
    drop(journal);
    let mut journal = place.open();
    append(&mut journal, 2).unwrap();
    assert_eq!(journal.verify().unwrap().0, 2);
}

#[test]
fn an_open_deployment_is_listed_after_a_restart() {
    let place = Place::new();
    let mut journal = place.open();
    let id = journal.next_deployment().unwrap();
    let summary = Summary { id, ended: false, body: json!({}) };
    journal.append(Some(id), &now("a", 1), &[(1, json!(1))], Some(&summary)).unwrap();
    drop(journal);
    let reader = SqliteJournal::open_read_only(&place.path()).unwrap();
    assert_eq!(reader.summaries(true, 1).unwrap()[0].id, DeploymentId(1));
}
