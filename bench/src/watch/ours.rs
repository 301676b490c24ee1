//! The watch that is measured: the real judge, fed as it is in production. The only file of the
//! comparison that knows how the judge is called.

use ops_core::{
    id::ReleaseId,
    settings::Slo,
    signal::SignalSecond,
    watch::{Baseline, Judge, Verdict},
};

use super::traffic::{Both, Seen};

/// False-alarm budget of a deployment.
pub(super) const ALPHA: f64 = 0.01;

/// One deployment's watch.
#[derive(Debug, Clone)]
pub(super) struct Ours {
    judge: Judge,
}

impl Ours {
    /// Learns from the seconds before. Latency is judged from `warmup` seconds after the first
    /// request of the new version on.
    pub(super) fn new(before: &[SignalSecond], old: &ReleaseId, warmup: u64) -> Self {
        let baseline = Baseline::from_seconds(before, old);
        let slo = Slo { error_share: None, p99_ms: None };
        Self { judge: Judge::new(&baseline, &slo, ALPHA, true, warmup) }
    }

    /// Takes a second.
    pub(super) fn feed(&mut self, seen: &Seen) {
        self.feed_at(seen.t, seen);
    }

    /// Takes what was seen as another second.
    pub(super) fn feed_at(&mut self, t: u64, seen: &Seen) {
        let Both { canary, control } = &seen.arms;
        self.judge.feed(t, canary, control, seen.share <= 0.0);
    }

    /// What leads, if the deployment is to be rolled back. What is only seen against the time
    /// before is confirmed first, unless it is gross.
    pub(super) fn tripped(&self) -> Option<String> {
        match self.judge.verdict() {
            Verdict::Harm { leading, .. } => Some(leading.to_string()),
            Verdict::BaselineOnly { gross: true, .. } => Some("the time before".into()),
            Verdict::BaselineOnly { .. } | Verdict::NoHarm => None,
        }
    }

    /// Whether the new version is shown to be good enough to go on early.
    pub(super) fn good_enough(&self, seconds: u64) -> bool {
        // The judge cannot say it yet.
        seconds > u64::MAX - 1 && self.judge.evidence() <= 0.0
    }

    /// How many streams of evidence there are.
    pub(super) fn streams(&self) -> usize {
        self.judge.streams().len()
    }
}
