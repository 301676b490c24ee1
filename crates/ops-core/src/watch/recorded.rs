//! Series that were recorded or exported, in three forms. What is wrong in them is told with its
//! place; nothing is guessed.

mod csv;
mod json;
mod prometheus;

use serde::{Deserialize, de::IgnoredAny};

use super::{
    Baseline, Setup,
    replay::{Recording, Replayed, replay},
};
use crate::{
    id::ReleaseId,
    settings::Slo,
    signal::{Arm, LATENCY_BUCKETS, Latency, SignalSecond},
};

/// Most that is believed of one number in a file: more only overflows sums.
const MOST: u64 = 1_000_000_000_000;

/// Characters that are said about one place of a file at most.
const WORDS_MAX: usize = 300;

/// Series of one deployment.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The new release, as the seconds name it.
    pub new: ReleaseId,
    /// The old release.
    pub old: ReleaseId,
    /// The time before the deployment.
    pub before: Vec<SignalSecond>,
    /// The second before the first one of the deployment.
    pub began: u64,
    /// Its seconds, ascending.
    pub seconds: Vec<SignalSecond>,
    /// The new version's share, where the file names one for all seconds.
    pub share: Option<f64>,
    /// What a person should know of how the file was read.
    pub notes: Vec<String>,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Where.
    pub place: String,
    /// What.
    pub why: String,
    /// What to do.
    pub next: String,
}

impl Recorded {
    /// What the watch would have said, with this bound of the chance of a false rollback and this
    /// share of the traffic on the new version, where the seconds do not hold it.
    pub fn replayed(&self, alpha: f64, share: Option<f64>) -> Replayed {
        const SLO: Slo = Slo { error_share: None, p99_ms: None };
        let Self { new, old, began, seconds, .. } = self;
        let baseline = Baseline::from_seconds(&self.before, old);
        let served = |second: &SignalSecond| second.arm(old).is_some_and(|arm| arm.requests > 0);
        let setup = Setup::door(&baseline, &SLO, alpha, seconds.iter().any(served));
        replay(&setup, &Recording { new, old, began: *began, share, seconds })
    }
}

impl Wrong {
    fn new(place: impl Into<String>, why: impl Into<String>, next: impl Into<String>) -> Self {
        Self { place: shown(&place.into()), why: shown(&why.into()), next: shown(&next.into()) }
    }

    /// In a line of the file, from 1.
    fn line(line: usize, why: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(format!("line {line}"), why, next)
    }

    fn json(error: &serde_json::Error, first_line: usize) -> Self {
        let line = error.line().max(1) + first_line - 1;
        let why = error.to_string();
        let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why);
        let next = if error.is_eof() {
            "the file ends too early: export it again, whole"
        } else {
            "mend that place, or export the file again"
        };
        Self::new(format!("line {line}, column {}", error.column()), why, next)
    }
}

/// Words with parts of a file in them, as they may be shown: not longer than is read, and nothing in
/// them steers a terminal.
fn shown(words: &str) -> String {
    let line = words.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    line.take(WORDS_MAX).collect()
}

/// What tells the forms of JSON apart.
#[derive(Deserialize)]
struct Form {
    status: Option<IgnoredAny>,
}

/// Reads a file, whichever form it has.
pub fn read(text: &str) -> Result<Recorded, Wrong> {
    let begin = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let recorded = if begin.starts_with('{') {
        let form: Form = serde_json::from_str(begin).map_err(|error| Wrong::json(&error, 1))?;
        if form.status.is_some() { prometheus::read(begin) } else { json::read(begin) }
    } else {
        csv::read(text)
    }?;
    if recorded.seconds.is_empty() {
        return Err(Wrong::new(
            "as a whole",
            "it has no second of the deployment",
            "export a range in which both versions served",
        ));
    }
    Ok(recorded)
}

/// Requests and failed requests as an arm.
fn arm(requests: u64, failed: u64, latency: Latency) -> Arm {
    let s2xx = requests.saturating_sub(failed);
    Arm { requests, s2xx, s5xx: failed, latency, ..Arm::default() }
}

/// Why an arm cannot be what a door saw.
fn odd(arm: &Arm) -> Option<String> {
    let counts = [
        arm.requests,
        arm.s2xx,
        arm.s3xx,
        arm.s4xx,
        arm.s5xx,
        arm.connect,
        arm.timeout,
        arm.units,
        arm.unit_errors,
    ];
    let parts = arm.latency.iter().chain(&arm.kinds).map(|(_, count)| *count);
    if counts.into_iter().chain(parts).any(|count| count > MOST) {
        return Some(format!("a count is above {MOST}"));
    }
    if arm.errors() > arm.requests {
        return Some(format!("{} of {} requests failed", arm.errors(), arm.requests));
    }
    let answered = arm.s2xx + arm.s3xx + arm.s4xx;
    if answered > arm.requests {
        return Some(format!("{answered} of {} requests were answered", arm.requests));
    }
    if arm.latency.iter().any(|(bucket, _)| usize::from(*bucket) >= LATENCY_BUCKETS) {
        return Some(format!("a latency bucket is above {}", LATENCY_BUCKETS - 1));
    }
    let ascend = |pairs: &[(u16, u64)]| pairs.is_sorted_by(|a, b| a.0 < b.0);
    if !ascend(&arm.latency) || !ascend(&arm.kinds) {
        return Some("buckets and statuses must ascend, each named once".into());
    }
    None
}

#[cfg(test)]
mod tests;
