//! The very bytes of the wire, ids and times aside, and the quirks that callers rely on.

use serde_json::json;

use crate::desk::{Answer, Desk, bearer, redacted};

/// A body with ids and times replaced where they stand, so that order and escapes still show.
fn shape(body: &str) -> String {
    let mut shape = String::new();
    for part in body.split_inclusive('"') {
        let text = part.trim_end_matches('"');
        let id = text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let time = text.parse::<jiff::Timestamp>().is_ok();
        match (id, time) {
            (true, _) => shape.push_str("<id>\""),
            (_, true) => shape.push_str("<time>\""),
            _ => shape.push_str(part),
        }
    }
    shape
}

#[test]
fn the_examples_of_the_planning_board_byte_for_byte() {
    let desk = Desk::new();
    let served = desk.serve();
    let (pia, cleo, quinn, otto) =
        (served.token("pia"), served.token("cleo"), served.token("quinn"), served.token("otto"));
    let new = json!({
        "title": "Login form", "status": "in-review", "priority": 4, "labels": ["a", "b"],
        "assignee": "dan@example.org",
    });
    served.json(&pia, "POST /api/tickets", &new.to_string());
    let path = "POST /api/tickets/MNS-1/comments";
    let said = served.json(&cleo, path, r#"{"body":"APPROVED. Security review: ok."}"#);
    assert_eq!(
        shape(&said.body),
        r#"{"id":"<id>","author":"cleo@example.org","authorName":"Cleo","text":"APPROVED. Security review: ok.","body":"APPROVED. Security review: ok.","timestamp":"<time>"}"#
    );
    served.json(&cleo, "PUT /api/tickets/MNS-1", r#"{"status":"in-qa"}"#);
    served.json(&quinn, path, r###"{"text":"## QA PASS\n\nall"}"###);
    served.json(&quinn, "PUT /api/tickets/MNS-1/status", r#"{"status":"rfp"}"#);
    let list = served.json(&otto, "GET /api/tickets?status=rfp&limit=1000", "");
    let expected = [
        r#"[{"_id":"<id>","title":"Login form","name":"Login form","status":"rfp","priority":4,"type":"story","boardId":"<id>","ticketNumber":"MNS-1","rank":1,"complexity":3,"assignee":"dan@example.org","labels":["a","b"],"#,
        r#""comments":[{"id":"<id>","author":"cleo@example.org","authorName":"Cleo","text":"APPROVED. Security review: ok.","body":"APPROVED. Security review: ok.","timestamp":"<time>"},"#,
        r###"{"id":"<id>","author":"quinn@example.org","authorName":"Quinn","text":"## QA PASS\n\nall","body":"## QA PASS\n\nall","timestamp":"<time>"}],"###,
        r#""history":[{"action":"created","timestamp":"<time>","user":"pia@example.org","details":"Task created"},"#,
        r#"{"action":"comment_added","timestamp":"<time>","user":"cleo@example.org","details":"Comment: APPROVED. Security review: ok."},"#,
        r#"{"action":"status_change","timestamp":"<time>","user":"cleo@example.org","details":"Status: in-review → in-qa"},"#,
        r#"{"action":"comment_added","timestamp":"<time>","user":"quinn@example.org","details":"Comment: ## QA PASS\n\nall"},"#,
        r#"{"action":"status_change","timestamp":"<time>","user":"quinn@example.org","details":"Status: in-qa → rfp"}],"#,
        r#""createdAt":"<time>","createdBy":"pia@example.org","updatedAt":"<time>","updatedBy":"quinn@example.org"}]"#,
    ];
    assert_eq!(shape(&list.body), expected.concat());
    let refused = [
        ("PUT /api/tickets/MNS-1/status", "{}", 400, r#"{"error":"status is required"}"#),
        (
            "PUT /api/tickets/zzz/status",
            r#"{"status":"closed"}"#,
            500,
            r#"{"error":"input must be a 24 character hex string, 12 byte Uint8Array, or an integer"}"#,
        ),
        ("GET /api/tickets/MNS-9", "", 404, r#"{"error":"Ticket not found"}"#),
    ];
    for (line, body, status, said) in refused {
        let answer = served.json(&otto, line, body);
        assert_eq!((answer.status, answer.body.as_str()), (status, said), "{line}");
    }
    let body = r#"{"status":"closed","changed_by":"ops"}"#;
    let closed = served.json(&otto, "PUT /api/tickets/mns-1/status", body);
    assert_eq!(closed.value()["updatedBy"], "otto@example.org");
    let empty = served.json(&otto, path, "{}");
    assert_eq!((empty.status, empty.value()["text"].as_str()), (201, Some("")));
    let health = served.send("GET /api/health", &[], b"");
    assert_eq!(shape(&health.body), r#"{"status":"healthy","timestamp":"<time>"}"#);
}

#[test]
fn the_examples_of_the_meeting_board_byte_for_byte() {
    let desk = Desk::new();
    let served = desk.serve();
    let otto = served.token("otto");
    let body = r##"{"channel":"#standup","body":"OPS: hello @cleo"}"##;
    let posted = served.json(&otto, "POST /api/messages", body);
    assert_eq!(
        shape(&posted.body),
        "{\"id\":\"<id>\",\"channel_id\":\"<id>\",\"author\":\"otto\",\"author_name\":\"Otto\",\
         \"author_role\":\"ops\",\"content\":\"OPS: hello @cleo\",\"mentions\":[\"cleo\"],\
         \"created_at\":\"<time>\"}\n"
    );
    let value = posted.value();
    let (id, channel) = (value["id"].as_str().unwrap(), value["channel_id"].as_str().unwrap());
    let reply = json!({ "content": "threaded @otto", "thread_id": id }).to_string();
    served.json(&otto, &format!("POST /api/channels/{channel}/messages"), &reply);
    let mentions = served.json(&otto, "GET /api/mentions?since=2026-11-22T06:59:11.000Z", "");
    assert_eq!(
        shape(&mentions.body),
        "[{\"id\":\"<id>\",\"channel_id\":\"<id>\",\"thread_id\":\"<id>\",\"author\":\"otto\",\
         \"author_name\":\"Otto\",\"author_role\":\"ops\",\"content\":\"threaded @otto\",\
         \"mentions\":[\"otto\"],\"created_at\":\"<time>\"}]\n"
    );
    let threads = served.json(&otto, &format!("GET /api/channels/{channel}/threads"), "").value();
    assert_eq!((threads.as_array().unwrap().len(), &threads[0]["id"]), (1, &json!(id)));
    let refused = [
        ("POST /api/channels/standup/messages", r#"{"content":"x"}"#, "invalid channel id"),
        (
            &format!("POST /api/channels/{channel}/messages"),
            r#"{"body":"x"}"#,
            "message content is required",
        ),
    ];
    for (line, body, said) in refused {
        let answer = served.json(&otto, line, body);
        assert_eq!(answer.body, format!("{{\"error\":\"{said}\"}}\n"));
    }
    assert_eq!(served.send("GET /health", &[], b"").body, "{\"status\":\"ok\"}\n");
}

#[test]
fn the_audit_of_the_meeting_board() {
    let desk = Desk::new();
    let served = desk.serve();
    let (otto, mia) = (served.token("otto"), served.token("mia"));
    served.json(&mia, "POST /api/channels", r#"{"name":" general ","description":" all "}"#);
    served.json(&otto, "POST /api/messages", r#"{"channel":"general","content":"@mia"}"#);
    let audit = served.json(&otto, "GET /api/audit", "");
    insta::assert_json_snapshot!(redacted(audit.value()), @r#"
    [
      {
        "action": "message.post",
        "actor": "otto",
        "details": {
          "channel_id": "<id>",
          "channel_name": "general",
          "mentions": [
            "mia"
          ],
          "message_id": "<id>"
        },
        "id": "<id>",
        "timestamp": "<time>"
      },
      {
        "action": "channel.create",
        "actor": "mia",
        "details": {
          "channel_id": "<id>",
          "channel_name": "general"
        },
        "id": "<id>",
        "timestamp": "<time>"
      }
    ]
    "#);
    let list = |query: &str| {
        let found = served.json(&otto, &format!("GET /api/audit{query}"), "").value();
        found.as_array().unwrap().len()
    };
    assert_eq!(list("?actor=mia"), 1);
    assert_eq!(list("?limit=1"), 1);
    assert_eq!(list("?limit=junk"), 2);
    let newest = audit.value()[0]["timestamp"].as_str().unwrap().to_owned();
    assert_eq!(list(&format!("?since={newest}")), 0);
}

#[test]
fn the_older_endpoints_of_the_planning_board() {
    let desk = Desk::new();
    let served = desk.serve();
    let (pia, otto) = (served.token("pia"), served.token("otto"));
    let board = desk.store.boards().unwrap()[0].id.clone();
    let new = json!({ "name": "form", "boardId": board, "priority": "5" }).to_string();
    let made = served.json(&pia, "POST /api/tasks", &new).value();
    assert_eq!((made["name"].as_str(), made.get("title")), (Some("form"), None));
    assert_eq!(made["priority"], 5);
    let wrong = json!({ "name": "x", "boardId": "0123456789abcdef01234567" }).to_string();
    let answer = served.json(&pia, "POST /api/tasks", &wrong);
    assert_eq!(answer.body, r#"{"error":"Invalid boardId - board not found"}"#);
    for n in 0..104 {
        desk.ticket(&format!("t{n}"), "backlog");
    }
    let count = |line: &str| served.json(&otto, line, "").value().as_array().unwrap().len();
    assert_eq!(count("GET /api/tickets"), 100);
    assert_eq!(count("GET /api/tasks"), 105);
    assert_eq!(count(&format!("GET /api/boards/{board}/tasks")), 105);
    assert_eq!(count("GET /api/boards/nope/tasks"), 0);
    assert_eq!(count("GET /api/tasks?assignee=none"), 0, "here `none` is a name");
    assert_eq!(count("GET /api/tasks?status[$ne]=x"), 0);
    let id = made["_id"].as_str().unwrap();
    assert_eq!(served.json(&otto, &format!("GET /api/tasks/{id}"), "").value(), made);
    assert_eq!(served.json(&otto, "GET /api/tasks/by-ticket/mns-1", "").value(), made);
    let title = served.json(&pia, &format!("PUT /api/tasks/{id}"), r#"{"title":"T"}"#).value();
    assert_eq!((title["title"].as_str(), title["name"].as_str()), (Some("T"), Some("form")));
    let said = served.json(&otto, &format!("POST /api/tasks/{id}/comments"), r#"{"text":"x"}"#);
    assert_eq!(said.status, 201);
    assert_eq!(count(&format!("GET /api/tasks/{id}/comments")), 1);
    let attached = served.json(&otto, &format!("POST /api/tasks/{id}/attachments"), "");
    assert_eq!(attached.status, 500);
    // The backlog: by priority where a ticket is filed, then as PO says.
    let rank = |number: &str| desk.store.ticket(number).unwrap().rank;
    assert_eq!((rank("MNS-1"), rank("MNS-2"), rank("MNS-105")), (1, 2, 105));
    let urgent = served.json(&pia, "POST /api/tickets", r#"{"name":"u","priority":4}"#).value();
    assert_eq!((urgent["rank"].as_i64(), rank("MNS-2")), (Some(2), 3));
    let order = json!({ "order": [{ "id": urgent["_id"] }, { "id": id }] }).to_string();
    let done = served.json(&pia, "POST /api/tasks/reorder", &order);
    assert_eq!(done.body, r#"{"success":true}"#);
    assert_eq!((rank("MNS-106"), rank("MNS-1")), (1, 2));
    served.json(&pia, "PATCH /api/tickets/MNS-1", r#"{"rank":50}"#);
    assert_eq!(rank("MNS-1"), 2, "only reordering changes it");
}

#[test]
fn parents_load_and_what_one_is_told_of() {
    let desk = Desk::new();
    let served = desk.serve();
    let (pia, otto, hugo) = (served.token("pia"), served.token("otto"), served.token("hugo"));
    desk.ticket("epic", "todo");
    let parent = desk.store.ticket("MNS-1").unwrap().id;
    let child = json!({ "name": "story", "parentId": parent, "assignee": "dan@example.org" });
    let made = served.json(&pia, "POST /api/tickets", &child.to_string()).value();
    assert_eq!(made["parentId"], parent);
    let found = served.json(&otto, &format!("GET /api/tickets?parent_id={parent}"), "").value();
    assert_eq!(found, json!([made]));
    let refused = served.json(&otto, "PATCH /api/tickets/MNS-2", r#"{"parentId":null}"#);
    assert_eq!(refused.status, 403);
    desk.ticket("done", "closed");
    let load = served.json(&otto, "GET /api/board/workload", "");
    assert_eq!(load.body, r#"{"dan@example.org":1,"unassigned":1}"#);
    let watch = |token: &str| served.json(token, "GET /api/webhooks/me", "").body;
    assert_eq!(
        watch(&otto),
        r#"{"userEmail":"otto@example.org","userName":"Otto","role":"ops","enabled":true,"watchColumns":["rfp"]}"#
    );
    assert!(watch(&hugo).contains(r#""watchColumns":[]"#));
    let set = served.json(&otto, "PUT /api/webhooks/me", r#"{"watchColumns":["rfp","blocked"]}"#);
    assert_eq!((set.status, &set.value()["enabled"]), (200, &json!(true)));
    assert!(watch(&otto).contains(r#""enabled":true,"watchColumns":["rfp","blocked"]"#));
    let set = served.json(&otto, "PUT /api/webhooks/me", r#"{"enabled":false}"#);
    assert_eq!(set.value()["watchColumns"], json!([]), "what is not named is gone");
    let fresh = served.json(&otto, "POST /api/me/token", "").value();
    assert_eq!(served.json(&otto, "GET /api/me", "").status, 401, "the old one is replaced");
    assert_eq!(served.json(fresh["apiToken"].as_str().unwrap(), "GET /api/me", "").status, 200);
}

#[test]
fn whoever_has_it_already_is_told_so() {
    let desk = Desk::new();
    let served = desk.serve();
    desk.ticket("A", "rfp");
    let token = bearer(&served.token("otto"));
    let ask = |line: &str, tag: &str| -> Answer {
        served.send(line, &[&token, &format!("If-None-Match: {tag}")], b"")
    };
    for line in ["GET /api/tickets/MNS-1", "GET /api/tickets?status=rfp", "GET /api/boards"] {
        let first = served.send(line, &[&token], b"");
        let tag = first.header("etag").unwrap();
        assert!(tag.starts_with(&format!("W/\"{:x}-", first.body.len())), "{tag}");
        let again = ask(line, tag);
        assert_eq!((again.status, again.body.as_str(), again.header("etag")), (304, "", Some(tag)));
        assert_eq!(ask(line, "W/\"0-x\"").status, 200);
    }
    let line = "GET /api/tickets/MNS-1";
    let tag = served.send(line, &[&token], b"").header("etag").unwrap().to_owned();
    desk.store.comment(&desk.member("dan"), "MNS-1", "x").unwrap();
    assert_eq!(ask(line, &tag).status, 200, "a write changes it");
    assert_eq!(ask("GET /api/tickets/MNS-9", "*").status, 404);
    assert_eq!(ask("GET /api/agents", "*").status, 200, "the meeting board has no tags");
    let page = served.send("GET /api/nothing", &[&token], b"");
    assert_eq!(
        page.body,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n\
         </head>\n<body>\n<pre>Cannot GET /api/nothing</pre>\n</body>\n</html>\n"
    );
}
