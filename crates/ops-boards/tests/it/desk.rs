//! A board with a team, served on a port of this machine, and raw requests to it.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use ops_boards::{
    BoardClient, BoardSettings, BoardStore, Member, NewMember, NewTicket, Role, TicketWire, router,
};
use ops_core::time::{BootId, Now};
use ops_engine::ports::Clock;
use serde_json::Value;

/// How long a board may take to stop.
const STOPS: Duration = Duration::from_secs(10);

/// A clock that moves on by a millisecond and a bit each time it is read.
#[derive(Default)]
pub(crate) struct Steps(AtomicI64);

impl Clock for Steps {
    fn now(&self) -> Now {
        let step = self.0.fetch_add(1, Ordering::SeqCst);
        let start = 1_795_330_751_000_000_000_i128;
        let wall = jiff::Timestamp::from_nanosecond(start + i128::from(step) * 1_000_123).unwrap();
        Now { boot: BootId::default(), ms: u64::try_from(step).unwrap(), wall }
    }
}

/// A member of the team of each role: the id is a name, the e-mail the convention.
pub(crate) const TEAM: [(&str, Role); 7] = [
    ("pia", Role::Po),
    ("dan", Role::Dev),
    ("cleo", Role::Cq),
    ("quinn", Role::Qa),
    ("otto", Role::Ops),
    ("mia", Role::Manager),
    ("hugo", Role::Human),
];

/// A store with the whole team in a folder of its own.
pub(crate) struct Desk {
    pub(crate) store: Arc<BoardStore>,
    pub(crate) path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("boards.sqlite");
        let store = BoardStore::open(&path, Arc::new(Steps::default())).unwrap();
        for (id, role) in TEAM {
            let mut name = id.to_owned();
            name[..1].make_ascii_uppercase();
            store
                .put_member(&NewMember {
                    id: id.to_owned(),
                    email: format!("{id}@example.org"),
                    name,
                    role,
                    avatar: "🦊".to_owned(),
                    gateway: None,
                })
                .unwrap();
        }
        Self { store: Arc::new(store), path, _folder: folder }
    }

    pub(crate) fn member(&self, id: &str) -> Member {
        self.store.member(id).unwrap()
    }

    /// A ticket filed by the product owner with this status.
    pub(crate) fn ticket(&self, title: &str, status: &str) -> TicketWire {
        let new = NewTicket {
            title: title.to_owned(),
            status: Some(status.to_owned()),
            ..NewTicket::default()
        };
        self.store.create(&self.member("pia"), &new).unwrap()
    }

    pub(crate) fn serve(&self) -> Served {
        self.serve_with(BoardSettings::default())
    }

    pub(crate) fn serve_with(&self, settings: BoardSettings) -> Served {
        Served::start(Arc::clone(&self.store), settings, "127.0.0.1:0")
    }

    /// Serves at an address that is known already.
    pub(crate) fn serve_at(&self, base: &str, settings: BoardSettings) -> Served {
        let address = base.strip_prefix("http://").unwrap();
        Served::start(Arc::clone(&self.store), settings, address)
    }
}

/// The boards on a port; they stop when this is dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    store: Arc<BoardStore>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Served {
    fn start(store: Arc<BoardStore>, settings: BoardSettings, address: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind(address)).unwrap();
        let address = listener.local_addr().unwrap();
        let boards = router(Arc::clone(&store), settings)
            .into_make_service_with_connect_info::<SocketAddr>();
        runtime.spawn(async move { axum::serve(listener, boards).await });
        Self { address, store, runtime: Some(runtime) }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A caller with a fresh token of this member.
    pub(crate) fn client(&self, id: &str) -> BoardClient {
        BoardClient::new(&self.base(), &self.store.issue_token(id).unwrap()).unwrap()
    }

    pub(crate) fn token(&self, id: &str) -> String {
        self.store.issue_token(id).unwrap()
    }

    /// Sends one JSON request and reads the whole answer.
    pub(crate) fn json(&self, token: &str, line: &str, body: &str) -> Answer {
        self.send(line, &[&bearer(token), "Content-Type: application/json"], body.as_bytes())
    }

    /// Sends one request with these header lines.
    pub(crate) fn send(&self, line: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut head = format!("{line} HTTP/1.1\r\nHost: boards\r\nConnection: close\r\n");
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("Content-Length: ");
        head.push_str(&body.len().to_string());
        head.push_str("\r\n\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        let mut stream = self.connect();
        stream.write_all(&bytes).unwrap();
        Answer::read(&mut stream)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Once this returns nobody listens at its address any more, and another one may.
            runtime.shutdown_timeout(STOPS);
        }
    }
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let kind = lines
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            .map(|(_, value)| value.to_owned())
            .unwrap_or_default();
        Self { status, kind, head: head.to_owned(), body: body.to_owned() }
    }

    /// A header of the answer.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }

    pub(crate) fn error(&self) -> String {
        self.value()["error"].as_str().unwrap().to_owned()
    }
}

/// Replaces ids and times, which differ from run to run, wherever they stand.
pub(crate) fn redacted(value: Value) -> Value {
    match value {
        Value::String(text) => {
            let hex = text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            if hex {
                Value::from("<id>")
            } else if text.parse::<jiff::Timestamp>().is_ok() {
                Value::from("<time>")
            } else {
                Value::String(text)
            }
        }
        Value::Array(list) => list.into_iter().map(redacted).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, redacted(value))).collect()
        }
        other => other,
    }
}
