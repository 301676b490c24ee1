//! The senses: probes, host facts, alerts; and the voice for people outside of the boards.
//!
//! [`HttpProber`] asks services for their health, [`SystemClock`] reads the clocks, [`LocalHost`]
//! what the machine has left and how it is, [`ReferenceSecrets`] whether secrets are where they
//! are said to be, [`HttpAlerts`] what fires, and [`PrometheusMetrics`] what declared signals say.
//! [`NoticeHerald`] tells people. None of them trusts what it hears: every answer is bounded in time
//! and size, and what cannot be read is an error, never a pass.

mod alerts;
mod answer;
mod clock;
#[cfg(test)]
mod daemon;
mod herald;
mod hmac;
mod host;
#[cfg(test)]
mod liar;
mod prober;
mod program;
mod prometheus;
mod secrets;
#[doc(hidden)]
pub mod untrusted;
mod web;

pub use alerts::{ALERTS_LIMIT, ALERTS_LIMIT_MS, HttpAlerts};
pub use answer::{BODY_LIMIT, HEAD_LIMIT};
pub use clock::SystemClock;
pub use herald::{NOTICE_LIMIT_MS, NoticeHerald};
pub use host::{
    CERTIFICATE_FILE_LIMIT, LocalHost, STATE_FILE_LIMIT, STATE_LIMIT_MS, STATE_OUTPUT_LIMIT,
};
pub use prober::{HttpProber, PROBE_LIMIT_MS};
pub use prometheus::{METRICS_LIMIT, METRICS_LIMIT_MS, PrometheusMetrics};
pub use secrets::{KEY_FILE, ReferenceSecrets, VALUE_LIMIT, secret_text};
