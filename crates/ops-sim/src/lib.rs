//! The proving ground: the real engine in a simulated world.
//!
//! Everything that the program meets is simulated from one seed: clocks, replicas, the door, both
//! boards, artifacts, people, crashes. The engine and the code that does its jobs are the real
//! ones. After every event the promises are checked against the world itself, never against the
//! program's own opinion of it.

pub mod campaign;
pub mod coverage;
pub mod dice;
pub mod director;
pub mod disk;
pub mod exhaustive;
pub mod injections;
pub mod invariants;
pub mod kept;
#[cfg(feature = "mutations")]
pub mod mutations;
pub mod reach;
pub mod scheduler;
pub mod story;
pub mod world;
