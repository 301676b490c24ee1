//! What one deployment's watch runs: all its streams, and their verdict.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Baseline, SignalBefore, StreamName, StreamView, Totals, Verdict,
    baseline::Quantile,
    before::Before,
    combine,
    effect::Effect,
    good_enough::GoodEnough,
    logged::Logged,
    peak::Peak,
    resources::Resources,
    stream::{Detector, Moment, Stream, streams},
};
use crate::{
    id::ReleaseId,
    reading::{LogReading, Reading, Second, Usage},
    settings::{Signal, Slo, floor},
    signal::latency_edge_micros,
};

/// Bounds, in seconds, of the time after a change of weights in which answers still belong to
/// requests from before it.
const SETTLE_SECONDS: (u64, u64) = (3, 60);

/// What a judge is made from. All of it is fixed before the first request.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says of another sense whether it is there; all combinations occur"
)]
pub struct Setup<'a> {
    /// What the door saw of the service before.
    pub baseline: &'a Baseline,
    /// Limits that hold whatever the old version did.
    pub slo: &'a Slo,
    /// Declared signals, and what they said before.
    pub signals: &'a [Signal],
    /// By name.
    pub before: &'a BTreeMap<String, SignalBefore>,
    /// Bound of the chance of a false rollback over the whole deployment.
    pub alpha: f64,
    /// Whether requests come through the door.
    pub routed: bool,
    /// Whether the old version serves beside the new one; without it only limits and the time
    /// before can judge.
    pub control: bool,
    /// Latency counts only from so many seconds after the new version's first request, because cold
    /// caches are no regression; errors count at once.
    pub latency_warmup_seconds: u64,
    /// How often one client may be a trial during the whole deployment, where clients are known
    /// again.
    pub unit_trials: f64,
    /// Whether it can be read what replicas take of their machines.
    pub usage: bool,
    /// Bytes that a replica may take where its machine sets no bound.
    pub memory_limit: u64,
    /// Whether it can be read what replicas log.
    pub logs: bool,
}

impl<'a> Setup<'a> {
    /// What the door sees, and nothing else.
    pub fn door(baseline: &'a Baseline, slo: &'a Slo, alpha: f64, control: bool) -> Self {
        const NONE: &BTreeMap<String, SignalBefore> = &BTreeMap::new();
        Self {
            baseline,
            slo,
            signals: &[],
            before: NONE,
            alpha,
            routed: true,
            control,
            latency_warmup_seconds: 30,
            unit_trials: 1.0,
            usage: false,
            memory_limit: 0,
            logs: false,
        }
    }

    /// With another warm-up.
    #[must_use]
    pub fn warm_after(self, latency_warmup_seconds: u64) -> Self {
        Self { latency_warmup_seconds, ..self }
    }
}

/// The streams of one deployment. Plain data: a replayed journal gives the same bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judge {
    /// `ln(1/alpha)`: evidence that is enough for a rollback.
    threshold: f64,
    warmup: u64,
    settle: u64,
    routed: bool,
    streams: Vec<Stream>,
    before: Before,
    good_enough: Option<GoodEnough>,
    resources: Resources,
    memory_limit: u64,
    logged: Logged,
    effect: Effect,
    /// When the new version answered its first request.
    first_request: Option<u64>,
    /// When the weights changed last.
    changed: u64,
    /// The share of traffic that the new version had in the last second, if it was one.
    share: Option<f64>,
    totals: Totals,
    peak: Option<Peak>,
}

