//! Passive health: a replica that keeps failing is left out for a while.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Failures in a row until a replica is left out.
const MAX_FAILURES: u32 = 5;

/// For how long it is left out at first; doubled each time in a row.
const OUT_FOR: Duration = Duration::from_secs(10);

/// How often that is doubled at most.
const MAX_DOUBLED: u32 = 3;

/// Milliseconds on a clock that begins with the process.
fn now_ms() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGAN.elapsed().as_millis() as u64
}

/// What is known of a replica's health from the requests it got.
#[derive(Debug, Default)]
pub(super) struct Health {
    failures: AtomicU32,
    times_out: AtomicU32,
    /// On the clock above; 0 if it is not left out.
    out_until_ms: AtomicU64,
}

impl Health {
    /// Whether it is left out now.
    pub(super) fn is_out(&self) -> bool {
        let until = self.out_until_ms.load(Ordering::Relaxed);
        until != 0 && now_ms() < until
    }

    pub(super) fn succeeded(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        if self.times_out.load(Ordering::Relaxed) != 0 {
            self.times_out.store(0, Ordering::Relaxed);
            self.out_until_ms.store(0, Ordering::Relaxed);
        }
    }

    /// Notes a failure; true if it is left out from now on.
    pub(super) fn failed(&self) -> bool {
        if self.failures.fetch_add(1, Ordering::Relaxed) + 1 < MAX_FAILURES {
            return false;
        }
        self.failures.store(0, Ordering::Relaxed);
        let doubled = self.times_out.fetch_add(1, Ordering::Relaxed).min(MAX_DOUBLED);
        let until = now_ms() + (OUT_FOR.as_millis() as u64) * (1 << doubled);
        self.out_until_ms.store(until, Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_in_a_row_leave_it_out_and_a_success_brings_it_back() {
        let health = Health::default();
        for _ in 0..4 {
            assert!(!health.failed());
        }
        health.succeeded();
        for _ in 0..4 {
            assert!(!health.failed());
        }
        assert!(!health.is_out());
        assert!(health.failed());
        assert!(health.is_out());
        health.succeeded();
        assert!(!health.is_out());
    }
}
