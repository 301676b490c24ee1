//! Boundaries of WebSocket frames (RFC 6455 §5.2) in one direction of a tunnel. Only lengths are
//! read; what the frames say is nobody's business here.

/// Longest header of a frame, in bytes.
const MAX_HEADER: usize = 14;

/// A close frame that says *going away* (1001), as a server sends it.
pub(super) const GOING_AWAY: [u8; 4] = [0x88, 0x02, 0x03, 0xe9];

/// The same as a client sends it: masked, with a key of zeros.
pub(super) const GOING_AWAY_MASKED: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9];

/// Where in a frame the bytes that passed have ended.
#[derive(Debug, Default)]
pub(super) struct Frames {
    header: [u8; MAX_HEADER],
    have: usize,
    /// Bytes of the payload that have not passed yet.
    left: u64,
    closed: bool,
}

impl Frames {
    /// Whether a frame may follow now: the last one is whole, and it was no close frame.
    pub(super) fn may_close(&self) -> bool {
        self.have == 0 && self.left == 0 && !self.closed
    }

    /// Whether a close frame has passed: nothing may follow it.
    pub(super) fn closed(&self) -> bool {
        self.closed
    }

    /// Takes note of bytes that pass.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let skip = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                self.left -= skip as u64;
                bytes = bytes.get(skip..).unwrap_or_default();
                continue;
            }
            let (byte, rest) = (bytes[0], &bytes[1..]);
            bytes = rest;
            self.header[self.have] = byte;
            self.have += 1;
            if self.have == self.header_len() {
                self.left = self.payload();
                self.closed |= self.header[0] & 0x0f == 0x8;
                self.have = 0;
            }
        }
    }

    /// Length of the header, as far as it is known yet: never reached before it is.
    fn header_len(&self) -> usize {
        if self.have < 2 {
            return MAX_HEADER;
        }
        let extended = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if self.header[1] & 0x80 == 0 { 0 } else { 4 };
        2 + extended + mask
    }

    fn payload(&self) -> u64 {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        match self.header[1] & 0x7f {
            126 => number(&self.header[2..4]),
            127 => number(&self.header[2..10]),
            short => u64::from(short),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of all lengths of header, masked and not.
    fn stream() -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut ends) = (Vec::new(), vec![0]);
        for length in [0_usize, 1, 125, 126, 300, 65_535, 65_536] {
            for mask in [0_u8, 0x80] {
                bytes.push(0x82);
                match length {
                    0..126 => bytes.push(mask | length as u8),
                    126..65_536 => {
                        bytes.push(mask | 0x7e);
                        bytes.extend((length as u16).to_be_bytes());
                    }
                    _ => {
                        bytes.push(mask | 0x7f);
                        bytes.extend((length as u64).to_be_bytes());
                    }
                }
                bytes.extend(vec![0xff; length + if mask == 0 { 0 } else { 4 }]);
                ends.push(bytes.len());
            }
        }
        (bytes, ends)
    }

    #[test]
    fn boundaries_are_found_however_the_bytes_are_cut() {
        let (bytes, ends) = stream();
        for cut in [1, 2, 3, 7, 1000, bytes.len()] {
            let mut frames = Frames::default();
            let mut passed = 0;
            for piece in bytes.chunks(cut) {
                assert_eq!(frames.may_close(), ends.contains(&passed), "after {passed} by {cut}");
                frames.pass(piece);
                passed += piece.len();
            }
            assert!(frames.may_close());
        }
    }

    #[test]
    fn nothing_follows_a_close_frame() {
        for close in [&GOING_AWAY[..], &GOING_AWAY_MASKED[..]] {
            let mut frames = Frames::default();
            frames.pass(close);
            assert!(!frames.may_close());
        }
    }
}
