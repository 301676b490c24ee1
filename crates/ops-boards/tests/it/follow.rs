//! Followers with a real WebSocket client over the loopback.

use std::{
    io::Read as _,
    net::TcpStream,
    sync::{Arc, Mutex, mpsc::channel},
    thread,
    time::{Duration, Instant},
};

use ops_boards::{BoardSettings, Edit, limits};
use serde_json::{Value, json};
use tungstenite::{
    Error, Message, WebSocket, client::IntoClientRequest as _, http::StatusCode,
    protocol::WebSocketConfig,
};

use crate::desk::{Desk, Served, redacted};

type Socket = WebSocket<TcpStream>;

/// Time between two pings: whoever reads has so long to answer, also on a busy machine.
const BEAT: Duration = Duration::from_secs(1);

/// Connects with this token, if any.
fn connect(served: &Served, path: &str, token: Option<&str>) -> Result<Socket, Error> {
    let mut request = format!("ws://{}{path}", served.address).into_client_request()?;
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("Authorization", value);
    }
    let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
    let connected =
        tungstenite::client::client_with_config(request, served.connect(), Some(config));
    connected.map(|(socket, _)| socket).map_err(|error| match error {
        tungstenite::HandshakeError::Failure(error) => error,
        tungstenite::HandshakeError::Interrupted(_) => panic!("the socket blocks"),
    })
}

fn say(socket: &mut Socket, value: &Value) {
    socket.send(Message::text(value.to_string())).unwrap();
}

