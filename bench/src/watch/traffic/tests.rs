use super::*;
use crate::watch::scenario::{OWN, SPECIFIED, named};

fn cell(name: &str) -> Cell {
    Cell { scenario: named(name).unwrap(), rps: 50.0, weight: 0.1, base: 0.005, warmup: 30 }
}

fn run(cell: &Cell, seed: u64) -> Vec<Seen> {
    let mut traffic = Traffic::new(cell, seed);
    traffic.before();
    (0..HORIZON).map(|_| traffic.second()).collect()
}

/// Both versions of a whole watch.
fn totals(name: &str) -> Both<Arm> {
    let mut sum = Both { canary: Arm::default(), control: Arm::default() };
    for seed in 0..3 {
        for seen in run(&cell(name), seed) {
            sum.canary.add(&seen.arms.canary);
            sum.control.add(&seen.arms.control);
        }
    }
    sum
}

fn failed(arm: &Arm) -> f64 {
    100.0 * arm.errors() as f64 / arm.requests as f64
}

fn median_ms(arm: &Arm) -> f64 {
    let mut below = 0;
    let middle = arm.latency.iter().find(|(_, count)| {
        below += count;
        2 * below >= arm.requests
    });
    let bucket = middle.map_or(0, |(bucket, _)| *bucket);
    ops_core::signal::latency_edge_micros(bucket) / 1e3
}

fn near(found: f64, wanted: f64, within: f64) {
    assert!((found / wanted - 1.0).abs() < within, "{found} instead of {wanted}");
}

#[test]
fn the_same_seed_gives_the_same_seconds() {
    for scenario in SPECIFIED.iter().chain(OWN) {
        let first = |seed| {
            let mut traffic = Traffic::new(&cell(scenario.name), seed);
            let before = traffic.before().0;
            (before, traffic.second().arms)
        };
        assert_eq!(first(7), first(7), "{}", scenario.name);
        assert_ne!(first(7).0, first(8).0, "{}", scenario.name);
    }
}

#[test]
fn every_second_adds_up() {
    for scenario in SPECIFIED.iter().chain(OWN) {
        for seen in run(&cell(scenario.name), 1) {
            for arm in [&seen.arms.canary, &seen.arms.control] {
                let timed: u64 = arm.latency.iter().map(|(_, count)| count).sum();
                assert_eq!(arm.requests, timed, "{}", scenario.name);
                assert_eq!(arm.requests, arm.s2xx + arm.s4xx + arm.s5xx, "{}", scenario.name);
                let kinds: u64 = arm.kinds.iter().map(|(_, count)| count).sum();
                assert_eq!(arm.s4xx, kinds);
                assert!(arm.kinds.is_sorted() && arm.latency.is_sorted());
            }
        }
    }
}

#[test]
fn nothing_wrong_means_both_alike() {
    let Both { canary, control } = totals("null");
    near(canary.requests as f64, 3.0 * 9_000.0, 0.03);
    near(control.requests as f64, 3.0 * 81_000.0, 0.02);
    near(failed(&canary), 0.5, 0.3);
    near(failed(&control), 0.5, 0.1);
    near(median_ms(&canary), median_ms(&control), 0.01);
    let refused = canary.kinds.iter().find(|(kind, _)| *kind == 404).unwrap().1;
    near(refused as f64 / canary.requests as f64, 0.005, 0.3);
}

#[test]
fn changes_are_as_large_as_their_names() {
    let Both { canary, control } = totals("err+2pp");
    near(failed(&canary), 2.5, 0.15);
    near(failed(&control), 0.5, 0.1);
    assert!((failed(&totals("err100").canary) - 100.0).abs() < 1e-9);
    near(median_ms(&totals("lat1.5").canary) / median_ms(&control), 1.5, 0.1);
    let hang = totals("hang").canary;
    near(hang.requests as f64, 3.0 * 9_000.0 * 0.2, 0.05);
    let login = totals("login").canary;
    let denied = login.kinds.iter().find(|(kind, _)| *kind == 401).unwrap().1;
    near(denied as f64 / login.requests as f64, 0.03, 0.1);
    near(failed(&login), 0.5, 0.3);
    let flapping = totals("flapping").canary;
    near(failed(&flapping), 0.5 + 50.0 / 12.0, 0.1);
    let storm = totals("retry-storm").canary;
    near(storm.requests as f64, 3.0 * 9_000.0 * 1.055, 0.03);
}

#[test]
fn what_both_meet_is_met_by_both() {
    let Both { canary, control } = totals("null-retries");
    near(failed(&canary), failed(&control), 0.25);
    assert!(failed(&control) > 0.6);
    let surge = run(&cell("null-surge"), 1);
    let requests = |from: usize, to: usize| -> u64 {
        surge[from..to].iter().map(|seen| seen.arms.control.requests).sum()
    };
    near(requests(900, 1_800) as f64 / requests(0, 900) as f64, 3.0, 0.03);
    let night = totals("null-night");
    assert_eq!((night.canary.requests, night.control.requests), (0, 0));
    let unrouted = totals("null-unrouted");
    assert!(unrouted.canary.requests == 0 && unrouted.control.requests > 200_000);
}

#[test]
fn bad_responses_are_those_of_the_harm() {
    let bad = |name: &str| -> u64 { run(&cell(name), 1).iter().map(|seen| seen.bad).sum() };
    near(bad("err100") as f64, 9_000.0, 0.05);
    near(bad("lat2") as f64, 9_000.0 * 0.33, 0.2);
    near(bad("hang") as f64, 7_200.0, 0.05);
    near(bad("login") as f64, 270.0, 0.25);
    assert_eq!(bad("leak"), 0);
}

#[test]
fn memory_leaks_on_the_new_version_alone() {
    let last = |name: &str| {
        let readings: Vec<_> = run(&cell(name), 3).iter().filter_map(|seen| seen.usage).collect();
        assert_eq!(readings.len(), 120);
        readings[119].memory.canary / readings[119].memory.control
    };
    near(last("leak"), 1.6, 0.25);
    near(last("null-memory"), 1.0, 0.25);
    assert!(run(&cell("null"), 3).iter().all(|seen| seen.usage.is_none()));
}

#[test]
fn stalls_and_clusters_are_seen_in_the_overdispersion_before() {
    let before = |name: &str| {
        let cell = Cell { rps: 500.0, ..cell(name) };
        let (seconds, old) = Traffic::new(&cell, 5).before();
        ops_core::watch::Baseline::from_seconds(&seconds, &old)
    };
    let calm = before("null");
    assert!(calm.d_errors < 1.5 && calm.d_latency < 1.5);
    assert!(before("null-cluster").d_errors > 5.0);
    assert!(before("null-gc").d_latency > 1.5);
    let sticky = before("sticky");
    assert!(sticky.d_units.is_some() && sticky.requests > 250_000);
}
