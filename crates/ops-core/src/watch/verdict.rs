//! What the watch says.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A stream of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StreamName {
    /// Failed requests, new version against old.
    Errors,
    /// Latency as a whole, new version against old.
    Latency,
    /// Failed requests of the new version against the service's own limit.
    ErrorLimit,
    /// Slow requests of the new version against the service's own 99th percentile.
    LatencyLimit,
    /// Failed requests of the new version against what was seen before the deployment. Counted
    /// only while no old version takes requests, and never mixed with the others.
    BaselineErrors,
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Errors => "errors",
            Self::Latency => "latency",
            Self::ErrorLimit => "error limit",
            Self::LatencyLimit => "latency limit",
            Self::BaselineErrors => "errors against the time before",
        })
    }
}

/// Requests and failed requests of both versions since the judge began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Requests that the new version completed.
    pub canary_requests: u64,
    /// Of these, failed ones.
    pub canary_errors: u64,
    /// Requests that the old version completed.
    pub control_requests: u64,
    /// Of these, failed ones.
    pub control_errors: u64,
}

/// The judgement so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// No evidence that would justify a rollback. This is not yet a pass: that also needs the
    /// watch's time and its minimum evidence.
    NoHarm,
    /// The new version does harm. Stays so: evidence is never taken back.
    Harm {
        /// The stream that contributed most.
        leading: StreamName,
        /// Bound of the chance that this is a false alarm.
        p: f64,
        /// Natural logarithm of the combined evidence when it was the highest.
        log_e: f64,
        /// For a person.
        words: String,
    },
    /// Only the comparison with the time before the deployment says so, which a failing dependency
    /// would do as well.
    BaselineOnly {
        /// The harm is so large that waiting to confirm it is worse than a needless rollback.
        gross: bool,
        /// Bound of the chance that this is a false alarm, if nothing else changed meanwhile.
        p: f64,
        /// Natural logarithm of the evidence when it was the highest.
        log_e: f64,
        /// For a person.
        words: String,
    },
}
