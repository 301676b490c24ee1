//! The clocks of this machine. The one place where ops reads them.

use ops_core::{
    time::{BootId, Now},
    world::Fault,
};
use ops_engine::ports::Clock;
use rustix::time::{ClockId, clock_gettime};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Reads the boot clock, suspend included, and the wall clock.
#[derive(Debug, Clone)]
pub struct SystemClock {
    boot: BootId,
}

impl SystemClock {
    /// Learns which boot this is. It cannot change while this process lives.
    pub fn new() -> Result<Self, Fault> {
        let next = "mount /proc; without the boot's id no wait can be trusted after a restart";
        let text = std::fs::read_to_string(BOOT_ID)
            .map_err(|e| Fault::new(format!("cannot read the boot's id: {e}"), BOOT_ID, next))?;
        let id = text.trim();
        if id.is_empty() {
            return Err(Fault::new("the boot's id is empty", BOOT_ID, next));
        }
        Ok(Self { boot: BootId(id.to_owned()) })
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let millis = u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000;
        Now {
            boot: self.boot.clone(),
            ms: seconds.saturating_mul(1000).saturating_add(millis),
            wall: wall(),
        }
    }
}

/// The wall clock, to compare with dates that others have written down.
pub(crate) fn wall() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s18_it_counts_from_boot_and_never_back() {
        let clock = SystemClock::new().unwrap();
        let first = clock.now();
        assert_eq!(first.boot.0.len(), 36, "a UUID: {}", first.boot.0);
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        // The kernel rounds its text down to hundredths of a second.
        assert!(first.ms <= (uptime * 1000.0) as u64 + 10, "{} > {uptime} s", first.ms);
        let mut last = first;
        for _ in 0..1000 {
            let now = clock.now();
            assert!(now.ms >= last.ms && now.boot == last.boot);
            last = now;
        }
        assert_eq!(SystemClock::new().unwrap().now().boot, last.boot);
    }
}
