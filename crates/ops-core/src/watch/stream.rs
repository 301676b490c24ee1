//! The streams of one deployment: what each looks at, and how much of the budget it has.

use serde::{Deserialize, Serialize};

use super::{
    ClientClass, Gauge, Labels, OneArm, Scored, ScoredParams, Setup, Silence, StreamName, TwoArm,
    TwoArmParams,
    baseline::Quantile,
    declared::Declared,
    edges::{Edge, slower_than},
};
use crate::{
    reading::Second,
    signal::{Arm, LATENCY_BUCKETS, Latency, latency_edge_micros},
};

/// Buckets by which the new version may be slower: one, that is 9 %.
const LATENCY_TOLERANCE: u16 = 1;
/// What one second of latencies may add to the evidence at most: one cause, such as a pause of a
/// runtime, slows all requests of its second, and before the deployment it was seen among more
/// replicas than the new version has.
const LATENCY_MOST: Option<f64> = Some(2.0);
/// Share of requests that may be slower than a 99th percentile.
const P99_SHARE: f64 = 0.01;
/// Tolerance of the share of answered requests.
const SILENCE_TOLERANCE: f64 = 0.2;
/// Tolerance of 4xx classes: clients cause them, so they differ more than errors do.
const CLIENT_TOLERANCE: (f64, f64) = (1.2, 0.002);
/// By which share a replica may take more, beyond the spread between machines.
const RESOURCE_TOLERANCE: f64 = 0.25;
/// Times as many errors as the old version logs for the same work are tolerated.
const LOG_FACTOR: f64 = 2.0;
/// Overdispersion of log lines: one cause writes several (`watch.md` §7).
const LOG_D: f64 = 5.0;

/// Weights before those of unused streams are shared out (`watch.md` §3.4).
mod weight {
    pub(super) const ERRORS: f64 = 0.5;
    pub(super) const CLIENT: f64 = 0.1;
    pub(super) const LATENCY: f64 = 0.1;
    pub(super) const P80: f64 = 0.05;
    pub(super) const P99: f64 = 0.075;
    pub(super) const FAR: f64 = 0.075;
    pub(super) const SILENCE: f64 = 0.1;
    pub(super) const RESOURCES: f64 = 0.1;
    pub(super) const LOGS: f64 = 0.1;
    pub(super) const DECLARED: f64 = 0.1;
    pub(super) const LIMIT: f64 = 0.1;
}

/// One stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Stream {
    pub(super) name: StreamName,
    pub(super) weight: f64,
    pub(super) detector: Detector,
}

/// What a stream plays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Detector {
    Errors {
        stream: TwoArm,
        by_units: bool,
    },
    Client {
        stream: TwoArm,
        class: ClientClass,
    },
    Latency(Scored),
    Slower {
        stream: TwoArm,
        bucket: u16,
    },
    Silence {
        stream: Silence,
        by_units: bool,
    },
    ErrorLimit(OneArm),
    /// The first bucket whose requests are all slower than the limit.
    LatencyLimit {
        stream: OneArm,
        bucket: u16,
    },
    Level(Gauge),
    Logged(Labels),
    Declared(Declared),
}

/// A second, and what may be judged in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) second: &'a Second<'a>,
    /// Caches are warm: latency may be judged.
    pub(super) warm: bool,
    /// Answers to requests from before the last change of weights are over.
    pub(super) settled: bool,
}

