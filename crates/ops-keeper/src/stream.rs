//! The service's output pipes, cut into lines.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use rustix::fs::{FileType, Mode, OFlags, mknodat};

use crate::{
    line::{LINE_MAX, Source},
    log::Log,
};

/// Bytes that a pipe holds while its keeper is away. Less than this is granted where the user's
/// share is used up.
const PIPE: usize = 1024 * 1024;
/// Bytes read at once from a pipe.
const CHUNK: usize = 16 * 1024;
/// Reads from one pipe before others get their turn.
const TURNS: usize = 16;

/// One of the service's two output pipes, seen from the keeper.
pub(crate) struct Stream {
    source: Source,
    pipe: File,
    partial: Vec<u8>,
}

impl Stream {
    /// Opens the named pipe, making it if need be. It is opened for reading and writing, so that
    /// it never ends, whoever lives.
    pub(crate) fn open(path: &Path, source: Source) -> io::Result<Self> {
        match mknodat(rustix::fs::CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let nonblocking = OFlags::NONBLOCK.bits() as i32;
        let pipe = File::options().read(true).write(true).custom_flags(nonblocking).open(path)?;
        let _ = rustix::pipe::fcntl_setpipe_size(&pipe, PIPE);
        Ok(Self { source, pipe, partial: Vec::new() })
    }

    /// For waiting.
    pub(crate) fn pipe(&self) -> &File {
        &self.pipe
    }

    /// Moves what is in the pipe to the log, a bounded amount at a time. Says whether anything
    /// was there.
    pub(crate) fn drain(&mut self, log: &mut Log) -> bool {
        let mut chunk = [0; CHUNK];
        let mut any = false;
        for _ in 0..TURNS {
            match (&self.pipe).read(&mut chunk) {
                Ok(0) | Err(_) => break,
                Ok(length) => self.split(chunk.get(..length).unwrap_or(&[]), log),
            }
            any = true;
        }
        log.flush();
        any
    }

    /// Keeps a last line that has no end.
    pub(crate) fn finish(&mut self, log: &mut Log) {
        if !self.partial.is_empty() {
            log.append(self.source, &self.partial);
            self.partial.clear();
        }
        log.flush();
    }

    fn split(&mut self, mut bytes: &[u8], log: &mut Log) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.get(1..).unwrap_or(&[]);
            if self.partial.is_empty() && line.len() <= LINE_MAX {
                log.append(self.source, line);
            } else {
                self.extend(line, log);
                log.append(self.source, &self.partial);
                self.partial.clear();
            }
        }
        self.extend(bytes, log);
    }

    fn extend(&mut self, bytes: &[u8], log: &mut Log) {
        for &byte in bytes {
            if self.partial.len() == LINE_MAX {
                log.append(self.source, &self.partial);
                self.partial.clear();
            }
            self.partial.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn lines_are_stamped_whole_and_cut_when_too_long() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::open(folder.path(), 1 << 20, 0);
        let mut stream = Stream::open(&folder.path().join("out.fifo"), Source::Out).unwrap();
        let endless = "x".repeat(LINE_MAX + 3);
        for part in ["one\ntw", "o\n\n", endless.as_str(), "\nend"] {
            (&stream.pipe).write_all(part.as_bytes()).unwrap();
            assert!(stream.drain(&mut log));
        }
        stream.finish(&mut log);
        let text = std::fs::read_to_string(folder.path().join("current.log")).unwrap();
        let lines: Vec<&str> =
            text.lines().map(|line| line.split_once("Z out ").unwrap().1).collect();
        assert_eq!(lines, ["one", "two", "", &endless[3..], "xxx", "end"]);
        assert!(!stream.drain(&mut log));
    }
}
