//! The watch's judge over anything that door, signals, logs and machines may say.

use std::collections::BTreeMap;

use ops_core::{
    id::ReleaseId,
    reading::{LogCount, LogLevel, LogReading, Reading, Sample, Second, Usage},
    settings::{Signal, SignalKind, Slo},
    signal::{Arm, SignalSecond},
    watch::{Baseline, Judge, Setup, SignalBefore, Verdict},
};

use crate::bytes::Bytes;

/// Things that one judge is told at most.
const STEPS: usize = 200;
const SIGNALS: [&str; 4] = ["rate", "histogram", "level", "unknown"];
const RELEASES: [&str; 3] = ["new", "old", "other"];

/// Whatever it is told: no number that is none, no evidence taken back, and the same twice.
pub fn judge(bytes: &[u8]) {
    assert_eq!(told(bytes), told(bytes), "the same was judged differently");
}

fn told(input: &[u8]) -> (u64, String) {
    let mut bytes = Bytes::of(input);
    let seconds: Vec<SignalSecond> = (0..bytes.byte() % 32)
        .map(|_| SignalSecond {
            second: bytes.count(),
            arms: vec![(ReleaseId::new("old"), arm(&mut bytes))],
            ..SignalSecond::default()
        })
        .collect();
    let baseline = Baseline::from_seconds(&seconds, &"old".into());
    let readings: Vec<Reading> = (0..bytes.byte() % 8).map(|_| reading(&mut bytes)).collect();
    let known = SignalBefore::from_readings(&readings);
    let before: BTreeMap<_, _> =
        SIGNALS.iter().map(|name| ((*name).to_owned(), known.clone())).collect();
    let slo = Slo { error_share: Some(bytes.float()), p99_ms: Some(bytes.count()) };
    let (alpha, flags) = (bytes.float(), bytes.byte());
    let signals = signals();
    let mut judge = Judge::new(&Setup {
        signals: &signals,
        before: &before,
        routed: flags & 1 == 0,
        usage: flags & 2 == 0,
        memory_limit: 1 << 29,
        logs: flags & 4 == 0,
        ..Setup::door(&baseline, &slo, alpha, flags & 8 == 0)
    });
    let mut at = 0_u64;
    let mut harmed = false;
    for _ in 0..STEPS {
        if bytes.is_empty() {
            break;
        }
        let t = match bytes.byte() % 8 {
            0 => bytes.count(),
            step => at.saturating_add(step.into()),
        };
        at = t;
        play(&mut judge, t, &mut bytes);
        assert!(judge.log_e().is_finite() && judge.evidence() >= 0.0, "{:?}", judge.streams());
        let contrast = judge.effect().errors();
        assert!(contrast.new.low <= contrast.new.high, "{contrast:?}");
        let verdict = judge.verdict();
        let harm = matches!(verdict, Verdict::Harm { .. } | Verdict::Certain { .. });
        assert!(!harmed || harm, "harm was taken back: {verdict:?}");
        harmed = harm;
        if let Verdict::Harm { p, log_e, words, .. }
        | Verdict::BaselineOnly { p, log_e, words, .. } = verdict
        {
            assert!(
                (0.0..=1.0).contains(&p) && log_e.is_finite() && words.len() < 2_000,
                "{words}"
            );
        }
        let _ = judge.good_enough(t);
    }
    (judge.log_e().to_bits(), format!("{:?}", judge.verdict()))
}

fn play(judge: &mut Judge, t: u64, bytes: &mut Bytes<'_>) {
    let (new, old) = (ReleaseId::new("new"), ReleaseId::new("old"));
    match bytes.byte() % 12 {
        0 | 1 => {
            let reading = reading(bytes);
            judge.read(t, &reading, bytes.count());
        }
        2 => {
            let usage: Vec<Usage> = (0..bytes.byte() % 4).map(|_| usage(bytes)).collect();
            judge.usage(t, &usage, &new, Some(&old));
        }
        3 => {
            let counts = (0..bytes.byte() % 4).map(|_| LogCount {
                release: bytes.pick(&RELEASES).into(),
                level: bytes.pick(&[LogLevel::Info, LogLevel::Warn, LogLevel::Error]),
                template: format!("template {}", bytes.byte() % 7),
                lines: bytes.count(),
            });
            let reading = LogReading { counts: counts.collect(), ..LogReading::default() };
            judge.logs(t, &reading, &new, Some(&old));
        }
        4 if bytes.byte() == 0 => judge.restart_baseline(),
        _ => {
            let (canary, control) = (arm(bytes), arm(bytes));
            let share = (bytes.byte() > 32).then(|| bytes.float());
            judge.feed(t, &Second { canary: &canary, control: &control, share });
        }
    }
}

fn arm(bytes: &mut Bytes<'_>) -> Arm {
    Arm {
        requests: bytes.count(),
        s4xx: bytes.count(),
        s5xx: bytes.count(),
        connect: bytes.count(),
        units: bytes.count(),
        unit_errors: bytes.count(),
        latency: pairs(bytes),
        kinds: pairs(bytes),
        ..Arm::default()
    }
}

fn pairs(bytes: &mut Bytes<'_>) -> Vec<(u16, u64)> {
    let key = |bytes: &mut Bytes<'_>| u16::from(bytes.byte()) * u16::from(bytes.byte() % 4 + 1);
    (0..bytes.byte() % 4).map(|_| (key(bytes), bytes.count())).collect()
}

fn reading(bytes: &mut Bytes<'_>) -> Reading {
    Reading {
        signal: bytes.pick(&SIGNALS).to_owned(),
        second: bytes.count(),
        seconds: bytes.count(),
        new: sample(bytes),
        old: sample(bytes),
    }
}

fn sample(bytes: &mut Bytes<'_>) -> Sample {
    match bytes.byte() % 6 {
        0 => Sample::Counts { total: bytes.count(), events: bytes.count() },
        1 => Sample::Latency { latency: pairs(bytes) },
        2 => Sample::Above {
            total: bytes.count(),
            bounds: (0..bytes.byte() % 4).map(|_| (bytes.float(), bytes.count())).collect(),
        },
        3 => Sample::Level { value: bytes.float() },
        4 => Sample::Done { count: bytes.count() },
        _ => Sample::Missing,
    }
}

fn usage(bytes: &mut Bytes<'_>) -> Usage {
    let release: ReleaseId = bytes.pick(&RELEASES).into();
    Usage {
        beside: false,
        replica: release.to_string(),
        release,
        cpu_ms: bytes.count(),
        memory: bytes.count().saturating_mul(1 << 20),
        memory_limit: (bytes.byte() > 128).then(|| bytes.count().saturating_mul(1 << 20)),
        oom_kills: u64::from(bytes.byte() / 250),
    }
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