impl Detector {
    pub(super) fn second(&mut self, t: u64, moment: &Moment<'_>) {
        let Moment { second, warm, settled } = *moment;
        let Second { canary, control, share } = *second;
        let failed = canary.errors().min(canary.requests);
        match self {
            Self::Errors { stream, by_units } => match share {
                Some(_) => stream.feed(t, canary.trials(*by_units), control.trials(*by_units)),
                None => stream.flush(t),
            },
            Self::Client { stream, class } => match share {
                Some(_) => {
                    let counts = |arm: &Arm| (arm.requests, class.answers(arm));
                    stream.feed(t, counts(canary), counts(control));
                }
                None => stream.flush(t),
            },
            Self::Latency(stream) => match share {
                Some(_) if warm => stream.feed(t, &canary.latency, &control.latency),
                Some(_) => {}
                None => stream.flush(t),
            },
            Self::Slower { stream, bucket } => match share {
                Some(_) if warm => {
                    let slower = |latency: &Latency, shift| {
                        slower_than(latency, bucket.saturating_add(shift))
                    };
                    let canary = slower(&canary.latency, LATENCY_TOLERANCE);
                    stream.feed(t, canary, slower(&control.latency, 0));
                }
                Some(_) => {}
                None => stream.flush(t),
            },
            Self::Silence { stream, by_units } => {
                if let Some(share) = share.filter(|_| settled) {
                    let (canary, _) = canary.trials(*by_units);
                    stream.feed(t, share, canary, control.trials(*by_units).0);
                }
            }
            Self::ErrorLimit(stream) => stream.feed(t, canary.requests, failed),
            Self::LatencyLimit { stream, bucket } if warm => {
                let (all, slow) = slower_than(&canary.latency, *bucket);
                stream.feed(t, all, slow);
            }
            Self::LatencyLimit { .. } | Self::Level(_) | Self::Logged(_) | Self::Declared(_) => {}
        }
    }

    pub(super) fn log_e(&self) -> f64 {
        match self {
            Self::Errors { stream, .. }
            | Self::Client { stream, .. }
            | Self::Slower { stream, .. } => stream.log_e(),
            Self::Latency(stream) => stream.log_e(),
            Self::Silence { stream, .. } => stream.log_e(),
            Self::ErrorLimit(stream) | Self::LatencyLimit { stream, .. } => stream.log_e(),
            Self::Level(stream) => stream.log_e(),
            Self::Logged(stream) => stream.log_e(),
            Self::Declared(stream) => stream.log_e(),
        }
    }

    /// The fixed limit of a stream that has one, as a share.
    pub(super) fn limit(&self) -> f64 {
        match self {
            Self::ErrorLimit(stream) | Self::LatencyLimit { stream, .. } => stream.limit(),
            Self::Declared(stream) => stream.fixed_limit().unwrap_or(0.0),
            _ => 0.0,
        }
    }
}

/// The streams that can see something, with weights that add up to 1: fixed before the first
/// request, since weights that follow what is seen would not keep the promise.
pub(super) fn streams(setup: &Setup<'_>) -> Vec<Stream> {
    let mut all = Vec::new();
    let mut add = |name, weight, detector| all.push(Stream { name, weight, detector });
    if setup.control && setup.routed {
        door(setup, &mut add);
    }
    if setup.routed {
        limits(setup, &mut add);
    }
    if setup.control {
        let resources = |name| (name, Detector::Level(Gauge::new(RESOURCE_TOLERANCE)));
        let both = [Some(StreamName::Memory), setup.routed.then_some(StreamName::Cpu)];
        let used: Vec<_> = both.into_iter().flatten().filter(|_| setup.usage).collect();
        let each = weight::RESOURCES / used.len().max(1) as f64;
        for (name, detector) in used.into_iter().map(resources) {
            add(name, each, detector);
        }
        if setup.logs {
            let logged = Detector::Logged(Labels::new(LOG_FACTOR, LOG_D));
            add(StreamName::LogErrors, weight::LOGS, logged);
        }
    }
    declared(setup, &mut add);
    let total: f64 = all.iter().map(|stream: &Stream| stream.weight).sum();
    for stream in &mut all {
        stream.weight /= total;
    }
    all
}

