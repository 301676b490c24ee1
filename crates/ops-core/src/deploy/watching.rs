//! What was observed of the new release on traffic. Watch time is observed time (S6, S18).

use serde::{Deserialize, Serialize};

use crate::{
    id::ReleaseId,
    plan::Plan,
    signal::{Arm, SignalSecond},
    watch::Judge,
};

/// Share of the watch during which the latency streams do not judge yet, and its bounds in
/// seconds: cold caches are not a regression (`watch.md` §7 asks for 30 to 60 s in a long watch).
const WARMUP_SHARE: u64 = 30;
const WARMUP_SECONDS: (u64, u64) = (3, 30);
/// An observed second counts for at most this many (DESIGN §3.5).
pub(super) const BEAT_MAX_MS: u64 = 2_000;

/// Observation of one deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watching {
    /// The detectors.
    pub judge: Judge,
    /// The new release.
    new: ReleaseId,
    /// The old release.
    old: Option<ReleaseId>,
    /// Seconds until this one are read or were before the watch (boot time).
    pub last_second: u64,
    /// Observed seconds in all.
    pub seconds: u64,
    /// Requests of the new release in all.
    pub requests: u64,
    /// Failed requests of the new release in all.
    pub errors: u64,
    /// Requests of the old release in all.
    pub control_requests: u64,
    /// Failed requests of the old release in all.
    pub control_errors: u64,
    /// Requests that the door itself had to refuse.
    pub refused: u64,
    /// Gaps beyond the signal's grace.
    pub gaps: u32,
    /// Boot time in milliseconds of the last beat of a service without a door.
    pub last_beat: Option<u64>,
    /// Milliseconds beaten but not yet counted as seconds.
    beat_ms: u64,
    /// Seconds that the detectors have seen.
    fed: u64,
    /// Boot second of the first failed request of the new release.
    pub first_error_second: Option<u64>,
}

/// What a batch of signals adds to the current step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    /// Observed seconds.
    pub seconds: u64,
    /// Requests of the new release.
    pub requests: u64,
    /// A gap beyond the grace: what the step had observed counts no more.
    pub gap: bool,
}

impl Watching {
    /// Begins to observe: seconds after `from_second` count.
    pub fn begin(plan: &Plan, from_second: u64) -> Self {
        let watch = &plan.service.watch;
        let control = plan.old.is_some() && plan.service.runs_twice;
        Self {
            judge: Judge::new(
                &plan.baseline,
                &plan.service.slo,
                watch.alpha,
                control,
                (watch.seconds / WARMUP_SHARE).clamp(WARMUP_SECONDS.0, WARMUP_SECONDS.1),
            ),
            new: plan.new.spec.release.clone(),
            old: plan.old.as_ref().map(|old| old.spec.release.clone()),
            last_second: from_second,
            seconds: 0,
            requests: 0,
            errors: 0,
            control_requests: 0,
            control_errors: 0,
            refused: 0,
            gaps: 0,
            last_beat: None,
            beat_ms: 0,
            fed: 0,
            first_error_second: None,
        }
    }

    /// After a reboot the door counts from a new boot: nothing of the old count can be compared.
    pub fn rebooted(&mut self) {
        self.last_second = 0;
        self.last_beat = None;
    }

    /// Keeps of a second only what this deployment's releases did.
    pub fn own(&self, second: &SignalSecond) -> SignalSecond {
        let ours = |id: &ReleaseId| *id == self.new || self.old.as_ref() == Some(id);
        SignalSecond {
            second: second.second,
            arms: second.arms.iter().filter(|(id, _)| ours(id)).cloned().collect(),
            refused: second.refused,
            weights: second.weights.clone(),
            ..SignalSecond::default()
        }
    }

    /// Takes a second in. Only seconds during which the door sent the expected share count as
    /// observed; the detectors see all of them.
    pub fn feed(
        &mut self,
        second: &SignalSecond,
        since_second: u64,
        weight: u8,
        grace_seconds: u64,
    ) -> Added {
        if second.second <= self.last_second {
            return Added::default();
        }
        let missing = second.second - self.last_second - 1;
        let gap = self.last_second > 0 && missing > grace_seconds;
        if gap {
            self.gaps += 1;
        }
        self.last_second = second.second;
        let idle = Arm::default();
        let canary = second.arm(&self.new).unwrap_or(&idle);
        let control = self.old.as_ref().and_then(|old| second.arm(old)).unwrap_or(&idle);
        let changed = second.weights.is_empty();
        self.fed += 1;
        self.judge.feed(self.fed, canary, control, changed);
        self.refused += second.refused;
        self.requests += canary.requests;
        self.errors += canary.errors();
        self.control_requests += control.requests;
        self.control_errors += control.errors();
        if canary.errors() > 0 && self.first_error_second.is_none() {
            self.first_error_second = Some(second.second);
        }
        let share = second.weights.iter().find(|(id, _)| *id == self.new).map_or(0, |(_, w)| *w);
        let counts = !changed && share == weight && second.second > since_second;
        if !counts {
            return Added { gap, ..Added::default() };
        }
        self.seconds += 1;
        Added { seconds: 1, requests: canary.requests, gap }
    }

    /// A service without a door was seen alive.
    pub fn beat(&mut self, at_ms: u64, grace_seconds: u64) -> Added {
        let passed = self.last_beat.map_or(0, |last| at_ms.saturating_sub(last));
        let gap = passed > grace_seconds * 1_000;
        if gap {
            self.gaps += 1;
        }
        self.last_beat = Some(at_ms);
        self.beat_ms += passed.min(BEAT_MAX_MS);
        let seconds = self.beat_ms / 1_000;
        self.beat_ms %= 1_000;
        self.seconds += seconds;
        Added { seconds, requests: 0, gap }
    }
}
