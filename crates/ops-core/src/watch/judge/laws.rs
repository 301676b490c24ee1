//! Whatever is fed to a judge: never a panic, never a number that is none, never evidence against a
//! version of which nothing was seen.

use proptest::prelude::*;

use super::*;
use crate::{
    reading::{LogCount, LogLevel, Sample},
    settings::{SignalKind, Slo},
    signal::{Arm, SignalSecond},
};

const SLO: Slo = Slo { error_share: Some(0.02), p99_ms: Some(500) };

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..60u64, 1 => Just(0), 1 => any::<u64>()]
}

fn arm() -> impl Strategy<Value = Arm> {
    let latency = prop::collection::vec((any::<u16>(), count()), 0..4);
    let kinds = prop::collection::vec((any::<u16>(), count()), 0..3);
    (count(), count(), count(), count(), count(), latency, kinds).prop_map(
        |(requests, s4xx, s5xx, connect, units, latency, kinds)| Arm {
            requests,
            s4xx,
            s5xx,
            connect,
            units,
            unit_errors: s5xx,
            latency,
            kinds,
            ..Arm::default()
        },
    )
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), -2.0..200.0f64]
}

fn sample() -> impl Strategy<Value = Sample> {
    prop_oneof![
        Just(Sample::Missing),
        (count(), count()).prop_map(|(total, events)| Sample::Counts { total, events }),
        prop::collection::vec((any::<u16>(), count()), 0..4)
            .prop_map(|latency| Sample::Latency { latency }),
        (count(), prop::collection::vec((number(), count()), 0..4))
            .prop_map(|(total, bounds)| Sample::Above { total, bounds }),
        number().prop_map(|value| Sample::Level { value }),
        count().prop_map(|count| Sample::Done { count }),
    ]
}

#[derive(Debug, Clone)]
enum Fed {
    Second(Box<(Arm, Arm)>, Option<f64>),
    Reading(Reading, u64),
    Usage(Vec<Usage>),
    Logs(LogReading),
    Restart,
}

fn release() -> impl Strategy<Value = ReleaseId> {
    prop_oneof![Just("new"), Just("old"), Just("other")].prop_map(ReleaseId::from)
}

fn fed() -> impl Strategy<Value = Fed> {
    let usage = (release(), count(), count(), prop::option::of(count()), count()).prop_map(
        |(release, cpu_ms, memory, memory_limit, oom_kills)| Usage {
            beside: false,
            replica: release.to_string(),
            release,
            cpu_ms,
            memory,
            memory_limit,
            oom_kills,
        },
    );
    let log = (release(), count()).prop_map(|(release, lines)| LogCount {
        release,
        level: LogLevel::Error,
        template: format!("template {}", lines % 7),
        lines,
    });
    let signal = prop_oneof![Just("rate"), Just("histogram"), Just("level"), Just("unknown")];
    prop_oneof![
        6 => (arm(), arm(), prop::option::of(number()))
            .prop_map(|(canary, control, share)| Fed::Second(Box::new((canary, control)), share)),
        2 => (signal, sample(), sample(), count(), count()).prop_map(
            |(signal, new, old, second, lag)| {
                let signal = signal.to_owned();
                Fed::Reading(Reading { signal, second, seconds: 15, new, old }, lag)
            }
        ),
        1 => prop::collection::vec(usage, 0..4).prop_map(Fed::Usage),
        1 => prop::collection::vec(log, 0..4)
            .prop_map(|counts| Fed::Logs(LogReading { counts, ..LogReading::default() })),
        1 => Just(Fed::Restart),
    ]
}

fn signals() -> Vec<Signal> {
    let query = || "q".to_owned();
    let kinds = [
        ("rate", SignalKind::Rate { total: query(), events: query(), limit: Some(0.1) }),
        ("histogram", SignalKind::Histogram { query: query() }),
        ("level", SignalKind::Level { query: query(), tolerance: 0.25 }),
    ];
    let signal = |(name, kind): (&str, SignalKind)| Signal {
        name: name.into(),
        prometheus: "http://127.0.0.1:9090".into(),
        kind,
        every_seconds: 15,
        grace_seconds: None,
    };
    kinds.into_iter().map(signal).collect()
}

fn play(judge: &mut Judge, t: u64, fed: &Fed) {
    let (new, old) = (ReleaseId::from("new"), ReleaseId::from("old"));
    match fed {
        Fed::Second(arms, share) => {
            let (canary, control) = &**arms;
            judge.feed(t, &Second { canary, control, share: *share });
        }
        Fed::Reading(reading, lag) => judge.read(t, reading, *lag),
        Fed::Usage(usage) => judge.usage(t, usage, &new, Some(&old)),
        Fed::Logs(reading) => {
            judge.logs(t, reading, &new, Some(&old));
        }
        Fed::Restart => judge.restart_baseline(),
    }
}

proptest! {
    #[test]
    fn p8_nothing_that_comes_in_is_a_panic_or_no_number(
        before in prop::collection::vec((0..900u64, arm()), 0..30),
        readings in prop::collection::vec(sample(), 0..20),
        control: bool,
        routed: bool,
        alpha in number(),
        all in prop::collection::vec((count(), fed()), 0..40),
    ) {
        let seconds: Vec<_> = before
            .into_iter()
            .map(|(second, arm)| SignalSecond {
                second,
                arms: vec![("old".into(), arm)],
                ..SignalSecond::default()
            })
            .collect();
        let baseline = Baseline::from_seconds(&seconds, &"old".into());
        let reading = |new: &Sample| Reading {
            signal: "rate".into(), second: 1, seconds: 15, new: new.clone(), old: Sample::Missing,
        };
        let readings: Vec<_> = readings.iter().map(reading).collect();
        let known = SignalBefore::from_readings(&readings);
        let names = ["rate", "histogram", "level"];
        let known = names.map(|name| (name.to_owned(), known.clone())).into_iter().collect();
        let mut judge = Judge::new(&Setup {
            signals: &signals(),
            before: &known,
            routed,
            usage: true,
            memory_limit: 1 << 29,
            logs: true,
            ..Setup::door(&baseline, &SLO, alpha, control)
        });
        for (t, fed) in &all {
            play(&mut judge, *t, fed);
            prop_assert!(judge.log_e().is_finite(), "{:?}", judge.streams());
            prop_assert!(judge.evidence() >= 0.0);
            let contrast = judge.effect().errors();
            prop_assert!(contrast.new.low <= contrast.new.high);
            let _ = (judge.verdict(), judge.good_enough(*t));
        }
    }

    /// A new version that answers nothing but health checks is neither good nor bad: only what stays
    /// unanswered while it has a share of the traffic speaks against it.
    #[test]
    fn p8_nothing_seen_is_no_evidence_either_way(
        controls in prop::collection::vec(arm(), 0..60),
    ) {
        let baseline = Baseline::unknown();
        let mut judge = Judge::new(&Setup::door(&baseline, &SLO, 0.01, true));
        for (t, control) in (1..).zip(&controls) {
            judge.feed(t, &Second { canary: &Arm::default(), control, share: Some(0.0) });
        }
        prop_assert!(judge.evidence() < 1e-9, "{:?}", judge.streams());
        prop_assert_eq!(judge.verdict(), Verdict::NoHarm);
        prop_assert!(!judge.good_enough(10_000));
    }
}
