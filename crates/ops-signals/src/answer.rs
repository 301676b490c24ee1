//! Reading an HTTP/1 answer from somebody who may lie.

use std::{fmt, io};

/// Longest head of an answer, in bytes; heads of interim answers count along.
pub const HEAD_LIMIT: usize = 32 << 10;

/// As much of a body is read, in bytes. A longer one is no failure; the rest is not looked at.
pub const BODY_LIMIT: usize = 64 << 10;

/// Longest line that tells a chunk's size, in bytes.
const CHUNK_LINE_LIMIT: usize = 1 << 10;

/// Bytes that are read at a time.
const PIECE: usize = 8 << 10;

/// Where an answer comes from.
pub(crate) trait Source {
    /// Reads some bytes; 0 when the other side has closed.
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Trouble>;
}

/// Why there is no answer. Never repeats what was received (P13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The time was over.
    Late,
    /// The connection broke.
    Broken(io::ErrorKind),
    /// The other side closed in the middle.
    Closed(&'static str),
    /// It is not HTTP/1.
    Garbage(&'static str),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late => f.write_str("did not answer in time"),
            Self::Broken(kind) => write!(f, "broke the connection ({kind})"),
            Self::Closed(place) => write!(f, "closed the connection {place}"),
            Self::Garbage(why) => write!(f, "did not answer in HTTP/1: {why}"),
        }
    }
}

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Empty,
    Length(u64),
    Chunked,
    UntilClose,
}

/// The head of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    framing: Framing,
}

/// Bytes as they come in.
pub(crate) struct Reader<S> {
    source: S,
    buffer: Vec<u8>,
    used: usize,
}

impl<S: Source> Reader<S> {
    pub(crate) fn new(source: S) -> Self {
        Self { source, buffer: Vec::new(), used: 0 }
    }

    /// Makes sure that there are unread bytes; `false` when the other side has closed.
    fn fill(&mut self) -> Result<bool, Trouble> {
        if self.used < self.buffer.len() {
            return Ok(true);
        }
        self.buffer.resize(PIECE, 0);
        self.used = 0;
        let read = self.source.read(&mut self.buffer);
        self.buffer.truncate(*read.as_ref().unwrap_or(&0));
        Ok(read? > 0)
    }

