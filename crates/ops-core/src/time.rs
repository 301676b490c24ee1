//! Time as data. Waits use boot time; the wall clock only labels records (S18).

use serde::{Deserialize, Serialize};

/// The id that the kernel draws at each boot. Boot times of different boots cannot be compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootId(pub String);

/// Milliseconds since boot, suspend included (`CLOCK_BOOTTIME`).
pub type BootMs = u64;

/// A reading of both clocks, taken together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// Which boot `ms` counts from.
    pub boot: BootId,
    /// Milliseconds since boot.
    pub ms: BootMs,
    /// Wall clock, only for labels.
    pub wall: jiff::Timestamp,
}

/// A wait with an end. Kept as start and length, so that it can be re-armed after a reboot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// The boot in which it was armed.
    pub boot: BootId,
    /// Milliseconds since that boot when it was armed.
    pub since: BootMs,
    /// How long it lasts, in milliseconds.
    pub length: u64,
}

impl Timer {
    /// A timer of `length` milliseconds from now.
    pub fn start(now: &Now, length: u64) -> Self {
        Self { boot: now.boot.clone(), since: now.ms, length }
    }

    /// The boot time in milliseconds at which it ends.
    pub fn ends(&self) -> BootMs {
        self.since.saturating_add(self.length)
    }

    /// Whether it has run out. A timer of another boot has not: it must be re-armed first.
    pub fn over(&self, now: &Now) -> bool {
        self.boot == now.boot && now.ms >= self.ends()
    }

    /// Milliseconds since it was armed; none for a timer of another boot.
    pub fn passed(&self, now: &Now) -> u64 {
        if self.boot == now.boot { now.ms.saturating_sub(self.since) } else { 0 }
    }

    /// Milliseconds left; the whole length for a timer of another boot.
    pub fn left(&self, now: &Now) -> u64 {
        if self.boot == now.boot { self.ends().saturating_sub(now.ms) } else { self.length }
    }

    /// Starts anew, with the whole length, if the machine was rebooted since it was armed.
    pub fn rearm(&mut self, now: &Now) {
        if self.boot != now.boot {
            *self = Self::start(now, self.length);
        }
    }
}
