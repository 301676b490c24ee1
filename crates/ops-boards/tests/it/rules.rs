//! Who may do what, over the wire.

use ops_boards::{BoardError, BoardSettings, BoardStore, NewMember, Role, Status};
use serde_json::json;

use crate::desk::{Desk, TEAM, bearer};

#[test]
fn p3_each_role_makes_its_moves_and_no_others() {
    let desk = Desk::new();
    let pia = desk.member("pia");
    for (id, role) in TEAM {
        let member = desk.member(id);
        for from in Status::ALL {
            let ticket = desk.ticket("A", from.as_str()).ticket_number;
            for to in Status::ALL.into_iter().filter(|to| *to != from) {
                let moved = desk.store.move_ticket(&member, &ticket, to.as_str());
                assert_eq!(moved.is_ok(), role.may_move(from, to), "{role}: {from} → {to}");
                if moved.is_ok() {
                    desk.store.move_ticket(&pia, &ticket, from.as_str()).unwrap();
                }
            }
        }
    }
}

#[test]
fn p3_a_refused_move_says_what_is_allowed_and_leaves_no_trace() {
    let desk = Desk::new();
    let served = desk.serve();
    let before = desk.ticket("A", "in-qa");
    let answer = served.json(
        &served.token("dan"),
        "PATCH /api/tickets/MNS-1",
        r#"{"status":"rfp","description":"mine"}"#,
    );
    assert_eq!(answer.status, 403);
    insta::assert_json_snapshot!(answer.value(), @r#"
    {
      "allowed": [],
      "error": "dev may not move a ticket from in-qa to rfp; that move belongs to po, qa",
      "from": "in-qa",
      "mayMove": [
        "po",
        "qa"
      ],
      "role": "dev",
      "to": "rfp"
    }
    "#);
    assert_eq!(desk.store.ticket("MNS-1").unwrap(), before);
}

#[test]
fn p3_nobody_overwrites_comments_or_history() {
    let desk = Desk::new();
    let served = desk.serve();
    let before = desk.ticket("A", "rfp");
    for (who, _) in TEAM {
        for field in ["comments", "history"] {
            let body = json!({ field: [] }).to_string();
            let token = served.token(who);
            for line in ["PATCH /api/tickets/MNS-1", "PUT /api/tickets/MNS-1", "POST /api/tickets"]
            {
                let answer = served.json(&token, line, &body);
                assert_eq!(answer.status, 403, "{who} {line} {field}: {answer:?}");
                assert!(answer.error().contains("nobody may"), "{answer:?}");
            }
        }
    }
    assert_eq!(desk.store.ticket("MNS-1").unwrap(), before);
}

#[test]
fn fields_belong_to_roles_too() {
    let desk = Desk::new();
    let served = desk.serve();
    desk.ticket("A", "todo");
    let edit = |who: &str, body: &str| {
        served.json(&served.token(who), "PATCH /api/tickets/MNS-1", body).status
    };
    assert_eq!(edit("dan", r#"{"description":"notes","labels":["x"],"complexity":8}"#), 200);
    assert_eq!(edit("dan", r#"{"priority":5}"#), 403);
    assert_eq!(edit("dan", r#"{"priority":3}"#), 200, "what stands there may be repeated");
    assert_eq!(edit("dan", r#"{"type":"epic"}"#), 403);
    for who in ["cleo", "quinn", "otto", "mia", "hugo"] {
        assert_eq!(edit(who, r#"{"description":"other"}"#), 403, "{who}");
        assert_eq!(edit(who, r#"{"title":"other"}"#), 403, "{who}");
    }
    assert_eq!(edit("pia", r#"{"priority":5,"type":"epic","assignee":"dan@example.org"}"#), 200);
    assert_eq!(edit("pia", r#"{"assignee":null,"release":"v1"}"#), 200);
    let details: Vec<String> =
        desk.store.history("MNS-1").unwrap().into_iter().map(|entry| entry.details).collect();
    assert_eq!(
        details,
        [
            "Task created",
            "Assigned to: dan@example.org",
            "Type: story → epic",
            "Assigned to: Unassigned"
        ]
    );
    let file =
        |who: &str, body: &str| served.json(&served.token(who), "POST /api/tickets", body).status;
    assert_eq!(file("dan", r#"{"name":"x"}"#), 403);
    assert_eq!(file("otto", r#"{"name":"x"}"#), 403);
    assert_eq!(file("quinn", r#"{"name":"a bug"}"#), 201);
    assert_eq!(file("quinn", r#"{"name":"a bug","status":"rfp"}"#), 403);
    assert_eq!(file("mia", r#"{"name":"a wish","priority":5}"#), 403);
    assert_eq!(file("pia", r#"{"name":"x","type":"task"}"#), 400);
    assert_eq!(file("pia", r#"{"name":"x","boardId":"0123456789abcdef01234567"}"#), 400);
}

#[test]
fn p13_only_the_hash_of_a_token_is_kept() {
    let desk = Desk::new();
    let tokens: Vec<String> =
        TEAM.iter().map(|(id, _)| desk.store.issue_token(id).unwrap()).collect();
    let folder = desk.path.parent().unwrap();
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        seen += bytes.len();
        for token in &tokens {
            assert_eq!(token.len(), 64);
            let found = bytes.windows(16).any(|part| part == &token.as_bytes()[..16]);
            assert!(!found, "a token stands in the file");
        }
    }
    assert!(seen > 4096);
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&desk.path).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    for (token, (id, role)) in tokens.iter().zip(TEAM) {
        let member = desk.store.member_by_token(token).unwrap().unwrap();
        assert_eq!((member.id(), member.role()), (id, role));
    }
    let fresh = desk.store.issue_token("dan").unwrap();
    assert_eq!(desk.store.member_by_token(&tokens[1]).unwrap(), None, "replaced");
    desk.store.revoke_token("dan").unwrap();
    assert_eq!(desk.store.member_by_token(&fresh).unwrap(), None, "revoked");
    assert!(matches!(desk.store.issue_token("nobody"), Err(BoardError::NoMember(_))));
}

/// Tokens are looked up by their hash, so that how long it takes tells nothing of those that exist; and
/// nothing else opens the door, not even the hash.
#[test]
fn p13_a_token_is_found_by_its_whole_hash_and_by_nothing_else() {
    use std::fmt::Write as _;
    let desk = Desk::new();
    let token = desk.store.issue_token("dan").unwrap();
    let kept: Vec<u8> = rusqlite::Connection::open(&desk.path)
        .and_then(|db| {
            db.query_row("SELECT token_hash FROM member WHERE id = 'dan'", (), |r| r.get(0))
        })
        .unwrap();
    assert_eq!(kept.len(), 32, "SHA-256");
    let hash = kept.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let other = token.replace(|c: char| c.is_ascii_digit(), "f");
    for wrong in
        [&hash, &token[..63], &format!("{token}0"), &token.to_uppercase(), &other, "", "%", "_"]
    {
        assert_eq!(desk.store.member_by_token(wrong).unwrap(), None, "{wrong}");
    }
    assert!(desk.store.member_by_token(&token).unwrap().is_some());
}

#[test]
fn p3_nothing_is_answered_without_a_token_but_health() {
    let desk = Desk::new();
    let mut settings = BoardSettings::default();
    settings.rates.anonymous.burst = 1_000.0;
    let served = desk.serve_with(settings);
    let token = served.token("otto");
    let other_forms = [
        "X-None: 1".to_owned(),
        "Authorization: Bearer ".to_owned(),
        "Authorization: Bearer dashboard".to_owned(),
        format!("Authorization: bearer {token}"),
        format!("Authorization: {token}"),
        format!("Cookie: session={token}"),
    ];
    let planning = [
        "GET /api/me",
        "GET /api/tickets",
        "POST /api/tickets",
        "GET /api/tickets/MNS-1",
        "PATCH /api/tickets/MNS-1",
        "DELETE /api/tickets/MNS-1",
        "PUT /api/tickets/MNS-1/status",
        "PUT /api/tickets/MNS-1/assignee",
        "GET /api/tickets/MNS-1/comments",
        "POST /api/tickets/MNS-1/comments",
        "GET /api/tickets/MNS-1/history",
        "GET /api/boards",
        "GET /api/users",
        "GET /api/ticket-types",
        "GET /api/board/summary",
        "GET /api/board/workload",
        "GET /api/tasks",
        "POST /api/tasks",
        "POST /api/tasks/reorder",
        "GET /api/webhooks/me",
        "PUT /api/webhooks/me",
        "POST /api/me/token",
    ];
    let meeting = [
        "GET /api/agents",
        "GET /api/channels",
        "POST /api/channels",
        "GET /api/messages?channel=standup",
        "POST /api/messages",
        "GET /api/mentions",
        "GET /api/audit",
        "GET /api/channels/0123456789abcdef01234567/threads",
        "GET /api/channels/0123456789abcdef01234567/messages",
        "POST /api/channels/0123456789abcdef01234567/messages",
        "DELETE /api/channels/0123456789abcdef01234567/messages",
    ];
    for header in &other_forms {
        for line in planning {
            let answer = served.send(line, &[header], b"");
            assert_eq!(answer.status, 401, "{line} {header}: {answer:?}");
            assert_eq!(answer.error(), "Unauthorized. Use session cookie or Bearer token.");
        }
        for line in meeting {
            let answer = served.send(line, &[header], b"");
            assert_eq!(answer.status, 401, "{line} {header}: {answer:?}");
        }
    }
    let unknown = served.send("GET /api/agents", &[&bearer("nobody")], b"");
    assert_eq!(unknown.error(), "invalid token");
    let none = served.send("GET /api/agents", &["X-None: 1"], b"");
    assert_eq!(none.error(), "invalid authorization header format");
    for line in ["GET /api/health", "GET /health"] {
        assert_eq!(served.send(line, &[], b"").status, 200);
    }
}

#[test]
fn members_are_brought_up_to_date_and_cannot_pass_for_others() {
    let desk = Desk::new();
    let new = |id: &str, email: &str, name: &str, role: Role| NewMember {
        id: id.to_owned(),
        email: email.to_owned(),
        name: name.to_owned(),
        role,
        avatar: String::new(),
        gateway: None,
    };
    let token = desk.store.issue_token("dan").unwrap();
    desk.store.put_member(&new("dan", "dan@example.org", "Daniel", Role::Cq)).unwrap();
    let dan = desk.store.member_by_token(&token).unwrap().unwrap();
    assert_eq!((dan.name(), dan.role()), ("Daniel", Role::Cq));
    let refused = [
        new("eve", "dan@example.org", "Eve", Role::Dev),
        new("everyone", "e@example.org", "E", Role::Dev),
        new("qa", "e@example.org", "E", Role::Dev),
        new("eve", "e@example.org", "QA", Role::Dev),
        new("Eve", "e@example.org", "E", Role::Dev),
        new("", "e@example.org", "E", Role::Dev),
        new("eve", "nobody", "E", Role::Dev),
        new("eve", "e@example.org", " ", Role::Dev),
        new("eve", "e@example.org", "E\u{7}", Role::Dev),
    ];
    for member in refused {
        let answer = desk.store.put_member(&member);
        assert!(matches!(answer, Err(BoardError::Refused(_))), "{member:?}: {answer:?}");
    }
    desk.store.put_member(&new("ops", "ops@example.org", "OPS", Role::Ops)).unwrap();
}

#[test]
fn a_file_of_a_newer_ops_is_left_alone() {
    let desk = Desk::new();
    let path = desk.path.clone();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.pragma_update(None, "user_version", 99).unwrap();
    let clock = std::sync::Arc::new(crate::desk::Steps::default());
    assert!(matches!(BoardStore::open(&path, clock), Err(BoardError::Newer { found: 99, .. })));
}
