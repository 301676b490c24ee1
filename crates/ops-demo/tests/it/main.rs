//! The shop as a real process, and the load generator against it and against servers that break.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod behaved;
mod counted;
mod lost;
mod servers;
mod shop_process;
