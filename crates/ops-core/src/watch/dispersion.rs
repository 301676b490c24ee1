//! How much events cluster: one sticky client that fails five times is not five failures.

use serde::{Deserialize, Serialize};

/// Weight of the prior belief that requests are independent, in units of variance.
const PRIOR: f64 = 10.0;

/// Compares neighbouring seconds before the deployment with what independent requests would show.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Dispersion {
    /// Requests, sum and sum of squares of the scores in the last tick.
    last: Option<(u64, f64, f64)>,
    seen: f64,
    expected: f64,
}

impl Dispersion {
    /// Takes one tick: requests, sum of their scores (events, for scores 0 and 1), sum of the
    /// squared scores.
    pub fn tick(&mut self, requests: u64, sum: f64, squares: f64) {
        if let Some((last_n, last_sum, last_squares)) = self.last.replace((requests, sum, squares))
        {
            let (n0, n1) = (last_n as f64, requests as f64);
            let (n, s, q) = (n0 + n1, last_sum + sum, last_squares + squares);
            if n > 1.0 {
                self.seen += (sum - s * n1 / n).powi(2);
                self.expected += n0 * n1 / (n * (n - 1.0)) * (q - s * s / n);
            }
        }
    }

    /// Ticks on both sides of a gap are no neighbours.
    pub fn gap(&mut self) {
        self.last = None;
    }

    /// The overdispersion `d`, at least 1: with `D` the ratio of seen to expected variance,
    /// `2 D - 1` is how large a group of dependent requests must be to show it.
    pub fn d(&self) -> f64 {
        let ratio = (PRIOR + self.seen) / (PRIOR + self.expected.max(0.0));
        (2.0 * ratio - 1.0).max(1.0)
    }
}
