//! How large the difference between the versions is, with bounds that hold at every instant.

use serde::{Deserialize, Serialize};

use super::{Baseline, confidence_sequence};
use crate::{reading::Second, signal::Arm};

/// Confidence of each statement.
const CONFIDENCE: f64 = 0.95;

/// A rate and its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Requests.
    pub requests: u64,
    /// Of these, events.
    pub events: u64,
    /// The lower bound, as a share.
    pub low: f64,
    /// The upper bound, as a share.
    pub high: f64,
}

/// Two rates side by side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Contrast {
    /// The new version.
    pub new: Rate,
    /// The old version over the same seconds.
    pub old: Rate,
    /// Bounds of new minus old, as shares; together 95 %.
    pub difference: (f64, f64),
}

/// Counts of the seconds in which both versions were compared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    d: f64,
    canary: (u64, u64),
    control: (u64, u64),
}

impl Effect {
    pub(super) fn new(baseline: &Baseline) -> Self {
        Self { d: baseline.d_errors, ..Self::default() }
    }

    pub(super) fn feed(&mut self, second: &Second<'_>) {
        if second.share.is_none() {
            return;
        }
        let add = |sum: &mut (u64, u64), arm: &Arm| {
            let (requests, failed) = arm.trials(false);
            sum.0 = sum.0.saturating_add(requests);
            sum.1 = sum.1.saturating_add(failed);
        };
        add(&mut self.canary, second.canary);
        add(&mut self.control, second.control);
    }

    /// Failed requests of both versions. The bounds are of averages over the seconds observed so
    /// far, whatever their rates did meanwhile.
    pub fn errors(&self) -> Contrast {
        // Each version gets half of what may be wrong, so that the difference holds with the whole.
        let half = 1.0 - (1.0 - CONFIDENCE) / 2.0;
        let rate = |(requests, events): (u64, u64)| {
            let (low, high) = confidence_sequence(events, requests, self.d, half);
            Rate { requests, events, low, high }
        };
        let (new, old) = (rate(self.canary), rate(self.control));
        Contrast { new, old, difference: (new.low - old.high, new.high - old.low) }
    }
}
