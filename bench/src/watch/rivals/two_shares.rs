//! The textbook test of two shares, once at the end or, wrongly, every minute.

use super::{Minute, Rival};

/// One-sided normal quantile of 1 %.
const CRITICAL: f64 = 2.326_347_874;
/// The tolerance that ours has: factor and addition.
const TOLERANCE: (f64, f64) = (1.1, 0.0005);

/// Failed requests of the new version against 1.1 times those of the old one and 0.05 percentage
/// points; variances as they are exactly on that tolerance.
#[derive(Debug, Clone)]
pub(super) struct TwoShares {
    /// The minutes at whose end it looks.
    looks: std::ops::RangeInclusive<usize>,
}

impl TwoShares {
    pub(super) fn new(looks: std::ops::RangeInclusive<usize>) -> Self {
        Self { looks }
    }
}

impl Rival for TwoShares {
    fn decides(&mut self, minutes: &[Minute]) -> bool {
        if !self.looks.contains(&minutes.len()) {
            return false;
        }
        let mut sums = [(0, 0); 2];
        for minute in minutes {
            for (sum, side) in sums.iter_mut().zip([&minute.canary, &minute.control]) {
                let (requests, errors) = side.counts();
                *sum = (sum.0 + requests, sum.1 + errors);
            }
        }
        let [(n_c, x_c), (n_b, x_b)] = sums.map(|(n, x): (u64, u64)| (n as f64, x as f64));
        if n_c <= 0.0 || n_b <= 0.0 {
            return false;
        }
        let (rho, delta) = TOLERANCE;
        let p_b = x_b / n_b;
        let allowed = (rho * p_b + delta).min(1.0);
        let variance = allowed * (1.0 - allowed) / n_c + rho * rho * p_b * (1.0 - p_b) / n_b;
        (x_c / n_c - allowed) > CRITICAL * variance.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(mut test: TwoShares, minute: &Minute) -> Option<usize> {
        let minutes = vec![minute.clone(); 30];
        (1..=minutes.len()).find(|end| test.decides(&minutes[..*end]))
    }

    #[test]
    fn it_decides_only_when_it_looks() {
        let bad = Minute::of((300, 30, 132), (2_700, 10, 132));
        assert_eq!(decision(TwoShares::new(30..=30), &bad), Some(30));
        assert_eq!(decision(TwoShares::new(1..=30), &bad), Some(1));
    }

    #[test]
    fn what_is_within_the_tolerance_or_unseen_stays() {
        for minute in [
            Minute::of((300, 1, 132), (2_700, 9, 132)),
            Minute::of((0, 0, 132), (2_700, 9, 132)),
            Minute::of((300, 300, 132), (0, 0, 132)),
        ] {
            assert_eq!(decision(TwoShares::new(1..=30), &minute), None);
        }
    }
}