/// The next text frame; pings are answered on the way.
fn hear(socket: &mut Socket) -> Value {
    loop {
        if let Message::Text(text) = socket.read().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

/// Follows the planning board.
fn follow_board(served: &Served, token: &str, board: &str) -> Socket {
    let mut socket = connect(served, "/", Some(token)).unwrap();
    say(&mut socket, &json!({ "type": "subscribe", "boardId": board }));
    assert_eq!(hear(&mut socket), json!({ "type": "subscribed", "boardId": board }));
    socket
}

#[test]
fn a_follower_of_the_planning_board_hears_of_every_write() {
    let desk = Desk::new();
    let served = desk.serve();
    let board = desk.store.boards().unwrap()[0].id.clone();
    let (pia, otto) = (served.token("pia"), served.token("otto"));
    let mut socket = follow_board(&served, &otto, &board);
    let made = served.json(&pia, "POST /api/tickets", r#"{"name":"A","status":"in-qa"}"#).value();
    let frame = hear(&mut socket);
    assert_eq!(frame, json!({ "type": "task_created", "task": made, "user": "pia@example.org" }));
    let said = served.json(&otto, "POST /api/tickets/MNS-1/comments", r#"{"body":"<x>"}"#).value();
    assert_eq!(
        hear(&mut socket),
        json!({
            "type": "comment_added", "taskId": made["_id"], "comment": said,
            "user": "otto@example.org",
        })
    );
    // PATCH notifies nobody, but followers hear of it.
    let body = r#"{"status":"rfp","assignee":"dan@example.org"}"#;
    let moved = served.json(&pia, "PATCH /api/tickets/MNS-1", body).value();
    assert_eq!(
        hear(&mut socket),
        json!({
            "type": "task_updated", "task": moved, "user": "pia@example.org",
            "changes": {
                "statusChanged": true, "assigneeChanged": true,
                "oldStatus": "in-qa", "newStatus": "rfp",
            },
        })
    );
    // What does not change anything is no event; ops's own writes are.
    served.json(&otto, "PUT /api/tickets/MNS-1/status", r#"{"status":"rfp"}"#);
    desk.store.move_ticket(&desk.member("otto"), "MNS-1", "closed").unwrap();
    let closed = hear(&mut socket);
    assert_eq!(
        (&closed["changes"]["newStatus"], &closed["user"]),
        (&json!("closed"), &json!("otto@example.org"))
    );
    insta::assert_json_snapshot!(redacted(closed["changes"].clone()), @r#"
    {
      "assigneeChanged": false,
      "newStatus": "closed",
      "oldStatus": "rfp",
      "statusChanged": true
    }
    "#);
}

#[test]
fn a_follower_of_the_meeting_board_hears_bare_messages_of_its_channels() {
    let desk = Desk::new();
    let served = desk.serve();
    let channels = desk.store.channels().unwrap();
    let id = |name: &str| channels.iter().find(|one| one.name == name).unwrap().id.clone();
    let otto = served.token("otto");
    let mut socket = connect(&served, "/ws", Some(&otto)).unwrap();
    for junk in ["{", "[]", r#"{"action":"subscribe","channel":"standup"}"#, "7"] {
        socket.send(Message::text(junk)).unwrap();
    }
    say(&mut socket, &json!({ "action": "subscribe", "channel": id("standup") }));
    say(&mut socket, &json!({ "action": "subscribe", "channel": id("review") }));
    say(&mut socket, &json!({ "action": "unsubscribe", "channel": id("review") }));
    // A subscription has no answer: whatever comes after a pong was written after it.
    socket.send(Message::Ping("x".into())).unwrap();
    assert!(matches!(socket.read().unwrap(), Message::Pong(_)));
    let post = |channel: &str, text: &str| {
        let body = json!({ "channel": channel, "content": text }).to_string();
        served.json(&otto, "POST /api/messages", &body)
    };
    post("review", "not heard");
    let posted = post("#standup", "OPS: <hello> @cleo");
    let Message::Text(frame) = socket.read().unwrap() else { panic!("a text") };
    assert_eq!(frame.as_str(), posted.body.trim_end(), "the very bytes, nanoseconds included");
}

#[test]
fn p3_a_follower_shows_a_token_unless_the_board_is_permissive() {
    let desk = Desk::new();
    let strict = desk.serve();
    let token = strict.token("otto");
    let by_query = format!("/?token={token}");
    for (path, shown) in [("/", None), ("/ws", None), ("/", Some("wrong")), (&by_query, None)] {
        match connect(&strict, path, shown) {
            Err(Error::Http(answer)) => assert_eq!(answer.status(), StatusCode::UNAUTHORIZED),
            other => panic!("{path} {shown:?}: {other:?}"),
        }
    }
    drop(strict);
    let open = desk.serve_with(BoardSettings { permissive: true, ..BoardSettings::default() });
    for path in ["/", "/any/path", "/ws", &by_query, "/?token=wrong"] {
        let mut socket = connect(&open, path, None).unwrap();
        say(&mut socket, &json!({ "type": "subscribe", "boardId": "b" }));
        assert_eq!(hear(&mut socket)["type"], "subscribed", "{path}");
    }
}

/// Waits until a condition holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        thread::yield_now();
    }
}

#[test]
fn a_follower_that_does_not_answer_pings_is_dropped_and_one_that_does_stays() {
    let desk = Desk::new();
    let served = desk.serve_with(BoardSettings { ping_every: BEAT, ..BoardSettings::default() });
    let board = desk.store.boards().unwrap()[0].id.clone();
    let token = served.token("otto");
    let mut good = follow_board(&served, &token, &board);
    let mut bad = follow_board(&served, &token, &board);
    let (answered, stays) = channel();
    // It reads all the time, so that nothing but the board decides whether it stays.
    let listening = thread::spawn(move || {
        for _ in 0..5 {
            assert!(matches!(good.read().unwrap(), Message::Ping(_)), "reading answers");
            good.flush().unwrap();
        }
        answered.send(()).unwrap();
        hear(&mut good)
    });
    // Raw bytes are read from the other one, so nothing answers for it: its connection ends.
    let mut rest = Vec::new();
    drop(bad.get_mut().read_to_end(&mut rest));
    stays.recv().unwrap();
    desk.ticket("A", "todo");
    assert_eq!(listening.join().unwrap()["type"], "task_created");
}

#[test]
fn p3_a_revoked_token_ends_its_connections() {
    let desk = Desk::new();
    let served = desk.serve_with(BoardSettings { ping_every: BEAT, ..BoardSettings::default() });
    let mut socket = follow_board(&served, &served.token("otto"), "b");
    desk.store.revoke_token("otto").unwrap();
    until("the connection ends", || socket.read().is_err());
}

#[test]
fn connections_frames_and_talk_are_bounded() {
    let desk = Desk::new();
    let served = desk.serve();
    let token = served.token("otto");
    let mut all: Vec<Socket> = (0..limits::FOLLOWERS_PER_MEMBER)
        .map(|_| connect(&served, "/ws", Some(&token)).unwrap())
        .collect();
    match connect(&served, "/ws", Some(&token)) {
        Err(Error::Http(answer)) => assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE),
        other => panic!("{other:?}"),
    }
    let mut loud = all.pop().unwrap();
    drop(loud.send(Message::text("x".repeat(limits::FRAME_BYTES + 1))));
    until("too long a frame ends the connection", || loud.read().is_err());
    let mut talkative = all.pop().unwrap();
    for _ in 0..1_000 {
        if talkative.send(Message::text("{}")).is_err() {
            break;
        }
    }
    until("too much talk ends the connection", || talkative.read().is_err());
    until("their places are free again", || connect(&served, "/ws", Some(&token)).is_ok());
}

#[test]
fn a_follower_that_reads_nothing_is_dropped_and_delays_nobody() {
    let desk = Desk::new();
    let served = desk.serve();
    let board = desk.store.boards().unwrap()[0].id.clone();
    let token = served.token("otto");
    let mut lazy = follow_board(&served, &token, &board);
    let mut keen = follow_board(&served, &token, &board);
    let pia = desk.member("pia");
    desk.ticket("A", "todo");
    let about = "x".repeat(60_000);
    let heard = Arc::new(Mutex::new(0));
    let count = Arc::clone(&heard);
    let writes = 2 * limits::FRAMES_WAITING;
    let reader = thread::spawn(move || {
        for _ in 0..=writes {
            hear(&mut keen);
            *count.lock().unwrap() += 1;
        }
    });
    for n in 0..writes {
        let edit = Edit {
            description: ops_boards::FieldChange::To(format!("{n}{about}")),
            ..Edit::default()
        };
        desk.store.edit(&pia, "MNS-1", &edit).unwrap();
        // The keen one is given the time to keep up, whatever the machine does meanwhile.
        until("the keen one keeps up", || *heard.lock().unwrap() + 20 > n);
    }
    reader.join().unwrap();
    let mut frames = 0;
    until("the lazy one is dropped", || {
        frames += 1;
        lazy.read().is_err()
    });
    assert!(frames < writes, "{frames}");
}
