//! HTTP/2 frame by frame: what a client may not say, and what the door answers to it (RFC 9113).
//!
//! Each case has a connection of its own. What is an error of the connection ends it with GOAWAY;
//! what is an error of one stream resets that one, and the connection goes on; what says nothing is
//! passed over. Whatever comes, the door serves others.
//!
//! The reaction of a case is what the door does, and the RFC allows. The HTTP/2 library takes some
//! errors of a stream for errors of the connection, as anybody may (§5.4.2), and is not always as
//! exact as the RFC in naming an error: see [`GENERAL`]. In three places it takes what it should
//! refuse (no settings at the beginning, twice; trailers that name a path); nobody can read these in
//! two ways, since the door writes its own frames towards a service.

mod connection;
mod floods;
mod messages;
mod streams;
mod wire;

use std::{collections::BTreeMap, time::Duration};

use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{Instant, timeout_at},
};

use crate::{
    backend::Backend,
    house::{Client, House, leg, route},
};
use wire::{Block, Frame, PREFACE, Reader, code, frame, kind};

/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// The stream on which it is seen that the connection goes on.
const AFTER: u32 = 4001;

/// The library names the general error where the RFC has a name for the very error: of a frame's
/// size, of compression, of a window in the settings, of a stream that is closed. The connection
/// ends all the same.
const GENERAL: u32 = code::PROTOCOL_ERROR;

/// What the door does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reaction {
    /// GOAWAY with this code, and the end of the connection (§5.4.1).
    Goaway(u32),
    /// A reset of a stream with this code; the connection goes on (§5.4.2).
    Reset(u32, u32),
    /// This status on a stream; the connection goes on.
    Status(u32, u16),
    /// Nothing; the connection goes on.
    Nothing,
    /// The end of the connection without an error, after what was asked before was answered.
    Leaves(&'static [(u32, u16)]),
    /// An answer of HTTP/1: it was never HTTP/2.
    Http1,
}

use Reaction::{Goaway, Http1, Leaves, Nothing, Reset, Status};

impl Reaction {
    fn leaves_open(&self) -> bool {
        matches!(self, Reset(..) | Status(..) | Nothing)
    }
}

/// One way to speak.
struct Case {
    /// What is wrong, and the place that says so.
    name: &'static str,
    /// All that the client sends before it asks again.
    bytes: Vec<u8>,
    reaction: Reaction,
    /// Whether the service may see a request of it.
    reaches: bool,
}

/// Frames after a beginning as it should be.
fn case(name: &'static str, frames: impl IntoIterator<Item = Frame>, reaction: Reaction) -> Case {
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(kind::SETTINGS, 0, 0, []));
    bytes.extend(frames.into_iter().flatten());
    let reaches = matches!(reaction, Status(_, 200) | Leaves([_, ..]));
    Case { name, bytes, reaction, reaches }
}

impl Case {
    /// Of such a case the service sees the beginning of a request, before its end is bad.
    fn reaching(mut self) -> Self {
        self.reaches = true;
        self
    }
}

/// What the door said until the connection ended, or until all that was waited for was seen.
#[derive(Debug, Default)]
struct Seen {
    goaway: Option<u32>,
    ended: bool,
    resets: BTreeMap<u32, u32>,
    statuses: BTreeMap<u32, u16>,
    http1: bool,
}

impl Seen {
    fn is(&self, reaction: &Reaction) -> bool {
        match reaction {
            // An end without an error is no GOAWAY for one.
            Goaway(code) => self.ended && self.goaway == Some(*code),
            Reset(stream, code) => self.goes_on() && self.resets.get(stream) == Some(code),
            Status(stream, status) => self.goes_on() && self.statuses.get(stream) == Some(status),
            Nothing => self.goes_on() && self.resets.is_empty() && self.statuses.len() == 1,
            Leaves(answers) => {
                let answered = answers.iter().copied().collect::<BTreeMap<u32, u16>>();
                self.ended && self.goaway.is_none() && self.statuses == answered
            }
            Http1 => self.ended && self.http1,
        }
    }

    fn goes_on(&self) -> bool {
        !self.ended && self.goaway.is_none() && self.statuses.get(&AFTER) == Some(&200)
    }

    /// Whether nothing can come that would change the verdict.
    fn is_whole(&self, reaction: &Reaction) -> bool {
        self.ended || (reaction.leaves_open() && self.is(reaction))
    }
}

/// Sends a case and looks what comes of it.
async fn play(house: &House, case: &Case) -> Seen {
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    // The door may end the connection in the middle of it.
    let mut said = case.bytes.clone();
    if case.reaction.leaves_open() {
        said.extend(Block::get("/after").request(AFTER));
    }
    let (read, mut write) = stream.split();
    let mut reader = Reader::new(read);
    let mut seen = Seen::default();
    let sending = async {
        let _ = write.write_all(&said).await;
        std::future::pending::<()>().await;
    };
    let looking = async {
        while !seen.is_whole(&case.reaction) {
            match reader.next().await {
                Ok(Some(frame)) => seen.note(&frame),
                Ok(None) => seen.ended = true,
                Err(()) => (seen.http1, seen.ended) = (true, true),
            }
        }
    };
    let until = Instant::now() + PATIENCE;
    tokio::select! {
        () = sending => {}
        _ = timeout_at(until, looking) => {}
    }
    seen
}

impl Seen {
    fn note(&mut self, frame: &wire::Heard) {
        match frame.kind {
            kind::GOAWAY => self.goaway = frame.goaway().filter(|it| *it != code::NO_ERROR),
            kind::RST_STREAM => {
                self.resets.insert(frame.stream, frame.error().unwrap_or(u32::MAX));
            }
            kind::HEADERS => {
                self.statuses.insert(frame.stream, frame.status());
            }
            _ => {}
        }
    }
}

/// Plays cases one after the other; what differs from what is said of it is told all at once.
async fn play_all(cases: Vec<Case>) {
    let house = House::with(|config| config.header_timeout = Duration::from_mins(5)).await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let mut neighbour = Client::connect(house.address).await;
    let mut wrong = Vec::new();
    for case in &cases {
        let before = a.arrived();
        let seen = play(&house, case).await;
        if !seen.is(&case.reaction) {
            wrong.push(format!("{}: {:?}, but {seen:?}", case.name, case.reaction));
        }
        let came = a.arrived() - before - usize::from(seen.goes_on());
        if came > 0 && !case.reaches {
            wrong.push(format!("{}: the service saw it", case.name));
        }
        assert_eq!(neighbour.get("/").await.status, 200, "{}", case.name);
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_eq!(house.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_what_breaks_a_connection_ends_it() {
    play_all(connection::cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_what_breaks_a_stream_ends_it_alone() {
    play_all(streams::cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_no_request_that_can_be_read_in_two_ways_reaches_a_service() {
    play_all(messages::cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_floods_end_their_own_connection_and_nothing_else() {
    play_all(floods::cases()).await;
}

#[test]
fn there_are_enough_cases() {
    let all = [connection::cases(), streams::cases(), messages::cases(), floods::cases()];
    let count: usize = all.iter().map(Vec::len).sum();
    assert!(count >= 150, "{count} cases");
}
