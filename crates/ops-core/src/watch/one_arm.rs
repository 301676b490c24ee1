//! The new version alone, against a fixed limit.

use serde::{Deserialize, Serialize};

use super::{BETS, Portfolio, block::at_least_one};

/// An e-process for H0: the rate of an event never exceeds `p0`.
///
/// Without a control it cannot tell the version's fault from a fault of what it depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OneArm {
    p0: f64,
    d: f64,
    portfolio: Portfolio,
}

impl OneArm {
    /// A stream that begins at second 0: the limit as a share of requests, and the overdispersion.
    pub fn new(p0: f64, d: f64) -> Self {
        let p0 = if p0.is_finite() { p0.clamp(1e-9, 1.0 - 1e-9) } else { 1.0 - 1e-9 };
        Self { p0, d: at_least_one(d), portfolio: Portfolio::new(BETS.len(), true) }
    }

    /// Forgets all evidence.
    pub fn restart(&mut self) {
        *self = Self::new(self.p0, self.d);
    }

    /// The limit, as a share of requests.
    pub fn limit(&self) -> f64 {
        self.p0
    }

    /// Takes the requests and events of the interval that ended at second `t`.
    pub fn feed(&mut self, t: u64, requests: u64, events: u64) {
        if requests == 0 {
            return;
        }
        let (n, x) = (requests as f64, events.min(requests) as f64);
        let factors =
            BETS.map(|u| x * (u / self.p0 * (1.0 - self.p0)).ln_1p() + (n - x) * (-u).ln_1p());
        self.portfolio.play(t, self.d, factors);
    }

    /// Natural logarithm of the evidence.
    pub fn log_e(&self) -> f64 {
        self.portfolio.log_e()
    }
}
