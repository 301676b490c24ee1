//! What a service looked like before the deployment.

use serde::{Deserialize, Serialize};

use super::{
    ClientClass, Dispersion, LEVELS,
    edges::{self, Edge},
    savage_levels, upper_bound,
};
use crate::{
    id::ReleaseId,
    signal::{Arm, LATENCY_BUCKETS, Latency, SignalSecond, UNIT_AGAIN_SECONDS},
};

/// Overdispersion that is assumed where nothing was seen (§7 of the watch's specification).
const UNKNOWN_D: f64 = 5.0;
/// Seconds with traffic from which on the estimate of the overdispersion stands alone. Below, it is
/// at least what remains of the assumption on the straight line from [`UNKNOWN_D`] down to 1.
const ENOUGH_TICKS: u64 = 60;
/// Confidence of the bound on the error rate.
const CONFIDENCE: f64 = 0.999;
/// Error rate that is expected where nothing was seen.
const UNKNOWN_ERRORS: f64 = 0.01;
/// The prior of a rate stays within these.
const PRIOR_RANGE: (f64, f64) = (1e-4, 0.5);

/// Buckets between the p99 edge and the far one: eight, that is twice as slow.
const FAR: u16 = 8;

/// Where the latency before the deployment is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Quantile {
    P50,
    P80,
    P95,
    P99,
    /// Twice the latency of the 99th percentile.
    Far,
}

/// Answers 4xx of one class before the deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ClassBefore {
    class: ClientClass,
    answers: u64,
    /// Overdispersion.
    pub(super) d: f64,
}

/// Counts of the version that serves before a deployment, and what follows from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Seconds in which it had requests.
    pub ticks: u64,
    /// Requests.
    pub requests: u64,
    /// Of these, failed ones.
    pub errors: u64,
    /// Overdispersion of the errors.
    pub d_errors: f64,
    /// The same, counted by clients instead of requests; `None` where no client was known again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub d_units: Option<f64>,
    /// Requests per trial of a client, where clients were known again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    per_unit: Option<f64>,
    /// Share of the failed trials that are of clients which had been trials before; `None` where no
    /// client was known again or for too short a time, and in older journals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    returning: Option<f64>,
    /// Overdispersion of the latency scores.
    pub d_latency: f64,
    /// Latencies of all requests.
    pub latency: Latency,
    /// Score level of each latency bucket; empty if no latency was seen.
    pub levels: Vec<u8>,
    /// Mean latency score.
    pub mean_score: f64,
    /// Where the latency is cut; empty if none was seen, and in older journals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) edges: Vec<(Quantile, Edge)>,
    /// Answers 4xx by class; empty if nothing was seen, and in older journals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) classes: Vec<ClassBefore>,
}

impl Baseline {
    /// Nothing is known: a first deployment, or a door that has just begun to look.
    pub fn unknown() -> Self {
        Self {
            ticks: 0,
            requests: 0,
            errors: 0,
            d_errors: UNKNOWN_D,
            d_units: None,
            per_unit: None,
            returning: None,
            d_latency: UNKNOWN_D,
            latency: Latency::new(),
            levels: Vec::new(),
            mean_score: UNKNOWN_ERRORS,
            edges: Vec::new(),
            classes: Vec::new(),
        }
    }

