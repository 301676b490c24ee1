//! Followers: connections on which the boards tell of every write, so that ops hears of it at once.
//!
//! What is told is not believed and not kept: it wakes ops, which reads. So nothing is lost while a
//! connection is down, and when it is back ops reads once more.

use std::{
    io,
    net::{TcpStream, ToSocketAddrs as _},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use ops_core::world::Fault;
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket, client::IntoClientRequest as _, protocol::WebSocketConfig};

use super::{line::Line, told};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// A read ends this often, to ping: the meeting board never does.
const BEAT: Duration = Duration::from_secs(20);
/// Beats without any sign of life after which a connection is given up.
const SILENT_BEATS: u32 = 3;
/// Pauses between tries, the first and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// Bytes of one frame: a whole ticket.
const FRAME_BYTES: usize = 32 << 20;
/// Channels that are followed.
const CHANNELS: usize = 500;
/// Boards that are followed; further ones are only asked.
const BOARDS: usize = 8;

/// Called with each frame that tells of something, and with `None` where listening began: whatever
/// was said before was not heard.
pub(super) type Heard = Arc<dyn Fn(Option<&Value>) + Send + Sync>;

/// What is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// All boards of the planning board, one connection each.
    Planning,
    /// All channels of the meeting board on one connection.
    Meeting,
}

/// A follower. It ends when it is dropped.
pub struct Follower {
    ended: Arc<AtomicBool>,
    /// Dropped to end a pause.
    stop: Option<Sender<()>>,
    /// The open connections, shut to end a read.
    open: Arc<Mutex<Vec<TcpStream>>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower").finish_non_exhaustive()
    }
}

impl Follower {
    /// Follows a board in a thread of its own.
    pub(super) fn start(line: Arc<Line>, dialect: Dialect, heard: Heard) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let ended = Arc::new(AtomicBool::new(false));
        let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let (own, streams) = (Arc::clone(&ended), Arc::clone(&open));
        let work = move || {
            let mut pause = PAUSES.0;
            while !own.load(Ordering::SeqCst) {
                let told = AtomicBool::new(false);
                let ended = follow(&line, dialect, &streams, &|frame| {
                    told.store(true, Ordering::SeqCst);
                    heard(frame);
                });
                if let Err(why) = ended {
                    tracing::debug!(board = line.base(), %why, "not followed; ops asks by itself");
                }
                lock(&streams).clear();
                pause = if told.into_inner() { PAUSES.0 } else { (pause * 2).min(PAUSES.1) };
                if !matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
                    return;
                }
            }
        };
        let name = match dialect {
            Dialect::Planning => "ops-planning",
            Dialect::Meeting => "ops-meeting",
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self { ended, stop: Some(stop), open, thread: Some(thread) })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        self.stop = None;
        shut(&self.open);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has told so on its own.
            let _ = thread.join();
        }
    }
}

fn lock(streams: &Mutex<Vec<TcpStream>>) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
    streams.lock().unwrap_or_else(PoisonError::into_inner)
}

fn shut(streams: &Mutex<Vec<TcpStream>>) {
    for stream in lock(streams).iter() {
        // One that is gone already needs no shutting.
        let _ = stream.shutdown(std::net::Shutdown::Both);
    }
}

/// Connects, subscribes and listens until something breaks.
fn follow(
    line: &Line,
    dialect: Dialect,
    streams: &Mutex<Vec<TcpStream>>,
    heard: &(dyn Fn(Option<&Value>) + Sync),
) -> Result<(), Fault> {
    let ids = ids(line, dialect)?;
    // The planning board tells one connection of one board only.
    let groups: Vec<&[String]> = match dialect {
        Dialect::Planning => ids.chunks(1).take(BOARDS).collect(),
        Dialect::Meeting => vec![&ids],
    };
    thread::scope(|scope| {
        let follow_one = |group| {
            let ended = follow_group(line, dialect, group, streams, heard);
            // All of them or none: what is not followed any more is connected anew.
            shut(streams);
            ended
        };
        let threads: Vec<_> =
            groups.into_iter().map(|group| scope.spawn(move || follow_one(group))).collect();
        let ends = threads.into_iter().filter_map(|thread| thread.join().ok());
        ends.fold(Ok(()), Result::and)
    })
}