    /// The next line without its end; `budget` shrinks by its length.
    fn line(&mut self, budget: &mut usize, place: &'static str) -> Result<Vec<u8>, Trouble> {
        let mut line = Vec::new();
        loop {
            if !self.fill()? {
                return Err(Trouble::Closed(place));
            }
            let rest = self.buffer.get(self.used..).unwrap_or_default();
            let end = rest.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(rest.len(), |end| end + 1);
            *budget =
                budget.checked_sub(taken).ok_or(Trouble::Garbage("a line or head has no end"))?;
            line.extend_from_slice(rest.get(..taken).unwrap_or_default());
            self.used += taken;
            if end.is_some() {
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
        }
    }

    /// Moves up to `length` bytes into the body; `false` when the other side has closed before.
    fn take(&mut self, mut length: u64, body: &mut Vec<u8>) -> Result<bool, Trouble> {
        while length > 0 && body.len() < BODY_LIMIT {
            if !self.fill()? {
                return Ok(false);
            }
            let rest = self.buffer.get(self.used..).unwrap_or_default();
            let room = (BODY_LIMIT - body.len()) as u64;
            let taken = (rest.len() as u64).min(length).min(room) as usize;
            body.extend_from_slice(rest.get(..taken).unwrap_or_default());
            self.used += taken;
            length -= taken as u64;
        }
        Ok(true)
    }

    /// Reads the head of the answer itself, past interim ones such as `103 Early Hints`.
    pub(crate) fn head(&mut self, method: &str) -> Result<Head, Trouble> {
        let mut budget = HEAD_LIMIT;
        loop {
            let status = status(&self.line(&mut budget, "without an answer")?)?;
            let framing = self.framing(&mut budget)?;
            let interim = (100..200).contains(&status) && status != 101;
            if interim {
                continue;
            }
            let none = method == "HEAD" || matches!(status, 101 | 204 | 304);
            return Ok(Head { status, framing: if none { Framing::Empty } else { framing } });
        }
    }

    fn framing(&mut self, budget: &mut usize) -> Result<Framing, Trouble> {
        let (mut length, mut chunked) = (None, false);
        loop {
            let line = self.line(budget, "in the middle of the answer's head")?;
            if line.is_empty() {
                break;
            }
            let colon = line.iter().position(|byte| *byte == b':');
            let (name, value) =
                line.split_at(colon.ok_or(Trouble::Garbage("a header has no name"))?);
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
                return Err(Trouble::Garbage("a header's name is none"));
            }
            if name.eq_ignore_ascii_case(b"content-length") {
                let told = decimal(value).ok_or(Trouble::Garbage("the length is no number"))?;
                if length.is_some_and(|before| before != told) {
                    return Err(Trouble::Garbage("it tells two lengths"));
                }
                length = Some(told);
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                if !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Trouble::Garbage("it uses an encoding that nobody asked for"));
                }
                chunked = true;
            }
        }
        Ok(match (chunked, length) {
            (true, _) => Framing::Chunked,
            (false, Some(length)) => Framing::Length(length),
            (false, None) => Framing::UntilClose,
        })
    }

    /// Reads the body to its end, or its first [`BODY_LIMIT`] bytes.
    pub(crate) fn body(&mut self, head: &Head) -> Result<Vec<u8>, Trouble> {
        const CUT: Trouble = Trouble::Closed("in the middle of the body");
        let mut body = Vec::new();
        match head.framing {
            Framing::Empty => {}
            // The close is the end here, so a cut cannot be told from it.
            Framing::UntilClose => drop(self.take(u64::MAX, &mut body)?),
            Framing::Length(length) => {
                if !self.take(length, &mut body)? {
                    return Err(CUT);
                }
            }
            Framing::Chunked => {
                while body.len() < BODY_LIMIT {
                    let size = self.chunk_size()?;
                    if size == 0 {
                        break;
                    }
                    if !self.take(size, &mut body)? {
                        return Err(CUT);
                    }
                    if body.len() < BODY_LIMIT {
                        let end = self.line(&mut { CHUNK_LINE_LIMIT }, "after a chunk")?;
                        if !end.is_empty() {
                            return Err(Trouble::Garbage("a chunk is longer than it said"));
                        }
                    }
                }
            }
        }
        Ok(body)
    }

    fn chunk_size(&mut self) -> Result<u64, Trouble> {
        let line = self.line(&mut { CHUNK_LINE_LIMIT }, "in the middle of the body")?;
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let text = std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'));
        text.and_then(|text| u64::from_str_radix(text, 16).ok())
            .ok_or(Trouble::Garbage("a chunk has no size"))
    }
}

/// The number in `HTTP/1.1 200 OK`.
fn status(line: &[u8]) -> Result<u16, Trouble> {
    let wrong = Trouble::Garbage("its first line is no status");
    let rest = line.strip_prefix(b"HTTP/1.1 ").or_else(|| line.strip_prefix(b"HTTP/1.0 "));
    let rest = rest.ok_or(wrong.clone())?;
    let (digits, after) = rest.split_at_checked(3).ok_or(wrong.clone())?;
    let separated = matches!(after.first(), None | Some(b' '));
    match decimal(digits).filter(|_| separated) {
        Some(number @ 100..=999) => Ok(number as u16),
        _ => Err(wrong),
    }
}

