//! What one metric says.

use super::mann_whitney::{CONFIDENCE_98, shift};
use crate::watch::chance::Chance;

/// By which share of the estimated shift the whole interval must be beyond zero.
const TOLERANCE: f64 = 0.25;
/// Constant samples get noise with this standard deviation, as a share of their value.
const JITTER: f64 = 1e-5;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Pass,
    High,
    Low,
    /// One side has no samples.
    Nodata,
    /// The same, where it must not be.
    NodataFail,
}

/// How a metric is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Metric {
    /// A decrease is as bad as an increase.
    pub(super) either: bool,
    /// Ratio of means that an increase must at least have.
    pub(super) allowed_increase: f64,
    /// Ratio of means that a decrease must at most have.
    pub(super) allowed_decrease: f64,
    pub(super) must_have_data: bool,
    pub(super) critical: bool,
}

impl Metric {
    /// Critical, an increase is bad, everything else as it is by default.
    pub(super) fn critical() -> Self {
        Self {
            either: false,
            allowed_increase: 1.0,
            allowed_decrease: 1.0,
            must_have_data: false,
            critical: true,
        }
    }

    /// Judges samples from which what is no number was removed.
    pub(super) fn classify(&self, experiment: &[f64], control: &[f64]) -> Class {
        if experiment.is_empty() || control.is_empty() {
            let failed = self.must_have_data && !self.critical;
            return if failed { Class::NodataFail } else { Class::Nodata };
        }
        if alike(experiment, control) {
            return Class::Pass;
        }
        let effect = mean(experiment) / mean(control);
        let found = if constant(experiment) && constant(control) {
            let mut chance = Chance::of("constant samples");
            let mut noisy = |sample: &[f64]| -> Vec<f64> {
                sample.iter().map(|value| value * (1.0 + JITTER * chance.normal())).collect()
            };
            let (experiment, control) = (noisy(experiment), noisy(control));
            shift(&experiment, &control, CONFIDENCE_98)
        } else {
            shift(experiment, control, CONFIDENCE_98)
        };
        let bound = TOLERANCE * found.estimate.abs();
        // An effect that is no number, since a mean is zero, satisfies every limit.
        let high = effect >= self.allowed_increase || !effect.is_finite();
        let low = effect <= self.allowed_decrease || !effect.is_finite();
        if found.low > bound && high {
            Class::High
        } else if self.either && found.high < -bound && low {
            Class::Low
        } else {
            Class::Pass
        }
    }
}

fn mean(sample: &[f64]) -> f64 {
    sample.iter().sum::<f64>() / sample.len() as f64
}

fn constant(sample: &[f64]) -> bool {
    sample.windows(2).all(|pair| pair[0].total_cmp(&pair[1]).is_eq())
}

/// The same values in whatever order.
fn alike(experiment: &[f64], control: &[f64]) -> bool {
    let sorted = |sample: &[f64]| {
        let mut sorted = sample.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted
    };
    experiment.len() == control.len() && sorted(experiment) == sorted(control)
        || experiment.iter().chain(control).all(|value| value.total_cmp(&experiment[0]).is_eq())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAT: [f64; 6] = [1.0; 6];
    const UP: [f64; 6] = [10.0, 11.0, 12.0, 13.0, 14.0, 15.0];
    const UP_SHUFFLED: [f64; 6] = [15.0, 11.0, 13.0, 12.0, 10.0, 14.0];

    #[test]
    fn missing_data_is_as_declared() {
        let metric = Metric::critical();
        assert_eq!(metric.classify(&[], &UP), Class::Nodata);
        assert_eq!(metric.classify(&UP, &[]), Class::Nodata);
        let strict = Metric { must_have_data: true, critical: false, ..metric };
        assert_eq!(strict.classify(&[], &UP), Class::NodataFail);
        assert_eq!(Metric { must_have_data: true, ..metric }.classify(&[], &UP), Class::Nodata);
    }

    #[test]
    fn equal_samples_pass_without_a_test() {
        let metric = Metric::critical();
        assert_eq!(metric.classify(&UP, &UP_SHUFFLED), Class::Pass);
        assert_eq!(metric.classify(&FLAT, &FLAT[..3]), Class::Pass);
    }

    #[test]
    fn directions_and_effects_decide() {
        let metric = Metric::critical();
        let shifted = UP.map(|value| value + 10.0);
        assert_eq!(metric.classify(&shifted, &UP), Class::High);
        assert_eq!(metric.classify(&UP, &shifted), Class::Pass, "a decrease is good");
        let either = Metric { either: true, ..metric };
        assert_eq!(either.classify(&UP, &shifted), Class::Low);
        let lenient = Metric { allowed_increase: 2.0, ..metric };
        assert_eq!(lenient.classify(&shifted, &UP), Class::Pass, "22.5 / 12.5 is below 2");
        assert_eq!(lenient.classify(&UP, &[0.0; 6]), Class::High, "no ratio satisfies");
    }

    #[test]
    fn two_constants_that_differ_are_told_apart() {
        assert_eq!(Metric::critical().classify(&[2.0; 6], &FLAT), Class::High);
        assert_eq!(Metric::critical().classify(&FLAT, &[2.0; 6]), Class::Pass);
    }

    #[test]
    fn with_fewer_than_five_values_separation_is_enough() {
        let metric = Metric::critical();
        // The gap is 4 of an estimated shift of about 6: more than a quarter.
        assert_eq!(metric.classify(&[7.0, 8.0], &[1.0, 3.0]), Class::High);
        // The gap is 1 of about 6: less.
        assert_eq!(metric.classify(&[7.0, 12.0], &[1.0, 6.0]), Class::Pass);
    }
}
