//! Chance from a seed: the only source of it in the whole simulation, so that a seed is a run.

/// A seed that nobody knows before: from the randomness that the operating system gives every
/// process for its hash maps. The only thing here that is not from a seed.
pub fn fresh_seed() -> u64 {
    let random = std::hash::RandomState::new();
    // Short enough to be typed.
    std::hash::BuildHasher::hash_one(&random, 0) >> 24
}

/// A stream of numbers from a seed (`SplitMix64`, Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A stream of its own that depends on this one's state and on `salt`.
    #[must_use]
    pub fn fork(&mut self, salt: u64) -> Self {
        Self(self.roll() ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// 64 random bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 for 0.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.roll() % n }
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in so many of a thousand cases.
    pub fn chance(&mut self, permille: u64) -> bool {
        self.below(1_000) < permille
    }

    /// One of several by weight; the first if all weights are 0.
    ///
    /// # Panics
    ///
    /// If there is nothing to choose from.
    pub fn weighted<T: Copy>(&mut self, choices: &[(T, u64)]) -> T {
        let total: u64 = choices.iter().map(|(_, weight)| weight).sum();
        let mut left = self.below(total);
        for (choice, weight) in choices {
            if left < *weight {
                return *choice;
            }
            left -= weight;
        }
        choices[0].0
    }

    /// About `n * share`, rounded up or down by chance.
    pub fn part_of(&mut self, n: u64, share: f64) -> u64 {
        let exact = n as f64 * share;
        let whole = exact.floor();
        let rest = ((exact - whole) * 1_000_000.0) as u64;
        (whole as u64 + u64::from(self.below(1_000_000) < rest)).min(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_stream() {
        let rolls = |seed| {
            let mut dice = Dice::new(seed);
            (0..8).map(|_| dice.roll()).collect::<Vec<_>>()
        };
        assert_eq!(rolls(7), rolls(7));
        assert_ne!(rolls(7), rolls(8));
    }

    #[test]
    fn choices_follow_their_weights() {
        let mut dice = Dice::new(1);
        let drawn: Vec<_> =
            (0..4_000).map(|_| dice.weighted(&[('a', 3), ('b', 1), ('c', 0)])).collect();
        let share = |letter| drawn.iter().filter(|one| **one == letter).count();
        assert!((2_800..3_200).contains(&share('a')), "{}", share('a'));
        assert_eq!(share('c'), 0);
        let parts: u64 = (0..1_000).map(|_| dice.part_of(10, 0.05)).sum();
        assert!((420..580).contains(&parts), "{parts}");
    }
}
