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
        headers.remove(NAME).is_some_and(|value| value.as_bytes() == self.0.as_bytes())
    }
}
