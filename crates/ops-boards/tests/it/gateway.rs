//! Notices, with real gateways on the loopback: good ones, slow ones, failing ones, lying ones.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use ops_boards::{BoardError, BoardSettings, Edit, FieldChange, Gateway, NewMember, Role};
use serde_json::{Value, json};

use crate::desk::{Desk, Served};

/// How long a notice may take to arrive.
const ARRIVES: Duration = Duration::from_secs(30);

/// What a gateway was told: its path, the token, the body.
type Told = (String, String, Value);

/// Listens, and answers the n-th call as `answer` says; nothing at all for `None`.
fn gateway(
    answer: impl Fn(usize) -> Option<&'static str> + Send + 'static,
) -> (String, Receiver<Told>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, told) = channel();
    thread::spawn(move || {
        // Connections are kept, so that one without an answer stays open.
        let mut kept = Vec::new();
        for (n, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            if let Some(stream) = take(stream, answer(n), &sender) {
                kept.push(stream);
            }
        }
    });
    (address, told)
}

fn take(stream: TcpStream, answer: Option<&str>, told: &Sender<Told>) -> Option<TcpStream> {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let header = |name: &str| {
        let mut lines = head.iter().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, v)| v.to_owned())
    };
    let length: usize = header("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = head.first()?.clone();
    let token = header("authorization").unwrap_or_default();
    let mut stream = reader.into_inner();
    if let Some(answer) = answer {
        stream.write_all(answer.as_bytes()).ok()?;
    }
    told.send((path, token, serde_json::from_slice(&body).ok()?)).ok()?;
    answer.is_none().then_some(stream)
}

const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
const BROKEN: &str = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

fn settings() -> BoardSettings {
    BoardSettings {
        public_url: "http://boards.example.org".to_owned(),
        resolve_secret: Arc::new(|reference| match reference {
            "env:GATEWAY_TOKEN" => Ok("the-gateway-token\n".to_owned()),
            other => Err(format!("{other} leads nowhere")),
        }),
        ..BoardSettings::default()
    }
}

/// Gives a member of the team a gateway.
fn reach(desk: &Desk, id: &str, role: Role, address: &str) {
    let known = desk.member(id);
    let new = NewMember {
        id: id.to_owned(),
        email: known.email().to_owned(),
        name: known.name().to_owned(),
        role,
        avatar: String::new(),
        gateway: Some(Gateway {
            address: address.to_owned(),
            token: Some("env:GATEWAY_TOKEN".to_owned()),
        }),
    };
    let member = desk.store.put_member(&new).unwrap();
    assert_eq!(member.gateway(), new.gateway.as_ref());
}

fn content(told: &Told) -> String {
    told.2["messages"][0]["content"].as_str().unwrap().to_owned()
}

fn put(served: &Served, who: &str, line: &str, body: &Value) {
    let answer = served.json(&served.token(who), line, &body.to_string());
    assert!((200..300).contains(&answer.status), "{line}: {answer:?}");
}

#[test]
fn a_watcher_is_told_in_the_words_of_devteams_board() {
    let desk = Desk::new();
    let served = desk.serve_with(settings());
    let (address, told) = gateway(|_| Some(GOOD));
    reach(&desk, "otto", Role::Ops, &address);
    let ticket = desk.ticket("A", "in-qa");
    put(&served, "quinn", "PUT /api/tickets/MNS-1/status", &json!({ "status": "rfp" }));
    let notice = told.recv_timeout(ARRIVES).unwrap();
    assert_eq!(notice.0, "POST /v1/chat/completions HTTP/1.1");
    assert_eq!(notice.1, "Bearer the-gateway-token");
    let text = format!(
        "[TaskBoard Notification]\n\n👀 **Task Entered Ready for Production**\n\n**Task:** A\n\
         **Task ID:** {}\n**Status:** Ready for Production\n**Priority:** 🟡 Medium\n\
         **Updated By:** quinn@example.org\n**URL:** http://boards.example.org/tickets/MNS-1\n\n\
         **Status Change:** QA → Ready for Production\n\n\n\
         Please acknowledge and take appropriate action.",
        ticket.id
    );
    assert_eq!(
        notice.2,
        json!({
            "model": "default",
            "messages": [{ "role": "user", "content": text }],
            "stream": false,
        })
    );
    assert!(serde_json::to_string(&notice.2).unwrap().contains("stream"));
}

