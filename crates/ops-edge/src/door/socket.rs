//! The admin socket of an edge on this machine.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::PathBuf,
    time::{Duration, Instant},
};

use ops_core::world::Fault;
use ops_engine::ports::ActError;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::{MAX_ANSWER_BYTES, Way};

/// Longest time of one call, from connecting to the last byte of the answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

const START_IT: &str = "start it with \"ops edge\"";
const LOOK_FIRST: &str = "look at the route before trying again";

/// The socket; each question is a connection of its own.
pub(crate) struct Socket {
    path: PathBuf,
}

impl Socket {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    fn fault(&self, what: String, next: &str) -> Fault {
        Fault::new(what, self.place(), next)
    }

    /// Connects without waiting: an edge whose queue is full counts as one that does not answer.
    fn connect(&self) -> io::Result<UnixStream> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &SocketAddrUnix::new(&self.path)?)?;
        let stream = UnixStream::from(socket);
        stream.set_nonblocking(false)?;
        Ok(stream)
    }
}

impl Way for Socket {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn ask(&self, question: &[u8]) -> Result<Vec<u8>, ActError> {
        let deadline = Instant::now() + CALL_TIMEOUT;
        let mut stream = self.connect().map_err(|error| {
            ActError::NotApplied(self.fault(format!("no edge answers: {error}"), START_IT))
        })?;
        exchange(&mut stream, question, deadline).map_err(|error| {
            ActError::Unknown(self.fault(format!("the edge broke off: {error}"), LOOK_FIRST))
        })
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
