//! What one deployment's watch runs: all its streams, and their verdict.

use serde::{Deserialize, Serialize};

use super::{
    Baseline, OneArm, Scored, ScoredParams, StreamName, Totals, TwoArm, TwoArmParams, Verdict,
    before::Before, combine, normalised, peak::Peak,
};
use crate::{
    settings::{Slo, floor},
    signal::{Arm, LATENCY_BUCKETS, latency_edge_micros},
};

/// Share of the false-alarm budget of the error stream; the others share the rest alike.
const WEIGHT_ERRORS: f64 = 0.5;
/// Weight of each further stream.
const WEIGHT_OTHER: f64 = 0.1;
/// Buckets by which the new version may be slower: one, that is 9 %.
const LATENCY_TOLERANCE: u16 = 1;
/// Share of requests that may be slower than a 99th percentile.
const P99_SHARE: f64 = 0.01;
/// The streams of one deployment. Plain data: it lives in the journaled state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judge {
    /// `ln(1/alpha)`: evidence that is enough for a rollback.
    threshold: f64,
    warmup: u64,
    errors: Option<TwoArm>,
    /// Whether that one counts clients instead of requests.
    #[serde(default)]
    by_units: bool,
    latency: Option<Scored>,
    error_limit: Option<OneArm>,
    /// The stream and the first bucket whose requests are all slower than the limit.
    latency_limit: Option<(OneArm, u16)>,
    before: Before,
    /// Weights of the streams in use, adding up to 1.
    weights: Vec<(StreamName, f64)>,
    /// When the new version answered its first request.
    first_request: Option<u64>,
    totals: Totals,
    peak: Option<Peak>,
}

impl Judge {
    /// Sets up the streams of a deployment.
    ///
    /// `alpha` bounds the chance of a false rollback over the whole deployment. `control` says
    /// whether the old version takes requests beside the new one; without it only limits and the
    /// time before can judge. Latency counts only from `latency_warmup_seconds` after the new
    /// version's first request, because cold caches are no regression; errors count at once.
    pub fn new(
        baseline: &Baseline,
        slo: &Slo,
        alpha: f64,
        control: bool,
        latency_warmup_seconds: u64,
    ) -> Self {
        let errors = control.then(|| {
            TwoArm::new(TwoArmParams {
                p_prior: baseline.error_prior(),
                d: baseline.d_units.unwrap_or(baseline.d_errors),
                ..TwoArmParams::default()
            })
        });
        let latency = (control && !baseline.levels.is_empty()).then(|| {
            Scored::new(ScoredParams {
                levels: baseline.levels.clone(),
                k_tol: LATENCY_TOLERANCE,
                p_prior: baseline.score_prior(),
                d: baseline.d_latency,
            })
        });
        let error_limit = slo.error_share.map(|share| OneArm::new(share, baseline.d_errors));
        let latency_limit = slo
            .p99_ms
            .map(|limit| (OneArm::new(P99_SHARE, baseline.d_latency), first_bucket_above(limit)));
        let mut judge = Self {
            threshold: -alpha.clamp(f64::MIN_POSITIVE, floor::ALPHA_MAX).ln(),
            warmup: latency_warmup_seconds,
            errors,
            by_units: baseline.d_units.is_some(),
            latency,
            error_limit,
            latency_limit,
            before: Before::new(baseline, control),
            weights: Vec::new(),
            first_request: None,
            totals: Totals::default(),
            peak: None,
        };
        judge.weights = judge.share_out();
        judge
    }

    /// Takes one observed second: `t_seconds` observed seconds since the judge began, the requests
    /// of the new version (canary) and of the old one (control), and whether the weights changed
    /// in this second or before it. A second over two weights is not compared between the arms,
    /// since it would compare different times with each other.
    pub fn feed(&mut self, t_seconds: u64, canary: &Arm, control: &Arm, weights_changed: bool) {
        let t = t_seconds;
        let failed = canary.errors().min(canary.requests);
        self.count(canary, control);
        if canary.requests > 0 {
            self.first_request.get_or_insert(t);
        }
        let warm = self.first_request.is_some_and(|first| t.saturating_sub(first) >= self.warmup);
        if let Some(stream) = &mut self.errors {
            if weights_changed {
                stream.flush(t);
            } else {
                stream.feed(t, canary.trials(self.by_units), control.trials(self.by_units));
            }
        }
        if let Some(stream) = &mut self.latency {
            if weights_changed {
                stream.flush(t);
            } else if warm {
                stream.feed(t, &canary.latency, &control.latency);
            }
        }
        if let Some(stream) = &mut self.error_limit {
            stream.feed(t, canary.requests, failed);
        }
        if let Some((stream, bucket)) = self.latency_limit.as_mut().filter(|_| warm) {
            let (all, slow) = slower_than(canary, *bucket);
            stream.feed(t, all, slow);
        }
        self.before.feed(t, (canary.requests, failed), control.requests, self.totals);
        self.note_peak();
    }