#[test]
fn assignees_watchers_and_those_mentioned_are_told_and_others_are_not() {
    let desk = Desk::new();
    let served = desk.serve_with(settings());
    let (address, told) = gateway(|_| Some(GOOD));
    reach(&desk, "dan", Role::Dev, &address);
    let first = |told: &Receiver<Told>| {
        let text = content(&told.recv_timeout(ARRIVES).unwrap());
        text.lines().nth(2).unwrap().to_owned()
    };
    let dan = json!({ "assignee": "dan@example.org" });
    desk.ticket("A", "backlog");
    put(&served, "pia", "PUT /api/tickets/MNS-1/assignee", &dan);
    assert_eq!(first(&told), "📋 **Task Assigned to You**");
    put(&served, "pia", "PUT /api/tickets/MNS-1/status", &json!({ "status": "blocked" }));
    assert_eq!(first(&told), "🔄 **Task Status Changed**");
    put(&served, "pia", "PUT /api/tickets/MNS-1/status", &json!({ "status": "todo" }));
    assert_eq!(first(&told), "👀 **Task Entered TODO**");
    put(&served, "cleo", "POST /api/tickets/MNS-1/comments", &json!({ "text": "look" }));
    assert_eq!(first(&told), "💬 **New Comment on Your Task**");
    put(&served, "cleo", "POST /api/tickets/MNS-1/comments", &json!({ "text": "hi @DAN, look" }));
    let notice = content(&told.recv_timeout(ARRIVES).unwrap());
    assert!(notice.contains("📣 **You Were Mentioned**"), "{notice}");
    assert!(notice.contains("\n**Comment:**\nhi @DAN, look\n"), "{notice}");
    let id = desk.store.ticket("MNS-1").unwrap().id;
    put(
        &served,
        "pia",
        &format!("PUT /api/tasks/{id}"),
        &json!({ "description": "y".repeat(501) }),
    );
    let notice = content(&told.recv_timeout(ARRIVES).unwrap());
    assert!(notice.contains("✏️ **Task Updated**"), "{notice}");
    let about = format!("\n**Description:**\n{}...\n", "y".repeat(500));
    assert!(notice.contains(&about), "{notice}");
    // PUT and PATCH of a ticket tell nobody; nor does one's own comment, nor a handle within a word.
    put(&served, "pia", "PATCH /api/tickets/MNS-1", &json!({ "status": "backlog" }));
    put(&served, "dan", "POST /api/tickets/MNS-1/comments", &json!({ "text": "mine, @daniel" }));
    // Whoever wants nothing is told nothing.
    put(&served, "dan", "PUT /api/webhooks/me", &json!({ "enabled": false }));
    put(&served, "pia", "PUT /api/tickets/MNS-1/status", &json!({ "status": "todo" }));
    put(&served, "dan", "PUT /api/webhooks/me", &json!({ "watchColumns": ["rfp"] }));
    put(&served, "pia", "PUT /api/tickets/MNS-1/status", &json!({ "status": "rfp" }));
    assert_eq!(first(&told), "👀 **Task Entered Ready for Production**");
    assert!(told.try_recv().is_err());
}

#[test]
fn p9_a_gateway_that_never_answers_delays_no_write_and_no_other_gateway() {
    let desk = Desk::new();
    let served = desk.serve_with(settings());
    let (stuck, asked) = gateway(|_| None);
    let (good, told) = gateway(|_| Some(GOOD));
    reach(&desk, "otto", Role::Ops, &stuck);
    reach(&desk, "quinn", Role::Ops, &good);
    for n in 1..=80 {
        desk.ticket("A", "in-qa");
        desk.store.move_ticket(&desk.member("pia"), &format!("MNS-{n}"), "rfp").unwrap();
        told.recv_timeout(ARRIVES).unwrap();
    }
    asked.recv_timeout(ARRIVES).unwrap();
    assert!(asked.try_recv().is_err(), "one at a time, and further ones wait or are dropped");
    assert_eq!(served.send("GET /api/health", &[], b"").status, 200);
}

