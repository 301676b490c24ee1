//! The door's clock: boot time, so that the seconds of its signals go on evenly when the wall
//! clock steps (S18).

use rustix::time::{ClockId, clock_gettime};

/// The second since boot, suspend included (`CLOCK_BOOTTIME`).
pub(crate) fn boot_second() -> u64 {
    u64::try_from(clock_gettime(ClockId::Boottime).tv_sec).unwrap_or(0)
}

/// Milliseconds since boot, by the same clock.
pub(crate) fn boot_ms() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1000) + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000
}

/// Which boot it is; it cannot change while a process lives. Empty where nobody can tell.
pub(crate) fn boot_id() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    text.unwrap_or_default().trim().to_owned()
}
