//! The promises, one file each, checked after every event against the simulated world.

use ops_engine::Job;

use crate::world::World;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub promise: &'static str,
    /// How.
    pub words: String,
}

/// All promises, with what each remembers.
#[derive(Debug, Default)]
pub struct Invariants {}

impl Invariants {
    /// Checks all of them. `quiet`: nothing is under way any more.
    pub fn check(&mut self, _world: &World, _quiet: bool) -> Option<Violation> {
        None
    }

    /// Is told of a job that reaches the world.
    pub fn performed(&mut self, _job: &Job) {}
}