    /// The verdict. Harm, once found, stays.
    pub fn verdict(&self) -> Verdict {
        if let Some(peak) = self.peak.as_ref().filter(|peak| peak.log_e >= self.threshold) {
            return Verdict::Harm {
                leading: peak.leading,
                p: peak.false_alarm(),
                log_e: peak.log_e,
                words: peak.words(self.limit(peak.leading)),
            };
        }
        self.before.verdict().unwrap_or(Verdict::NoHarm)
    }

    /// How much of the evidence that a rollback needs is there: 0 none, 1 or more enough.
    pub fn evidence(&self) -> f64 {
        self.combined().max(0.0) / self.threshold
    }

    /// Each stream's evidence as a natural logarithm.
    pub fn streams(&self) -> Vec<(StreamName, f64)> {
        let before = self.before.log_e();
        self.weights
            .iter()
            .map(|(name, _)| (*name, self.log_e(*name)))
            .chain(before.map(|log_e| (StreamName::BaselineErrors, log_e)))
            .collect()
    }

    /// Requests and failed requests so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Begins the comparison with the time before anew: for when its alarm was checked against the
    /// old version on traffic and was not confirmed. Each round has its own budget of 0.9 %.
    pub fn restart_baseline(&mut self) {
        self.before.restart();
    }

    /// Weights of the streams in use: fixed before the first request, adding up to 1.
    fn share_out(&self) -> Vec<(StreamName, f64)> {
        let streams = [
            (StreamName::Errors, self.errors.is_some(), WEIGHT_ERRORS),
            (StreamName::Latency, self.latency.is_some(), WEIGHT_OTHER),
            (StreamName::ErrorLimit, self.error_limit.is_some(), WEIGHT_OTHER),
            (StreamName::LatencyLimit, self.latency_limit.is_some(), WEIGHT_OTHER),
        ];
        let used = || streams.iter().filter(|(_, used, _)| *used);
        let weights: Vec<f64> = used().map(|(_, _, weight)| *weight).collect();
        used().map(|(name, _, _)| *name).zip(normalised(&weights)).collect()
    }

    fn count(&mut self, canary: &Arm, control: &Arm) {
        let totals = &mut self.totals;
        totals.canary_requests = totals.canary_requests.saturating_add(canary.requests);
        totals.canary_errors = totals.canary_errors.saturating_add(canary.errors());
        totals.control_requests = totals.control_requests.saturating_add(control.requests);
        totals.control_errors = totals.control_errors.saturating_add(control.errors());
    }

    fn note_peak(&mut self) {
        let combined = self.combined();
        if combined > self.peak.as_ref().map_or(0.0, |peak| peak.log_e) {
            let leading = self.leading();
            self.peak =
                leading.map(|leading| Peak { log_e: combined, leading, totals: self.totals });
        }
    }

    fn log_e(&self, name: StreamName) -> f64 {
        let log_e = match name {
            StreamName::Errors => self.errors.as_ref().map(TwoArm::log_e),
            StreamName::Latency => self.latency.as_ref().map(Scored::log_e),
            StreamName::ErrorLimit => self.error_limit.as_ref().map(OneArm::log_e),
            StreamName::LatencyLimit => self.latency_limit.as_ref().map(|(s, _)| s.log_e()),
            StreamName::BaselineErrors => self.before.log_e(),
        };
        log_e.unwrap_or(0.0)
    }

    /// The fixed limit of a stream that has one, as a share of requests.
    fn limit(&self, name: StreamName) -> f64 {
        let stream = match name {
            StreamName::ErrorLimit => self.error_limit.as_ref(),
            StreamName::LatencyLimit => self.latency_limit.as_ref().map(|(stream, _)| stream),
            StreamName::Errors | StreamName::Latency | StreamName::BaselineErrors => None,
        };
        stream.map_or(0.0, OneArm::limit)
    }

    fn combined(&self) -> f64 {
        let streams: Vec<_> =
            self.weights.iter().map(|(name, weight)| (*weight, self.log_e(*name))).collect();
        combine(&streams)
    }

    fn leading(&self) -> Option<StreamName> {
        let part = |(name, weight): &(StreamName, f64)| weight.ln() + self.log_e(*name);
        self.weights.iter().max_by(|a, b| part(a).total_cmp(&part(b))).map(|(name, _)| *name)
    }
}

/// The first bucket all of whose latencies are above the limit; beyond the histogram if none is.
fn first_bucket_above(limit_ms: u64) -> u16 {
    let limit = limit_ms as f64 * 1000.0;
    let buckets = LATENCY_BUCKETS as u16;
    (0..buckets).find(|bucket| latency_edge_micros(*bucket) >= limit).unwrap_or(buckets)
}

/// Requests with a latency, and those in or above a bucket.
fn slower_than(arm: &Arm, bucket: u16) -> (u64, u64) {
    arm.latency.iter().fold((0, 0), |(all, slow), (at, count)| {
        let slower = if *at >= bucket { *count } else { 0 };
        (u64::saturating_add(all, *count), u64::saturating_add(slow, slower))
    })
}

#[cfg(test)]
mod tests;