impl Judge {
    /// Sets up the streams of a deployment.
    pub fn new(setup: &Setup<'_>) -> Self {
        let baseline = setup.baseline;
        Self {
            threshold: -setup.alpha.clamp(f64::MIN_POSITIVE, floor::ALPHA_MAX).ln(),
            warmup: setup.latency_warmup_seconds,
            settle: settle(baseline),
            routed: setup.routed,
            streams: streams(setup),
            before: Before::new(baseline, setup.control && setup.routed),
            good_enough: (setup.control && setup.routed)
                .then(|| GoodEnough::new(baseline, setup.unit_trials))
                .flatten(),
            resources: Resources::default(),
            memory_limit: setup.memory_limit,
            logged: Logged::default(),
            effect: Effect::new(baseline),
            first_request: None,
            changed: 0,
            share: None,
            totals: Totals::default(),
            peak: None,
        }
    }

    /// Takes one observed second: `t` observed seconds since the judge began. A second over two
    /// weights is not compared between the versions.
    pub fn feed(&mut self, t: u64, second: &Second<'_>) {
        let Second { canary, control, share } = *second;
        let failed = canary.errors().min(canary.requests);
        self.count(second);
        if canary.requests > 0 {
            self.first_request.get_or_insert(t);
        }
        if share != self.share || share.is_none() {
            self.changed = t;
        }
        self.share = share;
        let warm = self.first_request.is_some_and(|first| t.saturating_sub(first) >= self.warmup);
        let settled = t.saturating_sub(self.changed) >= self.settle;
        let moment = Moment { second, warm, settled };
        for stream in &mut self.streams {
            stream.detector.second(t, &moment);
        }
        if let Some(mirror) = &mut self.good_enough {
            mirror.feed(t, second, warm);
        }
        self.effect.feed(second);
        self.resources.requests(canary.requests, control.requests);
        self.logged.requests(canary.requests, control.requests);
        self.before.feed(t, (canary.requests, failed), control.requests, self.totals);
        self.note_peak();
    }

    /// Takes a reading of a declared signal at observed second `t`, whose window ended so many seconds
    /// ago. A window over two weights is not compared.
    pub fn read(&mut self, t: u64, reading: &Reading, lag_seconds: u64) {
        let stood = t.saturating_sub(self.changed) >= reading.seconds.saturating_add(lag_seconds);
        let comparable = !self.routed || stood;
        for stream in &mut self.streams {
            let (StreamName::Signal(of) | StreamName::SignalLimit(of)) = &stream.name else {
                continue;
            };
            if let Detector::Declared(detector) = &mut stream.detector
                && *of == reading.signal
            {
                detector.feed(t, reading, comparable);
            }
        }
        self.note_peak();
    }

    /// Takes what replicas of both versions take of their machines at observed second `t`.
    pub fn usage(&mut self, t: u64, usage: &[Usage], new: &ReleaseId, old: Option<&ReleaseId>) {
        let levels = self.resources.feed(t, usage, (new, old), self.memory_limit);
        let warm = self.first_request.is_none_or(|first| t.saturating_sub(first) >= self.warmup);
        for stream in &mut self.streams {
            let pair = match stream.name {
                StreamName::Cpu => levels.cpu.filter(|_| warm),
                StreamName::Memory => levels.memory,
                _ => None,
            };
            if let (Detector::Level(gauge), Some((canary, control))) = (&mut stream.detector, pair)
            {
                gauge.feed(t, canary, control);
            }
        }
        self.note_peak();
    }

    /// Takes what replicas logged until observed second `t`; answers the templates of errors that
    /// only the new version has written so far and that were not told before.
    pub fn logs(
        &mut self,
        t: u64,
        reading: &LogReading,
        new: &ReleaseId,
        old: Option<&ReleaseId>,
    ) -> Vec<String> {
        let (counts, fresh) = self.logged.feed(reading, new, old);
        for stream in &mut self.streams {
            if let (Detector::Logged(labels), Some((canary, control))) =
                (&mut stream.detector, counts)
            {
                labels.feed(t, canary, control);
            }
        }
        self.note_peak();
        fresh
    }

