//! Lines with a bound on their length and on the time that they take.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

/// Bytes that are read at once.
const PIECE: usize = 16 * 1024;

/// One end of a conversation in lines.
pub(crate) struct Lines {
    stream: UnixStream,
    kept: Vec<u8>,
    longest: usize,
}

impl Lines {
    /// Talks over a stream; a line of the other side has at most `longest` bytes.
    pub(crate) fn new(stream: UnixStream, longest: usize) -> Self {
        Self { stream, kept: Vec::new(), longest }
    }

    /// The next line without its end; `None` if the other side has finished.
    pub(crate) fn read(&mut self, within: Duration) -> io::Result<Option<Vec<u8>>> {
        let deadline = Instant::now() + within;
        let mut piece = vec![0; PIECE];
        loop {
            if let Some(end) = self.kept.iter().position(|byte| *byte == b'\n') {
                let rest = self.kept.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.kept, rest);
                line.pop();
                return Ok(Some(line));
            }
            if self.kept.len() > self.longest {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the line is too long"));
            }
            self.stream.set_read_timeout(Some(left(deadline)?))?;
            match self.stream.read(&mut piece) {
                Ok(0) if self.kept.is_empty() => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.kept.extend_from_slice(piece.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a line.
    pub(crate) fn write(&mut self, mut line: Vec<u8>, within: Duration) -> io::Result<()> {
        line.push(b'\n');
        self.stream.set_write_timeout(Some(within))?;
        self.stream.write_all(&line)
    }
}

/// Time left, never zero: zero would mean no limit.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}
