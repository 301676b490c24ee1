//! How ops hears of something at once: followers, and its own gateway.

use std::{
    io::Write as _,
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use ops_boards::{
    BoardSettings,
    devteam::{Convention, DevTeamMeeting, DevTeamPlanning, Knock, gateway},
};
use ops_engine::ports::Clock;
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::desk::{Answer, Desk, Steps, bearer};

/// How long a knock may take before the test gives up.
const ARRIVES: Duration = Duration::from_secs(30);
const TOKEN: &str = "0123456789abcdef";

pub(super) fn knocks() -> (Knock, Receiver<()>) {
    let (sender, knocks) = channel();
    let sender: Mutex<Sender<()>> = Mutex::new(sender);
    let knock = move || {
        // Nobody counts any more once the test is over.
        let _ = sender.lock().unwrap().send(());
    };
    (Arc::new(knock), knocks)
}

/// Waits for a knock and takes those that came with it.
pub(super) fn knocked(knocks: &Receiver<()>) {
    knocks.recv_timeout(ARRIVES).unwrap();
    while knocks.try_recv().is_ok() {}
}

#[test]
fn a_write_on_either_board_knocks_also_after_the_board_was_away() {
    let desk = Desk::new();
    let settings = || BoardSettings { permissive: true, ..BoardSettings::default() };
    let served = desk.serve_with(settings());
    let (base, token) = (served.base(), served.token("otto"));
    let clock: Arc<dyn Clock> = Arc::new(Steps::default());
    let convention = Convention::default();
    let planning = DevTeamPlanning::new(&base, &token, Arc::clone(&clock)).unwrap();
    let meeting = DevTeamMeeting::new(&base, &token, "otto", convention, clock).unwrap();
    let (knock, of_planning) = knocks();
    let planning = planning.follow(knock).unwrap();
    let (knock, of_meeting) = knocks();
    let meeting = meeting.follow(knock).unwrap();
    knocked(&of_planning);
    knocked(&of_meeting);
    desk.ticket("A", "rfp");
    knocked(&of_planning);
    desk.store
        .edit(
            &desk.member("dan"),
            "MNS-1",
            &ops_boards::Edit { title: Some("B".to_owned()), ..ops_boards::Edit::default() },
        )
        .unwrap();
    knocked(&of_planning);
    desk.store.post(&desk.member("dan"), "ad-hoc", "hello", None).unwrap();
    knocked(&of_meeting);
    drop(served);
    // Its address is free again: another board answers there, and is followed.
    let again = desk.serve_at(&base, settings());
    knocked(&of_planning);
    knocked(&of_meeting);
    desk.ticket("C", "rfp");
    knocked(&of_planning);
    drop((planning, meeting, again));
}

/// The gateway on a port of its own.
struct House {
    address: SocketAddr,
    knocks: Receiver<()>,
    _runtime: tokio::runtime::Runtime,
}

fn house() -> House {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let (knock, knocks) = knocks();
    runtime.spawn(async move { axum::serve(listener, gateway(TOKEN, knock)).await });
    House { address, knocks, _runtime: runtime }
}

impl House {
    fn send(&self, line: &str, headers: &[&str], body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let headers = headers.iter().fold(String::new(), |all, header| all + header + "\r\n");
        write!(
            stream,
            "{line} HTTP/1.1\r\nHost: ops\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        )
        .unwrap();
        Answer::read(&mut stream)
    }

    fn router(&self) -> WebSocket<TcpStream> {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(ARRIVES)).unwrap();
        tungstenite::client(format!("ws://{}/", self.address), stream).unwrap().0
    }
}

fn ask(router: &mut WebSocket<TcpStream>, request: &Value) -> Value {
    router.send(Message::text(request.to_string())).unwrap();
    hear(router)
}

fn hear(router: &mut WebSocket<TcpStream>) -> Value {
    serde_json::from_str(router.read().unwrap().to_text().unwrap()).unwrap()
}

fn connect(token: &str) -> Value {
    json!({ "type": "req", "id": "1", "method": "connect", "params": {
        "minProtocol": 3, "maxProtocol": 3, "auth": { "token": token }, "role": "operator",
        "device": { "id": "x", "publicKey": "x", "signature": "x", "signedAt": 1 },
    }})
}

#[test]
fn a_notice_of_the_planning_board_knocks_and_is_answered_at_once() {
    let house = house();
    assert_eq!(house.send("GET /health", &[], "").status, 200);
    let notice = json!({ "model": "default", "stream": false, "messages": [
        { "role": "user", "content": "[TaskBoard Notification]\n**Task ID:** 6b029373100b24f7c3811bbd" },
    ]});
    let notice = notice.to_string();
    let line = "POST /v1/chat/completions";
    let kind = "Content-Type: application/json";
    let answer = house.send(line, &[&bearer(TOKEN), kind], &notice);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.value()["choices"][0]["message"]["role"], "assistant");
    knocked(&house.knocks);
    for shown in
        [bearer("wrong"), bearer(""), format!("Authorization: bearer {TOKEN}"), "A: b".into()]
    {
        assert_eq!(house.send(line, &[&shown, kind], &notice).status, 401, "{shown}");
    }
    let huge = "x".repeat(2 << 20);
    for (body, status) in [("", 400), ("{}", 400), ("<html>", 400), (huge.as_str(), 413)] {
        assert_eq!(house.send(line, &[&bearer(TOKEN), kind], body).status, status);
    }
    assert_eq!(house.send("GET /elsewhere", &[], "").status, 404);
    assert!(house.knocks.try_recv().is_err(), "nothing of that woke ops");
}

#[test]
fn the_router_introduces_itself_and_wakes_ops() {
    let house = house();
    let mut router = house.router();
    let challenge = hear(&mut router);
    assert_eq!(challenge["event"], "connect.challenge");
    assert_eq!(challenge["payload"]["nonce"].as_str().unwrap().len(), 64);
    let wake = json!({ "type": "req", "id": "2", "method": "wake", "params": { "mode": "now", "text": "@ops" } });
    let early = ask(&mut router, &wake);
    assert_eq!((&early["ok"], &early["id"]), (&json!(false), &json!("2")));
    let hello = ask(&mut router, &connect(TOKEN));
    assert_eq!((&hello["ok"], &hello["id"], hello.get("error")), (&json!(true), &json!("1"), None));
    assert_eq!(hello.pointer("/payload/auth/deviceToken"), None);
    router.send(Message::text("no JSON")).unwrap();
    router.send(Message::text("[1]")).unwrap();
    assert_eq!(ask(&mut router, &wake)["ok"], json!(true));
    knocked(&house.knocks);
    let other = json!({ "type": "req", "id": "3", "method": "config.set", "params": {} });
    assert_eq!(ask(&mut router, &other)["error"]["code"], "UNKNOWN_METHOD");
    assert!(house.knocks.try_recv().is_err());
}

#[test]
fn who_does_not_know_the_token_wakes_nobody() {
    let house = house();
    let mut router = house.router();
    hear(&mut router);
    let refused = ask(&mut router, &connect("wrong"));
    assert!(refused["error"]["message"].as_str().unwrap().contains("token mismatch"));
    assert!(matches!(router.read(), Ok(Message::Close(_)) | Err(_)));
    assert!(house.knocks.try_recv().is_err());
}
