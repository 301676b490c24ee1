//! When something passed last, told from one task to another.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// When something passed last; at first, when it began.
pub(super) struct Moved {
    began: Instant,
    /// Milliseconds from `began`.
    last_ms: AtomicU64,
}

impl Moved {
    pub(super) fn begin() -> Self {
        Self { began: Instant::now(), last_ms: AtomicU64::new(0) }
    }

    /// Something passes now.
    pub(super) fn now(&self) {
        self.last_ms.store(self.began.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// When that was last.
    pub(super) fn last(&self) -> Instant {
        self.began + Duration::from_millis(self.last_ms.load(Ordering::Relaxed))
    }
}
