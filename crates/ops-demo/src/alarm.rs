//! Waiting with microsecond aim.
//!
//! The timers of tokio tick in milliseconds. A latency of two milliseconds would be blurred by up
//! to half of itself, and departures of a load at 3000 requests per second would come in clumps.
//! A kernel timer behind a file descriptor wakes when asked, without spinning.

use std::{io, os::fd::OwnedFd};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::{Interest, unix::AsyncFd};

/// One kernel timer. It serves one wait at a time; a wait that is dropped leaves no trace in the
/// next one.
#[derive(Debug)]
pub(crate) struct Alarm {
    timer: AsyncFd<OwnedFd>,
}

impl Alarm {
    /// Makes a timer and registers it with the tokio runtime of the calling context.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Boottime, flags)?;
        #[expect(
            deprecated,
            reason = "unsound only for types that change their descriptor, which OwnedFd cannot; \
                      the successor is an unsafe function"
        )]
        let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
        Ok(Self { timer })
    }

    /// Waits until the boot time `boot_us`, in microseconds. A time in the past ends at once.
    pub(crate) async fn until(&self, boot_us: u64) -> io::Result<()> {
        // A value of zero would disarm the timer instead of firing it.
        let boot_us = boot_us.max(1);
        let at = Timespec {
            tv_sec: (boot_us / 1_000_000) as i64,
            tv_nsec: (boot_us % 1_000_000 * 1_000) as i64,
        };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: at };
        timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::ABSTIME, &once)?;
        loop {
            let mut ready = self.timer.readable().await?;
            let mut expirations = [0_u8; 8];
            // Arming the timer has forgotten earlier expirations, so a read that succeeds is ours.
            match rustix::io::read(self.timer.get_ref(), &mut expirations) {
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::AGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::clock::boot_us;

    #[tokio::test]
    async fn never_wakes_early_even_after_a_wait_was_dropped() {
        let alarm = Alarm::new().unwrap();
        alarm.until(boot_us() + 100).await.unwrap();
        for wait in [300, 600_000_000] {
            // Whether the short one has ended by now does not matter: it must not be seen below.
            let _ = timeout(Duration::ZERO, alarm.until(boot_us() + wait)).await;
        }
        for wait in [1, 300, 1_500, 4_000] {
            let end = boot_us() + wait;
            alarm.until(end).await.unwrap();
            assert!(boot_us() >= end, "woke before the end of {wait} µs");
        }
    }

    #[tokio::test]
    async fn a_time_in_the_past_ends_at_once() {
        let alarm = Alarm::new().unwrap();
        alarm.until(0).await.unwrap();
        alarm.until(boot_us() - 1).await.unwrap();
    }
}