    /// Learns from seconds, in ascending order, in which `release` served.
    pub fn from_seconds(seconds: &[SignalSecond], release: &ReleaseId) -> Self {
        let mut pooled = Arm::default();
        let mut histogram = [0u64; LATENCY_BUCKETS];
        let (mut ticks, mut refused) = (0, [0u64; 4]);
        for arm in seconds.iter().filter_map(|second| second.arm(release)) {
            ticks += u64::from(arm.requests > 0);
            pooled.units = pooled.units.saturating_add(arm.units);
            pooled.requests = pooled.requests.saturating_add(arm.requests);
            pooled.s5xx = pooled.s5xx.saturating_add(arm.errors().min(arm.requests));
            for (class, answers) in ClientClass::ALL.into_iter().zip(&mut refused) {
                *answers = answers.saturating_add(class.answers(arm));
            }
            for (bucket, count) in &arm.latency {
                let slot = &mut histogram[usize::from(*bucket).min(LATENCY_BUCKETS - 1)];
                *slot = slot.saturating_add(*count);
            }
        }
        if ticks == 0 {
            return Self::unknown();
        }
        let scored = histogram.iter().any(|count| *count > 0);
        let levels = if scored { savage_levels(&histogram) } else { Vec::new() };
        let found = dispersions(seconds, release, &levels);
        let missing = 1.0 - ticks.min(ENOUGH_TICKS) as f64 / ENOUGH_TICKS as f64;
        let at_least = 1.0 + (UNKNOWN_D - 1.0) * missing;
        let [d_errors, d_units, d_latency] = found.map(|one| one.d().max(at_least));
        let sparse: Latency = (0..).zip(histogram).filter(|(_, count)| *count > 0).collect();
        let (n, sum, _) = score_sums(&sparse, &levels);
        let of_class = |(class, answers): (ClientClass, u64)| {
            let d = neighbours(seconds, release, |arm| (arm.requests, class.answers(arm)));
            ClassBefore { class, answers, d: d.max(at_least) }
        };
        Self {
            edges: cuts(seconds, release, &sparse, at_least),
            classes: ClientClass::ALL.into_iter().zip(refused).map(of_class).collect(),
            ticks,
            requests: pooled.requests,
            errors: pooled.s5xx,
            d_errors,
            d_units: (pooled.units > 0).then_some(d_units),
            per_unit: (pooled.units > 0).then(|| pooled.requests as f64 / pooled.units as f64),
            returning: returning(seconds, release),
            d_latency,
            mean_score: if n > 0 { sum / n as f64 } else { UNKNOWN_ERRORS },
            latency: sparse,
            levels,
        }
    }

    /// Share of failed requests; `None` without requests.
    pub fn error_share(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.errors as f64 / self.requests as f64)
    }

    /// The error rate that the watch expects of the control before it has seen any.
    pub fn error_prior(&self) -> f64 {
        self.error_share().unwrap_or(UNKNOWN_ERRORS).clamp(PRIOR_RANGE.0, PRIOR_RANGE.1)
    }

    /// The mean latency score that the watch expects of the control before it has seen any.
    pub fn score_prior(&self) -> f64 {
        self.mean_score.clamp(PRIOR_RANGE.0, PRIOR_RANGE.1)
    }

    /// Overdispersion of what the error stream counts: where clients are known again, each may be
    /// a trial so often, and all its trials may depend on each other. How many of those that met a
    /// failure come again was seen before; as with all overdispersion `2 D - 1` of it are assumed.
    pub(super) fn d_trials(&self, unit_trials: f64) -> f64 {
        let again = self.returning.unwrap_or(1.0);
        let together = 1.0 + 2.0 * (unit_trials - 1.0) * again;
        self.d_units.map_or(self.d_errors, |d| d.max(together.clamp(1.0, unit_trials.max(1.0))))
    }

    /// Requests of one client that may depend on each other; 1 where clients are not known again.
    pub(super) fn requests_per_unit(&self) -> f64 {
        self.per_unit.unwrap_or(1.0).max(1.0)
    }

    /// Where the latency is cut for a quantile.
    pub(super) fn edge(&self, quantile: Quantile) -> Option<&Edge> {
        self.edges.iter().find(|(of, _)| *of == quantile).map(|(_, edge)| edge)
    }

    /// The share of answers of a 4xx class that the watch expects of the control before it has seen
    /// any, and its overdispersion.
    pub(super) fn class(&self, class: ClientClass) -> (f64, f64) {
        let found = self.classes.iter().find(|before| before.class == class);
        found.map_or((UNKNOWN_ERRORS, UNKNOWN_D), |before| {
            let share = before.answers as f64 / self.requests.max(1) as f64;
            (share.clamp(PRIOR_RANGE.0, PRIOR_RANGE.1), before.d)
        })
    }

    /// 99.9 % upper bound of the error rate; 1 if nothing is known.
    pub fn error_bound(&self) -> f64 {
        upper_bound(self.errors, self.requests, CONFIDENCE)
    }
}

