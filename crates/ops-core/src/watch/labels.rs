//! Which version events come from, where only events are counted and not what went well.

use serde::{Deserialize, Serialize};

use super::{BETS, Portfolio, block::at_least_one};

/// An e-process for H0: per unit of exposure, such as a request, the new version causes at most
/// `factor` times as many events as the old one.
///
/// Of all events of an interval each is the new version's with a chance of at most
/// `factor e_c / (factor e_c + e_b)` then, whatever drives their number (Lindon and Malek 2022).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Labels {
    factor: f64,
    d: f64,
    portfolio: Portfolio,
}

impl Labels {
    /// A stream that begins at second 0: the tolerated factor and the overdispersion.
    pub fn new(factor: f64, d: f64) -> Self {
        let factor = if factor.is_finite() { factor.max(1.0) } else { 1.0 };
        Self { factor, d: at_least_one(d), portfolio: Portfolio::new(BETS.len(), true) }
    }

    /// Takes events and exposure of both versions in the interval that ended at second `t`.
    pub fn feed(&mut self, t: u64, canary: (u64, u64), control: (u64, u64)) {
        let ((x_c, e_c), (x_b, e_b)) = (canary, control);
        if (x_c == 0 && x_b == 0) || e_c == 0 || e_b == 0 {
            return;
        }
        let tolerated = self.factor * e_c as f64;
        let share = tolerated / (tolerated + e_b as f64);
        let gain = 1.0 / share - 1.0;
        let factors = BETS.map(|u| x_c as f64 * (u * gain).ln_1p() + x_b as f64 * (-u).ln_1p());
        self.portfolio.play(t, self.d, factors);
    }

    /// Natural logarithm of the evidence.
    pub fn log_e(&self) -> f64 {
        self.portfolio.log_e()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_factor_is_at_most_one_at_the_tolerance() {
        // One event, at exposures 10 and 90: its label is the only chance.
        for factor in [1.0, 2.0, 5.0] {
            let chance = factor * 10.0 / (factor * 10.0 + 90.0);
            let after = |canary| {
                let mut stream = Labels::new(factor, 1.0);
                stream.feed(1, (canary, 10), (1 - canary, 90));
                stream.log_e().exp()
            };
            let expected = chance * after(1) + (1.0 - chance) * after(0);
            assert!((expected - 1.0).abs() < 1e-9, "{expected}");
        }
    }

    #[test]
    fn events_of_one_version_alone_are_found_and_shared_ones_are_not() {
        let (mut own, mut shared) = (Labels::new(2.0, 5.0), Labels::new(2.0, 5.0));
        for t in 1..60 {
            own.feed(t, (2, 10), (0, 90));
            shared.feed(t, (2, 10), (18, 90));
        }
        assert!(own.log_e() > 10.0 && shared.log_e() < 1.0);
        let mut odd = Labels::new(f64::NAN, f64::NAN);
        odd.feed(1, (u64::MAX, 0), (0, 0));
        odd.feed(2, (u64::MAX, u64::MAX), (u64::MAX, 1));
        assert!(odd.log_e().is_finite());
    }
}
