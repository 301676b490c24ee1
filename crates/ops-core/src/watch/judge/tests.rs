use super::*;
use crate::{
    signal::{Arm, LATENCY_BUCKETS, SignalSecond},
    watch::{ClientClass, stream::first_bucket_above},
};

const NO_SLO: Slo = Slo { error_share: None, p99_ms: None };
const BOTH: Slo = Slo { error_share: Some(0.01), p99_ms: Some(500) };

fn arm(requests: u64, errors: u64, bucket: u16) -> Arm {
    let latency = vec![(bucket, requests)];
    Arm { requests, s2xx: requests - errors, s5xx: errors, latency, ..Arm::default() }
}

fn quiet() -> Arm {
    Arm::default()
}

/// Ten minutes at 50 requests a second with 0.4 % errors.
fn baseline() -> Baseline {
    let second = |at: u64| SignalSecond {
        second: at,
        arms: vec![("old".into(), arm(50, u64::from(at.is_multiple_of(5)), 132))],
        ..SignalSecond::default()
    };
    let seconds: Vec<_> = (0..600).map(second).collect();
    Baseline::from_seconds(&seconds, &"old".into())
}

fn judging(baseline: &Baseline, slo: &Slo, control: bool, warmup: u64) -> Judge {
    Judge::new(&Setup::door(baseline, slo, 0.01, control).warm_after(warmup))
}

impl Judge {
    /// A second in which the weights stood as the requests say, or changed.
    fn second(&mut self, t: u64, canary: &Arm, control: &Arm, changed: bool) {
        let all = canary.requests + control.requests;
        let share = if all == 0 { 0.1 } else { canary.requests as f64 / all as f64 };
        // Tenths: counts that differ a little are no change of weights.
        let share = (!changed).then_some((share * 10.0).round() / 10.0);
        self.feed(t, &Second { canary, control, share });
    }

    fn log_e_of(&self, name: &StreamName) -> f64 {
        self.streams().iter().find(|stream| stream.name == *name).unwrap().log_e
    }
}

fn names(judge: &Judge) -> Vec<StreamName> {
    judge.streams().into_iter().map(|stream| stream.name).collect()
}

#[test]
fn only_streams_that_can_see_something_share_the_budget() {
    use StreamName::{
        BaselineErrors, Client, ErrorLimit, Errors, Latency, LatencyLimit, Silence, SlowFar,
        SlowP80, SlowP99,
    };
    let whole = judging(&baseline(), &BOTH, true, 30);
    let clients = ClientClass::ALL.map(Client);
    let wanted = [Errors].into_iter().chain(clients).chain([
        Latency,
        SlowP80,
        SlowP99,
        SlowFar,
        Silence,
        ErrorLimit,
        LatencyLimit,
        BaselineErrors,
    ]);
    assert_eq!(names(&whole), wanted.collect::<Vec<_>>());
    let total: f64 = whole.streams.iter().map(|stream| stream.weight).sum();
    assert!((total - 1.0).abs() < 1e-12);
    assert!((whole.streams[0].weight - 0.5 / 1.2).abs() < 1e-12);

    let first = judging(&Baseline::unknown(), &BOTH, false, 30);
    assert_eq!(names(&first), [ErrorLimit, LatencyLimit]);
    let blind = judging(&Baseline::unknown(), &NO_SLO, false, 30);
    assert_eq!(names(&blind), []);
    assert!(blind.evidence().abs() < 1e-12);
}

#[test]
fn total_failure_is_found_in_seconds_and_stays_found() {
    let mut judge = judging(&baseline(), &NO_SLO, true, 30);
    judge.second(1, &arm(5, 5, 132), &arm(45, 0, 132), false);
    judge.second(2, &arm(5, 5, 132), &arm(45, 0, 132), false);
    let Verdict::Harm { leading, p, words, .. } = judge.verdict() else {
        panic!("{:?} {}", judge.verdict(), judge.evidence());
    };
    assert_eq!(leading, StreamName::Errors);
    assert!(p <= 0.01 && judge.evidence() >= 1.0);
    insta::assert_snapshot!(words);
    for t in 3..400 {
        judge.second(t, &arm(5, 0, 132), &arm(45, 0, 132), false);
    }
    assert!(matches!(judge.verdict(), Verdict::Harm { .. }), "s23: evidence does not reset");
}

#[test]
fn a_shared_outage_trips_nothing() {
    let mut judge = judging(&baseline(), &NO_SLO, true, 30);
    for t in 1..120 {
        let failing = if (30..60).contains(&t) { 10 } else { 0 };
        judge.second(t, &arm(25, failing, 132), &arm(25, failing, 132), false);
    }
    assert_eq!(judge.verdict(), Verdict::NoHarm);
    assert_eq!(judge.totals().canary_errors, 300);
}

#[test]
fn a_second_over_two_weights_is_not_compared() {
    let mut judge = judging(&baseline(), &NO_SLO, true, 0);
    for t in 1..60 {
        judge.second(t, &arm(10, 10, 250), &arm(10, 0, 132), true);
    }
    assert_eq!(judge.verdict(), Verdict::NoHarm);
    assert!(judge.evidence().abs() < 1e-9);
    assert_eq!(judge.totals().canary_errors, 590);
}

