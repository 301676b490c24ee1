//! The shapes, texts and quirks of the wire.

use ops_core::id::Digest;
use serde_json::json;

use crate::desk::{Desk, redacted};

#[test]
fn a_ticket_on_its_way() {
    let desk = Desk::new();
    let served = desk.serve();
    let (pia, cleo, quinn) = (served.token("pia"), served.token("cleo"), served.token("quinn"));
    let body = json!({
        "name": "Login form", "description": "- [ ] works", "priority": 4, "type": "story",
        "status": "in-review", "assignee": "dan@example.org", "labels": ["a", "b"],
    });
    let made = served.json(&pia, "POST /api/tickets", &body.to_string());
    assert_eq!((made.status, made.kind.as_str()), (201, "application/json; charset=utf-8"));
    let candidate = Digest::of(b"the candidate");
    desk.store.set_candidate("MNS-1", Some(&candidate)).unwrap();
    let verdict = json!({ "text": "APPROVED. Security review: ok.", "type": "approval" });
    served.json(&cleo, "POST /api/tickets/MNS-1/comments", &verdict.to_string());
    served.json(&cleo, "PUT /api/tickets/mns-1", r#"{"status":"in-qa"}"#);
    let verdict = json!({ "author": "ops", "body": "## QA PASS\n\nall" });
    served.json(&quinn, "POST /api/tickets/MNS-1/comments", &verdict.to_string());
    let moved = served.json(&quinn, "PUT /api/tickets/MNS-1/status", r#"{"status":"rfp"}"#);
    assert_eq!(moved.status, 200);
    insta::assert_json_snapshot!(redacted(moved.value()));
    let id = moved.value()["_id"].as_str().unwrap().to_uppercase();
    let same = served.json(&quinn, &format!("GET /API/Tickets/{id}/?x=1"), "");
    assert_eq!(same.value(), moved.value());
    let list = served.json(&quinn, "GET /api/tickets?status=rfp&limit=1000", "");
    assert_eq!(list.value(), json!([moved.value()]));
    let comments = served.json(&quinn, "GET /api/tickets/MNS-1/comments", "");
    assert_eq!(comments.value(), moved.value()["comments"]);
    let history = served.json(&quinn, "GET /api/tickets/MNS-1/history", "");
    assert_eq!(history.value(), moved.value()["history"]);
}

#[test]
fn a_comment_of_cq_is_stamped_and_a_comment_of_ops_is_not() {
    let desk = Desk::new();
    let served = desk.serve();
    desk.ticket("A", "in-review");
    desk.store.set_candidate("MNS-1", Some(&Digest::of(b"one"))).unwrap();
    let comment = |who: &str| {
        let token = served.token(who);
        let path = "POST /api/tickets/MNS-1/comments";
        served.json(&token, path, r#"{"text":"seen","candidate":"sha256:00"}"#).value()
    };
    insta::assert_json_snapshot!(redacted(comment("cleo")), @r#"
    {
      "author": "cleo@example.org",
      "authorName": "Cleo",
      "body": "seen",
      "candidate": "sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed",
      "id": "<id>",
      "text": "seen",
      "timestamp": "<time>"
    }
    "#);
    for who in ["otto", "dan", "pia", "mia"] {
        assert_eq!(comment(who).get("candidate"), None, "{who}");
    }
    desk.store.set_candidate("MNS-1", Some(&Digest::of(b"two"))).unwrap();
    assert_eq!(comment("quinn")["candidate"], Digest::of(b"two").as_str());
    let first = &desk.store.ticket("MNS-1").unwrap().comments[0];
    assert_eq!(first.candidate.as_deref(), Some(Digest::of(b"one").as_str()));
}

#[test]
fn a_message_and_its_mentions() {
    let desk = Desk::new();
    let served = desk.serve();
    let (otto, cleo) = (served.token("otto"), served.token("cleo"));
    let body = r##"{"Channel":"#standup","BODY":"OPS: <hello> @cleo & @qa","author":"po"}"##;
    let made = served.json(&otto, "POST /api/messages", body);
    assert_eq!((made.status, made.kind.as_str()), (201, "application/json"));
    assert!(made.body.contains(r"OPS: \u003chello\u003e @cleo \u0026 @qa"), "{made:?}");
    insta::assert_json_snapshot!(redacted(made.value()), @r#"
    {
      "author": "otto",
      "author_name": "Otto",
      "author_role": "ops",
      "channel_id": "<id>",
      "content": "OPS: <hello> @cleo & @qa",
      "created_at": "<time>",
      "id": "<id>",
      "mentions": [
        "cleo",
        "qa"
      ]
    }
    "#);
    // Nanoseconds in the answer, whole milliseconds afterwards.
    let mentions = served.json(&cleo, "GET /api/mentions", "").value();
    assert_eq!(mentions[0]["id"], made.value()["id"]);
    assert!(made.value()["created_at"].as_str().unwrap().len() > 24, "{made:?}");
    assert!(mentions[0]["created_at"].as_str().unwrap().len() <= 24, "{mentions}");
    let read = |line: &str| served.json(&cleo, line, "").value();
    assert_eq!(read("GET /api/messages?channel=%23standup"), mentions);
    let channel = made.value()["channel_id"].as_str().unwrap().to_owned();
    assert_eq!(read(&format!("GET /api/channels/{channel}/messages")), mentions);
}

#[test]
fn replies_are_not_in_lists_but_in_mentions() {
    let desk = Desk::new();
    let served = desk.serve();
    let otto = served.token("otto");
    let post = |body: String| served.json(&otto, "POST /api/messages", &body);
    let root = post(r#"{"channel":"ad-hoc","content":"root"}"#.to_owned()).value();
    let thread = root["id"].as_str().unwrap();
    let reply = post(json!({"channel":"ad-hoc","content":"@otto","thread_id":thread}).to_string());
    assert_eq!(reply.value()["thread_id"], thread);
    let list = served.json(&otto, "GET /api/messages?channel=ad-hoc", "").value();
    assert_eq!(list.as_array().unwrap().len(), 1);
    let mentions = served.json(&otto, "GET /api/mentions", "").value();
    assert_eq!(mentions[0]["content"], "@otto");
    let elsewhere = json!({"channel":"humans","content":"x","thread_id":thread}).to_string();
    assert_eq!(post(elsewhere).error(), "invalid thread_id");
}

#[test]
fn a_list_of_messages_is_cut_at_its_new_end_and_moves_with_since() {
    let desk = Desk::new();
    let served = desk.serve();
    let otto = served.token("otto");
    for n in 0..3 {
        desk.store.post(&desk.member("otto"), "planning", &n.to_string(), None).unwrap();
    }
    let read = |query: &str| {
        let list = served.json(&otto, &format!("GET /api/messages?channel=planning{query}"), "");
        list.value().as_array().unwrap().clone()
    };
    assert_eq!(read("&limit=2")[1]["content"], "1");
    assert_eq!(read("&limit=junk").len(), 3);
    let first = read("")[0]["created_at"].as_str().unwrap().to_owned();
    assert_eq!(read(&format!("&since={first}")).len(), 2);
    let bad = served.json(&otto, "GET /api/messages?channel=planning&since=2026-11-22", "");
    assert_eq!(bad.error(), "invalid since parameter, use RFC3339 format");
}

#[test]
fn what_the_boards_say_of_themselves() {
    let desk = Desk::new();
    let served = desk.serve();
    desk.ticket("A", "rfp");
    desk.ticket("B", "rfp");
    desk.ticket("C", "backlog");
    let token = served.token("otto");
    let paths = [
        "/api/health",
        "/health",
        "/api/me",
        "/api/users",
        "/api/boards",
        "/api/ticket-types",
        "/api/board/summary",
        "/api/agents",
        "/api/channels",
    ];
    let said: Vec<_> = paths
        .iter()
        .map(|path| {
            let answer = served.json(&token, &format!("GET {path}"), "");
            assert_eq!(answer.status, 200, "{answer:?}");
            json!({ "path": path, "says": redacted(answer.value()) })
        })
        .collect();
    insta::assert_json_snapshot!(said);
}
