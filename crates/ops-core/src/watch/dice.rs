//! Draws for self-tests: from a seed alone, the same every time.

use crate::signal::latency_bucket;

/// `SplitMix64` (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between 0 and 1, neither of them.
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// How many of `n` hit; by skipping from hit to hit.
    pub(super) fn binomial(&mut self, n: u64, p: f64) -> u64 {
        if p <= 0.0 {
            return 0;
        }
        if p > 0.5 {
            return n - self.binomial(n, 1.0 - p);
        }
        let (mut hits, mut at) = (0, 0.0);
        let log_miss = (-p).ln_1p();
        loop {
            at += (self.uniform().ln() / log_miss).floor() + 1.0;
            if at > n as f64 {
                return hits;
            }
            hits += 1;
        }
    }

    /// The bucket of a log-normal latency around 100 ms, sigma 0.6.
    pub(super) fn latency_bucket(&mut self) -> u16 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.uniform()).cos();
        latency_bucket((100_000.0 * (0.6 * normal).exp()) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_as_many_as_expected() {
        let mut dice = Dice::new(1);
        for p in [0.01, 0.3, 0.7, 1.0] {
            let hits: u64 = (0..200).map(|_| dice.binomial(1_000, p)).sum();
            let expected = 200_000.0 * p;
            assert!((hits as f64 - expected).abs() <= 5.0 * (expected + 1.0).sqrt(), "{p}: {hits}");
        }
        assert_eq!(dice.binomial(100, 0.0), 0);
    }
}