    /// The verdict. Harm, once found, stays.
    pub fn verdict(&self) -> Verdict {
        if let Some((detector, words)) = self.resources.certain() {
            return Verdict::Certain { detector: detector.clone(), words: words.clone() };
        }
        if let Some(peak) = self.peak.as_ref().filter(|peak| peak.log_e >= self.threshold) {
            return Verdict::Harm {
                leading: peak.leading.clone(),
                p: peak.false_alarm(),
                log_e: peak.log_e,
                words: peak.words(self.limit(&peak.leading)),
            };
        }
        self.before.verdict().unwrap_or(Verdict::NoHarm)
    }

    /// How much of the evidence that a rollback needs is there: 0 none, 1 or more enough.
    pub fn evidence(&self) -> f64 {
        // Who may be wrong every time needs no evidence.
        if self.threshold > 0.0 { self.combined().max(0.0) / self.threshold } else { 1.0 }
    }

    /// The combined evidence, as a natural logarithm.
    pub fn log_e(&self) -> f64 {
        self.combined()
    }

    /// Each stream as it stands.
    pub fn streams(&self) -> Vec<StreamView> {
        let view = |stream: &Stream| StreamView {
            name: stream.name.clone(),
            log_e: stream.detector.log_e(),
            weight: stream.weight,
        };
        let before = self.before.log_e().map(|log_e| StreamView {
            name: StreamName::BaselineErrors,
            log_e,
            weight: 0.0,
        });
        self.streams.iter().map(view).chain(before).collect()
    }

    /// Whether the new version was shown to be hardly worse than the old one, after `seconds` of
    /// observation.
    pub fn good_enough(&self, seconds: u64) -> bool {
        let harm = self.combined();
        self.verdict() == Verdict::NoHarm
            && self.good_enough.as_ref().is_some_and(|mirror| mirror.shown(seconds, harm))
    }

    /// How large the difference is, for people.
    pub fn effect(&self) -> &Effect {
        &self.effect
    }

    /// Requests and failed requests so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Begins the comparison with the time before anew: for when its alarm was checked against the
    /// old version on traffic and was not confirmed. Each round has its own budget of 0.9 %.
    pub fn restart_baseline(&mut self) {
        self.before.restart();
    }

    fn count(&mut self, second: &Second<'_>) {
        let totals = &mut self.totals;
        let Second { canary, control, .. } = second;
        totals.canary_requests = totals.canary_requests.saturating_add(canary.requests);
        totals.canary_errors = totals.canary_errors.saturating_add(canary.errors());
        totals.control_requests = totals.control_requests.saturating_add(control.requests);
        totals.control_errors = totals.control_errors.saturating_add(control.errors());
    }

    fn note_peak(&mut self) {
        let combined = self.combined();
        if combined > self.peak.as_ref().map_or(0.0, |peak| peak.log_e) {
            let leading = self.leading();
            self.peak =
                leading.map(|leading| Peak { log_e: combined, leading, totals: self.totals });
        }
    }

    fn limit(&self, name: &StreamName) -> f64 {
        let stream = self.streams.iter().find(|stream| stream.name == *name);
        stream.map_or(0.0, |stream| stream.detector.limit())
    }

    fn combined(&self) -> f64 {
        let parts: Vec<_> =
            self.streams.iter().map(|stream| (stream.weight, stream.detector.log_e())).collect();
        combine(&parts)
    }

    fn leading(&self) -> Option<StreamName> {
        let part = |stream: &&Stream| stream.weight.ln() + stream.detector.log_e();
        let leading = self.streams.iter().max_by(|a, b| part(a).total_cmp(&part(b)));
        leading.map(|stream| stream.name.clone())
    }
}

/// Seconds until what was sent under the weights before is answered: twice the 99th percentile.
fn settle(baseline: &Baseline) -> u64 {
    let p99 = baseline.edge(Quantile::P99).map_or(0.0, |edge| latency_edge_micros(edge.bucket));
    let seconds = (2.0 * p99 / 1e6).ceil() as u64 + 2;
    seconds.clamp(SETTLE_SECONDS.0, SETTLE_SECONDS.1)
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