/// Share of failed trials that are of clients which had been trials before, from the seconds in which
/// there can be such. One more of each kind is assumed than was seen: nothing seen proves little.
fn returning(seconds: &[SignalSecond], release: &ReleaseId) -> Option<f64> {
    let mut arms = seconds.iter().filter_map(|second| Some((second.second, second.arm(release)?)));
    let (first, _) = arms.find(|(_, arm)| arm.units > 0)?;
    let later = arms.filter(|(second, _)| *second >= first.saturating_add(UNIT_AGAIN_SECONDS));
    let count = |(all, again): (u64, u64), (_, arm): (u64, &Arm)| {
        (all.saturating_add(arm.unit_errors), again.saturating_add(arm.again()))
    };
    let (all, again) = later.fold((0, 0), count);
    Some((again.min(all) as f64 + 1.0) / (all as f64 + 2.0))
}

/// The cuts of a latency, each with what was seen beyond it.
fn cuts(
    seconds: &[SignalSecond],
    release: &ReleaseId,
    latency: &Latency,
    at_least: f64,
) -> Vec<(Quantile, Edge)> {
    use Quantile::{Far, P50, P80, P95, P99};
    let quantiles = [(P50, 0.5), (P80, 0.8), (P95, 0.95), (P99, 0.99), (Far, 0.99)];
    let cut = |(name, quantile)| {
        let bucket = edges::edge_of(latency, quantile)?;
        let bucket = if name == Far { bucket.saturating_add(FAR) } else { bucket };
        let least = if name == Far { 2e-4 } else { 2e-3 };
        let share = edges::share_above(latency, bucket).clamp(least, 0.9);
        let slow = |arm: &Arm| edges::slower_than(&arm.latency, bucket);
        let d = neighbours(seconds, release, slow).max(at_least);
        Some((name, Edge { bucket, share, d }))
    };
    quantiles.into_iter().filter_map(cut).collect()
}

/// Overdispersion of a count `(requests, events)` over neighbouring seconds.
fn neighbours(
    seconds: &[SignalSecond],
    release: &ReleaseId,
    count: impl Fn(&Arm) -> (u64, u64),
) -> f64 {
    let (mut found, mut last) = (Dispersion::default(), None);
    let quiet = Arm::default();
    for second in seconds {
        if last.is_some_and(|last: u64| last.checked_add(1) != Some(second.second)) {
            found.gap();
        }
        last = Some(second.second);
        let (all, events) = count(second.arm(release).unwrap_or(&quiet));
        found.tick(all, events as f64, events as f64);
    }
    found.d()
}

/// Overdispersion of failed requests, of clients that met one, and of latency scores, from
/// neighbouring seconds.
fn dispersions(seconds: &[SignalSecond], release: &ReleaseId, levels: &[u8]) -> [Dispersion; 3] {
    let mut found = [(); 3].map(|()| Dispersion::default());
    let mut last = None;
    let quiet = Arm::default();
    for second in seconds {
        if last.is_some_and(|last: u64| last.checked_add(1) != Some(second.second)) {
            found.iter_mut().for_each(Dispersion::gap);
        }
        last = Some(second.second);
        let arm = second.arm(release).unwrap_or(&quiet);
        let [errors, units, latency] = &mut found;
        for (stream, by_units) in [(errors, false), (units, true)] {
            let (n, failed) = arm.trials(by_units);
            stream.tick(n, failed as f64, failed as f64);
        }
        let (n, sum, squares) = score_sums(&arm.latency, levels);
        latency.tick(n, sum, squares);
    }
    found
}

