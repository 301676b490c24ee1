//! Repeatable chance for simulated traffic.

use rand::SeedableRng as _;
use rand_distr::{
    Binomial, Distribution as _, Exp1, Geometric, Poisson, StandardNormal, StandardUniform,
};
use rand_xoshiro::Xoshiro256PlusPlus;

/// One sequence of draws: the same words give the same draws on every machine.
#[derive(Debug, Clone)]
pub(super) struct Chance(Xoshiro256PlusPlus);

impl Chance {
    /// The sequence of these words (their FNV-1a hash is the seed).
    pub(super) fn of(words: &str) -> Self {
        let hash = words.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(Xoshiro256PlusPlus::seed_from_u64(hash))
    }

    /// Uniform in `[0, 1)`.
    pub(super) fn share(&mut self) -> f64 {
        StandardUniform.sample(&mut self.0)
    }

    /// Uniform in `[low, high)`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share()
    }

    /// Happens with this probability.
    pub(super) fn happens(&mut self, p: f64) -> bool {
        self.share() < p
    }

    /// Number of independent events; 0 for a mean that is not positive.
    pub(super) fn poisson(&mut self, mean: f64) -> u64 {
        Poisson::new(mean).map_or(0, |events| {
            let drawn: f64 = events.sample(&mut self.0);
            drawn as u64
        })
    }

    /// How many of `n` happen, each with probability `p`.
    pub(super) fn binomial(&mut self, n: u64, p: f64) -> u64 {
        if n == 0 || p <= 0.0 {
            return 0;
        }
        Binomial::new(n, p.min(1.0)).map_or(0, |hits| hits.sample(&mut self.0))
    }

    /// Mean 0, standard deviation 1.
    pub(super) fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// At least 1, with this mean.
    pub(super) fn geometric(&mut self, mean: f64) -> u64 {
        Geometric::new(1.0 / mean).map_or(1, |more| more.sample(&mut self.0).saturating_add(1))
    }

    /// Time until the next of independent events that come once in `mean`.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        let drawn: f64 = Exp1.sample(&mut self.0);
        drawn * mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(words: &str, mut draw: impl FnMut(&mut Chance) -> f64) -> f64 {
        let mut chance = Chance::of(words);
        (0..20_000).map(|_| draw(&mut chance)).sum::<f64>() / 20_000.0
    }

    #[test]
    fn the_same_words_give_the_same_draws_and_others_do_not() {
        let draws = |words: &str| {
            let mut chance = Chance::of(words);
            [chance.poisson(50.0), chance.binomial(1_000, 0.3), chance.geometric(9.0)]
        };
        assert_eq!(draws("null/50"), draws("null/50"));
        assert_ne!(draws("null/50"), draws("null/51"));
    }

    #[test]
    fn draws_have_the_means_that_they_are_named_for() {
        let near = |found: f64, wanted: f64| assert!((found - wanted).abs() < 0.03 * wanted);
        near(mean("p", |chance| chance.poisson(4.5) as f64), 4.5);
        near(mean("P", |chance| chance.poisson(450.0) as f64), 450.0);
        near(mean("b", |chance| chance.binomial(50, 0.1) as f64), 5.0);
        near(mean("g", |chance| chance.geometric(5.0) as f64), 5.0);
        near(mean("e", |chance| chance.exponential(3.0)), 3.0);
        near(mean("s", |chance| chance.between(20.0, 60.0)), 40.0);
        near(mean("n", |chance| chance.normal().powi(2)), 1.0);
    }

    #[test]
    fn what_cannot_happen_does_not() {
        let mut chance = Chance::of("edge");
        assert_eq!((chance.poisson(0.0), chance.poisson(-1.0)), (0, 0));
        assert_eq!((chance.binomial(0, 0.5), chance.binomial(9, 0.0)), (0, 0));
        assert_eq!(chance.binomial(9, 1.0), 9);
        assert_eq!(chance.geometric(1.0), 1);
    }
}
