//! The deployment as a state machine of three functions.
//!
//! [`decide`] turns an input into events, or refuses it; [`Deployment::apply`] lets an event
//! happen; [`owed`] tells from the state alone what must be done now, when to look again, and
//! what is waited for. Events are durable before anything is done because of them, so recovery is
//! loading the events and asking what is owed.

mod act;
mod apply;
mod cause;
mod decide;
mod event;
mod hurt;
mod input;
mod judged;
mod letter;
mod observed;
mod owed;
mod phase;
mod recover;
#[cfg(test)]
mod said;
mod sense;
mod state;
pub mod table;
#[cfg(test)]
mod tests;
mod watching;

pub use act::{Act, Health, LookOrder, Op, Outcome, View};
pub use cause::{Cause, HoldCause};
pub use decide::{decide, decided};
pub use event::Event;
pub use hurt::Hurt;
pub use input::{Input, LeaseAnswer, Rejection};
pub use letter::{About, Delivery, Letter, News, To};
pub use owed::{Effect, Owed, Report, effects, owed, wake_at};
pub use phase::{Phase, PhaseName};
pub use sense::{Sense, Sensed, Sensor, Sensors};
pub use state::{Created, Deployment, Gap, Halt, Milestone, Run, Times};
pub use watching::Watching;

/// A queued deployment is looked at again this often even if nothing happens.
pub const QUEUE_RECHECK_MS: u64 = 60_000;
/// The checks must end within this.
pub const CHECK_MS: u64 = 120_000;
/// Bound of a halt in mid-traffic (DESIGN §3).
pub const HALT_MS: u64 = 15 * 60_000;
/// A frozen group is free again after this long with one healthy version.
pub const THAW_MS: u64 = 5 * 60_000;
/// An act may take this long to show before it is tried again.
pub const SETTLE_MS: u64 = 2_000;

/// Milliseconds in which an act that was sent, and of which nobody knows, comes about or never does:
/// the bound of a call through the ports.
pub const LATE_MS: u64 = 10_000;

/// So long after an instant at which a hold ends by itself it is looked at again.
pub const JUST_AFTER_MS: u64 = 1_000;

/// Milliseconds until a held ticket is looked at again by itself. Events come sooner.
///
/// After an errored preparation the pauses grow as S5 says: 15 min, 1 h, 4 h.
pub fn recheck_ms(cause: &HoldCause, checked: u32) -> u64 {
    const MINUTE: u64 = 60_000;
    match cause {
        HoldCause::Checks { .. } => 15 * MINUTE,
        HoldCause::Aborted { .. } => 24 * 60 * MINUTE,
        HoldCause::Prepare { .. } => retry_pause_ms(checked.saturating_sub(1)),
    }
}

/// Pause before the n-th retry (from 0) of what failed without being the candidate's fault (S5).
pub fn retry_pause_ms(retries: u32) -> u64 {
    const MINUTE: u64 = 60_000;
    match retries {
        0 => 15 * MINUTE,
        1 => 60 * MINUTE,
        _ => 240 * MINUTE,
    }
}

/// Tries after which a listed person must answer (S5).
pub const RETRIES_MAX: u32 = 3;
