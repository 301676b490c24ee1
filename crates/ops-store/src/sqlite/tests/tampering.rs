//! Every kind of edit that plain SQL can make is found.

use ops_core::id::Digest;
use ops_engine::ports::{Journal, JournalError, Tampered};
use rusqlite::Connection;
use serde_json::json;

use super::{Place, SqliteJournal, append};
use crate::{conformance::now, verify_anchors};

const UNGUARD: &str = "DROP TRIGGER records_are_not_changed; DROP TRIGGER records_are_not_deleted;";

/// What was done, the SQL that does it, and the record at which it must be found.
const EDITS: &[(&str, &str, u64)] = &[
    ("a body", "UPDATE records SET body = '{\"number\":99}' WHERE seq = 3", 3),
    ("white space in a body", "UPDATE records SET body = body || ' ' WHERE seq = 3", 3),
    ("the deployment", "UPDATE records SET deployment = 1 WHERE seq = 3", 3),
    ("the boot", "UPDATE records SET boot = 'z' WHERE seq = 3", 3),
    ("the boot time", "UPDATE records SET ms = ms + 1 WHERE seq = 3", 3),
    ("the wall clock", "UPDATE records SET wall = '2020-01-01T00:00:00Z' WHERE seq = 3", 3),
    ("the format", "UPDATE records SET v = 2 WHERE seq = 3", 3),
    ("a hash", "UPDATE records SET hash = previous WHERE seq = 3", 3),
    ("a link", "UPDATE records SET previous = hash WHERE seq = 3", 3),
    ("the last body", "UPDATE records SET body = '1' WHERE seq = 6", 6),
    ("a negative boot time", "UPDATE records SET ms = -1 WHERE seq = 3", 3),
    ("a number that is too large", "UPDATE records SET v = 1 << 40 WHERE seq = 3", 3),
    ("the first deleted", "DELETE FROM records WHERE seq = 1", 1),
    ("one deleted", "DELETE FROM records WHERE seq = 4", 4),
    ("the last deleted", "DELETE FROM records WHERE seq = 6", 6),
    ("all deleted", "DELETE FROM records", 1),
    (
        "two swapped",
        "UPDATE records SET seq = 100 WHERE seq = 3; UPDATE records SET seq = 3 WHERE seq = 4;
         UPDATE records SET seq = 4 WHERE seq = 100",
        3,
    ),
    (
        "one deleted and the rest renumbered",
        "DELETE FROM records WHERE seq = 4; UPDATE records SET seq = seq - 1 WHERE seq = 5;
         UPDATE records SET seq = seq - 1 WHERE seq = 6",
        4,
    ),
    ("all numbers moved", "UPDATE records SET seq = seq + 10", 1),
    (
        "one inserted at the end",
        "INSERT INTO records SELECT 7, deployment, boot, ms, wall, v, body, hash, hash
         FROM records WHERE seq = 6",
        7,
    ),
    (
        "one inserted in front",
        "INSERT INTO records SELECT 0, deployment, boot, ms, wall, v, body, previous, hash
         FROM records WHERE seq = 1",
        1,
    ),
    (
        "one written twice",
        "UPDATE records SET seq = 7 WHERE seq = 6; UPDATE records SET seq = 6 WHERE seq = 5;
         INSERT INTO records SELECT 5, deployment, boot, ms, wall, v, body, previous, hash
         FROM records WHERE seq = 6",
        6,
    ),
    ("the noted head", "UPDATE meta SET head_seq = 5", 6),
    ("the noted hash", "UPDATE meta SET head_hash = 'x'", 6),
    ("the next number set back", "UPDATE meta SET next_deployment = 1", 6),
    ("the generation set back", "UPDATE meta SET generation = 0", 6),
];

fn six_records(place: &Place) -> Vec<(u64, Digest)> {
    let mut journal = place.open();
    let id = journal.next_deployment().unwrap();
    journal.lease("g", "h", ops_core::id::Generation(4), &now("a", 1), 10).unwrap();
    journal.append(Some(id), &now("a", 1), &[(1, json!(1)), (1, json!(2))], None).unwrap();
    (3..=6).for_each(|number| drop(append(&mut journal, number).unwrap()));
    journal.after(0, 10).unwrap().into_iter().map(|record| (record.seq, record.hash)).collect()
}

