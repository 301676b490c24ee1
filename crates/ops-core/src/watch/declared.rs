//! Signals that a service declares, each with the detector that fits what it says.

use serde::{Deserialize, Serialize};

use super::{
    Dispersion, Gauge, OneArm, Scored, ScoredParams, TwoArm, TwoArmParams, combine, savage_levels,
};
use crate::{
    reading::{Reading, Sample},
    settings::{Signal, SignalKind},
    signal::{LATENCY_BUCKETS, Latency},
};

/// Overdispersion that is assumed where nothing was seen before (`watch.md` §7).
const UNKNOWN_D: f64 = 5.0;
/// Rate that is expected where nothing was seen.
const UNKNOWN_RATE: f64 = 0.01;
/// Shares above a bound of a histogram that are worth a stream: p50 to p99.9 (`watch.md` §3.9).
const WANTED: [f64; 4] = [0.5, 0.1, 0.01, 0.001];
/// Tolerance of those streams.
const BOUND_TOLERANCE: (f64, f64) = (1.1, 0.01);

/// What a declared signal said of what served before the deployment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SignalBefore {
    /// Windows that were read.
    pub windows: u64,
    /// Share of events, for rates.
    rate: Option<(f64, f64)>,
    /// Score levels, mean score and overdispersion, for fine histograms.
    score: Option<(Vec<u8>, f64, f64)>,
    /// Bounds with the share above and its overdispersion, for histograms with bounds of their own.
    bounds: Vec<(f64, f64, f64)>,
}

impl SignalBefore {
    /// Learns from readings in ascending order; what serves stands in `new` of each.
    pub fn from_readings(readings: &[Reading]) -> Self {
        let samples: Vec<_> = readings.iter().map(|reading| &reading.new).collect();
        Self {
            windows: samples.iter().filter(|sample| !sample.is_missing()).count() as u64,
            rate: rate(&samples),
            score: score(&samples),
            bounds: bounds(&samples),
        }
    }
}

fn rate(samples: &[&Sample]) -> Option<(f64, f64)> {
    let counts = |sample: &&Sample| match sample {
        Sample::Counts { total, events } => Some((*total, *events.min(total))),
        _ => None,
    };
    share_and_d(samples.iter().map(counts))
}

/// Share of events and overdispersion of counts over neighbouring windows.
fn share_and_d(counts: impl Iterator<Item = Option<(u64, u64)>>) -> Option<(f64, f64)> {
    let (mut found, mut all, mut events) = (Dispersion::default(), 0u64, 0u64);
    for count in counts {
        let Some((n, x)) = count else {
            found.gap();
            continue;
        };
        found.tick(n, x as f64, x as f64);
        all = all.saturating_add(n);
        events = events.saturating_add(x);
    }
    (all > 0).then(|| (events as f64 / all as f64, found.d()))
}

fn score(samples: &[&Sample]) -> Option<(Vec<u8>, f64, f64)> {
    let mut histogram = vec![0u64; LATENCY_BUCKETS];
    let fine = |sample: &&Sample| match sample {
        Sample::Latency { latency } => Some(latency.clone()),
        _ => None,
    };
    let all: Vec<Option<Latency>> = samples.iter().map(fine).collect();
    for (bucket, count) in all.iter().flatten().flatten() {
        let slot = &mut histogram[usize::from(*bucket).min(LATENCY_BUCKETS - 1)];
        *slot = slot.saturating_add(*count);
    }
    if histogram.iter().all(|count| *count == 0) {
        return None;
    }
    let levels = savage_levels(&histogram);
    let (mut found, mut n, mut sum) = (Dispersion::default(), 0u64, 0.0);
    for latency in &all {
        let Some(latency) = latency else {
            found.gap();
            continue;
        };
        let (count, total, squares) = super::baseline::score_sums(latency, &levels);
        found.tick(count, total, squares);
        n = n.saturating_add(count);
        sum += total;
    }
    Some((levels, sum / n.max(1) as f64, found.d()))
}

fn bounds(samples: &[&Sample]) -> Vec<(f64, f64, f64)> {
    let above = |sample: &&Sample, bound: f64| match sample {
        Sample::Above { total, bounds } => {
            let found = bounds.iter().find(|(at, _)| at.total_cmp(&bound).is_eq());
            found.map(|(_, above)| (*total, *above.min(total)))
        }
        _ => None,
    };
    let Some(Sample::Above { bounds: known, .. }) =
        samples.iter().rev().find(|sample| matches!(sample, Sample::Above { .. }))
    else {
        return Vec::new();
    };
    let shares: Vec<_> = known
        .iter()
        .filter_map(|(bound, _)| {
            let (share, d) = share_and_d(samples.iter().map(|sample| above(sample, *bound)))?;
            Some((*bound, share, d))
        })
        .filter(|(_, share, _)| *share > 0.0 && *share < 1.0)
        .collect();
    let mut chosen: Vec<(f64, f64, f64)> = Vec::new();
    for wanted in WANTED {
        let far = |share: f64| (share.ln() - wanted.ln()).abs();
        let nearest = shares.iter().min_by(|a, b| far(a.1).total_cmp(&far(b.1)));
        if let Some(nearest) = nearest.filter(|one| !chosen.contains(one)) {
            chosen.push(*nearest);
        }
    }
    chosen
}

