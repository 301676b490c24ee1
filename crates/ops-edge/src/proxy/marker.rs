//! How the door knows its own requests: by a header that only this process can write.

use http::{HeaderMap, HeaderName};

const NAME: HeaderName = HeaderName::from_static("x-ops-door");

/// A name that is drawn anew by each process.
pub(crate) struct Marker(String);

impl Marker {
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
