//! What the two-arm streams share: when a block ends, and what to expect of the control.

use serde::{Deserialize, Serialize};

/// Requests of the new version that complete a block.
const ENOUGH: u64 = 5;
/// Seconds after which a block ends even with fewer.
const MAX_AGE: u64 = 10;
/// Half-life of what is remembered of the control, in seconds.
const HALF_LIFE: f64 = 120.0;
/// A rate stays this far away from 0 and 1.
const RATE_MARGIN: f64 = 1e-9;

/// Decides when a block ends, from numbers of requests and time alone, never from what happened to
/// the requests: a block that ended because of its errors would not be a fair bet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BlockClock {
    /// End of the first second of the block that had a request.
    began: Option<u64>,
}

impl BlockClock {
    /// Notes a second with requests and says whether the block ends with it.
    pub(super) fn ends(&mut self, t: u64, canary: u64, control: u64) -> bool {
        if canary == 0 && control == 0 {
            return false;
        }
        let age = t.saturating_sub(*self.began.get_or_insert(t));
        control > 0 && (canary >= ENOUGH || age >= MAX_AGE)
    }
}

/// The control's rate of events, remembered with a half-life of two minutes.
///
/// It is a guess that must only be *predictable*, made before the block is seen; a bad guess costs
/// speed, never validity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ControlRate {
    events: f64,
    requests: f64,
    last: u64,
    prior: f64,
}

impl ControlRate {
    pub(super) fn new(prior: f64) -> Self {
        let prior = if prior.is_finite() { prior } else { 0.01 };
        let prior = prior.clamp(RATE_MARGIN, 1.0 - RATE_MARGIN);
        Self { events: 0.0, requests: 0.0, last: 0, prior }
    }

    /// The guess for a block that ends at second `t`.
    pub(super) fn guess(&self, t: u64) -> f64 {
        let keep = self.keep(t);
        let rate = (self.events * keep + 1.0) / (self.requests * keep + 1.0 / self.prior);
        rate.clamp(RATE_MARGIN, 1.0 - RATE_MARGIN)
    }

    /// Remembers a finished block.
    pub(super) fn learn(&mut self, t: u64, events: f64, requests: u64) {
        let keep = self.keep(t);
        self.events = self.events * keep + events;
        self.requests = self.requests * keep + requests as f64;
        self.last = t;
    }

    fn keep(&self, t: u64) -> f64 {
        (-(t.saturating_sub(self.last) as f64) / HALF_LIFE).exp2()
    }
}

/// The largest bet on the canary that can never lose everything: both of its limits.
pub(super) fn largest_bet(own_limit: f64, canary: u64, control: u64, rho: f64, margin: f64) -> f64 {
    own_limit.min(control as f64 / (rho * canary as f64 * margin))
}

/// Overdispersion must be a number of at least 1; anything else means 1.
pub(super) fn at_least_one(d: f64) -> f64 {
    if d.is_finite() { d.max(1.0) } else { 1.0 }
}