fn follow_group(
    line: &Line,
    dialect: Dialect,
    group: &[String],
    streams: &Mutex<Vec<TcpStream>>,
    heard: &(dyn Fn(Option<&Value>) + Sync),
) -> Result<(), Fault> {
    let broken = |why: &dyn std::fmt::Display| {
        Fault::new(format!("the connection broke ({why})"), line.base(), "ops connects again")
    };
    let mut socket = connect(line, dialect, streams).map_err(|why| broken(&why))?;
    for id in group {
        let words = match dialect {
            Dialect::Planning => json!({ "type": "subscribe", "boardId": id }),
            Dialect::Meeting => json!({ "action": "subscribe", "channel": id }),
        };
        socket.send(Message::text(words.to_string())).map_err(|why| broken(&why))?;
    }
    // Answered once the subscriptions have been read: what is said from then on is heard.
    socket.send(Message::Ping(Vec::new().into())).map_err(|why| broken(&why))?;
    listen(&mut socket, heard).map_err(|why| broken(&why))
}

/// The boards or channels that there are.
fn ids(line: &Line, dialect: Dialect) -> Result<Vec<String>, Fault> {
    let (path, name) = match dialect {
        Dialect::Planning => ("/api/boards", "_id"),
        Dialect::Meeting => ("/api/channels", "id"),
    };
    let told = line.value(path)?;
    let told = told.as_array().into_iter().flatten();
    Ok(told.filter_map(|one| told::known(one, name)).take(CHANNELS).collect())
}

fn connect(
    line: &Line,
    dialect: Dialect,
    streams: &Mutex<Vec<TcpStream>>,
) -> Result<WebSocket<TcpStream>, Box<dyn std::error::Error>> {
    let host = line.base().strip_prefix("http://").ok_or("only http:// can be followed")?;
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let address = address.to_socket_addrs()?.next().ok_or("the host has no address")?;
    let stream = TcpStream::connect_timeout(&address, CONNECT)?;
    stream.set_read_timeout(Some(BEAT))?;
    stream.set_write_timeout(Some(BEAT))?;
    lock(streams).push(stream.try_clone()?);
    let path = match dialect {
        Dialect::Planning => "/",
        Dialect::Meeting => "/ws",
    };
    let mut request = format!("ws://{host}{path}").into_client_request()?;
    // DevTeam's boards ask for none; the embedded ones do.
    request.headers_mut().insert("authorization", line.bearer().parse()?);
    let config = WebSocketConfig::default()
        .max_message_size(Some(FRAME_BYTES))
        .max_frame_size(Some(FRAME_BYTES));
    let (socket, _) = tungstenite::client::client_with_config(request, stream, Some(config))
        .map_err(|why| why.to_string())?;
    Ok(socket)
}

fn listen(
    socket: &mut WebSocket<TcpStream>,
    heard: &(dyn Fn(Option<&Value>) + Sync),
) -> Result<(), tungstenite::Error> {
    let (mut silent, mut listening) = (0, false);
    let mut catch_up = || {
        if !std::mem::replace(&mut listening, true) {
            heard(None);
        }
    };
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => {
                silent = 0;
                // The answer to a subscription is no news.
                let frame: Option<Value> = serde_json::from_str(&text).ok();
                let kind = frame.as_ref().and_then(|frame| frame.get("type")?.as_str());
                if kind != Some("subscribed") {
                    heard(frame.as_ref());
                }
            }
            Ok(Message::Close(_)) => return Ok(()),
            Ok(Message::Pong(_)) => {
                silent = 0;
                catch_up();
            }
            Ok(_) => silent = 0,
            Err(tungstenite::Error::Io(why))
                if matches!(why.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
            {
                // A board that answers no ping is listened to all the same.
                catch_up();
                silent += 1;
                if silent > SILENT_BEATS {
                    return Err(tungstenite::Error::Io(io::ErrorKind::TimedOut.into()));
                }
                socket.send(Message::Ping(Vec::new().into()))?;
            }
            Err(why) => return Err(why),
        }
    }
}
