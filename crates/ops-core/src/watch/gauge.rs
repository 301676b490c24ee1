//! New version against old version, by a level that both have at the same moment.

use serde::{Deserialize, Serialize};

use super::Portfolio;

/// The bets, as fractions of the wealth.
const STAKES: [f64; 5] = [0.1, 0.25, 0.5, 0.75, 0.9];
/// By how much the ratio must be beyond the tolerance until a reading counts fully.
const SCALE: f64 = 0.1;

/// An e-process for H0: whatever was seen before, the ratio of the two levels is expected to be at
/// most `1 + tolerance` (`watch.md` §3.7). The tolerance must exceed the spread between machines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gauge {
    tolerance: f64,
    portfolio: Portfolio,
}

impl Gauge {
    /// A stream that begins at second 0; the usual tolerance is 0.25.
    pub fn new(tolerance: f64) -> Self {
        let tolerance = if tolerance.is_finite() { tolerance.max(0.0) } else { 0.25 };
        Self { tolerance, portfolio: Portfolio::new(STAKES.len(), true) }
    }

    /// Takes one reading of both levels at second `t`. Without a positive level of the old version
    /// there is no ratio, and what is no number is no evidence.
    pub fn feed(&mut self, t: u64, canary: f64, control: f64) {
        let ratio = canary / control;
        if !control.is_finite() || control <= 0.0 || canary < 0.0 || !ratio.is_finite() {
            return;
        }
        let beyond = ((ratio - (1.0 + self.tolerance)) / SCALE).clamp(-1.0, 1.0);
        self.portfolio.play(t, 1.0, STAKES.map(|stake| (stake * beyond).ln_1p()));
    }

    /// By which share the new version may be above the old one.
    pub fn tolerance(&self) -> f64 {
        self.tolerance
    }

    /// Natural logarithm of the evidence.
    pub fn log_e(&self) -> f64 {
        self.portfolio.log_e()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn evidence_is_always_a_number(
            tolerance in prop_oneof![Just(f64::NAN), -1.0..3.0f64],
            readings in prop::collection::vec((0..900u64, any::<f64>(), any::<f64>()), 0..60),
        ) {
            let mut stream = Gauge::new(tolerance);
            for (t, canary, control) in readings {
                stream.feed(t, canary, control);
                prop_assert!(stream.log_e().is_finite());
            }
        }
    }

    #[test]
    fn what_has_no_ratio_is_no_evidence() {
        let mut stream = Gauge::new(0.25);
        for (canary, control) in [(1.0, 0.0), (f64::NAN, 1.0), (1.0, f64::INFINITY), (-1.0, 1.0)] {
            stream.feed(1, canary, control);
        }
        assert!(stream.log_e().abs() < 1e-12);
    }
}
