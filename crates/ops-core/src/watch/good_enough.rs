//! The opposite question: was the new version shown to be hardly worse than the old one?

use serde::{Deserialize, Serialize};

use super::{Baseline, TwoArm, TwoArmParams, edges::slower_than};
use crate::{reading::Second, watch::baseline::Quantile};

/// `ln 20`: each part must be sure at 5 % by itself; together they need no correction, since all
/// of them must be (an intersection-union test).
const ENOUGH: f64 = 2.995_732_273_553_991;
/// Evidence of harm from which on nothing is good enough.
const DOUBT: f64 = 2.3;
/// Buckets by which the new version may be slower: three, that is 30 %.
const SLOWER: u16 = 3;
/// Observed seconds before which nothing is good enough.
const SOAK_SECONDS: u64 = 120;

/// Tests of non-inferiority (`watch.md` §3.8): at most half again as many errors and half a point,
/// and median, p95 and p99 at most 30 % slower. It speaks about the past only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct GoodEnough {
    by_units: bool,
    errors: TwoArm,
    slower: Vec<(u16, TwoArm)>,
}

impl GoodEnough {
    pub(super) fn new(baseline: &Baseline, unit_trials: f64) -> Option<Self> {
        let mirrored = |rho, delta, p_prior, d| {
            TwoArm::new(TwoArmParams {
                rho,
                delta,
                p_prior,
                d,
                mirrored: true,
                restarts: false,
                most: None,
            })
        };
        let slower: Vec<_> = [Quantile::P50, Quantile::P95, Quantile::P99]
            .into_iter()
            .filter_map(|quantile| baseline.edge(quantile))
            .map(|edge| {
                let d = edge.d.max(baseline.requests_per_unit());
                (edge.bucket, mirrored(1.0, 0.0, edge.share, d))
            })
            .collect();
        let d = baseline.d_trials(unit_trials);
        (slower.len() == 3).then(|| Self {
            by_units: baseline.d_units.is_some(),
            errors: mirrored(1.5, 0.005, baseline.error_prior(), d),
            slower,
        })
    }

    pub(super) fn feed(&mut self, t: u64, second: &Second<'_>, warm: bool) {
        if second.share.is_none() {
            self.errors.flush(t);
            self.slower.iter_mut().for_each(|(_, stream)| stream.flush(t));
            return;
        }
        let Second { canary, control, .. } = second;
        self.errors.feed(t, canary.trials(self.by_units), control.trials(self.by_units));
        for (bucket, stream) in self.slower.iter_mut().filter(|_| warm) {
            let canary = slower_than(&canary.latency, bucket.saturating_add(SLOWER));
            stream.feed(t, canary, slower_than(&control.latency, *bucket));
        }
    }

    /// Whether it was shown after `seconds`, with this much evidence of harm beside it.
    pub(super) fn shown(&self, seconds: u64, harm: f64) -> bool {
        self.least() >= ENOUGH && seconds >= SOAK_SECONDS && harm < DOUBT
    }

    /// The part that is least sure, as a logarithm.
    pub(super) fn least(&self) -> f64 {
        let slower = self.slower.iter().map(|(_, stream)| stream.log_e());
        slower.fold(self.errors.log_e(), f64::min)
    }
}
