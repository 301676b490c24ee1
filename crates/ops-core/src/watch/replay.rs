//! What the watch would have said: the detectors over seconds that were recorded before.

use serde::{Deserialize, Serialize};

use super::{Judge, Setup, Verdict};
use crate::{
    id::ReleaseId,
    reading::Second,
    signal::{Arm, SignalSecond},
};

/// Seconds of a deployment that is over.
#[derive(Debug, Clone, Copy)]
pub struct Recording<'a> {
    /// The new release.
    pub new: &'a ReleaseId,
    /// The old release.
    pub old: &'a ReleaseId,
    /// The second before the first one of the deployment.
    pub began: u64,
    /// The new release's share of the traffic, 0 to 1, where the seconds do not hold it.
    pub share: Option<f64>,
    /// Its seconds. Those that are not later than the one before them are left out.
    pub seconds: &'a [SignalSecond],
}

/// How a replayed watch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// The new version does harm: take it back.
    Rollback,
    /// Neither was shown: go on watching.
    Continue,
    /// The new version was shown to be hardly worse than the old one, and no harm was seen after.
    GoodEnough,
}

/// What a replay showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replayed {
    /// How it ends.
    pub decision: Decision,
    /// Seconds since the deployment began: when it was decided, or how long the recording is.
    pub at_seconds: u64,
    /// What saw the harm.
    pub stream: Option<String>,
    /// Natural logarithm of the evidence of harm at that moment.
    pub log_e: f64,
    /// For a person.
    pub words: String,
}

/// Runs the detectors over a recording. Harm decides at once; that the new version is good enough
/// decides only if no harm follows.
pub fn replay(setup: &Setup<'_>, recording: &Recording<'_>) -> Replayed {
    let idle = Arm::default();
    let mut judge = Judge::new(setup);
    let (mut at, mut shown) = (0, None);
    for second in recording.seconds {
        let t = second.second.saturating_sub(recording.began);
        if t <= at {
            continue;
        }
        at = t;
        let canary = second.arm(recording.new).unwrap_or(&idle);
        let control = second.arm(recording.old).unwrap_or(&idle);
        let share = recording.share.or_else(|| share(second, recording.new));
        judge.feed(t, &Second { canary, control, share });
        if let Some(harm) = harm(&judge, t) {
            return harm;
        }
        if shown.is_none() && judge.good_enough(t) {
            shown = Some((t, judge.log_e()));
        }
    }
    let (decision, (at_seconds, log_e), words) = match shown {
        Some(when) => (Decision::GoodEnough, when, "the new version is hardly worse than the old"),
        None => (Decision::Continue, (at, judge.log_e()), "no harm was shown, nor its absence"),
    };
    Replayed { decision, at_seconds, stream: None, log_e, words: words.into() }
}

/// The share that held during the whole second.
fn share(second: &SignalSecond, new: &ReleaseId) -> Option<f64> {
    let of_new = |(id, weight): &(ReleaseId, u8)| (id == new).then(|| f64::from(*weight) / 100.0);
    let held = !second.weights.is_empty();
    held.then(|| second.weights.iter().find_map(of_new).unwrap_or(0.0))
}

fn harm(judge: &Judge, t: u64) -> Option<Replayed> {
    let (stream, log_e, words) = match judge.verdict() {
        Verdict::NoHarm => return None,
        Verdict::Harm { leading, log_e, words, .. } => (leading.to_string(), log_e, words),
        Verdict::Certain { detector, words } => (detector, judge.log_e(), words),
        Verdict::BaselineOnly { gross, log_e, words, .. } => {
            let next = if gross { "" } else { "; the old version would be asked to confirm it" };
            let stream = super::StreamName::BaselineErrors.to_string();
            (stream, log_e, format!("{words}{next}"))
        }
    };
    let decision = Decision::Rollback;
    Some(Replayed { decision, at_seconds: t, stream: Some(stream), log_e, words })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{settings::Slo, watch::Baseline};

    const SLO: Slo = Slo { error_share: None, p99_ms: None };

    /// 211 requests whose latencies spread, so that being slower would show.
    fn arm(failed: u64) -> Arm {
        let latency = (100..=140).map(|bucket| (bucket, 5)).chain((141..=146).map(|b| (b, 1)));
        let (requests, s2xx) = (211, 211 - failed);
        Arm { requests, s2xx, s5xx: failed, latency: latency.collect(), ..Arm::default() }
    }

    /// Seconds from 101 on in which so many of 211 requests fail on the new version.
    fn seconds(failed: &[u64]) -> Vec<SignalSecond> {
        let arms = |failed| vec![("new".into(), arm(failed)), ("old".into(), arm(0))];
        let weights = vec![("new".into(), 50), ("old".into(), 50)];
        let one = |(second, failed): (u64, &u64)| SignalSecond {
            second,
            arms: arms(*failed),
            weights: weights.clone(),
            ..SignalSecond::default()
        };
        (101..).zip(failed).map(one).collect()
    }

    fn run(seconds: &[SignalSecond]) -> Replayed {
        let (new, old) = ("new".into(), "old".into());
        let before: Vec<_> = (0..100)
            .map(|second| SignalSecond {
                second,
                arms: vec![("old".into(), arm(0))],
                ..SignalSecond::default()
            })
            .collect();
        let baseline = Baseline::from_seconds(&before, &old);
        let setup = Setup::door(&baseline, &SLO, 0.01, true);
        replay(&setup, &Recording { new: &new, old: &old, began: 100, share: None, seconds })
    }

    #[test]
    fn harm_is_told_with_its_moment_and_its_stream() {
        let mut failed = vec![0; 40];
        failed.extend([5; 40]);
        let said = run(&seconds(&failed));
        assert_eq!(said.decision, Decision::Rollback);
        assert!((41..60).contains(&said.at_seconds), "{said:?}");
        assert_eq!(said.stream.as_deref(), Some("errors"));
        assert!(said.log_e >= 100f64.ln());
    }

    #[test]
    fn too_little_goes_on_and_enough_is_good_enough_unless_harm_follows() {
        let said = run(&seconds(&[0; 60]));
        assert_eq!((said.decision, said.at_seconds), (Decision::Continue, 60));
        let mut failed = vec![0; 400];
        let said = run(&seconds(&failed));
        assert_eq!(said.decision, Decision::GoodEnough, "{said:?}");
        assert!(said.at_seconds >= 120);
        failed.extend([10; 60]);
        assert_eq!(run(&seconds(&failed)).decision, Decision::Rollback);
        assert_eq!(run(&[]).at_seconds, 0);
    }

    #[test]
    fn what_comes_twice_or_out_of_order_counts_once() {
        let once = seconds(&[0, 0, 1, 0, 0, 2, 0, 0, 0, 0]);
        let mut twice: Vec<_> = once.iter().flat_map(|one| [one.clone(), one.clone()]).collect();
        twice.push(once[2].clone());
        assert_eq!(run(&once), run(&twice));
    }
}
