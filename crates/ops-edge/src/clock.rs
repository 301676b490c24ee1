//! The door's clock: boot time, so that the seconds of its signals go on evenly when the wall
//! clock steps (S18).

use rustix::time::{ClockId, clock_gettime};

/// The second since boot, suspend included (`CLOCK_BOOTTIME`).
pub(crate) fn boot_second() -> u64 {
    u64::try_from(clock_gettime(ClockId::Boottime).tv_sec).unwrap_or(0)
}
