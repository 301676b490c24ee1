//! Boot time, the clock that journal times use.

use ops_core::time::BootMs;
use rustix::time::{ClockId, clock_gettime};

/// Microseconds in a millisecond.
pub(crate) const US_PER_MS: u64 = 1_000;

/// Microseconds since boot, suspend included (`CLOCK_BOOTTIME`).
pub(crate) fn boot_us() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1_000
}

/// The millisecond in which a microsecond lies.
pub(crate) fn to_ms(boot_us: u64) -> BootMs {
    boot_us / US_PER_MS
}
