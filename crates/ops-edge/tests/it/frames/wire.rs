//! Frames as bytes, to be written wrongly too, and read back (RFC 9113 §4, RFC 7541).

use tokio::{io::AsyncReadExt as _, net::tcp::ReadHalf};

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame as it is sent.
pub(super) type Frame = Vec<u8>;

/// Kinds of frames (§6).
pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0;
    pub(in super::super) const HEADERS: u8 = 1;
    pub(in super::super) const PRIORITY: u8 = 2;
    pub(in super::super) const RST_STREAM: u8 = 3;
    pub(in super::super) const SETTINGS: u8 = 4;
    pub(in super::super) const PUSH_PROMISE: u8 = 5;
    pub(in super::super) const PING: u8 = 6;
    pub(in super::super) const GOAWAY: u8 = 7;
    pub(in super::super) const WINDOW_UPDATE: u8 = 8;
    pub(in super::super) const CONTINUATION: u8 = 9;
}

/// Flags (§6).
pub(super) mod flag {
    pub(in super::super) const END_STREAM: u8 = 1;
    pub(in super::super) const ACK: u8 = 1;
    pub(in super::super) const END_HEADERS: u8 = 4;
    pub(in super::super) const PADDED: u8 = 8;
    pub(in super::super) const PRIORITY: u8 = 32;
}

/// Error codes (§7).
pub(super) mod code {
    pub(in super::super) const NO_ERROR: u32 = 0;
    pub(in super::super) const PROTOCOL_ERROR: u32 = 1;
    pub(in super::super) const FLOW_CONTROL_ERROR: u32 = 3;
    pub(in super::super) const STREAM_CLOSED: u32 = 5;
    pub(in super::super) const FRAME_SIZE_ERROR: u32 = 6;
    pub(in super::super) const REFUSED_STREAM: u32 = 7;
    pub(in super::super) const CANCEL: u32 = 8;
    pub(in super::super) const ENHANCE_YOUR_CALM: u32 = 11;
}

/// A frame whose length is as it should be.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Frame {
    let payload = payload.as_ref();
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

pub(super) fn data(stream: u32, flags: u8, payload: impl AsRef<[u8]>) -> Frame {
    frame(kind::DATA, flags, stream, payload)
}

pub(super) fn window(stream: u32, increment: u32) -> Frame {
    frame(kind::WINDOW_UPDATE, 0, stream, increment.to_be_bytes())
}

pub(super) fn reset(stream: u32) -> Frame {
    frame(kind::RST_STREAM, 0, stream, code::CANCEL.to_be_bytes())
}

pub(super) fn setting(id: u16, value: u32) -> Frame {
    let mut payload = id.to_be_bytes().to_vec();
    payload.extend(value.to_be_bytes());
    frame(kind::SETTINGS, 0, 0, payload)
}

/// A header block, of literals that no table remembers (RFC 7541 §6.2.2).
#[derive(Clone, Default)]
pub(super) struct Block(pub(super) Vec<u8>);

impl Block {
    /// A whole request of this path.
    pub(super) fn get(path: &str) -> Self {
        Self::of(&[(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "a")])
    }

    pub(super) fn post(path: &str) -> Self {
        Self::of(&[(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "a")])
    }

    pub(super) fn of(fields: &[(&str, &str)]) -> Self {
        fields.iter().fold(Self::default(), |block, (name, value)| block.and(name, value))
    }

