//! Flagger: fixed limits on the new version alone, looked at every minute.

use super::{Minute, Rival};

/// Share of requests that must not fail, in percent.
const SUCCESS_PERCENT: f64 = 99.0;
/// What the 99th percentile may be, in milliseconds.
const P99_MS: f64 = 500.0;

/// Its metrics `request-success-rate` and `request-duration` with the limits of its documentation,
/// over one minute. A failed check is never forgotten; the rollback comes with the tick after the
/// one that reached the threshold.
#[derive(Debug, Clone)]
pub(super) struct Flagger {
    threshold: u32,
    failed: u32,
}

impl Flagger {
    pub(super) fn new(threshold: u32) -> Self {
        Self { threshold, failed: 0 }
    }
}

impl Rival for Flagger {
    fn decides(&mut self, minutes: &[Minute]) -> bool {
        if self.failed >= self.threshold {
            return true;
        }
        let good = minutes.last().is_some_and(|minute| {
            // No number is a failed check.
            minute.canary.failed_percent().is_some_and(|failed| 100.0 - failed >= SUCCESS_PERCENT)
                && minute.canary.quantile_ms(0.99).is_some_and(|p99| p99 <= P99_MS)
        });
        self.failed += u32::from(!good);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minute of the rollback, if all minutes are like these, one after the other.
    fn decision(threshold: u32, minutes: &[Minute]) -> Option<usize> {
        let mut flagger = Flagger::new(threshold);
        (1..=minutes.len()).find(|end| flagger.decides(&minutes[..*end]))
    }

    fn minute(requests: u64, errors: u64) -> Minute {
        Minute::of((requests, errors, 132), (900, 0, 132))
    }

    #[test]
    fn it_goes_back_one_tick_after_the_threshold() {
        let bad = vec![minute(100, 2); 30];
        assert_eq!((decision(5, &bad), decision(1, &bad)), (Some(6), Some(2)));
        assert_eq!(decision(5, &vec![minute(100, 1); 30]), None, "99 % is enough");
    }

    #[test]
    fn a_good_check_forgives_nothing_and_no_traffic_is_a_failed_check() {
        let turns: Vec<_> =
            (0..30).map(|at| minute(100, if at % 3 == 0 { 5 } else { 0 })).collect();
        assert_eq!(decision(5, &turns), Some(14));
        assert_eq!(decision(5, &vec![minute(0, 0); 30]), Some(6));
    }

    #[test]
    fn the_99th_percentile_has_a_fixed_limit() {
        let slow = |bucket| vec![Minute::of((100, 0, bucket), (900, 0, 132)); 30];
        assert_eq!(decision(5, &slow(152)), Some(6));
        assert_eq!(decision(5, &slow(150)), None);
    }
}