fn decimal(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hands out bytes in pieces of given sizes, then closes.
    struct Pieces<'a> {
        rest: &'a [u8],
        sizes: Vec<usize>,
    }

    impl Source for Pieces<'_> {
        fn read(&mut self, into: &mut [u8]) -> Result<usize, Trouble> {
            let size = self.sizes.pop().unwrap_or(usize::MAX).max(1);
            let (now, later) = self.rest.split_at(size.min(self.rest.len()).min(into.len()));
            into[..now.len()].copy_from_slice(now);
            self.rest = later;
            Ok(now.len())
        }
    }

    fn read(method: &str, bytes: &[u8], sizes: Vec<usize>) -> Result<(u16, Vec<u8>), Trouble> {
        let mut reader = Reader::new(Pieces { rest: bytes, sizes });
        let head = reader.head(method)?;
        let body = reader.body(&head)?;
        Ok((head.status, body))
    }

    fn whole(text: &str) -> Result<(u16, String), String> {
        let read = read("GET", text.as_bytes(), Vec::new());
        read.map(|(status, body)| (status, String::from_utf8(body).unwrap()))
            .map_err(|trouble| trouble.to_string())
    }

    #[test]
    fn honest_answers_are_read() {
        for (text, status, body) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi and more", 200, "hi"),
            ("HTTP/1.0 503\n\nuntil close", 503, "until close"),
            ("HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n", 204, ""),
            ("HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 301 M\r\n\r\n", 301, ""),
            (
                "HTTP/1.1 200 \r\nTransfer-Encoding: Chunked\r\n\r\n\
                 2\r\nhi\r\n04;x=y\r\n you\r\n0\r\n\r\n",
                200,
                "hi you",
            ),
        ] {
            assert_eq!(whole(text), Ok((status, body.into())), "{text}");
        }
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(read("HEAD", head, Vec::new()), Ok((200, Vec::new())));
    }

    #[test]
    fn p8_lies_are_told_as_such() {
        for (text, why) in [
            ("", "without an answer"),
            ("HTTP/1.1 2", "without an answer"),
            ("SSH-2.0-OpenSSH_9.6\r\n", "no status"),
            ("HTTP/2 200\r\n\r\n", "no status"),
            ("HTTP/1.1 2000\r\n\r\n", "no status"),
            ("HTTP/1.1 099\r\n\r\n", "no status"),
            ("HTTP/1.1 +20 OK\r\n\r\n", "no status"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5", "middle of the answer's head"),
            ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "header has no name"),
            ("HTTP/1.1 200 OK\r\n folded: x\r\n\r\n", "name is none"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", "middle of the body"),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no number"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "no number"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi", "two lengths"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "encoding"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "no size"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+2\r\nhi\r\n", "no size"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhi", "middle of the body"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
                "middle of the body",
            ),
        ] {
            let told = whole(text).unwrap_err();
            assert!(told.contains(why), "{text:?}: {told}");
        }
    }

    #[test]
    fn everything_is_bounded() {
        let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(HEAD_LIMIT));
        assert!(whole(&endless).unwrap_err().contains("no end"));
        let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(HEAD_LIMIT / 10);
        assert!(whole(&interim).unwrap_err().contains("no end"));
        let size = "0".repeat(CHUNK_LINE_LIMIT + 1);
        let chunk = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size}");
        assert!(whole(&chunk).unwrap_err().contains("no end"));
        for head in ["", "Content-Length: 999999\r\n", "Transfer-Encoding: chunked\r\n"] {
            let first = if head.starts_with('T') { "ffffff\r\n" } else { "" };
            let body = "y".repeat(2 * BODY_LIMIT);
            let text = format!("HTTP/1.1 200 OK\r\n{head}\r\n{first}{body}");
            assert_eq!(whole(&text).unwrap().1.len(), BODY_LIMIT, "{head}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_one_answer(
            start in prop::sample::select(vec![
                "", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 103 E\r\n\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n",
            ]),
            rest in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                "[0-9a-f\r\n;:HTP/. ]{0,200}".prop_map(String::into_bytes),
            ],
            sizes in prop::collection::vec(1..40_usize, 0..50),
        ) {
            let bytes = [start.as_bytes(), &rest].concat();
            prop_assert_eq!(read("GET", &bytes, sizes), read("GET", &bytes, Vec::new()));
        }
    }
}