    pub(super) fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push(0);
        for text in [name, value] {
            // An integer with a prefix of seven bits (RFC 7541 §5.1).
            if let Some(rest) = text.len().checked_sub(127) {
                self.0.push(127);
                let mut rest = rest;
                while rest >= 128 {
                    self.0.push((rest % 128) as u8 | 128);
                    rest /= 128;
                }
                self.0.push(rest as u8);
            } else {
                self.0.push(text.len() as u8);
            }
            self.0.extend(text.bytes());
        }
        self
    }

    /// With bytes that need not be a field.
    pub(super) fn then(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    /// A request without a body.
    pub(super) fn request(self, stream: u32) -> Frame {
        frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, self.0)
    }

    /// A request whose body follows.
    pub(super) fn open(self, stream: u32) -> Frame {
        frame(kind::HEADERS, flag::END_HEADERS, stream, self.0)
    }

    /// A request in as many frames as there are sizes, and one for what is left.
    pub(super) fn in_pieces(self, stream: u32, sizes: &[usize]) -> Vec<Frame> {
        let mut rest = self.0.as_slice();
        let mut frames = Vec::new();
        for (at, size) in sizes.iter().chain([&usize::MAX]).enumerate() {
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            rest = after;
            let (kind, first) = match at {
                0 => (kind::HEADERS, flag::END_STREAM),
                _ => (kind::CONTINUATION, 0),
            };
            let last = if at == sizes.len() { flag::END_HEADERS } else { 0 };
            frames.push(frame(kind, first | last, stream, piece));
        }
        frames
    }
}

/// A frame that the door sent.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) kind: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Heard {
    pub(super) fn error(&self) -> Option<u32> {
        Some(u32::from_be_bytes(self.payload.get(..4)?.try_into().ok()?))
    }

    pub(super) fn goaway(&self) -> Option<u32> {
        Some(u32::from_be_bytes(self.payload.get(4..8)?.try_into().ok()?))
    }

    /// The status of a header block that begins with one; 0 if it cannot be read.
    pub(super) fn status(&self) -> u16 {
        let mut block = self.payload.as_slice();
        // The door may say first how large its table is (RFC 7541 §6.3).
        while let [0x20..=0x3e, rest @ ..] = block {
            block = rest;
        }
        match block {
            [indexed @ 0x88..=0x8e, ..] => {
                [200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)]
            }
            // A literal with the name `:status`.
            [0x48 | 0x08 | 0x18, length, rest @ ..] => {
                let text = rest.get(..usize::from(length & 0x7f)).unwrap_or_default();
                if *length < 128 {
                    std::str::from_utf8(text).unwrap_or_default().parse().unwrap_or(0)
                } else {
                    huffman_digits(text)
                }
            }
            _ => 0,
        }
    }
}

/// A number of three digits in the code of RFC 7541, appendix B.
fn huffman_digits(text: &[u8]) -> u16 {
    let bits = text.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let (mut left, mut number) = (text.len() * 8, 0);
    for _ in 0..3 {
        // 0 to 2 have five bits, 3 to 9 six.
        let five = left.checked_sub(5).map_or(31, |shift| bits >> shift & 31);
        let (digit, size) = if five < 3 {
            (five, 5)
        } else {
            (left.checked_sub(6).map_or(0, |shift| bits >> shift & 63).wrapping_sub(0x19 - 3), 6)
        };
        left = left.saturating_sub(size);
        number = number * 10 + digit as u16;
    }
    number
}

/// Reads frames.
pub(super) struct Reader<'a> {
    read: ReadHalf<'a>,
    first: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(read: ReadHalf<'a>) -> Self {
        Self { read, first: true }
    }

    /// The next frame; `None` at the end, an error if this is not HTTP/2.
    pub(super) async fn next(&mut self) -> Result<Option<Heard>, ()> {
        let mut head = [0; 9];
        if self.read.read_exact(&mut head).await.is_err() {
            return Ok(None);
        }
        if std::mem::take(&mut self.first) && head.starts_with(b"HTTP/1.1 ") {
            return Err(());
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        if self.read.read_exact(&mut payload).await.is_err() {
            return Ok(None);
        }
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Ok(Some(Heard { kind: head[3], stream, payload }))
    }
}

#[test]
fn a_status_is_read_in_every_form() {
    let heard = |payload: &[u8]| Heard { kind: 1, stream: 1, payload: payload.to_vec() };
    assert_eq!(heard(&[0x88]).status(), 200);
    assert_eq!(heard(&[0x20, 0x8d]).status(), 404);
    assert_eq!(heard(b"\x48\x03501").status(), 501);
    // RFC 7541, C.6.1: 302.
    assert_eq!(heard(&[0x48, 0x82, 0x64, 0x02]).status(), 302);
    // C.6.2: 307.
    assert_eq!(heard(&[0x48, 0x83, 0x64, 0x0e, 0xff]).status(), 307);
}
