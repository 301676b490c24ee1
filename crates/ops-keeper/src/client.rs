//! Asking a keeper, always within a time.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::{
    folder::SOCKET,
    protocol::{Answer, MESSAGE_MAX, Request},
};

/// Why a keeper gave no answer.
#[derive(Debug)]
pub enum AskError {
    /// Nobody listens: there is no keeper, or it is just starting or leaving.
    NoKeeper,
    /// The keeper did not answer in time, or broke off: if it was told something, it may have
    /// done it.
    Silent,
    /// It answered something else.
    Garbled(String),
    /// The machine refused.
    Io(io::Error),
}

impl std::fmt::Display for AskError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoKeeper => f.write_str("no keeper is at work"),
            Self::Silent => f.write_str("its keeper does not answer"),
            Self::Garbled(text) => write!(f, "its keeper answers nonsense: {text}"),
            Self::Io(error) => write!(f, "its keeper cannot be asked: {error}"),
        }
    }
}

impl std::error::Error for AskError {}

/// A question that was put and not answered yet.
#[derive(Debug)]
pub struct Call {
    stream: UnixStream,
}

impl Call {
    /// Puts a question. Does not wait, so that many keepers can be asked at once.
    pub fn put(replica_dir: &Path, request: &Request) -> Result<Self, AskError> {
        let stream = dial(replica_dir)?;
        let mut line = serde_json::to_vec(request).map_err(|error| AskError::Io(error.into()))?;
        line.push(b'\n');
        // A fresh socket has room for one line, or its keeper has just left.
        (&stream).write_all(&line).map_err(|_| AskError::Silent)?;
        Ok(Self { stream })
    }

    /// Waits for the answer until a moment.
    pub fn answer(mut self, until: Instant) -> Result<Answer, AskError> {
        self.stream.set_nonblocking(false).map_err(AskError::Io)?;
        let mut line = Vec::new();
        let mut chunk = [0; 1024];
        while !line.contains(&b'\n') {
            let left = until.saturating_duration_since(Instant::now());
            // A time-out of zero would mean none.
            let left = left.max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(left)).map_err(AskError::Io)?;
            match self.stream.read(&mut chunk) {
                Ok(length) if length > 0 && line.len() <= MESSAGE_MAX => {
                    line.extend(chunk.iter().take(length));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => return Err(AskError::Silent),
            }
            if Instant::now() >= until && !line.contains(&b'\n') {
                return Err(AskError::Silent);
            }
        }
        serde_json::from_slice(&line).map_err(|error| AskError::Garbled(error.to_string()))
    }
}

/// Puts a question and waits for the answer at most this long.
pub fn ask(replica_dir: &Path, request: &Request, within: Duration) -> Result<Answer, AskError> {
    let until = Instant::now() + within;
    Call::put(replica_dir, request)?.answer(until)
}

/// Connects without ever waiting. The folder is opened first and the socket named through it,
/// because a socket's name has at most 107 bytes while a folder's may be longer.
fn dial(replica_dir: &Path) -> Result<UnixStream, AskError> {
    use std::os::fd::AsRawFd as _;
    let folder = match std::fs::File::open(replica_dir) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(AskError::NoKeeper),
        Err(error) => return Err(AskError::Io(error)),
    };
    let name = format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd());
    let address = SocketAddrUnix::new(name).map_err(|error| AskError::Io(error.into()))?;
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .map_err(|error| AskError::Io(error.into()))?;
    match connect(&socket, &address) {
        Ok(()) => Ok(UnixStream::from(socket)),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::CONNREFUSED) => Err(AskError::NoKeeper),
        Err(rustix::io::Errno::AGAIN) => Err(AskError::Silent),
        Err(error) => Err(AskError::Io(error.into())),
    }
}
