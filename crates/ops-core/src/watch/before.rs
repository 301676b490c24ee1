//! The new version against the time before the deployment.
//!
//! This is the weakest judge: whatever else changed since then, such as a failing dependency, looks
//! like the new version's fault. It therefore counts only seconds in which no old version takes
//! requests, is never mixed with the other streams, and says whether waiting for a confirmation
//! against the old version is bearable.

use serde::{Deserialize, Serialize};

use super::{Baseline, OneArm, StreamName, Totals, Verdict, peak::Peak};

/// False-alarm budget of this comparison.
pub const ALPHA: f64 = 0.009;
/// Requests of the new version in a row, without one of the old, from which on it counts as alone.
/// At a weight of at most 50 % this happens by chance less than once in a million.
const ALONE_AFTER: u64 = 20;
/// Seconds over which harm is looked at to call it gross.
const RECENT_SECONDS: usize = 10;
/// Of these, seconds with gross failure from which on harm is gross: a shared outage of a few
/// seconds is not, and is confirmed against the old version instead.
const GROSS_SECONDS: usize = 5;
/// Least share of failed requests of a second that is gross.
const GROSS_SHARE: f64 = 0.20;
/// Multiple of the earlier share of failed requests that is gross.
const GROSS_FACTOR: f64 = 10.0;
/// A share of failed requests that is gross whatever was seen before.
const GROSS_CERTAINLY: f64 = 0.95;

/// The stream, and what is needed to weigh its alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Before {
    /// `None` where too little was seen before the deployment to expect anything.
    stream: Option<OneArm>,
    /// Share of failed requests before the deployment.
    share: f64,
    /// Requests of the new version since the old one's last.
    alone: u64,
    /// Requests and failed requests of the last seconds alone.
    recent: Vec<(u64, u64)>,
    peak: Option<Peak>,
}

impl Before {
    /// The limit is a tenth and 0.05 percentage points above the 99.9 % upper bound of the rate.
    pub(super) fn new(baseline: &Baseline, control: bool) -> Self {
        let limit = 1.1 * baseline.error_bound() + 0.0005;
        Self {
            stream: (limit < 1.0).then(|| OneArm::new(limit, baseline.d_errors)),
            share: baseline.error_share().unwrap_or(0.0),
            alone: if control { 0 } else { ALONE_AFTER },
            recent: Vec::new(),
            peak: None,
        }
    }

    /// Takes a second: requests and failed requests of the new version, requests of the old one.
    pub(super) fn feed(&mut self, t: u64, canary: (u64, u64), control: u64, totals: Totals) {
        if control > 0 {
            self.alone = 0;
            self.recent.clear();
            return;
        }
        self.alone = self.alone.saturating_add(canary.0);
        let Some(stream) = self.stream.as_mut().filter(|_| self.alone >= ALONE_AFTER) else {
            return;
        };
        stream.feed(t, canary.0, canary.1);
        let log_e = stream.log_e();
        if log_e > self.peak.as_ref().map_or(0.0, |peak| peak.log_e) {
            self.peak = Some(Peak { log_e, leading: StreamName::BaselineErrors, totals });
        }
        if self.recent.len() >= RECENT_SECONDS {
            self.recent.remove(0);
        }
        self.recent.push(canary);
    }

    /// Forgets all evidence.
    pub(super) fn restart(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.restart();
        }
        self.peak = None;
        self.recent.clear();
    }

    pub(super) fn log_e(&self) -> Option<f64> {
        self.stream.as_ref().map(OneArm::log_e)
    }

    /// The alarm, if there is one.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        let peak = self.peak.as_ref().filter(|peak| peak.log_e >= -ALPHA.ln())?;
        Some(Verdict::BaselineOnly {
            gross: self.gross(),
            p: peak.false_alarm(),
            log_e: peak.log_e,
            words: peak.words(self.stream.as_ref().map_or(0.0, OneArm::limit)),
        })
    }

    /// Gross: in at least five of the last ten seconds alone at least 20 % of the requests failed, and
    /// at least ten times the share before; 95 % is gross in any case.
    fn gross(&self) -> bool {
        let least = GROSS_SHARE.max(GROSS_FACTOR * self.share).min(GROSS_CERTAINLY);
        let gross = |(requests, failed): &&(u64, u64)| {
            *requests > 0 && *failed as f64 >= least * *requests as f64
        };
        self.recent.iter().filter(gross).count() >= GROSS_SECONDS
    }
}
