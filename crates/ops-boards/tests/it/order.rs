//! History is a total order of comments and moves, whoever writes at the same time.

use std::{sync::Arc, thread};

use ops_boards::{BoardStore, TicketWire};
use proptest::prelude::*;

use crate::desk::{Desk, Steps, TEAM};

/// What a gate relies on: the k-th `comment_added` is the k-th comment.
fn assert_paired(ticket: &TicketWire) {
    let added: Vec<_> =
        ticket.history.iter().filter(|entry| entry.action == "comment_added").collect();
    assert_eq!(added.len(), ticket.comments.len());
    for (entry, comment) in added.iter().zip(&ticket.comments) {
        assert_eq!((&entry.user, &entry.timestamp), (&comment.author, &comment.timestamp));
        let quoted = entry.details.strip_prefix("Comment: ").unwrap();
        let long = comment.text.encode_utf16().count() > 100;
        let quoted = if long { quoted.strip_suffix("...").unwrap() } else { quoted };
        assert!(comment.text.starts_with(quoted), "{entry:?} {comment:?}");
        assert!(long || comment.text == quoted);
    }
    let times: Vec<_> = ticket.history.iter().map(|entry| &entry.timestamp).collect();
    assert!(times.is_sorted(), "{times:?}");
    let mut status = None;
    for entry in ticket.history.iter().filter(|entry| entry.action == "status_change") {
        let (from, to) = entry.details.strip_prefix("Status: ").unwrap().split_once(" → ").unwrap();
        assert!(status.is_none_or(|status| status == from), "{entry:?}");
        status = Some(to);
    }
    assert!(status.is_none_or(|status| status == ticket.status));
}

#[test]
fn p1_many_writers_leave_one_order() {
    let desk = Desk::new();
    let served = desk.serve();
    desk.ticket("A", "in-progress");
    let each = 15;
    thread::scope(|scope| {
        for (id, _) in TEAM {
            let client = served.client(id);
            scope.spawn(move || {
                for n in 0..each {
                    client.comment("MNS-1", &format!("{id} {n}")).unwrap();
                }
            });
        }
        let dan = desk.member("dan");
        let store = Arc::clone(&desk.store);
        scope.spawn(move || {
            for _ in 0..each {
                store.move_ticket(&dan, "MNS-1", "todo").unwrap();
                store.move_ticket(&dan, "MNS-1", "in-progress").unwrap();
            }
        });
    });
    let ticket = desk.store.ticket("MNS-1").unwrap();
    assert_eq!(ticket.comments.len(), TEAM.len() * each);
    assert_paired(&ticket);
    for (id, _) in TEAM {
        let own: Vec<_> = ticket
            .comments
            .iter()
            .filter(|comment| comment.author.starts_with(id))
            .map(|comment| comment.text.clone())
            .collect();
        let sent: Vec<_> = (0..each).map(|n| format!("{id} {n}")).collect();
        assert_eq!(own, sent, "each writer's comments keep their order");
    }
}

#[test]
fn many_tickets_filed_at_once_get_numbers_without_gaps() {
    let desk = Desk::new();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|_| drop(desk.ticket("A", "todo"))));
        }
    });
    for n in 1..=40 {
        assert_eq!(desk.store.ticket(&format!("MNS-{n}")).unwrap().rank, n);
    }
}

#[test]
fn what_was_written_is_there_after_opening_again() {
    let desk = Desk::new();
    desk.ticket("A", "rfp");
    desk.store.comment(&desk.member("quinn"), "MNS-1", "## QA PASS").unwrap();
    desk.store.post(&desk.member("otto"), "standup", "OPS: hello", None).unwrap();
    let again = BoardStore::open(&desk.path, Arc::new(Steps::default())).unwrap();
    assert_eq!(again.ticket("MNS-1").unwrap(), desk.store.ticket("MNS-1").unwrap());
    assert_eq!(again.channels().unwrap().len(), 6);
    assert_eq!(again.boards().unwrap().len(), 1);
    let db = rusqlite::Connection::open(&desk.path).unwrap();
    let mode: String = db.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

/// What turns a file of the second version into one of the first.
const BACK: &str = "
    DROP TABLE audit;
    DROP INDEX ticket_rank;
    DROP INDEX message_thread;
    ALTER TABLE member DROP COLUMN gateway;
    ALTER TABLE member DROP COLUMN gateway_secret;
    ALTER TABLE member DROP COLUMN watch;
    ALTER TABLE member DROP COLUMN notify;
    ALTER TABLE ticket DROP COLUMN more;
    ALTER TABLE ticket ADD COLUMN folded TEXT NOT NULL DEFAULT '';
    UPDATE board SET columns = '[{\"id\":\"rfp\",\"name\":\"Ready for Production\"}]';
    PRAGMA user_version = 1;
";

#[test]
fn a_file_of_the_first_version_is_brought_up_to_date_and_keeps_everything() {
    let desk = Desk::new();
    let token = desk.store.issue_token("quinn").unwrap();
    desk.ticket("A", "in-qa");
    desk.store.comment(&desk.member("quinn"), "MNS-1", "## QA PASS").unwrap();
    let (ticket, boards) = (desk.store.ticket("MNS-1").unwrap(), desk.store.boards().unwrap());
    let db = rusqlite::Connection::open(&desk.path).unwrap();
    db.execute_batch(BACK).unwrap();
    let again = BoardStore::open(&desk.path, Arc::new(Steps::default())).unwrap();
    assert_eq!(again.ticket("MNS-1").unwrap(), ticket);
    assert_eq!(again.boards().unwrap(), boards);
    let quinn = again.member_by_token(&token).unwrap().unwrap();
    assert_eq!(again.watch(&quinn).unwrap().watch_columns, ["in-qa"]);
    again.move_ticket(&quinn, "MNS-1", "rfp").unwrap();
    again.post(&quinn, "standup", "QA: done", None).unwrap();
}

#[derive(Debug, Clone)]
enum Step {
    Comment(usize, String),
    Move(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..TEAM.len(), "(\\PC|🚀|\n){0,130}").prop_map(|(who, text)| Step::Comment(who, text)),
        (0..TEAM.len(), 0..9_usize).prop_map(|(who, to)| Step::Move(who, to)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn p1_the_kth_comment_added_is_the_kth_comment(
        steps in proptest::collection::vec(step(), 0..24)
    ) {
        let desk = Desk::new();
        desk.ticket("A", "in-review");
        for step in steps {
            match step {
                Step::Comment(who, text) => {
                    desk.store.comment(&desk.member(TEAM[who].0), "MNS-1", &text).unwrap();
                }
                Step::Move(who, to) => {
                    let to = ops_boards::Status::ALL[to].as_str();
                    // A refused move must leave no entry.
                    drop(desk.store.move_ticket(&desk.member(TEAM[who].0), "MNS-1", to));
                }
            }
            assert_paired(&desk.store.ticket("MNS-1").unwrap());
        }
    }
}
