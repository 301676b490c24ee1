//! What already runs when a team begins with ops (S2).

use serde::{Deserialize, Serialize};

use crate::id::Digest;

/// Seconds for which an adopted release must be observed healthy, whatever the service's own watch
/// says (S2).
pub const ADOPTION_SECONDS: u64 = 30 * 60;

/// What somebody else started and ops is to take over. Written by `ops init --adopt`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopt {
    /// Digest of the artifact that it runs.
    pub artifact: Digest,
    /// What people call that version.
    pub version: String,
    /// The commit that it was made from, where somebody knows.
    pub commit: Option<String>,
    /// The address on which it listens, `ip:port`; `None` for services without a port.
    pub listens: Option<String>,
}