/// The detector of one declared signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(
    clippy::large_enum_variant,
    reason = "a deployment has a few of them, each for its whole life"
)]
pub(super) enum Declared {
    Rate(TwoArm),
    Limit(OneArm),
    Score(Scored),
    /// One stream per bound, averaged.
    Bounds(Vec<(f64, TwoArm)>),
    Level(Gauge),
}

impl Declared {
    /// What judges the new version against the old one; `None` for what judges nothing.
    pub(super) fn against_old(signal: &Signal, before: Option<&SignalBefore>) -> Option<Self> {
        match &signal.kind {
            SignalKind::Rate { .. } => {
                let (p_prior, d) = before
                    .and_then(|before| before.rate)
                    .map_or((UNKNOWN_RATE, UNKNOWN_D), |(rate, d)| (rate.clamp(1e-4, 0.5), d));
                let params = TwoArmParams { p_prior, d, ..TwoArmParams::default() };
                Some(Self::Rate(TwoArm::new(params)))
            }
            SignalKind::Histogram { .. } => Self::histogram(before?),
            SignalKind::Level { tolerance, .. } => Some(Self::Level(Gauge::new(*tolerance))),
            SignalKind::Done { .. } => None,
        }
    }

    fn histogram(before: &SignalBefore) -> Option<Self> {
        if let Some((levels, mean, d)) = &before.score {
            let p_prior = mean.clamp(1e-4, 0.5);
            let params =
                ScoredParams { levels: levels.clone(), k_tol: 1, p_prior, d: *d, most: None };
            return Some(Self::Score(Scored::new(params)));
        }
        let (rho, delta) = BOUND_TOLERANCE;
        let stream = |(bound, share, d): &(f64, f64, f64)| {
            let p_prior = share.clamp(1e-4, 0.9);
            let params = TwoArmParams { rho, delta, p_prior, d: *d, ..TwoArmParams::default() };
            (*bound, TwoArm::new(params))
        };
        let streams: Vec<_> = before.bounds.iter().map(stream).collect();
        (!streams.is_empty()).then_some(Self::Bounds(streams))
    }

    /// What judges the new version against the signal's own limit.
    pub(super) fn limit(signal: &Signal, before: Option<&SignalBefore>) -> Option<Self> {
        let SignalKind::Rate { limit: Some(limit), .. } = signal.kind else { return None };
        let d = before.and_then(|before| before.rate).map_or(UNKNOWN_D, |(_, d)| d);
        Some(Self::Limit(OneArm::new(limit, d)))
    }

    /// Takes a reading at second `t`. `comparable` says whether one and the same share of the
    /// traffic went to the new version during its whole window.
    pub(super) fn feed(&mut self, t: u64, reading: &Reading, comparable: bool) {
        match (self, &reading.new, &reading.old) {
            (Self::Limit(stream), Sample::Counts { total, events }, _) => {
                stream.feed(t, *total, *events);
            }
            (Self::Rate(stream), Sample::Counts { total, events }, old) => match old {
                Sample::Counts { total: n_b, events: x_b } if comparable => {
                    stream.feed(t, (*total, *events), (*n_b, *x_b));
                }
                _ => stream.flush(t),
            },
            (Self::Score(stream), Sample::Latency { latency }, old) => match old {
                Sample::Latency { latency: control } if comparable => {
                    stream.feed(t, latency, control);
                }
                _ => stream.flush(t),
            },
            (
                Self::Bounds(streams),
                Sample::Above { total: n_c, bounds: new },
                Sample::Above { total: n_b, bounds: old },
            ) => {
                for (bound, stream) in streams {
                    // The same bound on both sides, or none at all (`watch.md` §3.9).
                    let at = |bounds: &[(f64, u64)]| {
                        let found = bounds.iter().find(|(at, _)| at.total_cmp(bound).is_eq());
                        found.map(|(_, above)| *above)
                    };
                    match (at(new), at(old)) {
                        (Some(x_c), Some(x_b)) if comparable => {
                            stream.feed(t, (*n_c, x_c), (*n_b, x_b));
                        }
                        _ => stream.flush(t),
                    }
                }
            }
            (Self::Level(stream), Sample::Level { value: new }, Sample::Level { value: old })
                if comparable =>
            {
                stream.feed(t, *new, *old);
            }
            _ => {}
        }
    }

    pub(super) fn log_e(&self) -> f64 {
        match self {
            Self::Rate(stream) => stream.log_e(),
            Self::Limit(stream) => stream.log_e(),
            Self::Score(stream) => stream.log_e(),
            Self::Level(stream) => stream.log_e(),
            Self::Bounds(streams) => {
                let share = 1.0 / streams.len().max(1) as f64;
                let parts: Vec<_> = streams.iter().map(|(_, one)| (share, one.log_e())).collect();
                combine(&parts)
            }
        }
    }

    /// The fixed limit, if it has one, as a share.
    pub(super) fn fixed_limit(&self) -> Option<f64> {
        match self {
            Self::Limit(stream) => Some(stream.limit()),
            _ => None,
        }
    }
}
