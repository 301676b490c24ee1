//! What two nodes take of their machines.

use super::Both;
use crate::watch::chance::Chance;

/// Seconds between two readings.
const EVERY: u64 = 15;
/// Usual memory in bytes.
const USUAL: f64 = 200e6;
/// Usual processor time of a request, in milliseconds.
const PER_REQUEST: f64 = 4.0;
/// Standard deviation of the difference between nodes that are alike.
const BETWEEN: f64 = 0.03;
/// Standard deviation of one node's memory around its own mean, as a share of it.
pub(in super::super) const NOISE: f64 = 0.04;
/// Correlation of one reading of memory with the next.
pub(in super::super) const PERSISTENCE: f64 = 0.7;

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Usage {
    /// Bytes.
    pub(in super::super) memory: Both<f64>,
    /// Milliseconds of processor time since the beginning.
    pub(in super::super) cpu_ms: Both<f64>,
}

/// Two nodes: the new version's and the old one's.
#[derive(Debug, Clone)]
pub(super) struct Nodes {
    means: Both<f64>,
    noise: Both<f64>,
    per_request: Both<f64>,
    cpu_ms: Both<f64>,
}

impl Nodes {
    pub(super) fn new(chance: &mut Chance) -> Self {
        let mut between = |usual: f64| {
            let mut one = || usual * (BETWEEN * chance.normal()).exp();
            Both { canary: one(), control: one() }
        };
        let (means, per_request) = (between(USUAL), between(PER_REQUEST));
        let noise = Both { canary: NOISE * chance.normal(), control: NOISE * chance.normal() };
        Self { means, noise, per_request, cpu_ms: Both { canary: 0.0, control: 0.0 } }
    }

    /// Answers these requests, and tells what was taken in seconds in which that is read. The new
    /// version's memory grows by `leak` a minute.
    pub(super) fn second(
        &mut self,
        t: u64,
        requests: Both<u64>,
        leak: f64,
        chance: &mut Chance,
    ) -> Option<Usage> {
        self.cpu_ms.canary += self.per_request.canary * requests.canary as f64;
        self.cpu_ms.control += self.per_request.control * requests.control as f64;
        if !t.is_multiple_of(EVERY) {
            return None;
        }
        let fresh = NOISE * (1.0 - PERSISTENCE * PERSISTENCE).sqrt();
        let mut next = |last: f64| PERSISTENCE * last + fresh * chance.normal();
        self.noise = Both { canary: next(self.noise.canary), control: next(self.noise.control) };
        let grown = 1.0 + leak * t as f64 / 60.0;
        let memory = Both {
            canary: self.means.canary * grown * self.noise.canary.exp(),
            control: self.means.control * self.noise.control.exp(),
        };
        Some(Usage { memory, cpu_ms: self.cpu_ms })
    }
}
