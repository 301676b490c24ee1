//! A new version that stops answering: its share of completed requests against its weight.

use serde::{Deserialize, Serialize};

use super::{Portfolio, block::at_least_one};

/// The bets: by which factor the canary's share has fallen.
const SHARES: [f64; 5] = [0.9, 0.75, 0.5, 0.25, 0.05];

/// An e-process for H0: the canary completes at least `1 - tolerance` of its share of requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    tolerance: f64,
    d: f64,
    portfolio: Portfolio,
}

impl Silence {
    /// A stream that begins at second 0; the usual tolerance is 0.2.
    pub fn new(tolerance: f64) -> Self {
        Self::clustered(tolerance, 1.0)
    }

    /// The same, where requests come in groups of at most `d` that go to one version together.
    pub fn clustered(tolerance: f64, d: f64) -> Self {
        let tolerance = if tolerance.is_finite() { tolerance.clamp(0.0, 1.0) } else { 0.2 };
        Self { tolerance, d: at_least_one(d), portfolio: Portfolio::new(SHARES.len(), true) }
    }

    /// Takes the completed requests of the interval that ended at second `t`, during which the
    /// canary had the given weight (0 to 1).
    pub fn feed(&mut self, t: u64, weight: f64, canary: u64, control: u64) {
        let expected = (1.0 - self.tolerance) * weight;
        if !(expected > 0.0 && expected < 1.0) || (canary == 0 && control == 0) {
            return;
        }
        let log_rest = (-expected).ln_1p();
        let factors = SHARES.map(|q| {
            canary as f64 * q.ln() + control as f64 * ((-q * expected).ln_1p() - log_rest)
        });
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
    fn a_weight_without_meaning_is_no_evidence() {
        let mut stream = Silence::new(f64::NAN);
        for weight in [0.0, -1.0, f64::NAN, f64::INFINITY, 2.0] {
            stream.feed(1, weight, 0, 50);
        }
        assert!(stream.log_e().abs() < 1e-12);
    }
}
