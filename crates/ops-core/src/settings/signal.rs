//! Signals that a service declares beside what the door sees.

use serde::{Deserialize, Serialize};

/// A declared signal. It must be readable before a deployment, and stay so during its watch.
///
/// Queries name the version that they are about by placeholders: `$release`, `$version`, `$service`,
/// `$instances` (a regular expression of the addresses of its replicas) and `$window`. What is
/// counted is counted in `$window`, so that nothing counts twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Its name, unique in its service.
    pub name: String,
    /// Base address of the Prometheus that knows it.
    pub prometheus: String,
    /// What it says.
    pub kind: SignalKind,
    /// Seconds between two readings, and the length of each reading's window.
    pub every_seconds: u64,
    /// Gap, in seconds, that makes it unreadable; `None`: that of the watch.
    pub grace_seconds: Option<u64>,
}

/// What a declared signal says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignalKind {
    /// A share of events, judged against the old version.
    Rate {
        /// Query of the trials in `$window`.
        total: String,
        /// Query of the events in `$window`.
        events: String,
        /// Highest share, whatever the old version did.
        limit: Option<f64>,
    },
    /// A distribution in which more is worse, judged against the old version.
    Histogram {
        /// Query of the histogram in `$window`, classic (`by (le)`) or native.
        query: String,
    },
    /// A level, judged against the old version's at the same moment.
    Level {
        /// Query of the level.
        query: String,
        /// By which share it may be above the old version's.
        tolerance: f64,
    },
    /// Things that are done. It is evidence that the new version works at all, and judges nothing.
    Done {
        /// Query of what was done in `$window`.
        query: String,
        /// Least number during the watch.
        at_least: u64,
    },
}

impl Signal {
    /// Its queries.
    pub fn queries(&self) -> Vec<&str> {
        match &self.kind {
            SignalKind::Rate { total, events, .. } => vec![total, events],
            SignalKind::Histogram { query }
            | SignalKind::Level { query, .. }
            | SignalKind::Done { query, .. } => vec![query],
        }
    }
}
