//! What a permissive board gives up, what it never does, and how fast callers may be.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use ops_boards::{BoardError, BoardSettings, Rate, Rates, Status, limits};
use ops_core::id::Digest;
use serde_json::json;

use crate::desk::{Desk, TEAM, bearer};

fn permissive() -> BoardSettings {
    BoardSettings { permissive: true, ..BoardSettings::default() }
}

#[test]
fn every_token_may_move_and_change_everything() {
    let desk = Desk::new();
    let served = desk.serve_with(permissive());
    for (id, _) in TEAM {
        let token = served.token(id);
        let made = served.json(&token, "POST /api/tickets", r#"{"name":"x","status":"rfp"}"#);
        assert_eq!(made.status, 201, "{id}");
        let number = made.value()["ticketNumber"].as_str().unwrap().to_owned();
        for to in Status::ALL {
            let body = json!({ "status": to, "priority": 5, "assignee": id }).to_string();
            let moved = served.json(&token, &format!("PATCH /api/tickets/{number}"), &body);
            assert_eq!((moved.status, moved.value()["status"].as_str()), (200, Some(to.as_str())));
        }
    }
}

#[test]
fn unknown_fields_are_kept_within_bounds_and_the_boards_own_are_not_touched() {
    let desk = Desk::new();
    let served = desk.serve_with(permissive());
    let before = desk.ticket("A", "rfp");
    let dan = served.token("dan");
    let patch =
        |body: &serde_json::Value| served.json(&dan, "PATCH /api/tickets/MNS-1", &body.to_string());
    let kept = patch(&json!({
        "pr_url": "http://x/1", "acceptance_criteria": [1, { "a": null }],
        "candidate": "sha256:00", "createdBy": "dan@example.org", "ticketNumber": "MNS-7",
        "attachments": [],
    }));
    assert_eq!(kept.status, 200);
    let ticket = desk.store.ticket("MNS-1").unwrap();
    assert_eq!(ticket.more.len(), 2);
    assert_eq!(kept.value()["acceptance_criteria"], json!([1, { "a": null }]));
    assert_eq!((ticket.candidate, ticket.created_by), (None, before.created_by));
    let wide = json!({ "field": "x".repeat(limits::FREE_BYTES) });
    assert_eq!(patch(&wide).status, 413);
    assert_eq!(patch(&json!({ "x".repeat(limits::FREE_NAME_BYTES + 1): 1 })).status, 400);
    let many: serde_json::Map<_, _> =
        (0..=limits::FREE_FIELDS).map(|n| (n.to_string(), json!(n))).collect();
    assert_eq!(patch(&json!(many)).status, 409);
    for field in ["comments", "history"] {
        assert_eq!(patch(&json!({ field: [] })).status, 403, "{field} stays what it is even here");
    }
    assert_eq!(patch(&json!({ "_id": "x" })).status, 500);
}

#[test]
fn a_caller_of_the_meeting_board_without_a_token_is_the_manager() {
    let desk = Desk::new();
    let served = desk.serve_with(permissive());
    let body = br#"{"channel":"standup","content":"hello"}"#;
    for headers in [&[][..], &["Authorization: Bearer dashboard"][..]] {
        let posted = served.send("POST /api/messages", headers, body);
        assert_eq!((posted.status, &posted.value()["author"]), (201, &json!("manager")));
    }
    let wrong = served.send("POST /api/messages", &[&bearer("wrong")], body);
    assert_eq!(wrong.error(), "invalid token");
    let odd = served.send("POST /api/messages", &["Authorization: bearer x"], body);
    assert_eq!(odd.error(), "invalid authorization header format");
    assert_eq!(served.send("GET /api/me", &[], b"").status, 401, "the planning board wants one");
}

#[test]
fn a_ticket_can_be_deleted_and_its_number_never_comes_again() {
    let desk = Desk::new();
    let served = desk.serve_with(permissive());
    let dan = served.token("dan");
    desk.ticket("A", "rfp");
    let id = desk.ticket("B", "rfp").id;
    desk.store.comment(&desk.member("dan"), "MNS-1", "x").unwrap();
    let gone = served.json(&dan, "DELETE /api/tickets/MNS-1", "");
    assert_eq!(gone.body, r#"{"message":"Ticket deleted"}"#);
    assert_eq!(served.json(&dan, "DELETE /api/tickets/MNS-1", "").status, 404);
    let gone = served.json(&dan, &format!("DELETE /api/tasks/{id}"), "");
    assert_eq!(gone.body, r#"{"success":true}"#);
    assert_eq!(desk.ticket("C", "rfp").ticket_number, "MNS-3");
}

#[test]
fn p1_the_candidate_is_asked_for_right_before_a_verdict_and_for_nothing_else() {
    let desk = Desk::new();
    let board = Arc::downgrade(&desk.store);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let served = desk.serve_with(BoardSettings {
        before_verdict: Arc::new(move |ticket| {
            let n = count.fetch_add(1, Ordering::SeqCst);
            let candidate = Digest::of(n.to_string().as_bytes());
            board.upgrade().unwrap().set_candidate(ticket, Some(&candidate)).unwrap();
        }),
        ..BoardSettings::default()
    });
    let id = desk.ticket("A", "in-review").id;
    let stamped = |who: &str, path: &str| {
        let said = served.json(&served.token(who), &format!("POST {path}"), r#"{"text":"x"}"#);
        said.value()["candidate"].as_str().map(str::to_owned)
    };
    let paths = ["/api/tickets/mns-1/comments", &format!("/api/tasks/{id}/comments")];
    assert_eq!(stamped("cleo", paths[0]).as_deref(), Some(Digest::of(b"0").as_str()));
    assert_eq!(stamped("quinn", paths[1]).as_deref(), Some(Digest::of(b"1").as_str()));
    for who in ["dan", "otto", "pia"] {
        assert_eq!(stamped(who, paths[0]), None, "{who}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

fn slow(writes: f64, reads: f64, anonymous: f64) -> BoardSettings {
    let rate = |burst| Rate { per_second: 0.001, burst };
    let rates = Rates { writes: rate(writes), reads: rate(reads), anonymous: rate(anonymous) };
    BoardSettings { rates, ..BoardSettings::default() }
}

#[test]
fn callers_that_are_too_fast_are_told_when_to_come_again() {
    let desk = Desk::new();
    let served = desk.serve_with(slow(3.0, 5.0, 4.0));
    desk.ticket("A", "rfp");
    let (otto, dan) = (served.token("otto"), served.token("dan"));
    let comment =
        |token: &str| served.json(token, "POST /api/tickets/MNS-1/comments", r#"{"text":"x"}"#);
    for _ in 0..3 {
        assert_eq!(comment(&otto).status, 201);
    }
    let late = comment(&otto);
    assert_eq!(late.status, 429);
    assert!(late.error().contains("too many requests"), "{late:?}");
    let wait: u64 = late.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&wait), "{late:?}");
    assert_eq!(comment(&dan).status, 201, "others are not touched");
    assert_eq!(served.json(&otto, "POST /api/messages", "{}").status, 429);
    for _ in 0..5 {
        assert_eq!(served.json(&otto, "GET /api/me", "").status, 200, "reads have their own");
    }
    assert_eq!(served.json(&otto, "GET /api/agents", "").status, 429);
    assert_eq!(desk.store.comments("MNS-1").unwrap().len(), 4);
}

#[test]
fn p3_guessing_tokens_is_slowed_down_and_the_right_one_still_works() {
    let desk = Desk::new();
    let served = desk.serve_with(slow(100.0, 100.0, 4.0));
    let otto = served.token("otto");
    for n in 0..4 {
        assert_eq!(served.json(&n.to_string(), "GET /api/me", "").status, 401);
    }
    for line in ["GET /api/me", "GET /api/agents"] {
        let answer = served.json("guess", line, "");
        assert_eq!(answer.status, 429, "{answer:?}");
    }
    assert_eq!(served.json(&otto, "GET /api/me", "").status, 200);
    assert_eq!(served.send("GET /api/health", &[], b"").status, 200);
}

/// Where everybody wants the same ticket at once.
const TARGETS: [&str; 6] = ["rfp", "completed", "in-progress", "rfp", "completed", "in-progress"];

#[test]
fn p1_of_many_moves_at_once_exactly_one_wins() {
    let desk = Desk::new();
    let served = desk.serve();
    for round in 1..=10 {
        desk.ticket("A", "in-qa");
        let line = format!("PUT /api/tickets/MNS-{round}/status");
        let token = served.token("quinn");
        let won: usize = thread::scope(|scope| {
            let tries: Vec<_> = TARGETS
                .iter()
                .map(|to| {
                    let (served, line, token) = (&served, &line, &token);
                    scope.spawn(move || {
                        let body = json!({ "status": to }).to_string();
                        let answer = served.json(token, line, &body);
                        assert!([200, 403].contains(&answer.status), "{answer:?}");
                        usize::from(answer.status == 200)
                    })
                })
                .collect();
            tries.into_iter().map(|one| one.join().unwrap()).sum()
        });
        // The one that asked for the same as the winner is told that it is so already.
        assert!((1..=2).contains(&won), "{won}");
        let history = desk.store.history(&format!("MNS-{round}")).unwrap();
        let moves = history.iter().filter(|entry| entry.action == "status_change").count();
        assert_eq!(moves, 1, "{history:?}");
    }
}

#[test]
fn a_ticket_of_five_megabytes_is_refused_clearly() {
    let desk = Desk::new();
    let served = desk.serve();
    let pia = served.token("pia");
    let big = json!({ "name": "big", "description": "x".repeat(5_000_000) }).to_string();
    let answer = served.json(&pia, "POST /api/tickets", &big);
    assert_eq!(answer.status, 413);
    assert!(answer.body.contains("at most 100 kB"), "{answer:?}");
    assert!(matches!(desk.store.ticket("MNS-1"), Err(BoardError::NoTicket(_))));
    assert_eq!(served.json(&pia, "POST /api/tickets", r#"{"name":"small"}"#).status, 201);
}
