//! What the boards answer to requests that make no sense, in the dialect of each.

use crate::desk::{Desk, bearer};

/// Request, body, status, and what the error contains.
const PLANNING: &[(&str, &str, u16, &str)] = &[
    ("GET /api/tickets/MNS-99", "", 404, "Ticket not found"),
    ("GET /api/tickets/nobody-knows", "", 404, "Ticket not found"),
    ("GET /api/tickets/0123456789abcdef01234567", "", 404, "Ticket not found"),
    ("GET /api/tickets/abc", "", 500, "input must be a 24 character hex string"),
    ("GET /api/tickets/12/comments", "", 500, "input must be a 24 character"),
    ("GET /api/tickets?offset=-1", "", 500, "offset"),
    ("PUT /api/tickets/MNS-1/status", "{}", 400, "status is required"),
    ("PUT /api/tickets/MNS-1/status", "[]", 400, "status is required"),
    ("PUT /api/tickets/MNS-1/status", r#"{"status":"gone"}"#, 400, "is no status"),
    ("PUT /api/tickets/MNS-1/assignee", "{}", 400, "assignee is required"),
    ("POST /api/tickets/MNS-1/comments", r#"{"text":7}"#, 500, "must be a string"),
    ("PATCH /api/tickets/MNS-1", r#"{"pr_url":"x"}"#, 400, "`pr_url` is no field"),
    ("PATCH /api/tickets/MNS-1", r#"{"_id":"x"}"#, 500, "would modify the immutable field '_id'"),
    ("GET /api/tickets?search=(", "", 500, "Regular expression is invalid"),
    ("GET /api/tasks/MNS-1", "", 500, "input must be a 24 character"),
    ("GET /api/tasks/0123456789abcdef01234567", "", 404, "Task not found"),
    ("GET /api/tasks/by-ticket/MNS-99", "", 404, "Task not found"),
    ("POST /api/tasks", r#"{"name":"x"}"#, 400, "boardId is required"),
    ("POST /api/tasks/reorder", "{}", 400, "Invalid order data"),
    ("POST /api/tasks/reorder", r#"{"order":[]}"#, 403, "ops may not order the backlog"),
    ("PUT /api/webhooks/me", r#"{"watchColumns":"rfp"}"#, 400, "must be a list of texts"),
    ("PUT /api/tickets/MNS-99/status", "{}", 404, "Ticket not found"),
    (
        "PATCH /api/tickets/MNS-1",
        r#"{"type":"task"}"#,
        400,
        "Invalid type 'task'. Must be one of: initiative, epic, story",
    ),
    ("PATCH /api/tickets/MNS-1", r#"{"priority":6}"#, 400, "from 1 (lowest)"),
    ("PATCH /api/tickets/MNS-1", r#"{"priority":1.5}"#, 400, "a whole number"),
    ("PATCH /api/tickets/MNS-1", r#"{"status":null}"#, 400, "cannot be cleared"),
    ("DELETE /api/tickets/MNS-1", "", 403, "ops may not delete a ticket"),
];

#[test]
fn the_errors_of_the_planning_board() {
    let desk = Desk::new();
    let served = desk.serve();
    desk.ticket("A", "rfp");
    let token = served.token("otto");
    for (line, body, status, said) in PLANNING {
        let answer = served.json(&token, line, body);
        assert_eq!(answer.status, *status, "{line} {body}: {answer:?}");
        assert!(answer.error().contains(said), "{line} {body}: {answer:?}");
    }
    assert_eq!(desk.store.ticket("MNS-1").unwrap().history.len(), 1);
}

/// Request, body, status, and what the error contains.
const MEETING: &[(&str, &str, u16, &str)] = &[
    (
        "POST /api/messages",
        r#"{"channel":"standup"}"#,
        400,
        "message content is required (use \"content\" or \"body\" field)",
    ),
    ("POST /api/messages", r#"{"content":"x"}"#, 400, "channel name is required"),
    ("POST /api/messages", r##"{"channel":"#","body":"x"}"##, 404, "channel not found: "),
    (
        "POST /api/messages",
        r#"{"channel":"standup","body":" "}"#,
        400,
        "message content is required",
    ),
    ("GET /api/channels/standup/threads", "", 400, "invalid channel id"),
    ("GET /api/audit?since=soon", "", 400, "invalid since parameter"),
    ("POST /api/messages", r#"{"channel":"nope","body":"x"}"#, 404, "channel not found: nope"),
    ("POST /api/messages", r#"{"channel":7,"body":"x"}"#, 400, "invalid request body"),
    ("POST /api/messages", "[]", 400, "invalid request body"),
    ("POST /api/messages", "", 400, "invalid request body"),
    (
        "POST /api/messages",
        r#"{"channel":"standup","body":"x","thread_id":"1"}"#,
        400,
        "invalid thread_id",
    ),
    ("GET /api/messages", "", 400, "channel query parameter is required"),
    ("GET /api/messages?channel=Standup", "", 404, "channel not found: Standup"),
    ("POST /api/channels/standup/messages", r#"{"content":"x"}"#, 400, "invalid channel id"),
    (
        "POST /api/channels/0123456789abcdef01234567/messages",
        r#"{"body":"x"}"#,
        400,
        "message content is required",
    ),
    (
        "POST /api/channels/0123456789abcdef01234567/messages",
        r#"{"content":"x"}"#,
        404,
        "channel not found",
    ),
    ("DELETE /api/channels/0123456789abcdef01234567/messages", "", 403, "what was said stays"),
    ("POST /api/channels", r#"{"name":" standup "}"#, 409, "channel already exists"),
    ("POST /api/channels", r#"{"name":" "}"#, 400, "channel name is required"),
    ("GET /api/mentions?since=soon", "", 400, "invalid since parameter"),
];

#[test]
fn the_errors_of_the_meeting_board() {
    let desk = Desk::new();
    let served = desk.serve();
    let token = served.token("otto");
    for (line, body, status, said) in MEETING {
        let answer = served.json(&token, line, body);
        assert_eq!(answer.status, *status, "{line} {body}: {answer:?}");
        assert!(answer.error().contains(said), "{line} {body}: {answer:?}");
    }
    let gone = served.json(&token, "GET /api/channels/", "");
    assert_eq!((gone.status, gone.body.as_str()), (404, "404 page not found\n"));
}

#[test]
fn a_body_counts_by_its_content_type() {
    let desk = Desk::new();
    let served = desk.serve();
    desk.ticket("A", "rfp");
    let token = bearer(&served.token("otto"));
    let put = |kind: &str, body: &str| {
        served.send("PUT /api/tickets/MNS-1/status", &[&token, kind], body.as_bytes())
    };
    assert_eq!(put("X-None: 1", r#"{"status":"closed"}"#).error(), "status is required");
    assert_eq!(
        put("Content-Type: text/plain", r#"{"status":"closed"}"#).error(),
        "status is required"
    );
    for bad in ["{", "\"closed\"", "7", "{\"status\":", "\u{0}"] {
        let answer = put("Content-Type: application/json", bad);
        assert_eq!(answer.status, 400, "{bad}: {answer:?}");
        assert!(answer.kind.starts_with("text/html"), "{bad}: {answer:?}");
    }
    let closed = put("Content-Type: application/x-www-form-urlencoded", "status=closed");
    assert_eq!((closed.status, closed.value()["status"].as_str()), (200, Some("closed")));
    // The same status again changes nothing.
    let kind = "Content-Type: Application/JSON; charset=utf-8";
    let again = put(kind, r#"{"status":"closed"}"#);
    assert_eq!(again.value(), closed.value());
}

#[test]
fn unknown_paths_and_methods_are_answered_as_each_board_does() {
    let desk = Desk::new();
    let served = desk.serve();
    let token = served.token("otto");
    let page = |line: &str| served.json(&token, line, "");
    for line in ["GET /api/nothing", "GET /a&b'c", "GET /api/tickets/MNS-1/status", "POST /api/me"]
    {
        let answer = page(line);
        assert_eq!(answer.status, 404, "{answer:?}");
        assert!(answer.kind.starts_with("text/html"), "{answer:?}");
        assert!(!answer.body.contains("a&b'c"), "{answer:?}");
    }
    for line in ["GET /api/messages/1", "PUT /api/channels", "GET /health/"] {
        let answer = page(line);
        assert_eq!(answer.status, 404, "{answer:?}");
        assert!(answer.kind.starts_with("text/plain"), "{answer:?}");
    }
}