#[test]
fn a_gateway_that_refuses_is_asked_again_and_then_given_up() {
    let desk = Desk::new();
    let _served = desk.serve_with(settings());
    let (address, told) = gateway(|n| Some(if n == 3 { GOOD } else { BROKEN }));
    reach(&desk, "otto", Role::Ops, &address);
    desk.ticket("A", "in-qa");
    desk.ticket("B", "in-qa");
    let pia = desk.member("pia");
    desk.store.move_ticket(&pia, "MNS-1", "rfp").unwrap();
    desk.store.move_ticket(&pia, "MNS-2", "rfp").unwrap();
    let names: Vec<String> = (0..4)
        .map(|_| {
            let text = content(&told.recv_timeout(ARRIVES).unwrap());
            text.lines().nth(4).unwrap().to_owned()
        })
        .collect();
    assert_eq!(names, ["**Task:** A", "**Task:** A", "**Task:** A", "**Task:** B"]);
}

#[test]
fn a_gateway_that_lies_breaks_nothing_and_gets_no_second_token() {
    let desk = Desk::new();
    let served = desk.serve_with(settings());
    let (elsewhere, robbed) = gateway(|_| Some(GOOD));
    let leaked: &'static str = Box::leak(
        format!(
            "HTTP/1.1 307 Elsewhere\r\nLocation: {elsewhere}/v1/chat/completions\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .into_boxed_str(),
    );
    let (address, told) = gateway(move |n| {
        Some(match n {
            0 => leaked,
            1 => "no HTTP at all\r\n\r\n",
            2 => "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx",
            _ => GOOD,
        })
    });
    reach(&desk, "otto", Role::Ops, &address);
    for n in 1..=4 {
        desk.ticket("A", "in-qa");
        let body = json!({ "status": "rfp" });
        put(&served, "quinn", &format!("PUT /api/tickets/MNS-{n}/status"), &body);
        told.recv_timeout(ARRIVES).unwrap();
    }
    assert!(robbed.try_recv().is_err(), "a redirect carries the token nowhere");
}

#[test]
fn a_write_waits_for_the_gateways_only_where_that_is_set() {
    let desk = Desk::new();
    let settings = BoardSettings { blocking_notifications: true, ..settings() };
    let served = desk.serve_with(settings);
    let (address, told) = gateway(|_| Some(GOOD));
    reach(&desk, "otto", Role::Ops, &address);
    desk.ticket("A", "in-qa");
    put(&served, "quinn", "PUT /api/tickets/MNS-1/status", &json!({ "status": "rfp" }));
    assert!(told.try_recv().is_ok(), "the gateway had answered before the write did");
}

#[test]
fn p13_the_token_of_a_gateway_is_a_reference_and_its_address_is_plain() {
    let desk = Desk::new();
    let attempt = |address: &str, token: Option<&str>| {
        desk.store.put_member(&NewMember {
            id: "otto".to_owned(),
            email: "otto@example.org".to_owned(),
            name: "Otto".to_owned(),
            role: Role::Ops,
            avatar: String::new(),
            gateway: Some(Gateway { address: address.to_owned(), token: token.map(str::to_owned) }),
        })
    };
    for (address, token) in [
        ("http://ops:18789", Some("0123456789abcdef")),
        ("http://ops:18789", Some("env:")),
        ("https://ops:18789", None),
        ("http://me@ops:18789", None),
        ("http://ops:18789/path", None),
        ("ops:18789", None),
    ] {
        let answer = attempt(address, token);
        let Err(BoardError::Refused(said)) = answer else { panic!("{address} {token:?}") };
        assert!(!said.contains("0123456789abcdef"), "{said}");
    }
    attempt("http://ops:18789", Some("file:/run/secrets/gateway")).unwrap();
}

#[test]
fn a_reference_that_leads_nowhere_sends_nothing() {
    let desk = Desk::new();
    let _served = desk.serve_with(BoardSettings::default());
    let (address, told) = gateway(|_| Some(GOOD));
    reach(&desk, "otto", Role::Ops, &address);
    desk.ticket("A", "in-qa");
    let pia = desk.member("pia");
    desk.store.move_ticket(&pia, "MNS-1", "rfp").unwrap();
    // Taking the gateway away and giving it back with a token that resolves shows the next one.
    let _served = desk.serve_with(settings());
    desk.ticket("B", "in-qa");
    desk.store.move_ticket(&pia, "MNS-2", "rfp").unwrap();
    let notice = content(&told.recv_timeout(ARRIVES).unwrap());
    assert!(notice.contains("**Task:** B"), "{notice}");
    let edit = Edit { description: FieldChange::To("x".to_owned()), ..Edit::default() };
    desk.store.edit(&pia, "MNS-2", &edit).unwrap();
    assert!(told.try_recv().is_err());
}
