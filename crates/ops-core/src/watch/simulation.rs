//! The whole judge on simulated traffic: 50 requests a second, a tenth of them to the new version.

use super::*;
use crate::{
    reading::Second,
    settings::Slo,
    signal::{Arm, SignalSecond, latency_bucket},
};

const NO_SLO: Slo = Slo { error_share: None, p99_ms: None };
const BASE_ERRORS: f64 = 0.005;
const ALPHA: f64 = 0.01;
const WARMUP: u64 = 30;

/// Knuth's 64-bit linear congruential generator, upper bits only.
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    /// How many of `n` hit; by skipping from hit to hit, which is quick for small `p`.
    fn binomial(&mut self, n: u64, p: f64) -> u64 {
        let (mut hits, mut at) = (0, 0.0);
        let log_miss = (-p).ln_1p();
        loop {
            let uniform = (f64::from(self.throw()) + 0.5) / 4_294_967_296.0;
            at += (uniform.ln() / log_miss).floor() + 1.0;
            if at > n as f64 {
                return hits;
            }
            hits += 1;
        }
    }
}

/// Buckets at 1024 quantiles of a log-normal latency: 100 ms, sigma 0.6, times a factor.
fn latencies(factor: f64) -> Vec<u16> {
    // Logit approximation of the normal quantile: close enough for a shape.
    let quantile = |u: f64| (u / (1.0 - u)).ln() / 1.702;
    (0..1024)
        .map(|i| 100_000.0 * factor * (0.6 * quantile((f64::from(i) + 0.5) / 1024.0)).exp())
        .map(|micros| latency_bucket(micros as u64))
        .collect()
}

fn arm(dice: &mut Dice, requests: u64, errors: f64, latencies: &[u16]) -> Arm {
    let mut buckets: Vec<u16> =
        (0..requests).map(|_| latencies[dice.throw() as usize >> 22]).collect();
    buckets.sort_unstable();
    let latency = buckets.chunk_by(u16::eq).map(|same| (same[0], same.len() as u64)).collect();
    let s5xx = dice.binomial(requests, errors);
    Arm { requests, s2xx: requests - s5xx, s5xx, latency, ..Arm::default() }
}

/// Splits a second's 25 to 75 requests between the arms at random.
fn split(dice: &mut Dice, weight: f64) -> (u64, u64) {
    let all = 25 + dice.binomial(50, 0.5);
    let canary = dice.binomial(all, weight);
    (canary, all - canary)
}

fn baseline() -> Baseline {
    let mut dice = Dice(1);
    let latencies = latencies(1.0);
    let seconds: Vec<_> = (0..600)
        .map(|second| {
            let (a, b) = split(&mut dice, 0.5);
            let arms = vec![("old".into(), arm(&mut dice, a + b, BASE_ERRORS, &latencies))];
            SignalSecond { second, arms, ..SignalSecond::default() }
        })
        .collect();
    Baseline::from_seconds(&seconds, &"old".into())
}

/// What the new version adds to the old version's errors and by how much it is slower.
#[derive(Clone, Copy)]
struct Change {
    errors: f64,
    latency: f64,
}

/// Seconds until a rollback, within a horizon, and what led to it.
fn trips(judge: &Judge, seed: u64, change: Change, horizon: u64) -> Option<(u64, StreamName)> {
    let mut judge = judge.clone();
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let (old, new) = (latencies(1.0), latencies(change.latency));
    for t in 1..=horizon {
        let (n_c, n_b) = split(&mut dice, 0.1);
        let canary = arm(&mut dice, n_c, BASE_ERRORS + change.errors, &new);
        let control = arm(&mut dice, n_b, BASE_ERRORS, &old);
        let second = Second { canary: &canary, control: &control, share: Some(0.1) };
        judge.feed(t, &second);
        if let Verdict::Harm { leading, .. } = judge.verdict() {
            return Some((t, leading));
        }
    }
    None
}

fn share(runs: u64, run: impl Fn(u64) -> bool) -> f64 {
    (1..=runs).filter(|seed| run(*seed)).count() as f64 / runs as f64
}

#[test]
fn ten_points_more_errors_trip_within_a_minute() {
    let judge = Judge::new(&Setup::door(&baseline(), &NO_SLO, ALPHA, true).warm_after(WARMUP));
    let change = Change { errors: 0.10, latency: 1.0 };
    let tripped =
        share(200, |seed| matches!(trips(&judge, seed, change, 60), Some((_, StreamName::Errors))));
    assert!(tripped >= 0.95, "{tripped}");
}

#[test]
fn nothing_wrong_does_not_trip() {
    let judge = Judge::new(&Setup::door(&baseline(), &NO_SLO, ALPHA, true).warm_after(WARMUP));
    let change = Change { errors: 0.0, latency: 1.0 };
    let tripped = share(500, |seed| trips(&judge, seed, change, 600).is_some());
    assert!(tripped <= 0.01, "{tripped}");
}

#[test]
fn twice_the_latency_trips_and_five_percent_more_does_not() {
    let judge = Judge::new(&Setup::door(&baseline(), &NO_SLO, ALPHA, true).warm_after(WARMUP));
    let twice = Change { errors: 0.0, latency: 2.0 };
    let tripped = share(
        50,
        |seed| matches!(trips(&judge, seed, twice, 60), Some((t, StreamName::Latency | StreamName::SlowP80)) if t > WARMUP),
    );
    assert!(tripped >= 0.95, "{tripped}");
    let little = Change { errors: 0.0, latency: 1.05 };
    let tripped = share(50, |seed| trips(&judge, seed, little, 600).is_some());
    assert!(tripped <= 0.01, "{tripped}");
}
