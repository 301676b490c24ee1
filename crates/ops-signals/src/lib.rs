//! The senses: probes and host facts.
//!
//! [`HttpProber`] asks services for their health, [`SystemClock`] reads the clocks, [`LocalHost`]
//! what the machine has left, and [`ReferenceSecrets`] whether secrets are where they are said to
//! be. None of them trusts what it hears: every answer is bounded in time and size, and what
//! cannot be read is an error, never a pass.

mod answer;
mod clock;
mod hmac;
mod host;
mod prober;
mod secrets;

pub use answer::{BODY_LIMIT, HEAD_LIMIT};
pub use clock::SystemClock;
pub use host::LocalHost;
pub use prober::{HttpProber, PROBE_LIMIT_MS};
pub use secrets::{KEY_FILE, ReferenceSecrets, VALUE_LIMIT};
