//! The watch that is measured: the real judge, fed as it is in production. The only file of the
//! comparison that knows how the judge is called.

use ops_core::{
    id::ReleaseId,
    reading::{self, Second},
    settings::Slo,
    signal::SignalSecond,
    watch::{Baseline, Judge, Setup, Verdict},
};

use super::traffic::{Both, Seen, Usage};

/// False-alarm budget of a deployment.
const ALPHA: f64 = 0.01;
/// What a replica may take, in bytes.
const MEMORY_LIMIT: u64 = 512 << 20;
/// Whiles of 5 min in which a client may be a trial once each, in a watch of half an hour.
const UNIT_TRIALS: f64 = 7.0;
/// Releases.
const NEW: &str = "new";
const OLD: &str = "old";

/// One deployment's watch.
#[derive(Debug, Clone)]
pub(super) struct Ours {
    judge: Judge,
}

impl Ours {
    /// Learns from the seconds before. Latency is judged from `warmup` seconds after the first
    /// request of the new version on; `usage` says whether it can be read what replicas take of
    /// their machines.
    pub(super) fn new(before: &[SignalSecond], old: &ReleaseId, warmup: u64, usage: bool) -> Self {
        let baseline = Baseline::from_seconds(before, old);
        let slo = Slo { error_share: None, p99_ms: None };
        let door = Setup::door(&baseline, &slo, ALPHA, true).warm_after(warmup);
        let (unit_trials, memory_limit) = (UNIT_TRIALS, MEMORY_LIMIT);
        Self { judge: Judge::new(&Setup { usage, memory_limit, unit_trials, ..door }) }
    }

    /// Takes a second.
    pub(super) fn feed(&mut self, seen: &Seen) {
        self.feed_at(seen.t, seen);
    }

    /// Takes what was seen as another second.
    pub(super) fn feed_at(&mut self, t: u64, seen: &Seen) {
        let Both { canary, control } = &seen.arms;
        self.judge.feed(t, &Second { canary, control, share: Some(seen.share) });
        if let Some(usage) = &seen.usage {
            let (new, old) = (ReleaseId::from(NEW), ReleaseId::from(OLD));
            self.judge.usage(t, &replicas(usage, &new, &old), &new, Some(&old));
        }
    }

    /// What leads, if the deployment is to be rolled back. What is only seen against the time
    /// before is confirmed first, unless it is gross.
    pub(super) fn tripped(&self) -> Option<String> {
        match self.judge.verdict() {
            Verdict::Harm { leading, .. } => Some(leading.to_string()),
            Verdict::Certain { detector, .. } => Some(detector),
            Verdict::BaselineOnly { gross: true, .. } => Some("the time before".into()),
            Verdict::BaselineOnly { .. } | Verdict::NoHarm => None,
        }
    }

    /// Whether the new version is shown to be good enough to go on early, after so many seconds.
    pub(super) fn good_enough(&self, seconds: u64) -> bool {
        self.judge.good_enough(seconds)
    }

    /// How many streams of evidence there are.
    pub(super) fn streams(&self) -> usize {
        self.judge.streams().len()
    }
}

/// One replica of each version.
fn replicas(usage: &Usage, new: &ReleaseId, old: &ReleaseId) -> [reading::Usage; 2] {
    let Usage { memory, cpu_ms } = usage;
    let one = |release: &ReleaseId, memory: f64, cpu_ms: f64| reading::Usage {
        release: release.clone(),
        replica: format!("{release}.0"),
        cpu_ms: cpu_ms as u64,
        memory: memory as u64,
        memory_limit: None,
        oom_kills: 0,
        beside: false,
    };
    [one(new, memory.canary, cpu_ms.canary), one(old, memory.control, cpu_ms.control)]
}
