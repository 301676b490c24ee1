//! A small deterministic source of chance.

/// `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014):
/// the same seed gives the same throws on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    /// Dice that fall as `seed` decides.
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Dice with a seed from the operating system.
    pub(crate) fn from_system() -> Result<Self, getrandom::Error> {
        getrandom::u64().map(Self::from_seed)
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in `[0, 1)`, with 53 bits.
    pub(crate) fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `[low, high)`; exactly `low` where both are equal.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share()
    }

    /// Uniform among `0..count`; zero for a count of zero. The bias is below `count / 2^64`.
    pub(crate) fn below(&mut self, count: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(count)) >> 64) as u64
    }

    /// Standard normal (Box and Muller, 1958).
    pub(crate) fn normal(&mut self) -> f64 {
        // The logarithm needs (0, 1], so the half-open share is turned around.
        let radius = (-2.0 * (1.0 - self.share()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.share()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falls_as_published() {
        // The first values of the reference implementation for the seed 1234567.
        let mut dice = Dice::from_seed(1_234_567);
        assert_eq!(dice.bits(), 6_457_827_717_110_365_317);
        assert_eq!(dice.bits(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn normal_has_mean_zero_and_variance_one() {
        let mut dice = Dice::from_seed(7);
        let count = 100_000;
        let throws: Vec<f64> = (0..count).map(|_| dice.normal()).collect();
        let mean = throws.iter().sum::<f64>() / f64::from(count);
        let variance = throws.iter().map(|throw| (throw - mean).powi(2)).sum::<f64>();
        assert!(mean.abs() < 0.02, "mean {mean}");
        assert!((variance / f64::from(count) - 1.0).abs() < 0.02, "variance {variance}");
    }

    #[test]
    fn below_reaches_every_side_and_no_other() {
        let mut dice = Dice::from_seed(3);
        let mut seen = [0; 16];
        for _ in 0..1_000 {
            seen[dice.below(16) as usize] += 1;
        }
        assert!(seen.iter().all(|&count| count > 0), "{seen:?}");
        assert_eq!(dice.below(0), 0);
    }
}
