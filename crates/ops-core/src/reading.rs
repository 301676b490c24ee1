//! What the senses beside the door said of a deployment's versions.

use serde::{Deserialize, Serialize};

use crate::{
    id::ReleaseId,
    signal::{Arm, Latency},
};

/// What one declared signal said of both versions over one and the same window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The signal's name in `ops.yaml`.
    pub signal: String,
    /// The second since boot at which the window ended.
    pub second: u64,
    /// Length of the window in seconds.
    pub seconds: u64,
    /// The new version.
    pub new: Sample,
    /// The old version; missing where none was asked for.
    pub old: Sample,
}

/// One version's part of a [`Reading`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Sample {
    /// No series, a stale one, or no number. Never a zero (P8).
    Missing,
    /// Trials and, of these, events, such as payments and failed ones.
    Counts {
        /// Trials.
        total: u64,
        /// Of these, events.
        events: u64,
    },
    /// A histogram whose buckets are fine enough to be read as a latency.
    Latency {
        /// Microseconds, in the buckets of [`crate::signal::latency_bucket`].
        latency: Latency,
    },
    /// A histogram with bounds of its own: how many observations were above each.
    Above {
        /// Observations.
        total: u64,
        /// Upper bounds, ascending, in the histogram's own unit, and how many were above each.
        bounds: Vec<(f64, u64)>,
    },
    /// A level, such as the length of a queue.
    Level {
        /// The level; finite.
        value: f64,
    },
    /// Things that were done, such as jobs.
    Done {
        /// How many.
        count: u64,
    },
}

impl Sample {
    /// Whether it says nothing.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

/// What one replica takes of its machine, as the kernel or the engine counts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Its release.
    pub release: ReleaseId,
    /// The replica.
    pub replica: String,
    /// Whether it only stands beside the replicas, as the other services of a Compose project: it is
    /// another program, so it is compared with none of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beside: bool,
    /// Milliseconds of processor time since it began; falls when it begins anew.
    pub cpu_ms: u64,
    /// Bytes of memory that it holds now.
    pub memory: u64,
    /// Bytes at which the kernel ends it; `None` without a limit.
    pub memory_limit: Option<u64>,
    /// How often the kernel ended something of it for want of memory.
    pub oom_kills: u64,
}

/// How loud a line of a log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Whatever is quieter than a warning, or says no level.
    Info,
    /// A warning.
    Warn,
    /// An error, or worse.
    Error,
}

/// How often lines of one shape came from one release. The lines themselves stay where they were
/// written (P13).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogCount {
    /// The release.
    pub release: ReleaseId,
    /// Their level.
    pub level: LogLevel,
    /// Their shape, with a mark for each part that differs from line to line.
    pub template: String,
    /// How many.
    pub lines: u64,
}

/// What was logged since the last reading.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogReading {
    /// The second since boot at which it was read.
    pub second: u64,
    /// Lines by release, level and template.
    pub counts: Vec<LogCount>,
    /// The same of what only stands beside the replicas, with the name of the service before each
    /// template; compared with nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<LogCount>,
    /// Lines that were dropped because there were too many to look at.
    #[serde(default)]
    pub dropped: u64,
}

/// Both versions of one second, as the judge takes them.
#[derive(Debug, Clone, Copy)]
pub struct Second<'a> {
    /// The new version.
    pub canary: &'a Arm,
    /// The old version.
    pub control: &'a Arm,
    /// Share of requests that the door sent to the new version during the whole second, 0 to 1;
    /// `None` if it changed. A second over two shares is not compared between the versions, since
    /// it would compare different times with each other.
    pub share: Option<f64>,
}
