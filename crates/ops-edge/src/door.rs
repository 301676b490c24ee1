//! The daemon's side of the admin socket.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::PathBuf,
    time::{Duration, Instant},
};

use ops_core::{
    id::{Generation, ServiceName, Stamp},
    route::Route,
    signal::SignalSecond,
    world::{DoorView, Fault},
};
use ops_engine::ports::{Act, ActError, Door, Look};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::admin::{Answer, Ask, EdgeStatus, RefusalKind};

/// Longest time of one call, from connecting to the last byte of the answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest answer, in bytes: 30 minutes of the busiest second that 16 releases can fill.
const MAX_ANSWER_BYTES: usize = 128 * 1024 * 1024;

const START_IT: &str = "start it with \"ops edge\"";
const LOOK_FIRST: &str = "look at the route before trying again";

/// The edge of a state folder, seen from the daemon. Each call is a connection of its own, so an
/// edge that was restarted in between is no trouble.
#[derive(Debug, Clone)]
pub struct EdgeDoor {
    socket: PathBuf,
}

/// How a call failed: whether the question can have reached the edge.
enum CallError {
    /// It cannot.
    Before(Fault),
    /// It can.
    After(Fault),
}

impl EdgeDoor {
    /// The edge that runs on this state folder, now or later.
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        Self { socket: state_dir.into().join("edge.sock") }
    }

    /// What the edge says of itself.
    ///
    /// # Errors
    ///
    /// If no edge answers.
    pub fn status(&self) -> Look<EdgeStatus> {
        match self.look_at(&Ask::Status {})? {
            Answer::Status(status) => Ok(status),
            _ => Err(self.odd_answer()),
        }
    }

    /// What the edge counted, in the text format of Prometheus.
    ///
    /// # Errors
    ///
    /// If no edge answers.
    pub fn metrics(&self) -> Look<String> {
        match self.look_at(&Ask::Metrics {})? {
            Answer::Metrics(text) => Ok(text),
            _ => Err(self.odd_answer()),
        }
    }

    fn fault(&self, what: impl Into<String>, next: &str) -> Fault {
        Fault::new(what, self.socket.display().to_string(), next)
    }

    fn odd_answer(&self) -> Fault {
        let next = "run `ops` and `ops edge` from the same version";
        self.fault("the edge gave an answer that this ops does not know", next)
    }

    fn look_at(&self, ask: &Ask) -> Look<Answer> {
        match self.call(ask) {
            Ok(Answer::Refused { fault, .. }) => Err(fault),
            Ok(answer) => Ok(answer),
            Err(CallError::Before(fault) | CallError::After(fault)) => Err(fault),
        }
    }

    fn act(&self, ask: &Ask) -> Act {
        match self.call(ask) {
            Ok(Answer::Done) => Ok(()),
            Ok(Answer::Refused { kind, fault }) => Err(match kind {
                RefusalKind::Stale => ActError::Stale(fault),
                RefusalKind::Unknown => ActError::Unknown(fault),
                RefusalKind::NotApplied | RefusalKind::Malformed => ActError::NotApplied(fault),
            }),
            Ok(_) => Err(ActError::Unknown(self.odd_answer())),
            Err(CallError::Before(fault)) => Err(ActError::NotApplied(fault)),
            Err(CallError::After(fault)) => Err(ActError::Unknown(fault)),
        }
    }

    fn call(&self, ask: &Ask) -> Result<Answer, CallError> {
        let deadline = Instant::now() + CALL_TIMEOUT;
        let mut line = serde_json::to_vec(ask).map_err(|error| {
            CallError::Before(self.fault(format!("the question cannot be written: {error}"), ""))
        })?;
        line.push(b'\n');
        let mut stream = self.connect().map_err(|error| {
            CallError::Before(self.fault(format!("no edge answers: {error}"), START_IT))
        })?;
        let answer = exchange(&mut stream, &line, deadline).map_err(|error| {
            CallError::After(self.fault(format!("the edge broke off: {error}"), LOOK_FIRST))
        })?;
        serde_json::from_slice(&answer).map_err(|_| CallError::After(self.odd_answer()))
    }

    /// Connects without waiting: an edge whose queue is full counts as one that does not answer.
    fn connect(&self) -> io::Result<UnixStream> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &SocketAddrUnix::new(&self.socket)?)?;
        let stream = UnixStream::from(socket);
        stream.set_nonblocking(false)?;
        Ok(stream)
    }
}

fn exchange(stream: &mut UnixStream, line: &[u8], deadline: Instant) -> io::Result<Vec<u8>> {
    stream.set_write_timeout(Some(left(deadline)?))?;
    stream.write_all(line)?;
    let mut answer = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        stream.set_read_timeout(Some(left(deadline)?))?;
        let count = match stream.read(&mut piece) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        answer.extend_from_slice(piece.get(..count).unwrap_or_default());
        if answer.last() == Some(&b'\n') {
            return Ok(answer);
        }
        if answer.len() > MAX_ANSWER_BYTES {
            return Err(io::Error::other("the answer is too long"));
        }
    }
}

/// Time left, never zero: zero would mean no limit.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

impl Door for EdgeDoor {
    fn look(&self, service: &ServiceName) -> Look<DoorView> {
        match self.look_at(&Ask::Look { service: service.clone() })? {
            Answer::View(view) => Ok(view),
            _ => Err(self.odd_answer()),
        }
    }

    fn highest_generation(&self) -> Look<Generation> {
        Ok(self.status()?.highest)
    }

    fn addresses(&self) -> Look<Vec<String>> {
        let listen = self.status()?.listen;
        Ok(listen.iter().map(ToString::to_string).collect())
    }

    fn set_route(&self, stamp: Stamp, route: &Route) -> Act {
        self.act(&Ask::SetRoute { stamp, route: route.clone() })
    }

    fn remove_route(&self, stamp: Stamp, service: &ServiceName) -> Act {
        self.act(&Ask::RemoveRoute { stamp, service: service.clone() })
    }

    fn signals(&self, service: &ServiceName, after: u64) -> Look<Vec<SignalSecond>> {
        match self.look_at(&Ask::Signals { service: service.clone(), after })? {
            Answer::Signals(seconds) => Ok(seconds),
            _ => Err(self.odd_answer()),
        }
    }
}
