//! Figures of deployments, by DORA's definitions as far as ops can know them.
//!
//! Everything is counted on the last stage of a service, from what its deployments' events say:
//!
//! - *Deployment frequency*: releases that passed their watch, per week of the window.
//! - *Lead time*: from the ticket's last move to `rfp`, by the board's own time, until the ticket was
//!   closed. Only where the board told that time. The time of the commit is nowhere known.
//! - *Change failure rate*: of the releases to which users came and whose end lies in the window, those
//!   that hurt: taken back because of themselves, taken back later by a person, or with an incident
//!   attached to them. What was stopped before a user came to it is no change, and what went back
//!   because of its surroundings is no failure of it.
//! - *Time to restore*: from the decision to go back until what served before was read back; from a
//!   person's request until the rollback had passed its watch; from the report of an incident until
//!   somebody ended it, where its deployment was not taken back.
//!
//! With fewer than [`FEW`] of something its middle says nothing, and with fewer than [`FEW_CHANGES`] a
//! rate says nothing: then the counts alone are told.

mod change;
mod figures;
#[cfg(test)]
mod tests;
mod words;

pub use change::{Change, ChangeKind};
pub use figures::{Metrics, Spread, Window, metrics};

/// Fewest of something whose middle is told.
pub const FEW: usize = 5;
/// Fewest changes of which a share is told.
pub const FEW_CHANGES: usize = 10;
