//! Would the watch find a regression? A seeded one is mixed into traffic, and it is counted how
//! often and how soon the judge trips. A gate that cannot fail is none (S22).

use serde::{Deserialize, Serialize};

use super::{Baseline, Judge, Setup, Verdict, dice::Dice};
use crate::{
    id::ReleaseId,
    reading::Second,
    settings::{Service, Strategy},
    signal::{Arm, Latency, SignalSecond},
};

/// Runs of each self-test.
pub const RUNS: u64 = 20;
/// Of these, how many must trip.
pub const MUST_TRIP: u64 = 18;
/// Requests of the new version that no service needs to ask for: beyond, no number is proposed.
const REQUESTS_MAX: u64 = 1 << 20;
/// Steps in which invented traffic is fed: coarse, since `ops.yaml` is read often.
const STEPS: u64 = 60;
/// Share of failed requests of invented traffic.
const USUAL_ERRORS: f64 = 0.005;

/// A regression that is mixed in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regression {
    /// This share of requests fails in addition.
    Errors(f64),
    /// Everything takes this many latency buckets longer; eight are twice as long.
    Slower(u16),
}

impl Regression {
    /// Those of S22: five points more errors, and twice the latency.
    pub const USUAL: [Self; 2] = [Self::Errors(0.05), Self::Slower(8)];

    /// For people.
    pub fn words(self) -> String {
        match self {
            Self::Errors(share) => format!("{:.0} points more failed requests", share * 100.0),
            Self::Slower(8) => "twice the latency".into(),
            Self::Slower(buckets) => {
                format!("{:.1} times the latency", (f64::from(buckets) / 8.0).exp2())
            }
        }
    }

    fn on(self, arm: &Arm, dice: &mut Dice) -> Arm {
        let mut arm = arm.clone();
        match self {
            Self::Errors(share) => {
                let well = arm.requests.saturating_sub(arm.errors());
                let failed = dice.binomial(well, share);
                arm.s5xx += failed;
                arm.s2xx = arm.s2xx.saturating_sub(failed);
            }
            Self::Slower(by) => {
                for (bucket, _) in &mut arm.latency {
                    *bucket = bucket.saturating_add(by);
                }
            }
        }
        arm
    }
}

/// What one self-test showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// What was mixed in.
    pub regression: Regression,
    /// Runs.
    pub runs: u64,
    /// Of these, those in which the judge tripped.
    pub tripped: u64,
    /// Seconds from the first request until then: the median of those that tripped.
    pub seconds: Option<u64>,
    /// Failed or slowed requests until then, likewise.
    pub hurt: Option<u64>,
}

impl Found {
    /// Whether it trips often enough to be a gate.
    pub fn is_gate(&self) -> bool {
        self.tripped * RUNS >= MUST_TRIP * self.runs
    }
}

/// Mixes a regression into recorded traffic of `release`, of which the new version gets `share`.
/// The first half of the recording is the time before, the second half the deployment.
pub fn recorded(
    seconds: &[SignalSecond],
    release: &ReleaseId,
    setup: &Setup<'_>,
    share: f64,
    regression: Regression,
) -> Found {
    let (before, during) = seconds.split_at(seconds.len() / 2);
    let baseline = Baseline::from_seconds(before, release);
    let judge = Judge::new(&Setup { baseline: &baseline, ..*setup });
    let arms: Vec<_> = during.iter().map(|one| one.arm(release).cloned()).collect();
    found(regression, &judge, |dice| {
        arms.iter()
            .zip(1..)
            .map(|(arm, t)| {
                let arm = arm.clone().unwrap_or_default();
                let (canary, control) = split(&arm, share, dice);
                (t, share, canary, control)
            })
            .collect()
    })
}

/// Why the least evidence that a service asks for is too little for a gate; `None` if it is enough.
pub fn weak(service: &Service) -> Option<String> {
    service.route.as_ref()?;
    let wanted = service.watch.min_requests;
    let failing = |requests: u64| {
        regressions(service)
            .into_iter()
            .map(move |one| invented(service, requests, one))
            .find(|found| !found.is_gate())
    };
    let found = failing(wanted)?;
    let enough = std::iter::successors(Some(wanted.max(25)), |n| n.checked_mul(2))
        .take_while(|n| *n <= REQUESTS_MAX)
        .find(|n| failing(*n).is_none());
    let next = enough.map_or_else(
        || "no number of requests would do".to_owned(),
        |n| format!("{n} requests would do"),
    );
    Some(format!(
        "with {wanted} requests as the least evidence, a version with {} is found in {} of {} \
         self-tests, and 9 of 10 are needed: {next}",
        found.regression.words(),
        found.tripped,
        found.runs
    ))
}

