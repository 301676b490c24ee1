//! Both clocks of the simulated machine.

use ops_core::time::{BootId, Now};

/// Wall clock at the beginning of the simulation, in milliseconds of Unix time.
const WALL_START_MS: i64 = 1_790_000_000_000;
/// Boot time at the beginning of a boot.
const BOOT_START_MS: u64 = 5_000;

/// The clocks. `t` is the simulation's own time: it never steps and knows no boots.
#[derive(Debug, Clone, Default)]
pub struct SimClock {
    /// Milliseconds since the beginning of the simulation.
    pub t: u64,
    boot: u64,
    booted_at: u64,
    wall_step_ms: i64,
}

impl SimClock {
    /// What the program reads.
    pub fn now(&self) -> Now {
        let wall = WALL_START_MS + self.t as i64 + self.wall_step_ms;
        Now {
            boot: BootId(format!("boot-{}", self.boot)),
            ms: self.boot_ms(self.t),
            wall: jiff::Timestamp::from_millisecond(wall).unwrap_or_default(),
        }
    }

    /// Boot time at a time of the simulation within this boot.
    pub fn boot_ms(&self, t: u64) -> u64 {
        t.saturating_sub(self.booted_at) + BOOT_START_MS
    }

    /// The simulation's time of a boot time of this boot.
    pub fn of_boot_ms(&self, ms: u64) -> u64 {
        ms.saturating_sub(BOOT_START_MS).saturating_add(self.booted_at)
    }

    /// Whole seconds since boot.
    pub fn second(&self) -> u64 {
        self.boot_ms(self.t) / 1_000
    }

    /// The machine starts again: another boot id, boot time from its beginning.
    pub fn reboot(&mut self) {
        self.boot += 1;
        self.booted_at = self.t;
    }

    /// Somebody sets the wall clock.
    pub fn step_wall(&mut self, by_ms: i64) {
        self.wall_step_ms += by_ms;
    }
}
