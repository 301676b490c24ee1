//! How well a version behaves: what each request meets.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::config::ShopConfig;
use crate::{clock::US_PER_MS, random::Dice};

/// Standard deviation of the logarithm of the latency.
const SIGMA: f64 = 0.5;
/// Longest latency that is drawn, in milliseconds.
const LATENCY_MS_MAX: f64 = 30_000.0;

/// What one request meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fate {
    /// Whether it fails with 500.
    pub(super) fails: bool,
    /// How long the answer takes, in microseconds.
    pub(super) latency_us: u64,
}

/// Decides what each user's request meets, by the configuration and by chance.
#[derive(Debug)]
pub(super) struct Conduct {
    error_share: f64,
    slowness: f64,
    onset_us: u64,
    base_latency_ms: f64,
    first_request_us: OnceLock<u64>,
    dice: Mutex<Dice>,
}

impl Conduct {
    pub(super) fn new(config: &ShopConfig, dice: Dice) -> Self {
        Self {
            error_share: config.error_share,
            slowness: config.slowness,
            onset_us: (config.onset_seconds * 1e6) as u64,
            base_latency_ms: config.base_latency_ms,
            first_request_us: OnceLock::new(),
            dice: Mutex::new(dice),
        }
    }

    /// What a request meets that came at boot time `now_us`. The first call starts the clock of
    /// the onset.
    pub(super) fn meet(&self, now_us: u64) -> Fate {
        let first = *self.first_request_us.get_or_init(|| now_us);
        let troubled = now_us.saturating_sub(first) >= self.onset_us;
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        let chance = dice.share();
        let spread = (SIGMA * dice.normal()).exp();
        let slowness = if troubled { self.slowness } else { 1.0 };
        let latency_ms = (self.base_latency_ms * spread * slowness).min(LATENCY_MS_MAX);
        Fate {
            fails: troubled && chance < self.error_share,
            latency_us: (latency_ms * US_PER_MS as f64) as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn bad(onset_seconds: f64) -> Conduct {
        let config = ShopConfig {
            error_share: 0.1,
            slowness: 2.0,
            onset_seconds,
            ..ShopConfig::healthy("v9")
        };
        Conduct::new(&config, Dice::from_seed(11))
    }

    fn meet(conduct: &Conduct, at: u64, times: usize) -> (f64, f64) {
        let fates: Vec<Fate> = (0..times).map(|_| conduct.meet(at)).collect();
        let failed = fates.iter().filter(|fate| fate.fails).count() as f64 / times as f64;
        let mut latencies: Vec<u64> = fates.iter().map(|fate| fate.latency_us).collect();
        latencies.sort_unstable();
        (failed, latencies[times / 2] as f64 / 1e3)
    }

    #[test]
    fn trouble_begins_at_the_onset_counted_from_the_first_request() {
        let conduct = bad(7.0);
        let first = 1_000 * SECOND;
        let (failed, median) = meet(&conduct, first, 20_000);
        assert!(failed == 0.0 && (median - 2.0).abs() < 0.1, "{failed} {median}");
        let (failed, median) = meet(&conduct, first + 7 * SECOND - 1, 20_000);
        assert!(failed == 0.0 && (median - 2.0).abs() < 0.1, "{failed} {median}");
        let (failed, median) = meet(&conduct, first + 7 * SECOND, 20_000);
        assert!((failed - 0.1).abs() < 0.01, "{failed}");
        assert!((median - 4.0).abs() < 0.2, "{median}");
    }

    #[test]
    fn without_onset_the_first_request_may_fail() {
        let (failed, median) = meet(&bad(0.0), 5, 20_000);
        assert!((failed - 0.1).abs() < 0.01 && (median - 4.0).abs() < 0.2, "{failed} {median}");
    }

    #[test]
    fn a_base_of_zero_answers_at_once() {
        let config = ShopConfig { base_latency_ms: 0.0, ..ShopConfig::healthy("v1") };
        let conduct = Conduct::new(&config, Dice::from_seed(1));
        assert_eq!(conduct.meet(1), Fate { fails: false, latency_us: 0 });
    }
}
