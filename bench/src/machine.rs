//! The machine that was measured on: figures mean little without it.

use std::fs;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// The machine, and how busy it was.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    /// When.
    at: Timestamp,
    /// Processors.
    cores: usize,
    /// Load averages over 1, 5 and 15 minutes, as the kernel tells them.
    load: String,
}

impl Machine {
    pub(crate) fn now() -> Self {
        Self { at: Timestamp::now(), cores: cores(), load: load() }
    }

    pub(crate) fn line(&self) -> String {
        let at = self.at.strftime("%Y-%m-%d %H:%M UTC");
        format!("{at}, {} cores, load average {}\n", self.cores, self.load)
    }
}

/// All cores, also those that this process does not use.
fn cores() -> usize {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    text.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu ")).count()
}

/// Load averages over 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// Milliseconds since boot, the clock of the load and of the journal.
pub(crate) fn boot_ms() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec as u64 * 1_000 + now.tv_nsec as u64 / 1_000_000
}
