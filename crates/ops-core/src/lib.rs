//! The rules of ops: pure and synchronous.
//!
//! Nothing here reads a clock, draws a random number, or touches the outside world: every function
//! gets what it needs as an argument and answers with data. That is why the whole program can be
//! run in a deterministic simulation.

pub mod candidate;
pub mod checks;
pub mod deploy;
pub mod evidence;
#[cfg(test)]
mod fixture;
pub mod id;
pub mod judgement;
pub mod logs;
mod markdown;
pub mod metrics;
pub mod mutation;
pub mod notes;
pub mod plan;
pub mod promql;
pub mod reading;
pub mod record;
pub mod route;
pub mod secrets;
pub mod settings;
pub mod signal;
pub mod talk;
pub mod ticket;
pub mod time;
pub mod watch;
pub mod world;
