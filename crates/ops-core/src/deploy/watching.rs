//! What was observed of the new release on traffic. Watch time is observed time (S6, S18).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{hurt::Hurt, sense, sense::Sensors};
use crate::{
    id::ReleaseId,
    plan::{Goal, Plan},
    reading::{LogLevel, LogReading, Reading, Second, Usage},
    settings::Signal,
    signal::{Arm, SignalSecond, UNIT_AGAIN_SECONDS},
    watch::{Judge, Setup},
};

/// An observed second counts for at most this many (DESIGN §3.5).
pub(super) const BEAT_MAX_MS: u64 = 2_000;
/// Seconds that are kept until a declared signal is read back: an hour's.
const UNHEARD_MAX: usize = 3_600;
/// Concerns that are remembered in words.
const CONCERNS_MAX: usize = 20;

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
    /// Requests that the door sent itself through its front and that were answered.
    pub synthetic: u64,
    /// Of these, those that were not.
    pub synthetic_failed: u64,
    /// Looks at a service without a door that found it alive.
    pub beats: u64,
    /// What was done, by the declared signal that counts it.
    pub done: BTreeMap<String, u64>,
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
    /// Declared signals.
    signals: Vec<Signal>,
    /// Whether they can be read.
    pub sensors: Sensors,
    /// Seconds that the door saw before a declared signal was heard of them, with the new release's
    /// requests: they count once it is read back (S6).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unheard: Vec<(u64, u64)>,
    /// What was seen that proves nothing but asks for a longer look, in words.
    pub concerns: Vec<String>,
    /// Which routes, statuses and templates the failures had.
    pub hurt: Hurt,
    /// What trips by declaration, as detector and words.
    pub declared_harm: Option<(String, String)>,
    /// Alerts that fired last.
    pub alerts: Vec<String>,
    trip_on_alerts: Vec<String>,
    trip_on_new_errors: bool,
}

