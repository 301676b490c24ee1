//! Time and chance, which tests bring along themselves.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Where time and chance come from.
pub trait Clock: Send + Sync {
    /// Milliseconds since some moment.
    fn now_ms(&self) -> u64;
    /// Waits for so many milliseconds.
    fn wait(&self, ms: u64);
    /// Any number.
    fn random(&self) -> u64;
}

/// Those of this machine.
#[derive(Debug)]
pub struct MachineClock {
    begin: Instant,
}

impl MachineClock {
    /// From now on.
    pub fn new() -> Self {
        Self { begin: Instant::now() }
    }
}

impl Default for MachineClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for MachineClock {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn wait(&self, ms: u64) {
        thread::sleep(Duration::from_millis(ms));
    }

    fn random(&self) -> u64 {
        // Without chance all who wait come back at the same time, which is no harm for one ops.
        getrandom::u64().unwrap_or_default()
    }
}
