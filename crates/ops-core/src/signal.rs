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

/// Answers 4xx that are counted each by itself.
pub const STATUS_KINDS: [u16; 9] = [400, 401, 403, 404, 408, 409, 413, 422, 429];

/// Seconds after which a client counts as a trial once more: its requests stand or fall together, so
/// within this time it is one trial, however often it asks.
pub const UNIT_AGAIN_SECONDS: u64 = 300;

/// Most clients that one second tells apart, per release.
pub const MAX_UNITS: usize = 16_384;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Adds sparse counts to sparse counts; keys stay ascending.
fn add_sparse(mine: &mut Vec<(u16, u64)>, theirs: &[(u16, u64)]) {
    for (key, count) in theirs {
        match mine.binary_search_by_key(key, |(key, _)| *key) {
            Ok(at) => mine[at].1 = mine[at].1.saturating_add(*count),
            Err(at) => mine.insert(at, (*key, *count)),
        }
    }
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
    /// Of `connect`, those whose connection stood and then broke.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reset: u64,
    /// Times that a request was sent again because this release could not be reached or its
    /// connection broke, also where the user met no failure in the end.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retried: u64,
    /// Bytes of bodies from clients.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes_in: u64,
    /// Bytes of bodies to clients.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes_out: u64,
    /// Answers 4xx by status: those of [`STATUS_KINDS`], ascending, no zero counts. The rest of
    /// `s4xx` are others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<(u16, u64)>,
    /// Clients that asked for the first time in [`UNIT_AGAIN_SECONDS`], where the route knows its
    /// clients again. At most [`MAX_UNITS`] are told apart.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub units: u64,
    /// Of these, those that met a failed request in that second.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unit_errors: u64,
    /// Of these, those that had been counted before; `None` if the door does not tell, or none was
    /// there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_errors_again: Option<u64>,
    /// Latency of the completed requests, from the last byte of the request header to the first
    /// byte of the answer.
    pub latency: Latency,
}

impl Arm {
    /// Requests that failed for the user: 5xx, broken connections, time-outs.
    pub fn errors(&self) -> u64 {
        self.s5xx.saturating_add(self.connect).saturating_add(self.timeout)
    }

    /// What is judged, and how much of it failed: clients where the route knows them again, since the
    /// requests of one client stand or fall together; else requests.
    pub fn trials(&self, by_units: bool) -> (u64, u64) {
        if by_units {
            (self.units, self.unit_errors.min(self.units))
        } else {
            (self.requests, self.errors().min(self.requests))
        }
    }

    /// Clients that met a failed request and had been counted before: all that did, where the door
    /// does not tell.
    pub fn again(&self) -> u64 {
        self.unit_errors_again.unwrap_or(self.unit_errors)
    }

    /// Adds another arm's counts to this one.
    pub fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.s2xx = self.s2xx.saturating_add(other.s2xx);
        self.s3xx = self.s3xx.saturating_add(other.s3xx);
        self.s4xx = self.s4xx.saturating_add(other.s4xx);
        self.s5xx = self.s5xx.saturating_add(other.s5xx);
        self.connect = self.connect.saturating_add(other.connect);
        self.timeout = self.timeout.saturating_add(other.timeout);
        self.held = self.held.saturating_add(other.held);
        self.reset = self.reset.saturating_add(other.reset);
        self.retried = self.retried.saturating_add(other.retried);
        self.bytes_in = self.bytes_in.saturating_add(other.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(other.bytes_out);
        self.units = self.units.saturating_add(other.units);
        let told = self.unit_errors_again.is_some() || other.unit_errors_again.is_some();
        self.unit_errors_again = told.then(|| self.again().saturating_add(other.again()));
        self.unit_errors = self.unit_errors.saturating_add(other.unit_errors);
        add_sparse(&mut self.kinds, &other.kinds);
        add_sparse(&mut self.latency, &other.latency);
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
    /// Requests that the door sent itself through its own front, and how many of these failed.
    #[serde(default, skip_serializing_if = "Probes::is_none")]
    pub probes: Probes,
    /// Answers to copies of requests, per release; no user met them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mirrored: Vec<(ReleaseId, Arm)>,
    /// Requests by template of their path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<TemplateCount>,
}

/// Requests that the door sent itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probes {
    /// Sent, and over.
    pub sent: u64,
    /// Of these, those without an answer below 500 in time.
    pub failed: u64,
}

impl Probes {
    fn is_none(&self) -> bool {
        self.sent == 0
    }
}

/// Requests of one release with one template of path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateCount {
    /// The template, such as `/carts/{id}`; `other` where there are too many.
    pub template: String,
    /// The release.
    pub release: ReleaseId,
    /// Completed requests.
    pub requests: u64,
    /// Of these, those that failed for the user.
    pub errors: u64,
    /// Sum of the latencies, in microseconds.
    pub micros: u64,
}

impl SignalSecond {
    /// One release's traffic in this second.
    pub fn arm(&self, release: &ReleaseId) -> Option<&Arm> {
        self.arms.iter().find(|(id, _)| id == release).map(|(_, arm)| arm)
    }
}
