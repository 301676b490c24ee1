//! Every bound holds, and says so in a way that the caller can read.

use std::{
    io::Write as _,
    net::Shutdown,
    sync::Arc,
    time::{Duration, Instant},
};

use ops_boards::{BoardError, BoardStore, Edit, FieldChange, ListQuery, NewTicket, limits};
use serde_json::json;

use crate::desk::{Answer, Desk, bearer};

#[test]
fn a_body_above_100_kb_is_refused_in_a_readable_way() {
    let desk = Desk::new();
    let served = desk.serve();
    desk.ticket("A", "rfp");
    let token = served.token("otto");
    let big = json!({ "text": "x".repeat(limits::BODY_BYTES) }).to_string();
    let answer = served.json(&token, "POST /api/tickets/MNS-1/comments", &big);
    assert_eq!(answer.status, 413);
    assert!(answer.kind.starts_with("text/html"), "{answer:?}");
    let answer = served.json(&token, "POST /api/messages", &big);
    assert_eq!((answer.status, answer.kind.as_str()), (413, "application/json"));
    let nobody = served.json("nobody", "POST /api/tickets/MNS-1/comments", &big);
    assert_eq!(nobody.status, 401);
}

#[test]
fn texts_have_their_bounds() {
    let desk = Desk::new();
    let served = desk.serve();
    desk.ticket("A", "rfp");
    let pia = served.token("pia");
    let post = |line: &str, field: &str, bytes: usize| {
        let mut body = json!({ field: "x".repeat(bytes) });
        if line.contains("messages") {
            body["channel"] = json!("standup");
        }
        served.json(&pia, line, &body.to_string()).status
    };
    let cases = [
        ("POST /api/tickets/MNS-1/comments", "text", limits::COMMENT_BYTES, 201),
        ("PATCH /api/tickets/MNS-1", "description", limits::DESCRIPTION_BYTES, 200),
        ("PATCH /api/tickets/MNS-1", "title", limits::TITLE_BYTES, 200),
        ("POST /api/tickets", "name", limits::TITLE_BYTES, 201),
        ("PATCH /api/tickets/MNS-1", "release", limits::SHORT_BYTES, 200),
        ("POST /api/messages", "content", limits::MESSAGE_BYTES, 201),
    ];
    for (line, field, bound, status) in cases {
        assert_eq!(post(line, field, bound), status, "{line} {field}");
        assert_eq!(post(line, field, bound + 1), 413, "{line} {field}");
    }
    let labels = json!({ "labels": vec!["x"; limits::LABELS + 1] }).to_string();
    assert_eq!(served.json(&pia, "PATCH /api/tickets/MNS-1", &labels).status, 409);
    let nested = "[".repeat(90_000);
    assert_eq!(served.json(&pia, "PATCH /api/tickets/MNS-1", &nested).status, 400);
}

#[test]
fn half_a_request_changes_nothing_and_stops_nobody() {
    let desk = Desk::new();
    let served = desk.serve();
    desk.ticket("A", "rfp");
    let token = bearer(&served.token("otto"));
    let head = format!(
        "PUT /api/tickets/MNS-1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{token}\r\n\
         Content-Type: application/json\r\nContent-Length: 19\r\n\r\n"
    );
    // One caller hangs up in the middle, another one stalls.
    let mut broken = served.connect();
    broken.write_all(format!("{head}{{\"status\":").as_bytes()).unwrap();
    broken.shutdown(Shutdown::Both).unwrap();
    let mut stalled = served.connect();
    stalled.write_all(format!("{head}{{\"status\":").as_bytes()).unwrap();
    for _ in 0..20 {
        assert_eq!(served.send("GET /api/me", &[&token], b"").status, 200);
    }
    assert_eq!(desk.store.ticket("MNS-1").unwrap().status, "rfp");
    stalled.write_all(b"\"closed\"}").unwrap();
    assert_eq!(Answer::read(&mut stalled).status, 200);
}

#[test]
fn nobody_can_fill_a_ticket_until_the_record_of_ops_does_not_fit() {
    let desk = Desk::new();
    desk.ticket("A", "rfp");
    let (dan, otto) = (desk.member("dan"), desk.member("otto"));
    let full = i64::try_from(limits::COMMENT_BYTES).unwrap();
    let db = rusqlite::Connection::open(&desk.path).unwrap();
    db.execute("UPDATE ticket SET comment_bytes = ?", [limits::COMMENT_BYTES_PER_TICKET - full])
        .unwrap();
    desk.store.comment(&dan, "MNS-1", &"x".repeat(limits::COMMENT_BYTES)).unwrap();
    assert!(matches!(desk.store.comment(&dan, "MNS-1", "x"), Err(BoardError::Full(_))));
    desk.store.comment(&otto, "MNS-1", &"x".repeat(limits::COMMENT_BYTES)).unwrap();
    db.execute(
        "UPDATE ticket SET comment_bytes = 0, comments = ?1, changes = ?2",
        [limits::COMMENTS_PER_TICKET, limits::HISTORY_PER_TICKET],
    )
    .unwrap();
    assert!(matches!(desk.store.comment(&dan, "MNS-1", "x"), Err(BoardError::Full(_))));
    desk.store.comment(&otto, "MNS-1", "record").unwrap();
    desk.store.move_ticket(&otto, "MNS-1", "closed").unwrap();
    desk.store.post(&dan, "standup", "the last one", None).unwrap();
    db.execute("UPDATE message SET seq = ?", [limits::MESSAGES]).unwrap();
    assert!(matches!(desk.store.post(&dan, "standup", "x", None), Err(BoardError::Full(_))));
    desk.store.post(&otto, "standup", "OPS: said", None).unwrap();
}

