//! What two nodes' memory looks like.

use super::Both;
use crate::watch::chance::Chance;

/// Seconds between two readings.
const EVERY: u64 = 15;
/// Usual memory in bytes.
const USUAL: f64 = 200e6;
/// Standard deviation of the difference between nodes that are alike.
const BETWEEN: f64 = 0.03;
/// Standard deviation of one node's level around its own mean.
pub(in super::super) const NOISE: f64 = 0.04;
/// Correlation of one reading with the next.
pub(in super::super) const MEMORY: f64 = 0.7;

/// Two nodes: the new version's and the old one's.
#[derive(Debug, Clone)]
pub(super) struct Nodes {
    means: Both<f64>,
    noise: Both<f64>,
}

impl Nodes {
    pub(super) fn new(chance: &mut Chance) -> Self {
        let mut between = || USUAL * (BETWEEN * chance.normal()).exp();
        let means = Both { canary: between(), control: between() };
        let noise = Both { canary: NOISE * chance.normal(), control: NOISE * chance.normal() };
        Self { means, noise }
    }

    /// Bytes of both, in seconds in which they are read. The new version's grow by `leak` a minute.
    pub(super) fn read(&mut self, t: u64, leak: f64, chance: &mut Chance) -> Option<Both<f64>> {
        if !t.is_multiple_of(EVERY) {
            return None;
        }
        let fresh = NOISE * (1.0 - MEMORY * MEMORY).sqrt();
        let mut next = |last: f64| MEMORY * last + fresh * chance.normal();
        self.noise = Both { canary: next(self.noise.canary), control: next(self.noise.control) };
        let grown = 1.0 + leak * t as f64 / 60.0;
        Some(Both {
            canary: self.means.canary * grown * self.noise.canary.exp(),
            control: self.means.control * self.noise.control.exp(),
        })
    }
}
