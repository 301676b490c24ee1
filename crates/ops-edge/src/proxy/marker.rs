//! How the door knows its own requests: by a header that only this process can write, and the one
//! that takes its place.

use http::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};

const NAME: HeaderName = HeaderName::from_static("x-ops-door");

/// A word that nobody else knows.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Marker(String);

impl Marker {
    /// Draws one.
    pub(crate) fn new() -> Self {
        Self(format!("{:032x}", fastrand::u128(..)))
    }

    /// The header as it is sent.
    pub(crate) fn line(&self) -> String {
        format!("{NAME}: {}\r\n", self.0)
    }

    /// Whether a request is the door's own. The header goes no further, whoever wrote it.
    pub(super) fn take(&self, headers: &mut HeaderMap) -> bool {
        headers.remove(NAME).is_some_and(|value| self.is(value.as_bytes()))
    }

    /// Whether a word is this one. Every byte is looked at, so the duration tells nothing about it.
    fn is(&self, word: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let differences = own.iter().zip(word).fold(0, |all, (one, other)| all | (one ^ other));
        own.len() == word.len() && differences == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p13_the_doors_word_is_compared_whole_and_goes_no_further() {
        let marker = Marker::new();
        let taken = |word: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(NAME, word.parse().unwrap());
            let own = marker.take(&mut headers);
            assert!(headers.is_empty(), "it is passed on");
            own
        };
        let word = marker.0.clone();
        assert!(taken(&word));
        let mut last = word.clone();
        let other = if last.pop() == Some('0') { '1' } else { '0' };
        for wrong in [String::new(), last.clone(), format!("{last}{other}"), format!("{word}0")] {
            assert!(!taken(&wrong), "{wrong}");
        }
    }
}
