//! How the systems around are asked over HTTP.

use std::time::Duration;

pub(crate) use ops_web::{Broken, origin};
use ureq::Agent;

/// How long names may take to be looked up, and how long connections may take to be made.
const CONNECT: Duration = Duration::from_secs(3);

/// A caller whose every exchange, from the first look-up to the last byte, ends within a limit.
pub(crate) fn agent(limit: Duration) -> Agent {
    ops_web::agent(CONNECT, Some(limit))
}