#[test]
fn searching_is_by_pattern_whatever_the_case() {
    let desk = Desk::new();
    let pia = desk.member("pia");
    desk.ticket("Größe (a+b)* 100%_", "rfp");
    desk.ticket("plain", "rfp");
    let edit = Edit { description: FieldChange::To("Umlaut ÄÖÜ".into()), ..Edit::default() };
    desk.store.edit(&pia, "MNS-2", &edit).unwrap();
    let found = |text: &str| -> Vec<String> {
        let query = ListQuery { search: Some(text.to_owned()), ..ListQuery::default() };
        let list = desk.store.list(&query).unwrap();
        list.into_iter().map(|ticket| ticket.ticket_number).collect()
    };
    assert_eq!(found("GRÖSSE"), Vec::<String>::new());
    assert_eq!(found("GRÖẞE"), ["MNS-1"]);
    assert_eq!(found(r"\(A\+B\)\*"), ["MNS-1"]);
    assert_eq!(found("^pl.*n$"), ["MNS-2"], "each text is looked at by itself");
    assert_eq!(found("äöü"), ["MNS-2"]);
    assert_eq!(found("mns-2"), ["MNS-2"]);
    assert_eq!(found(".*"), ["MNS-2", "MNS-1"]);
    assert_eq!(found("' OR 1=1 --"), Vec::<String>::new());
    let bad = |text: &str| {
        desk.store.list(&ListQuery { search: Some(text.to_owned()), ..ListQuery::default() })
    };
    for pattern in ["(", "\\", "(?=x)", "a{1000}{1000}{1000}"] {
        assert!(matches!(bad(pattern), Err(BoardError::Pattern(_))), "{pattern}");
    }
}

#[test]
fn lists_are_filtered_ordered_and_bounded() {
    let desk = Desk::new();
    let pia = desk.member("pia");
    for n in 0..105 {
        desk.ticket(&format!("t{n}"), if n % 2 == 0 { "rfp" } else { "todo" });
    }
    desk.store.comment(&pia, "MNS-1", "touched").unwrap();
    let edit = Edit {
        labels: FieldChange::To(vec!["a".into(), "b".into()]),
        assignee: FieldChange::To("dan@example.org".into()),
        priority: Some(5),
        kind: Some("epic".into()),
        ..Edit::default()
    };
    desk.store.edit(&pia, "MNS-4", &edit).unwrap();
    let numbers = |query: &ListQuery| -> Vec<String> {
        let list = desk.store.list(query).unwrap();
        list.into_iter().map(|ticket| ticket.ticket_number).collect()
    };
    let all = numbers(&ListQuery::default());
    assert_eq!(
        (all.len(), &all[0], &all[1], &all[2]),
        (100, &"MNS-4".into(), &"MNS-1".into(), &"MNS-105".into())
    );
    let by = |set: fn(&mut ListQuery)| {
        let mut query = ListQuery::default();
        set(&mut query);
        numbers(&query)
    };
    assert_eq!(by(|q| q.status = Some("rfp".into())).len(), 53);
    assert_eq!(by(|q| q.label = Some("b".into())), ["MNS-4"]);
    assert_eq!(by(|q| q.priority = Some(5)), ["MNS-4"]);
    assert_eq!(by(|q| q.kind = Some("epic".into())), ["MNS-4"]);
    assert_eq!(by(|q| q.assignee = Some("dan@example.org".into())), ["MNS-4"]);
    assert_eq!(by(|q| q.board_id = Some("none".into())).len(), 0);
    let nobody = by(|q| {
        q.assignee = Some("none".into());
        q.limit = Some(1000);
    });
    assert_eq!(nobody.len(), 104);
    let page = by(|q| {
        q.offset = 103;
        q.limit = Some(10);
    });
    assert_eq!(page, ["MNS-3", "MNS-2"]);
    assert_eq!(by(|q| q.limit = Some(usize::MAX)).len(), 105, "a limit has no maximum");
}

#[test]
fn three_hundred_tickets_are_read_at_once() {
    let desk = Desk::new();
    let pia = desk.member("pia");
    for n in 0..300 {
        let new = NewTicket {
            title: format!("t{n}"),
            status: Some("rfp".to_owned()),
            description: Some("notes".repeat(100)),
            ..NewTicket::default()
        };
        desk.store.create(&pia, &new).unwrap();
    }
    let db = rusqlite::Connection::open(&desk.path).unwrap();
    let fill = "INSERT INTO comment (ticket, id, author, author_name, text, at)
        SELECT ticket.seq, ticket.seq || '-' || value, 'dan@example.org', 'Dan', 'seen', 0
        FROM ticket, json_each('[1,2,3,4,5,6,7,8,9,10]')";
    assert_eq!(db.execute(fill, []).unwrap(), 3000);
    let clock = Arc::new(crate::desk::Steps::default());
    let store = BoardStore::open(&desk.path, clock).unwrap();
    let query =
        ListQuery { status: Some("rfp".to_owned()), limit: Some(1000), ..ListQuery::default() };
    let started = Instant::now();
    let list = store.list(&query).unwrap();
    // One statement per kind of row, not per ticket; the bound only catches what is far off.
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(list.len(), 300);
    assert!(list.iter().all(|ticket| ticket.comments.len() == 10 && ticket.history.len() == 1));
}
