//! The shop window: a small shop service and an open-loop load generator.
//!
//! [`shop`] is the service that `ops demo` and the benchmarks deploy. [`load`] plays its customers
//! and counts what they lose. [`versions`] makes the candidates, good and bad. [`stage`] puts it all together
//! around a real `ops` program.

mod alarm;
mod clock;
pub mod load;
mod random;
pub mod shop;
pub mod stage;
pub mod versions;
