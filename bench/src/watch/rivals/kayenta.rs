//! Kayenta with its `NetflixACAJudge`: a rank test of one sample a minute on a growing window.

mod classify;
mod mann_whitney;
mod root;
mod score;

use self::{
    classify::Metric,
    score::{Judged, Thresholds, score},
};
use super::{Minute, Rival, minute::Side};

/// Minutes before the first judgement.
const FIRST: usize = 5;
/// Minute of the last judgement.
const LAST: usize = 30;

/// A standalone canary analysis whose window begins with the deployment and grows: share of failed
/// requests, median and 99th percentile, each critical and judged for an increase, thresholds
/// 90 and 75; memory where it is measured. Any judgement that is not above marginal ends it.
#[derive(Debug, Clone)]
pub(super) struct Kayenta {
    /// Minutes between two judgements.
    interval: usize,
    metric: Metric,
    samples: [Samples; 4],
}

/// One metric's samples of both versions.
#[derive(Debug, Clone, Default)]
struct Samples {
    experiment: Vec<f64>,
    control: Vec<f64>,
}

impl Kayenta {
    /// With what the effect must at least be, as a ratio of means; 1 asks for none.
    pub(super) fn new(interval: usize, allowed_increase: f64) -> Self {
        let metric = Metric { allowed_increase, ..Metric::critical() };
        Self { interval, metric, samples: Default::default() }
    }
}

impl Rival for Kayenta {
    fn decides(&mut self, minutes: &[Minute]) -> bool {
        let Some(minute) = minutes.last() else { return false };
        let metrics: [fn(&Side) -> Option<f64>; 4] = [
            Side::failed_percent,
            |side| side.quantile_ms(0.5),
            |side| side.quantile_ms(0.99),
            Side::memory,
        ];
        // What is no number is removed.
        for (samples, metric) in self.samples.iter_mut().zip(metrics) {
            samples.experiment.extend(metric(&minute.canary));
            samples.control.extend(metric(&minute.control));
        }
        if minutes.len() < FIRST || !minutes.len().is_multiple_of(self.interval) {
            return false;
        }
        let measured =
            |samples: &&Samples| !samples.experiment.is_empty() || !samples.control.is_empty();
        let judged: Vec<_> = self
            .samples
            .iter()
            .filter(measured)
            .map(|samples| Judged {
                group: "all",
                class: self.metric.classify(&samples.experiment, &samples.control),
                critical: true,
            })
            .collect();
        let thresholds = Thresholds { pass: 90.0, marginal: 75.0 };
        thresholds.ends_it(score(&judged, &[]), minutes.len() == LAST)
    }
}

#[cfg(test)]
mod tests;