/// Requests, sum of scores and sum of squared scores of a histogram.
pub(super) fn score_sums(latency: &Latency, levels: &[u8]) -> (u64, f64, f64) {
    let (mut n, mut sum, mut squares) = (0u64, 0.0, 0.0);
    for (bucket, count) in latency {
        let level = levels.get(usize::from(*bucket)).or(levels.last()).copied().unwrap_or(0);
        let score = f64::from(level) / (LEVELS - 1) as f64;
        n = n.saturating_add(*count);
        sum += score * *count as f64;
        squares += score * score * *count as f64;
    }
    (n, sum, squares)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(at: u64, requests: u64, errors: u64) -> SignalSecond {
        let latency = vec![(100, requests / 2), (140, requests - requests / 2)];
        let arm =
            Arm { requests, s2xx: requests - errors, s5xx: errors, latency, ..Arm::default() };
        SignalSecond { second: at, arms: vec![("old".into(), arm)], ..SignalSecond::default() }
    }

    #[test]
    fn no_ticks_means_the_stated_prior() {
        let nothing = Baseline::from_seconds(&[SignalSecond::default()], &"old".into());
        assert_eq!(nothing, Baseline::unknown());
        assert!((nothing.d_errors - 5.0).abs() < 1e-12);
        assert!((nothing.error_bound() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn few_ticks_keep_a_part_of_the_prior() {
        let seconds: Vec<_> = (0..30).map(|at| second(at, 50, 0)).collect();
        let half = Baseline::from_seconds(&seconds, &"old".into());
        assert!((half.d_errors - 3.0).abs() < 1e-12, "{}", half.d_errors);
        let seconds: Vec<_> = (0..60).map(|at| second(at, 50, 0)).collect();
        let whole = Baseline::from_seconds(&seconds, &"old".into());
        assert!((whole.d_errors - 1.0).abs() < 1e-12, "{}", whole.d_errors);
    }

    #[test]
    fn clustered_errors_raise_the_overdispersion() {
        let even: Vec<_> =
            (0..600).map(|at| second(at, 50, u64::from(at.is_multiple_of(5)))).collect();
        let clustered: Vec<_> =
            (0..600).map(|at| second(at, 50, if at.is_multiple_of(50) { 10 } else { 0 })).collect();
        let even = Baseline::from_seconds(&even, &"old".into());
        let clustered = Baseline::from_seconds(&clustered, &"old".into());
        assert_eq!(even.errors, clustered.errors);
        assert!(even.d_errors < 2.0 && clustered.d_errors > 8.0, "{even:?} {clustered:?}");
    }

    #[test]
    fn clients_that_never_come_again_are_trials_by_themselves() {
        let told = |at: u64, again: Option<u64>| {
            let mut second = second(at, 50, 1);
            let arm = &mut second.arms[0].1;
            (arm.units, arm.unit_errors, arm.unit_errors_again) = (10, 1, again);
            second
        };
        let learn = |again: &dyn Fn(u64) -> Option<u64>| {
            let seconds: Vec<_> = (0..600).map(|at| told(at, again(at))).collect();
            Baseline::from_seconds(&seconds, &"old".into()).d_trials(7.0)
        };
        // 300 failed trials after the first five minutes: 1 of 302 is assumed to come again.
        assert!((learn(&|_| Some(0)) - (1.0 + 12.0 / 302.0)).abs() < 1e-9);
        assert!((learn(&|_| Some(1)) - 7.0).abs() < 1e-9, "all come again");
        assert!((learn(&|_| None) - 7.0).abs() < 1e-9, "a door that does not tell");
        let (short, none): (Vec<_>, _) =
            ((0..300).map(|at| told(at, Some(0))).collect(), "old".into());
        assert!((Baseline::from_seconds(&short, &none).d_trials(7.0) - 7.0).abs() < 1e-9);
    }

    #[test]
    fn counts_only_the_release_that_served() {
        let mut seconds = vec![second(1, 50, 1), second(2, 50, 0)];
        seconds[1].arms[0].0 = "other".into();
        let baseline = Baseline::from_seconds(&seconds, &"old".into());
        assert_eq!((baseline.ticks, baseline.requests, baseline.errors), (1, 50, 1));
        assert_eq!(baseline.latency, vec![(100, 25), (140, 25)]);
        assert!((baseline.error_prior() - 0.02).abs() < 1e-12);
        assert!(baseline.mean_score > 0.0 && baseline.mean_score < 1.0);
    }
}