#[test]
fn latency_waits_for_the_warm_up_after_the_first_request() {
    let mut judge = judging(&baseline(), &BOTH, true, 30);
    for t in 1..=20 {
        judge.second(t, &quiet(), &arm(50, 0, 132), false);
    }
    for t in 21..=50 {
        judge.second(t, &arm(25, 0, 200), &arm(25, 0, 132), false);
    }
    assert_eq!(judge.verdict(), Verdict::NoHarm, "cold");
    judge.second(51, &arm(25, 0, 200), &arm(25, 0, 132), false);
    judge.second(52, &arm(25, 0, 200), &arm(25, 0, 132), false);
    assert!(matches!(judge.verdict(), Verdict::Harm { .. }), "{:?}", judge.streams());
}

#[test]
fn one_pause_of_a_runtime_is_no_slower_version_and_many_are() {
    let (usual, slow) = (arm(100, 0, 132), arm(100, 0, 200));
    let mut judge = judging(&baseline(), &NO_SLO, true, 0);
    for t in 1..=300 {
        // One second in which everything waits: one cause, however many requests met it.
        judge.second(t, if t == 100 { &slow } else { &usual }, &arm(100, 0, 132), false);
    }
    assert_eq!(judge.verdict(), Verdict::NoHarm, "{:?}", judge.streams());
    for t in 301..=307 {
        judge.second(t, &slow, &usual, false);
    }
    assert!(matches!(judge.verdict(), Verdict::Harm { .. }), "{:?}", judge.streams());
}

#[test]
fn limits_judge_without_any_control() {
    let mut judge = judging(&Baseline::unknown(), &BOTH, false, 0);
    for t in 1..60 {
        judge.second(t, &arm(50, 0, first_bucket_above(500) - 1), &quiet(), false);
    }
    assert_eq!(judge.verdict(), Verdict::NoHarm);
    for t in 60..90 {
        judge.second(t, &arm(50, 0, first_bucket_above(500)), &quiet(), false);
    }
    let Verdict::Harm { leading, .. } = judge.verdict() else { panic!("{judge:?}") };
    assert_eq!(leading, StreamName::LatencyLimit);
    assert_eq!(first_bucket_above(u64::MAX), LATENCY_BUCKETS as u16);
}

#[test]
fn the_time_before_judges_only_what_is_alone() {
    let mut judge = judging(&baseline(), &NO_SLO, true, 30);
    for t in 1..=60 {
        judge.second(t, &arm(25, 1, 132), &arm(25, 1, 132), false);
    }
    assert_eq!(judge.verdict(), Verdict::NoHarm, "the control fails as well");
    for t in 61..=90 {
        judge.second(t, &arm(50, 3, 132), &quiet(), t == 61);
    }
    let Verdict::BaselineOnly { gross, words, .. } = judge.verdict() else {
        panic!("{:?}", judge.verdict());
    };
    assert!(!gross, "6 % is no gross harm");
    insta::assert_snapshot!(words);
    for t in 91..=94 {
        judge.second(t, &arm(50, 50, 132), &quiet(), false);
        assert!(matches!(judge.verdict(), Verdict::BaselineOnly { gross: false, .. }), "{t}");
    }
    judge.second(95, &arm(50, 50, 132), &quiet(), false);
    assert!(matches!(judge.verdict(), Verdict::BaselineOnly { gross: true, .. }));
    judge.restart_baseline();
    assert_eq!(judge.verdict(), Verdict::NoHarm);
}

#[test]
fn a_control_with_little_traffic_is_still_a_control() {
    let mut judge = judging(&baseline(), &NO_SLO, true, 30);
    for t in 1..=120 {
        let control = if t % 3 == 0 { arm(1, 1, 132) } else { quiet() };
        judge.second(t, &arm(5, 5, 132), &control, false);
    }
    assert_eq!(judge.verdict(), Verdict::NoHarm, "an outage that both versions share");
}

#[test]
fn the_state_replays_bit_for_bit() {
    let mut live = judging(&baseline(), &BOTH, true, 3);
    for t in 1..40 {
        let (canary, control) = (arm(7, t % 3, 140), arm(44, t % 2, 132));
        let json = serde_json::to_string(&live).unwrap();
        let mut replayed: Judge = serde_json::from_str(&json).unwrap();
        live.second(t, &canary, &control, t == 20);
        replayed.second(t, &canary, &control, t == 20);
        assert_eq!(live, replayed);
    }
}

/// A second in which each of twenty clients asks five times, and these many of them always fail.
fn by_clients(failing: u64) -> Arm {
    Arm { units: 20, unit_errors: failing, ..arm(100, failing * 5, 132) }
}

#[test]
fn where_clients_are_known_again_they_are_counted_and_not_their_requests() {
    // Now and then one client's requests all fail, on whatever version.
    let second = |at: u64| SignalSecond {
        second: at,
        arms: vec![("old".into(), by_clients(u64::from(at.is_multiple_of(7))))],
        ..SignalSecond::default()
    };
    let seconds: Vec<_> = (0..600).map(second).collect();
    let baseline = Baseline::from_seconds(&seconds, &"old".into());
    let units = baseline.d_units.unwrap();
    assert!(units < baseline.d_errors, "{units} and {}", baseline.d_errors);

    let mut judge = judging(&baseline, &NO_SLO, true, 30);
    for t in 0..60 {
        // Requests of one client more fail than before; of the clients as few as before.
        let burst = Arm { s5xx: 25, s2xx: 75, ..by_clients(0) };
        judge.second(t, &burst, &by_clients(0), false);
    }
    assert!(judge.log_e_of(&StreamName::Errors) <= 0.0, "no client more met an error");

    let mut judge = judging(&baseline, &NO_SLO, true, 30);
    for t in 0..60 {
        judge.second(t, &by_clients(4), &by_clients(0), false);
    }
    assert!(matches!(judge.verdict(), Verdict::Harm { .. }), "a fifth of the clients is hurt");
}
