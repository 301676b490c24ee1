//! What the watch says.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::signal::Arm;

/// Answers 4xx that are told apart: each kind has its own way of being the version's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientClass {
    /// 401 and 403: a broken login.
    Denied,
    /// 404: a lost route.
    Lost,
    /// 408 and 429: a limit.
    Limited,
    /// All others: a request that was understood before and is refused now.
    Refused,
}

impl ClientClass {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Denied, Self::Lost, Self::Limited, Self::Refused];

    /// Answers of this class.
    pub fn answers(self, arm: &Arm) -> u64 {
        let of = |wanted: &[u16]| {
            let kinds = arm.kinds.iter().filter(|(status, _)| wanted.contains(status));
            kinds.fold(0, |sum: u64, (_, count)| sum.saturating_add(*count))
        };
        match self {
            Self::Denied => of(&[401, 403]),
            Self::Lost => of(&[404]),
            Self::Limited => of(&[408, 429]),
            Self::Refused => arm.s4xx.saturating_sub(of(&[401, 403, 404, 408, 429])),
        }
        .min(arm.requests)
    }

    /// The statuses, for people.
    pub fn statuses(self) -> &'static str {
        match self {
            Self::Denied => "401 and 403",
            Self::Lost => "404",
            Self::Limited => "408 and 429",
            Self::Refused => "other 4xx",
        }
    }
}

/// A stream of evidence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StreamName {
    /// Failed requests, new version against old.
    Errors,
    /// Answers 4xx of one class, new version against old.
    Client(ClientClass),
    /// Latency as a whole, new version against old.
    Latency,
    /// Requests slower than four of five were before, new version against old.
    SlowP80,
    /// Requests slower than 99 of 100 were before, new version against old.
    SlowP99,
    /// Requests slower than twice that, new version against old.
    SlowFar,
    /// The new version's share of answered requests against its share of traffic.
    Silence,
    /// Failed requests of the new version against the service's own limit.
    ErrorLimit,
    /// Slow requests of the new version against the service's own 99th percentile.
    LatencyLimit,
    /// Processor time per request (or per second, without requests), new version against old.
    Cpu,
    /// Memory per replica, new version against old.
    Memory,
    /// Lines of error level in the logs, new version against old.
    LogErrors,
    /// A declared signal, new version against old.
    Signal(String),
    /// A declared signal of the new version against its own limit.
    SignalLimit(String),
    /// Failed requests of the new version against what was seen before the deployment. Counted
    /// only while no old version takes requests, and never mixed with the others.
    BaselineErrors,
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors => f.write_str("errors"),
            Self::Client(class) => write!(f, "answers {}", class.statuses()),
            Self::Latency => f.write_str("latency"),
            Self::SlowP80 => f.write_str("slow requests (p80)"),
            Self::SlowP99 => f.write_str("slow requests (p99)"),
            Self::SlowFar => f.write_str("slow requests (twice p99)"),
            Self::Silence => f.write_str("silence"),
            Self::ErrorLimit => f.write_str("error limit"),
            Self::LatencyLimit => f.write_str("latency limit"),
            Self::Cpu => f.write_str("processor time"),
            Self::Memory => f.write_str("memory"),
            Self::LogErrors => f.write_str("errors in the logs"),
            Self::Signal(name) => write!(f, "signal {name}"),
            Self::SignalLimit(name) => write!(f, "limit of signal {name}"),
            Self::BaselineErrors => f.write_str("errors against the time before"),
        }
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
    /// Something that no chance explains away: the kernel ended a replica for want of memory, or
    /// one is on its way there.
    Certain {
        /// What looked, for guards and records.
        detector: String,
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

/// One stream as it stands, for people and charts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamView {
    /// Which.
    pub name: StreamName,
    /// Natural logarithm of its evidence.
    pub log_e: f64,
    /// Its share of the false-alarm budget; 0 for the comparison with the time before, which has
    /// a budget of its own.
    pub weight: f64,
}
