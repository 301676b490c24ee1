//! One minute of both versions, as a metric store would tell it.

use ops_core::signal::{Arm, LATENCY_BUCKETS, latency_edge_micros};

use crate::watch::traffic::{Both, Seen};

/// One version's minute.
#[derive(Debug, Clone)]
pub(in super::super) struct Side {
    requests: u64,
    errors: u64,
    latency: Box<[u64; LATENCY_BUCKETS]>,
    /// Sum and number of readings.
    memory: (f64, u64),
}

impl Default for Side {
    fn default() -> Self {
        Self { requests: 0, errors: 0, latency: Box::new([0; LATENCY_BUCKETS]), memory: (0.0, 0) }
    }
}

impl Side {
    fn add(&mut self, arm: &Arm, memory: Option<f64>) {
        self.requests += arm.requests;
        self.errors += arm.errors();
        for (bucket, count) in &arm.latency {
            self.latency[usize::from(*bucket)] += count;
        }
        if let Some(memory) = memory {
            self.memory = (self.memory.0 + memory, self.memory.1 + 1);
        }
    }

    /// Requests, and failed ones.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.requests, self.errors)
    }

    /// Failed requests in percent; `None` without requests.
    pub(super) fn failed_percent(&self) -> Option<f64> {
        (self.requests > 0).then(|| 100.0 * self.errors as f64 / self.requests as f64)
    }

    /// A quantile in milliseconds, between the edges of its bucket as `histogram_quantile` of
    /// Prometheus takes it; `None` without requests.
    pub(super) fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        let all: u64 = self.latency.iter().sum();
        let rank = quantile * all as f64;
        let mut below = 0.0;
        for (bucket, count) in (0..).zip(self.latency.iter()).filter(|(_, count)| **count > 0) {
            let count = *count as f64;
            if below + count >= rank {
                let (low, high) = (latency_edge_micros(bucket), latency_edge_micros(bucket + 1));
                return Some((low + (high - low) * (rank - below) / count) / 1e3);
            }
            below += count;
        }
        None
    }

    /// Mean of the readings of memory.
    pub(super) fn memory(&self) -> Option<f64> {
        (self.memory.1 > 0).then(|| self.memory.0 / self.memory.1 as f64)
    }
}

/// One minute.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Minute {
    pub(super) canary: Side,
    pub(super) control: Side,
}

impl Minute {
    pub(in super::super) fn add(&mut self, seen: &Seen) {
        let Both { canary, control } = &seen.arms;
        self.canary.add(canary, seen.usage.map(|usage| usage.memory.canary));
        self.control.add(control, seen.usage.map(|usage| usage.memory.control));
    }
}

#[cfg(test)]
impl Minute {
    /// Both versions, each with requests, failed ones, and the bucket of their latency.
    pub(super) fn of(canary: (u64, u64, u16), control: (u64, u64, u16)) -> Self {
        let side = |(requests, errors, bucket): (u64, u64, u16)| {
            let mut side = Side { requests, errors, ..Side::default() };
            side.latency[usize::from(bucket)] = requests;
            side
        };
        Self { canary: side(canary), control: side(control) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_within_their_bucket() {
        let side = Minute::of((100, 2, 132), (0, 0, 0)).canary;
        let (low, high) = (latency_edge_micros(132) / 1e3, latency_edge_micros(133) / 1e3);
        assert!((side.quantile_ms(0.5).unwrap() - f64::midpoint(low, high)).abs() < 1e-9);
        assert!((side.quantile_ms(1.0).unwrap() - high).abs() < 1e-9);
        assert!((side.failed_percent().unwrap() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_seen_is_no_number() {
        let side = Side::default();
        assert_eq!(
            (side.quantile_ms(0.99), side.failed_percent(), side.memory()),
            (None, None, None)
        );
    }
}