/// Regressions that a service's watch must find. Without an old version beside the new one nothing
/// can tell five points from what the service leans on, so there it is the failure of half of all.
pub fn regressions(service: &Service) -> Vec<Regression> {
    match service.strategy {
        Strategy::Canary { .. } if service.runs_twice => Regression::USUAL.to_vec(),
        _ => vec![Regression::Errors(0.5)],
    }
}

/// A part of a deployment: seconds, requests of the new version, and its share of the traffic.
type Part = (u64, u64, f64);

/// The parts with the least evidence that the service asks for in each, `requests` in the watch.
fn parts(service: &Service, requests: u64) -> Vec<Part> {
    let watch = &service.watch;
    let Strategy::Canary { steps } = &service.strategy else {
        return vec![(watch.seconds, requests, 1.0)];
    };
    if !service.runs_twice {
        return vec![(watch.seconds, requests, 1.0)];
    }
    let share = |weight: u8| f64::from(weight) / 100.0;
    let last = steps.last().map_or(0.5, |step| share(step.weight));
    let both = watch.seconds.saturating_sub(watch.last_stretch_seconds);
    let steps =
        steps.iter().map(|step| (step.dwell_seconds, step.min_requests, share(step.weight)));
    steps.chain([(both, requests, last)]).collect()
}

/// A self-test on invented traffic: as few requests as the service may be content with.
fn invented(service: &Service, requests: u64, regression: Regression) -> Found {
    let watch = &service.watch;
    let parts = parts(service, requests);
    let control = parts.iter().any(|(_, _, share)| *share < 1.0);
    let release: ReleaseId = "old".into();
    let mut dice = Dice::new(7);
    let rate = parts.last().map_or(1, |(_, requests, share)| per_step(*requests, *share));
    let before: Vec<_> = (0..STEPS * 10)
        .map(|second| SignalSecond {
            second,
            arms: vec![(release.clone(), traffic(rate, &mut dice))],
            ..SignalSecond::default()
        })
        .collect();
    let baseline = Baseline::from_seconds(&before, &release);
    let setup = Setup::door(&baseline, &service.slo, watch.alpha, control)
        .warm_after(watch.warmup_seconds());
    let judge = Judge::new(&setup);
    found(regression, &judge, |dice| {
        let (mut all, mut t) = (Vec::new(), 0);
        for (seconds, requests, share) in &parts {
            let (mut left, stride) = (*requests, (seconds / STEPS).max(1));
            for _ in 0..STEPS {
                t += stride;
                let arm = traffic(per_step(*requests, *share), dice);
                let (canary, control) = split(&arm, *share, dice);
                // Not one request more than is asked for.
                if canary.requests <= left {
                    left -= canary.requests;
                    all.push((t, *share, canary, control));
                }
            }
        }
        all
    })
}

fn per_step(requests: u64, share: f64) -> u64 {
    (requests as f64 / share / STEPS as f64).ceil() as u64
}

fn found(
    regression: Regression,
    judge: &Judge,
    traffic: impl Fn(&mut Dice) -> Vec<(u64, f64, Arm, Arm)>,
) -> Found {
    let mut tripped: Vec<(u64, u64)> = Vec::new();
    for seed in 1..=RUNS {
        let mut dice = Dice::new(seed);
        let (mut judge, mut hurt) = (judge.clone(), 0);
        for (t, share, canary, control) in traffic(&mut dice) {
            let bad = regression.on(&canary, &mut dice);
            hurt += match regression {
                Regression::Errors(_) => bad.errors() - canary.errors(),
                Regression::Slower(_) => bad.requests,
            };
            judge.feed(t, &Second { canary: &bad, control: &control, share: Some(share) });
            if judge.verdict() != Verdict::NoHarm {
                tripped.push((t, hurt));
                break;
            }
        }
    }
    let median = |mut all: Vec<u64>| {
        all.sort_unstable();
        all.get(all.len() / 2).copied()
    };
    Found {
        regression,
        runs: RUNS,
        tripped: tripped.len() as u64,
        seconds: median(tripped.iter().map(|(seconds, _)| *seconds).collect()),
        hurt: median(tripped.iter().map(|(_, hurt)| *hurt).collect()),
    }
}

