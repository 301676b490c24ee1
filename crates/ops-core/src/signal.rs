//! What the door saw, second by second.

use serde::{Deserialize, Serialize};

use crate::id::ReleaseId;

/// Number of buckets of a [`Latency`] histogram: factor 2^(1/8) from 1 µs to more than 1 h.
pub const LATENCY_BUCKETS: usize = 254;

/// The bucket of a latency: `floor(8 log2 v)` for v in microseconds, clamped to the histogram.
pub fn latency_bucket(micros: u64) -> u16 {
    if micros <= 1 {
        return 0;
    }
    let index = (8.0 * (micros as f64).log2()).floor() as u16;
    index.min(LATENCY_BUCKETS as u16 - 1)
}

/// Lower edge of a bucket in microseconds.
pub fn latency_edge_micros(bucket: u16) -> f64 {
    (f64::from(bucket) / 8.0).exp2()
}

/// A sparse latency histogram: pairs of bucket and count, buckets ascending, no zero counts.
pub type Latency = Vec<(u16, u64)>;

/// One release's traffic during one second, as users met it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arm {
    /// Completed requests, those that failed to connect or timed out included.
    pub requests: u64,
    /// Answers 200 to 299 and 1xx upgrades.
    pub s2xx: u64,
    /// Answers 300 to 399.
    pub s3xx: u64,
    /// Answers 400 to 499.
    pub s4xx: u64,
    /// Answers 500 to 599 that the service itself gave.
    pub s5xx: u64,
    /// Connections that failed or broke before an answer; counted against the release they were meant for.
    pub connect: u64,
    /// Requests that the service did not answer in time.
    pub timeout: u64,
    /// Requests that waited at the door.
    pub held: u64,
    /// Latency of the completed requests, from the last byte of the request header to the first
    /// byte of the answer.
    pub latency: Latency,
}

impl Arm {
    /// Requests that failed for the user: 5xx, broken connections, time-outs.
    pub fn errors(&self) -> u64 {
        self.s5xx + self.connect + self.timeout
    }

    /// Adds another arm's counts to this one.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.s2xx += other.s2xx;
        self.s3xx += other.s3xx;
        self.s4xx += other.s4xx;
        self.s5xx += other.s5xx;
        self.connect += other.connect;
        self.timeout += other.timeout;
        self.held += other.held;
        let mut dense = std::collections::BTreeMap::new();
        for (bucket, count) in self.latency.iter().chain(&other.latency) {
            *dense.entry(*bucket).or_insert(0) += count;
        }
        self.latency = dense.into_iter().collect();
    }
}

/// What the door saw of one service during one whole second.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalSecond {
    /// The second since boot, by the door's clock (`CLOCK_BOOTTIME`).
    pub second: u64,
    /// Traffic per release. A release that had no request is absent.
    pub arms: Vec<(ReleaseId, Arm)>,
    /// Requests that no release could be given: 503 at the door (hold full or over, no backend).
    pub refused: u64,
    /// Weight per release, in percent, that held during the whole second; empty if it changed.
    pub weights: Vec<(ReleaseId, u8)>,
}

impl SignalSecond {
    /// One release's traffic in this second.
    pub fn arm(&self, release: &ReleaseId) -> Option<&Arm> {
        self.arms.iter().find(|(id, _)| id == release).map(|(_, arm)| arm)
    }
}
