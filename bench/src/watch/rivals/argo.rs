//! Argo Rollouts: measurements of the new version alone against a fixed limit.

use super::{Minute, Rival};

/// An analysis with a success condition on the share of requests that do not fail. It fails with
/// more failed measurements than the limit. The documentation's query takes `irate`, that is the
/// last two scrapes; this one takes the whole interval, which is steadier.
#[derive(Debug, Clone)]
pub(super) struct Argo {
    /// Minutes of one measurement.
    interval: usize,
    /// Least share of good requests.
    success: f64,
    /// Failed measurements that are still allowed.
    limit: u32,
    failed: u32,
}

impl Argo {
    pub(super) fn new(interval: usize, success: f64, limit: u32) -> Self {
        Self { interval, success, limit, failed: 0 }
    }
}

impl Rival for Argo {
    fn decides(&mut self, minutes: &[Minute]) -> bool {
        if !minutes.len().is_multiple_of(self.interval) {
            return false;
        }
        let measured = &minutes[minutes.len() - self.interval..];
        let (requests, errors) = measured.iter().fold((0, 0), |(requests, errors), minute| {
            let (more, failed) = minute.canary.counts();
            (requests + more, errors + failed)
        });
        // Without requests the query answers NaN, which meets no condition.
        let good = 1.0 - errors as f64 / requests as f64 >= self.success;
        self.failed += u32::from(!good);
        self.failed > self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(mut argo: Argo, minute: &Minute) -> Option<usize> {
        let minutes = vec![minute.clone(); 30];
        (1..=minutes.len()).find(|end| argo.decides(&minutes[..*end]))
    }

    #[test]
    fn a_limit_of_three_is_broken_by_the_fourth_failed_measurement() {
        let bad = Minute::of((100, 10, 132), (900, 0, 132));
        assert_eq!(decision(Argo::new(1, 0.99, 3), &bad), Some(4));
        assert_eq!(decision(Argo::new(5, 0.95, 3), &bad), Some(20));
        assert_eq!(decision(Argo::new(1, 0.99, 0), &bad), Some(1), "the default limit");
    }

    #[test]
    fn what_meets_the_condition_stays_and_no_number_does_not() {
        let fair = Minute::of((100, 1, 132), (900, 0, 132));
        assert_eq!(decision(Argo::new(1, 0.99, 3), &fair), None);
        let idle = Minute::of((0, 0, 132), (900, 0, 132));
        assert_eq!(decision(Argo::new(1, 0.99, 3), &idle), Some(4));
    }
}