/// Usual traffic: few errors, latencies around 100 ms.
fn traffic(requests: u64, dice: &mut Dice) -> Arm {
    let mut latency: Vec<u16> = (0..requests).map(|_| dice.latency_bucket()).collect();
    latency.sort_unstable();
    let latency = latency.chunk_by(u16::eq).map(|same| (same[0], same.len() as u64)).collect();
    let s5xx = dice.binomial(requests, USUAL_ERRORS);
    Arm { requests, s2xx: requests - s5xx, s5xx, latency, ..Arm::default() }
}

/// Sends each request to one of two versions, at random.
fn split(arm: &Arm, share: f64, dice: &mut Dice) -> (Arm, Arm) {
    if share >= 1.0 {
        return (arm.clone(), Arm::default());
    }
    let (mut canary, mut control) = (Arm::default(), Arm::default());
    let mut part = |count: u64| dice.binomial(count, share);
    let failed = arm.errors().min(arm.requests);
    let (bad, well) = (part(failed), part(arm.requests - failed));
    (canary.requests, canary.s5xx, canary.s2xx) = (bad + well, bad, well);
    (control.requests, control.s5xx) = (arm.requests - bad - well, failed - bad);
    control.s2xx = control.requests - control.s5xx;
    // Of the latencies, as many go along as there are requests.
    let mut left = canary.requests;
    let mut all: u64 = arm.latency.iter().map(|(_, count)| count).sum();
    for (bucket, count) in &arm.latency {
        let chance = if all == 0 { 0.0 } else { left as f64 / all as f64 };
        let ours = dice.binomial(*count, chance.min(1.0)).min(left);
        push(&mut canary.latency, *bucket, ours);
        push(&mut control.latency, *bucket, count - ours);
        left -= ours;
        all -= count;
    }
    (canary, control)
}

fn push(latency: &mut Latency, bucket: u16, count: u64) {
    if count > 0 {
        latency.push((bucket, count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture, settings::Slo};

    fn shop(change: impl FnOnce(&mut Service)) -> Service {
        let mut settings = fixture::settings(fixture::canary());
        let mut shop = settings.services.remove(&"shop".into()).unwrap();
        shop.watch.seconds = 900;
        shop.watch.last_stretch_seconds = 180;
        shop.watch.min_requests = 600;
        change(&mut shop);
        shop
    }

    #[test]
    fn s22_the_usual_least_evidence_is_a_gate() {
        assert_eq!(weak(&shop(|_| {})), None);
        assert_eq!(weak(&shop(|shop| shop.strategy = Strategy::BlueGreen)), None);
        assert_eq!(weak(&shop(|shop| shop.route = None)), None, "nothing of it is counted");
    }

    #[test]
    fn s22_too_little_evidence_is_none_and_the_answer_names_what_would_do() {
        insta::assert_snapshot!(weak(&shop(|shop| shop.watch.min_requests = 5)).unwrap());
        assert!(weak(&shop(|shop| shop.watch.min_requests = 0)).is_some());
    }

    #[test]
    fn recorded_traffic_shows_when_a_regression_would_have_been_caught() {
        let mut dice = Dice::new(3);
        let seconds: Vec<_> = (0..1_200)
            .map(|second| SignalSecond {
                second,
                arms: vec![("v1".into(), traffic(50, &mut dice))],
                ..SignalSecond::default()
            })
            .collect();
        let baseline = Baseline::unknown();
        let slo = Slo { error_share: None, p99_ms: None };
        let setup = Setup::door(&baseline, &slo, 0.01, true);
        for regression in Regression::USUAL {
            let found = recorded(&seconds, &"v1".into(), &setup, 0.5, regression);
            assert!(found.is_gate() && found.seconds.unwrap() < 90, "{found:?}");
        }
        let nothing = recorded(&seconds, &"v1".into(), &setup, 0.5, Regression::Errors(0.0));
        assert_eq!(nothing.tripped, 0, "nothing is mixed in");
        let empty = recorded(&[], &"v1".into(), &setup, 0.5, Regression::Errors(0.5));
        assert!(!empty.is_gate());
    }
}