/// How often one client may be a trial: once per while of the watch and of each step, and once more
/// in the version to which it is moved.
fn unit_trials(plan: &Plan) -> f64 {
    let steps = plan.steps.iter().filter_map(|step| match step.goal {
        Goal::Observed { seconds, .. } => Some(1 + seconds / UNIT_AGAIN_SECONDS),
        _ => None,
    });
    steps.sum::<u64>().max(1) as f64
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
        let service = &plan.service;
        let watch = &service.watch;
        Self {
            judge: Judge::new(&Setup {
                signals: &service.signals,
                before: &plan.signals_before,
                routed: service.route.is_some(),
                unit_trials: unit_trials(plan),
                usage: plan.senses.usage,
                memory_limit: service.needs.memory_mb.saturating_mul(1 << 20),
                logs: plan.senses.logs,
                ..Setup::door(
                    &plan.baseline,
                    &service.slo,
                    watch.alpha,
                    plan.old.is_some() && service.runs_twice,
                )
                .warm_after(watch.warmup_seconds())
            }),
            new: plan.new.spec.release.clone(),
            old: plan.old.as_ref().map(|old| old.spec.release.clone()),
            last_second: from_second,
            seconds: 0,
            requests: 0,
            errors: 0,
            control_requests: 0,
            control_errors: 0,
            refused: 0,
            synthetic: 0,
            synthetic_failed: 0,
            beats: 0,
            done: BTreeMap::new(),
            gaps: 0,
            last_beat: None,
            beat_ms: 0,
            fed: 0,
            first_error_second: None,
            sensors: Sensors::begin(&service.signals, from_second),
            signals: service.signals.clone(),
            unheard: Vec::new(),
            concerns: Vec::new(),
            hurt: Hurt::default(),
            declared_harm: None,
            alerts: Vec::new(),
            trip_on_alerts: watch.trip_on_alerts.clone(),
            trip_on_new_errors: watch.trip_on_new_errors,
        }
    }

    /// After a reboot the door counts from a new boot: nothing of the old count can be compared.
    pub fn rebooted(&mut self, second: u64) {
        self.last_second = 0;
        self.last_beat = None;
        self.unheard.clear();
        self.sensors.rebooted(second);
    }

    fn ours(&self, release: &ReleaseId) -> bool {
        *release == self.new || self.old.as_ref() == Some(release)
    }

    /// Keeps of a second only what this deployment's releases did, and of the routes only those
    /// with failures.
    pub fn own(&self, second: &SignalSecond) -> SignalSecond {
        let failing =
            |count: &&crate::signal::TemplateCount| count.errors > 0 && self.ours(&count.release);
        SignalSecond {
            second: second.second,
            arms: second.arms.iter().filter(|(id, _)| self.ours(id)).cloned().collect(),
            refused: second.refused,
            weights: second.weights.clone(),
            probes: second.probes,
            templates: second.templates.iter().filter(failing).cloned().collect(),
            ..SignalSecond::default()
        }
    }

    /// Keeps of a log only what this deployment's releases wrote, louder than information.
    pub fn own_logs(&self, reading: &LogReading) -> LogReading {
        let ours = |count: &&crate::reading::LogCount| {
            count.level > LogLevel::Info && self.ours(&count.release)
        };
        LogReading {
            counts: reading.counts.iter().filter(ours).cloned().collect(),
            beside: reading.beside.iter().filter(ours).cloned().collect(),
            ..reading.clone()
        }
    }

    /// Keeps of what is taken only what this deployment's releases take.
    pub fn own_usage(&self, usage: &[Usage]) -> Vec<Usage> {
        usage.iter().filter(|one| self.ours(&one.release)).cloned().collect()
    }

    /// Takes a second in. Only seconds during which the door sent the expected share, answered its
    /// own requests, and every declared signal was readable count as observed; the detectors see
    /// all of them.
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
        let share = second.weights.iter().find(|(id, _)| *id == self.new).map_or(0, |(_, w)| *w);
        let requests = self.judge(second, share);
        let probes = second.probes;
        let answered = probes.sent.saturating_sub(probes.failed);
        self.synthetic = self.synthetic.saturating_add(answered);
        self.synthetic_failed = self.synthetic_failed.saturating_add(probes.failed);
        let front = probes.sent == 0 || answered > 0;
        let stood = !second.weights.is_empty() && share == weight;
        let nothing = Added { gap, ..Added::default() };
        if gap {
            self.unheard.clear();
        }
        if !(stood && front && second.second > since_second) {
            return nothing;
        }
        if !self.sensors.readable(&self.signals, second.second) {
            if self.unheard.len() < UNHEARD_MAX {
                self.unheard.push((second.second, requests));
            }
            return nothing;
        }
        self.seconds += 1;
        Added { seconds: 1, requests, gap }
    }

    /// Lets the detectors see a second; answers the requests of the new release.
    fn judge(&mut self, second: &SignalSecond, share: u8) -> u64 {
        let idle = Arm::default();
        let canary = second.arm(&self.new).unwrap_or(&idle);
        let control = self.old.as_ref().and_then(|old| second.arm(old)).unwrap_or(&idle);
        self.fed += 1;
        let share = (!second.weights.is_empty()).then(|| f64::from(share) / 100.0);
        self.judge.feed(self.fed, &Second { canary, control, share });
        self.hurt.feed(second, canary, &self.new);
        self.refused = self.refused.saturating_add(second.refused);
        self.requests = self.requests.saturating_add(canary.requests);
        self.errors = self.errors.saturating_add(canary.errors());
        self.control_requests = self.control_requests.saturating_add(control.requests);
        self.control_errors = self.control_errors.saturating_add(control.errors());
        if canary.errors() > 0 && self.first_error_second.is_none() {
            self.first_error_second = Some(second.second);
        }
        canary.requests
    }

    /// A service without a door was seen alive.
    pub fn beat(&mut self, at_ms: u64, grace_seconds: u64) -> Added {
        let passed = self.last_beat.map_or(0, |last| at_ms.saturating_sub(last));
        let gap = passed > grace_seconds * 1_000;
        if gap {
            self.gaps += 1;
        }
        self.last_beat = Some(at_ms);
        self.beats += 1;
        let readable = self.sensors.readable(&self.signals, at_ms / 1_000);
        self.beat_ms += passed.min(BEAT_MAX_MS);
        let seconds = self.beat_ms / 1_000;
        self.beat_ms %= 1_000;
        self.fed += seconds;
        let seconds = if readable { seconds } else { 0 };
        self.seconds += seconds;
        Added { seconds, requests: 0, gap }
    }

    /// Takes windows of a declared signal, none of which was told before. `second` is now. Answers
    /// what they add to the step that began at `since_second`: what the door saw before the signal
    /// could be heard of it.
    pub fn read(
        &mut self,
        name: &str,
        readings: &[Reading],
        second: u64,
        since_second: u64,
    ) -> Added {
        self.sensors.read(name, readings, second);
        for reading in readings {
            if reading.new.is_missing() {
                let window = reading.second.saturating_sub(reading.seconds)..reading.second;
                self.unheard.retain(|(at, _)| !window.contains(at));
            }
            let lag = second.saturating_sub(reading.second);
            self.judge.read(self.fed, reading, lag);
            if let Some(count) = sense::done(&self.signals, reading) {
                let sum = self.done.entry(name.to_owned()).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        self.heard_of(since_second)
    }

    /// Counts the seconds until which every declared signal has now been heard.
    fn heard_of(&mut self, since_second: u64) -> Added {
        let until = self.sensors.seen(&self.signals);
        let heard = self.unheard.partition_point(|(at, _)| *at <= until);
        let of_step = self.unheard.drain(..heard).filter(|(at, _)| *at > since_second);
        let added = of_step.fold(Added::default(), |sum, (_, requests)| Added {
            seconds: sum.seconds + 1,
            requests: sum.requests.saturating_add(requests),
            gap: false,
        });
        self.seconds += added.seconds;
        added
    }

    /// Takes what replicas take of their machines.
    pub fn used(&mut self, usage: &[Usage]) {
        self.judge.usage(self.fed, usage, &self.new, self.old.as_ref());
    }

    /// Takes what replicas logged.
    pub fn logged(&mut self, reading: &LogReading) {
        self.hurt.logged(reading, &self.new);
        for template in self.judge.logs(self.fed, reading, &self.new, self.old.as_ref()) {
            let words = format!("only the new version logs the error `{template}`");
            if self.trip_on_new_errors && self.declared_harm.is_none() {
                self.declared_harm = Some(("new error in the logs".into(), words.clone()));
            }
            self.concern(words);
        }
        // Nobody heard them before they were changed: no more than a reason to look for longer.
        for count in &reading.beside {
            if count.level == LogLevel::Error && count.release == self.new {
                let template = &count.template;
                self.concern(format!("what the new version changed logs the error `{template}`"));
            }
        }
    }

    /// Takes the alerts that fire now. None did when the checks ran.
    pub fn alerted(&mut self, names: &[String]) {
        self.alerts = names.to_vec();
        for name in names {
            let words = format!("the alert {name} fires since this deployment began");
            if self.trip_on_alerts.contains(name) && self.declared_harm.is_none() {
                self.declared_harm = Some((format!("alert {name}"), words.clone()));
            }
            self.concern(words);
        }
    }

    /// Takes what somebody reported.
    pub fn reported(&mut self, words: String) {
        self.concern(words);
    }

    fn concern(&mut self, words: String) {
        if self.concerns.len() < CONCERNS_MAX && !self.concerns.contains(&words) {
            self.concerns.push(words);
        }
    }
}
