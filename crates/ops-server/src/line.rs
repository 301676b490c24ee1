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

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(50);
    const LATE: Duration = Duration::from_secs(20);

    fn pair(longest: usize) -> (UnixStream, Lines) {
        let (far, near) = UnixStream::pair().unwrap();
        (far, Lines::new(near, longest))
    }

    #[test]
    fn lines_come_one_by_one_however_they_were_sent() {
        let (mut far, mut near) = pair(100);
        far.write_all(b"one\ntw").unwrap();
        assert_eq!(near.read(LATE).unwrap().unwrap(), b"one");
        far.write_all(b"o\n\n").unwrap();
        assert_eq!(near.read(LATE).unwrap().unwrap(), b"two");
        assert_eq!(near.read(LATE).unwrap().unwrap(), b"");
        drop(far);
        assert_eq!(near.read(LATE).unwrap(), None);
    }

    #[test]
    fn p9_a_line_is_bounded_in_length_and_time() {
        let (mut far, mut near) = pair(10);
        assert!(near.read(SOON).is_err(), "nothing was said");
        far.write_all(&[b'x'; 11]).unwrap();
        assert_eq!(near.read(LATE).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn p8_half_a_line_is_no_line() {
        let (mut far, mut near) = pair(100);
        far.write_all(b"{\"request\":").unwrap();
        drop(far);
        assert_eq!(near.read(LATE).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
