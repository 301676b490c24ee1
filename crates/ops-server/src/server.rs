//! The daemon's side.

use std::{
    fs, io,
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use ops_core::id::Identity;
use ops_engine::{Command, Handle, Who};

use crate::{About, Answer, Request, SOCKET_FILE, line::Lines};

/// Conversations at the same time: people at shells, not machines.
const CONVERSATIONS_MAX: usize = 32;
/// Longest question, in bytes.
pub(crate) const QUESTION_MAX: usize = 64 * 1024;
/// A caller that says nothing for this long is hung up on.
pub(crate) const QUESTION_WAIT: Duration = Duration::from_secs(10);
/// A caller that does not take its answer within this time is hung up on.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Pause after the system refused a connection, so that a lasting refusal burns no processor.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// Says who the account with this number is.
pub type Identify = Arc<dyn Fn(u32) -> Identity + Send + Sync>;

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket cannot be made.
    #[error(
        "cannot make the control socket {}: {source}; the state folder must be writable, and its \
         path shorter than 100 bytes",
        socket.display()
    )]
    Bind {
        /// The socket.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The listening socket. Ends when it is dropped.
pub struct ControlServer {
    socket: PathBuf,
    stop: Arc<AtomicBool>,
}

struct Desk {
    handle: Handle,
    about: About,
    identify: Identify,
    busy: AtomicUsize,
}

impl ControlServer {
    /// Listens in the state folder and answers for this engine. The caller holds the journal, so
    /// that a socket file that lies there is known to be a dead daemon's.
    ///
    /// # Errors
    ///
    /// If the socket cannot be made.
    pub fn start(
        state_dir: &Path,
        handle: Handle,
        about: About,
        identify: Identify,
    ) -> Result<Self, ServeError> {
        let socket = state_dir.join(SOCKET_FILE);
        let listener =
            bind(&socket).map_err(|source| ServeError::Bind { socket: socket.clone(), source })?;
        let stop = Arc::new(AtomicBool::new(false));
        let desk = Arc::new(Desk { handle, about, identify, busy: AtomicUsize::new(0) });
        let ended = Arc::clone(&stop);
        thread::Builder::new()
            .name("ops-control".into())
            .spawn(move || listen(&listener, &desk, &ended))
            .map_err(|source| ServeError::Bind { socket: socket.clone(), source })?;
        Ok(Self { socket, stop })
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it shall stop.
        let _ = UnixStream::connect(&self.socket);
        let _ = fs::remove_file(&self.socket);
    }
}

/// Makes the socket so that there is no moment at which others could open it: it gets its place
/// only after its rights.
fn bind(socket: &Path) -> io::Result<UnixListener> {
    let passing = socket.with_extension("sock.new");
    match fs::remove_file(&passing) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&passing)?;
    fs::set_permissions(&passing, fs::Permissions::from_mode(0o600))?;
    fs::rename(&passing, socket)?;
    Ok(listener)
}

fn listen(listener: &UnixListener, desk: &Arc<Desk>, stop: &AtomicBool) {
    for stream in listener.incoming() {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        match stream {
            Ok(stream) => receive(stream, desk),
            Err(error) => {
                tracing::warn!(%error, "a caller of the control socket was lost");
                thread::sleep(REFUSED_PAUSE);
            }
        }
    }
}

fn receive(stream: UnixStream, desk: &Arc<Desk>) {
    if desk.busy.fetch_add(1, Ordering::SeqCst) >= CONVERSATIONS_MAX {
        desk.busy.fetch_sub(1, Ordering::SeqCst);
        let why = "too many callers at once; try again in a moment".to_owned();
        let mut lines = Lines::new(stream, QUESTION_MAX);
        // A caller who is not there any more needs no answer.
        let _ = lines.write(encode(&Answer::Refused { why }), ANSWER_WAIT);
        return;
    }
    let own = Arc::clone(desk);
    let spawned = thread::Builder::new().name("ops-caller".into()).spawn(move || {
        converse(stream, &own);
        own.busy.fetch_sub(1, Ordering::SeqCst);
    });
    if let Err(error) = spawned {
        desk.busy.fetch_sub(1, Ordering::SeqCst);
        tracing::warn!(%error, "no thread could be started for a caller");
    }
}

fn converse(stream: UnixStream, desk: &Desk) {
    let Ok(peer) = rustix::net::sockopt::socket_peercred(&stream) else {
        return;
    };
    let account = peer.uid.as_raw();
    let mut lines = Lines::new(stream, QUESTION_MAX);
    while let Ok(Some(line)) = lines.read(QUESTION_WAIT) {
        let answer = match question(&line) {
            Ok(request) => desk.answer(request, account),
            Err(why) => Answer::Refused { why },
        };
        if lines.write(encode(&answer), ANSWER_WAIT).is_err() {
            return;
        }
    }
}

/// Reads a question, or says why it is none.
pub(crate) fn question(line: &[u8]) -> Result<Request, String> {
    // Told by place: the parser would repeat parts of the line.
    serde_json::from_slice(line).map_err(|error| {
        let column = error.column();
        format!("the line is no question (column {column}): use ops of the daemon's version")
    })
}

impl Desk {
    fn answer(&self, request: Request, account: u32) -> Answer {
        let stopping = || Answer::Refused { why: "the daemon is stopping; try again".to_owned() };
        match request {
            Request::Ping {} => Answer::About(self.about.clone()),
            Request::Status {} => self
                .handle
                .status()
                .map_or_else(stopping, |status| Answer::Status(Box::new(status))),
            Request::Show { deployment } => {
                Answer::Deployment(self.handle.show(deployment).map(Box::new))
            }
            Request::Ask { ask } => {
                let who = Who { identity: (self.identify)(account), local: true };
                tracing::info!(by = who.identity.as_str(), ?ask, "asked at the control socket");
                match self.handle.ask(who, ask) {
                    Some(Ok(reply)) => Answer::Reply(reply),
                    Some(Err(why)) => Answer::Refused { why },
                    None => stopping(),
                }
            }
            Request::Nudge {} => {
                if self.handle.send(Command::Nudge) {
                    Answer::Done
                } else {
                    stopping()
                }
            }
        }
    }
}

fn encode(answer: &Answer) -> Vec<u8> {
    // The types hold no map with keys that are not strings, so they always serialise.
    serde_json::to_vec(answer).unwrap_or_default()
}