/// What the door sees of both versions.
fn door(setup: &Setup<'_>, add: &mut impl FnMut(StreamName, f64, Detector)) {
    let baseline = setup.baseline;
    let by_units = baseline.d_units.is_some();
    // What is counted by requests: those of one client stand or fall together.
    let together = baseline.requests_per_unit();
    let errors = TwoArm::new(TwoArmParams {
        p_prior: baseline.error_prior(),
        d: baseline.d_trials(setup.unit_trials),
        ..TwoArmParams::default()
    });
    add(StreamName::Errors, weight::ERRORS, Detector::Errors { stream: errors, by_units });
    for class in ClientClass::ALL {
        let (rho, delta) = CLIENT_TOLERANCE;
        let (p_prior, d) = baseline.class(class);
        let d = d.max(together);
        let stream = TwoArm::new(TwoArmParams { rho, delta, p_prior, d, ..Default::default() });
        let weight = weight::CLIENT / ClientClass::ALL.len() as f64;
        add(StreamName::Client(class), weight, Detector::Client { stream, class });
    }
    if !baseline.levels.is_empty() {
        let stream = Scored::new(ScoredParams {
            levels: baseline.levels.clone(),
            k_tol: LATENCY_TOLERANCE,
            p_prior: baseline.score_prior(),
            d: baseline.d_latency.max(together),
            most: LATENCY_MOST,
        });
        add(StreamName::Latency, weight::LATENCY, Detector::Latency(stream));
    }
    let slower = [
        (StreamName::SlowP80, weight::P80, Quantile::P80),
        (StreamName::SlowP99, weight::P99, Quantile::P99),
        (StreamName::SlowFar, weight::FAR, Quantile::Far),
    ];
    for (name, weight, quantile) in slower {
        if let Some(Edge { bucket, share, d }) = baseline.edge(quantile).cloned() {
            let d = d.max(together);
            let params = TwoArmParams {
                rho: 1.0,
                delta: 0.0,
                p_prior: share,
                d,
                most: LATENCY_MOST,
                ..Default::default()
            };
            add(name, weight, Detector::Slower { stream: TwoArm::new(params), bucket });
        }
    }
    let d = if by_units { setup.unit_trials } else { 1.0 };
    let stream = Silence::clustered(SILENCE_TOLERANCE, d);
    add(StreamName::Silence, weight::SILENCE, Detector::Silence { stream, by_units });
}

fn limits(setup: &Setup<'_>, add: &mut impl FnMut(StreamName, f64, Detector)) {
    if let Some(share) = setup.slo.error_share {
        let stream = OneArm::new(share, setup.baseline.d_errors);
        add(StreamName::ErrorLimit, weight::LIMIT, Detector::ErrorLimit(stream));
    }
    if let Some(limit) = setup.slo.p99_ms {
        let stream = OneArm::new(P99_SHARE, setup.baseline.d_latency);
        let bucket = first_bucket_above(limit);
        add(StreamName::LatencyLimit, weight::LIMIT, Detector::LatencyLimit { stream, bucket });
    }
}

fn declared(setup: &Setup<'_>, add: &mut impl FnMut(StreamName, f64, Detector)) {
    let mut found = Vec::new();
    for signal in setup.signals {
        let before = setup.before.get(&signal.name);
        let against = setup.control.then(|| Declared::against_old(signal, before)).flatten();
        found.extend(against.map(|one| (StreamName::Signal(signal.name.clone()), one)));
        let limit = Declared::limit(signal, before);
        found.extend(limit.map(|one| (StreamName::SignalLimit(signal.name.clone()), one)));
    }
    let each = weight::DECLARED / found.len().max(1) as f64;
    for (name, detector) in found {
        add(name, each, Detector::Declared(detector));
    }
}

/// The first bucket all of whose latencies are above the limit; beyond the histogram if none is.
pub(super) fn first_bucket_above(limit_ms: u64) -> u16 {
    let limit = limit_ms as f64 * 1000.0;
    let buckets = LATENCY_BUCKETS as u16;
    (0..buckets).find(|bucket| latency_edge_micros(*bucket) >= limit).unwrap_or(buckets)
}
