//! Mutations of inputs: the same seed, the same mutations.

use ops_fuzz::INPUT_MAX;

/// Bits that trip those who read text.
const BITS: [&[u8]; 40] = [
    b"\0",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\t",
    b" ",
    b"\x1b[31m",
    b"\x7f",
    b"\xff",
    b"\xc3",
    b"\xe2\x80\xae",
    b"\xe2\x80\x8b",
    b"\xef\xbb\xbf",
    b"```",
    b"```ops\n",
    b"~~~",
    b"> ",
    b"<!--",
    b"-->",
    b"<details>",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"'",
    b"\\",
    b"\\u0000",
    b",",
    b":",
    b": ",
    b"- ",
    b"&a ",
    b"*a",
    b"null",
    b"-1",
    b"NaN",
    b"1e999",
    b"18446744073709551616",
    b"../",
];
/// Changes of one input at most.
const CHANGES: u64 = 6;

/// A source of numbers that are drawn anew from the same seed (`SplitMix64`).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, 0 for 0.
    fn below(&mut self, end: usize) -> usize {
        self.draw().checked_rem(end as u64).unwrap_or(0) as usize
    }
}

/// One of the inputs, changed in a few places.
pub(crate) fn mutated(inputs: &[&[u8]], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = inputs[dice.below(inputs.len())].to_vec();
    for _ in 0..=dice.draw() % CHANGES {
        change(&mut bytes, inputs, dice);
    }
    bytes.truncate(INPUT_MAX);
    bytes
}

fn change(bytes: &mut Vec<u8>, inputs: &[&[u8]], dice: &mut Dice) {
    let at = dice.below(bytes.len() + 1);
    let to = (at + dice.below(32)).min(bytes.len());
    match dice.below(9) {
        0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
        1 if at < bytes.len() => bytes[at] = dice.below(256) as u8,
        2 => drop(bytes.drain(at..to)),
        3 => bytes.truncate(at),
        4 => {
            let again = bytes[at..to].to_vec();
            for _ in 0..=dice.below(8) {
                bytes.splice(at..at, again.iter().copied());
            }
        }
        5 => {
            let other = inputs[dice.below(inputs.len())];
            let from = dice.below(other.len() + 1);
            let end = (from + dice.below(200)).min(other.len());
            bytes.splice(at..to, other[from..end].iter().copied());
        }
        6 if at < bytes.len() => {
            // A number that becomes another one stays a number.
            if let Some(digit) = bytes[at..].iter_mut().find(|byte| byte.is_ascii_digit()) {
                *digit = b'0' + dice.below(10) as u8;
            }
        }
        _ => drop(bytes.splice(at..at, BITS[dice.below(BITS.len())].iter().copied())),
    }
}
