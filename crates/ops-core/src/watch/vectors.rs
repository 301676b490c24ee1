//! The detectors against test vectors that were made with an independent implementation and
//! checked in 60-digit decimal arithmetic.

use serde_json::Value;

use super::*;

const TOLERANCE: f64 = 1e-9;

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("../../tests/data/watch-vectors.json")).unwrap()
}

fn vector(name: &str) -> Value {
    let starts = |v: &Value| v["name"].as_str().unwrap().split(' ').next() == Some(name);
    vectors().into_iter().find(starts).unwrap()
}

fn counts(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect()
}

fn number(vector: &Value, name: &str, default: f64) -> f64 {
    vector["params"][name].as_f64().unwrap_or(default)
}

fn flag(vector: &Value, name: &str, default: bool) -> bool {
    vector["params"][name].as_bool().unwrap_or(default)
}

fn same(actual: f64, expected: &Value, place: &str) {
    let expected = expected.as_f64().unwrap();
    assert!((actual - expected).abs() <= TOLERANCE, "{place}: {actual} is not {expected}");
}

/// Feeds a vector's intervals and compares the evidence after each of them.
fn run(vector: &Value, mut feed: impl FnMut(u64, &Value) -> f64) {
    let name = vector["name"].as_str().unwrap();
    let intervals = vector["seq"].as_array().unwrap();
    let expected = vector["log_e"].as_array().unwrap();
    assert_eq!(intervals.len(), expected.len(), "{name}");
    for (interval, expected) in intervals.iter().zip(expected) {
        let t = interval[0].as_u64().unwrap();
        same(feed(t, interval), expected, &format!("{name} at {t}"));
    }
}

#[test]
fn two_arm_agrees_with_every_vector() {
    let all: Vec<_> = vectors().into_iter().filter(|v| v["type"] == "two_arm").collect();
    assert_eq!(all.len(), 9);
    for vector in all {
        let mut stream = TwoArm::new(TwoArmParams {
            rho: number(&vector, "rho", 1.1),
            delta: number(&vector, "delta", 0.0005),
            p_prior: number(&vector, "p_prior", 0.01),
            d: 1.0,
            mirrored: flag(&vector, "mirrored", false),
            restarts: flag(&vector, "restarts", true),
            most: None,
        });
        run(&vector, |t, interval| {
            let n = counts(interval);
            stream.feed(t, (n[1], n[2]), (n[3], n[4]));
            stream.log_e()
        });
    }
}

#[test]
fn scored_agrees_with_a10() {
    let vector = vector("A10");
    let mut stream = Scored::new(ScoredParams {
        levels: Vec::new(),
        k_tol: 0,
        p_prior: number(&vector, "p_prior", f64::NAN),
        d: 1.0,
        most: None,
    });
    run(&vector, |t, interval| {
        let scores = |i: usize| <[u64; LEVELS]>::try_from(counts(&interval[i])).unwrap();
        stream.feed_scores(t, &scores(1), &scores(2));
        stream.log_e()
    });
}

#[test]
fn one_arm_agrees_with_b1() {
    let vector = vector("B1");
    let mut stream = OneArm::new(number(&vector, "p0", f64::NAN), 1.0);
    run(&vector, |t, interval| {
        let n = counts(interval);
        stream.feed(t, n[1], n[2]);
        stream.log_e()
    });
}

#[test]
fn silence_agrees_with_c1() {
    let vector = vector("C1");
    let mut stream = Silence::new(number(&vector, "tol", f64::NAN));
    let weight = number(&vector, "w", f64::NAN);
    run(&vector, |t, interval| {
        let n = counts(interval);
        stream.feed(t, weight, n[1], n[2]);
        stream.log_e()
    });
}

#[test]
fn gauge_agrees_with_d1() {
    let vector = vector("D1");
    let mut stream = Gauge::new(number(&vector, "tol", f64::NAN));
    run(&vector, |t, interval| {
        stream.feed(t, interval[1].as_f64().unwrap(), interval[2].as_f64().unwrap());
        stream.log_e()
    });
}

#[test]
fn combine_agrees_with_e1() {
    let vector = vector("E1");
    let part = |name: &str, i: usize| vector[name][i].as_f64().unwrap();
    let streams: Vec<_> = (0..3).map(|i| (part("weights", i), part("log_es", i))).collect();
    same(combine(&streams), &vector["final"], "E1");
}

#[test]
fn levels_agree_with_f1() {
    let vector = vector("F1");
    let levels = savage_levels(&counts(&vector["pre_hist"]));
    let levels: Vec<u64> = levels.into_iter().map(u64::from).collect();
    assert_eq!(levels, counts(&vector["levels"]));
}

#[test]
fn dispersion_agrees_with_f2() {
    let vector = vector("F2");
    let mut dispersion = Dispersion::default();
    for (n, x) in counts(&vector["n"]).into_iter().zip(counts(&vector["x"])) {
        dispersion.tick(n, x as f64, x as f64);
    }
    same(dispersion.d(), &vector["final"], "F2");
}

#[test]
fn state_comes_back_from_json_bit_for_bit() {
    let mut stream = TwoArm::new(TwoArmParams { p_prior: 0.005, ..TwoArmParams::default() });
    for interval in vector("A5")["seq"].as_array().unwrap() {
        let n = counts(interval);
        stream.feed(n[0], (n[1], n[2]), (n[3], n[4]));
        let json = serde_json::to_string(&stream).unwrap();
        let back: TwoArm = serde_json::from_str(&json).unwrap();
        assert_eq!(back, stream);
        assert_eq!(back.log_e().to_bits(), stream.log_e().to_bits());
    }
}
