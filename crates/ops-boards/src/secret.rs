//! Random texts that only their owner may know: tokens, sessions, form marks.

use std::fmt::Write as _;

use crate::BoardError;

/// 64 random hex digits.
pub(crate) fn random() -> Result<String, BoardError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(BoardError::NoRandom)?;
    Ok(hex(&bytes))
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