fn edit(place: &Place, sql: &str) {
    Connection::open(place.path()).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn p14_every_edit_is_found() {
    for (what, sql, at) in EDITS {
        let place = Place::new();
        six_records(&place);
        edit(&place, UNGUARD);
        edit(&place, sql);
        let reader = SqliteJournal::open_read_only(&place.path()).unwrap();
        match reader.verify() {
            Err(JournalError::Tampered(Tampered { seq, why })) => {
                assert_eq!(seq, *at, "{what}: {why}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn p14_an_untouched_journal_is_whole() {
    let place = Place::new();
    let anchors = six_records(&place);
    let reader = SqliteJournal::open_read_only(&place.path()).unwrap();
    assert_eq!(verify_anchors(&reader, &anchors).unwrap(), anchors[5]);
}

#[test]
fn p14_plain_edits_are_refused_by_the_tables() {
    let place = Place::new();
    six_records(&place);
    let connection = Connection::open(place.path()).unwrap();
    for sql in ["UPDATE records SET body = '1'", "DELETE FROM records WHERE seq = 6"] {
        let refused = connection.execute(sql, ()).unwrap_err();
        assert!(refused.to_string().contains("never"), "{refused}");
    }
}

#[test]
fn p14_nobody_acts_on_an_edited_record_or_adds_to_a_cut_journal() {
    let place = Place::new();
    six_records(&place);
    edit(&place, UNGUARD);
    edit(&place, "UPDATE records SET body = '7' WHERE seq = 5");
    let mut journal = place.open();
    assert!(matches!(journal.stream(None), Err(JournalError::Tampered(t)) if t.seq == 5));
    assert!(matches!(journal.after(4, 1), Err(JournalError::Tampered(t)) if t.seq == 5));
    append(&mut journal, 7).unwrap();
    drop(journal);

    edit(&place, "DELETE FROM records WHERE seq = 7");
    let mut journal = place.open();
    assert!(matches!(append(&mut journal, 7), Err(JournalError::Tampered(t)) if t.seq == 7));
}

/// Somebody who knows the encoding writes the whole chain anew: only an anchor shows it.
#[test]
fn p14_a_forged_chain_is_found_by_an_anchor() {
    let place = Place::new();
    let anchors = six_records(&place);
    let forged = Place::new();
    let mut journal = forged.open();
    let id = journal.next_deployment().unwrap();
    journal.append(Some(id), &now("a", 1), &[(1, json!(1)), (1, json!("forged"))], None).unwrap();
    (3..=6).for_each(|number| drop(append(&mut journal, number).unwrap()));
    assert!(journal.verify().is_ok());
    let found = verify_anchors(&journal, &anchors);
    assert!(matches!(found, Err(JournalError::Tampered(t)) if t.seq == 2));

    // The end cut off with care, the noted head along with it.
    edit(&place, UNGUARD);
    edit(
        &place,
        "DELETE FROM records WHERE seq = 6;
         UPDATE meta SET head_seq = 5, head_hash = (SELECT hash FROM records WHERE seq = 5)",
    );
    let cut = SqliteJournal::open_read_only(&place.path()).unwrap();
    assert_eq!(cut.verify().unwrap(), anchors[4]);
    let found = verify_anchors(&cut, &anchors);
    assert!(matches!(found, Err(JournalError::Tampered(t)) if t.seq == 6));
}

/// The front page says how to check a journal without ops: this does it with SQL and SHA-256.
#[test]
fn p14_a_third_party_can_check_the_hashes() {
    let place = Place::new();
    let anchors = six_records(&place);
    let connection = Connection::open(place.path()).unwrap();
    let texts: Vec<String> = connection
        .prepare(
            "WITH fields AS (
                 SELECT seq, 1 AS n, 'ops-journal-1' AS text FROM records
                 UNION ALL SELECT seq, 2, seq FROM records
                 UNION ALL SELECT seq, 3, coalesce(deployment, '') FROM records
                 UNION ALL SELECT seq, 4, boot FROM records
                 UNION ALL SELECT seq, 5, ms FROM records
                 UNION ALL SELECT seq, 6, wall FROM records
                 UNION ALL SELECT seq, 7, v FROM records
                 UNION ALL SELECT seq, 8, body FROM records
                 UNION ALL SELECT seq, 9, previous FROM records)
             SELECT group_concat(octet_length(text) || ':' || text || ',', '' ORDER BY n)
             FROM fields GROUP BY seq ORDER BY seq",
        )
        .unwrap()
        .query_map((), |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let hashes: Vec<Digest> = texts.iter().map(|text| Digest::of(text.as_bytes())).collect();
    let expected: Vec<Digest> = anchors.into_iter().map(|(_, hash)| hash).collect();
    assert_eq!(hashes, expected);
}
