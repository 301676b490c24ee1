//! One step: a goal in the world, who brings it about, and what happens when time runs out.

use serde::{Deserialize, Serialize};

/// Which release of a plan a step is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// The one being deployed.
    New,
    /// The one that served before.
    Old,
    /// A second copy of the old one, started to prove that it starts.
    Rehearsal,
    /// What a deployment left that froze and that this one mends (S11).
    Frozen,
}

/// How smoke requests travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// Straight to each replica of the new release.
    Replicas,
    /// As users come.
    Door,
}

/// The part of a deployment that a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Under the lease, before traffic is touched.
    Prepare,
    /// Moving traffic.
    Deploy,
    /// Proving what runs.
    Verify,
    /// Looking at it for long enough.
    Watch,
    /// After the watch passed: letting the old version go.
    Retire,
}

/// A state of the world that a step wants. Each is read back; none is assumed (P7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// The plan stands on the ticket.
    Announced,
    /// The artifact lies in the store and its content matches its digest.
    Stored(Which),
    /// All replicas of the release run.
    Running(Which),
    /// All replicas answer healthy, this often in a row.
    Healthy(Which, u32),
    /// The replicas of the new release that belong on the first hosts run, so many of them.
    RunningOn(u32),
    /// They answer healthy: a version that fails on one host comes to no other one.
    HealthyOn {
        /// The first hosts, so many.
        hosts: u32,
        /// Healthy answers in a row.
        in_a_row: u32,
    },
    /// Smoke requests get the declared answers.
    Smoke(Via),
    /// Checks that can have changed pass again.
    Rechecked,
    /// The door sends this share of requests to the new release, the rest to the old one.
    Routed {
        /// Percent.
        new: u8,
    },
    /// Requests wait at the door.
    Held,
    /// The door has no route for the service.
    Unrouted,
    /// No request is in flight to the release.
    Drained(Which),
    /// No process of the release lives.
    Stopped(Which),
    /// Nothing of the release is left on the target.
    Removed(Which),
    /// What serves is what was approved, and it can be watched.
    Verified,
    /// The new release was observed on traffic for this long.
    Observed {
        /// Observed seconds.
        seconds: u64,
        /// Requests that the new release must have answered meanwhile.
        min_requests: u64,
        /// Whether all other evidence that the service declares must have been seen as well, since
        /// the new release came on traffic.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        whole: bool,
    },
}

/// What happens when a step's time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnDeadline {
    /// The candidate failed: the way back (or, before the first act, a hold).
    Fail,
    /// The surroundings failed, not the candidate: the way back, nothing is condemned.
    Error,
    /// Extended a bounded number of times, then the way back as inconclusive (S5).
    Extend,
    /// The next step begins; the concern is noted.
    Proceed,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Where it belongs.
    pub stage: Stage,
    /// What it wants.
    pub goal: Goal,
    /// Milliseconds until `on_deadline`.
    pub deadline_ms: u64,
    /// What happens then.
    pub on_deadline: OnDeadline,
}

impl Goal {
    /// The goal in words that fit «waiting until …».
    pub fn words(&self) -> String {
        match self {
            Self::Announced => "the plan stands on the ticket".into(),
            Self::Stored(which) => format!("the artifact of the {} is in the store", which.words()),
            Self::Running(which) => format!("all replicas of the {} run", which.words()),
            Self::Healthy(which, n) => {
                format!("the {} is healthy {n} times in a row", which.words())
            }
            Self::RunningOn(hosts) => format!("the new version runs on {}", first(*hosts)),
            Self::HealthyOn { hosts, in_a_row } => {
                format!("the new version is healthy {in_a_row} times in a row on {}", first(*hosts))
            }
            Self::Smoke(Via::Replicas) => "smoke requests to each new replica succeed".into(),
            Self::Smoke(Via::Door) => "smoke requests through the door succeed".into(),
            Self::Rechecked => "the checks that can have changed pass again".into(),
            Self::Routed { new } => format!("the door sends {new} % to the new version"),
            Self::Held => "requests wait at the door".into(),
            Self::Unrouted => "the door has no route for the service".into(),
            Self::Drained(which) => format!("no request is in flight to the {}", which.words()),
            Self::Stopped(which) => format!("the {} has stopped", which.words()),
            Self::Removed(which) => format!("nothing of the {} is left", which.words()),
            Self::Verified => "what serves is what was approved".into(),
            Self::Observed { seconds, min_requests: 0, .. } => {
                format!("the new version was observed for {seconds} s")
            }
            Self::Observed { seconds, min_requests, .. } => {
                format!("the new version was observed for {seconds} s and {min_requests} requests")
            }
        }
    }

    /// A short name for tables: `running-new`, `routed-50`.
    pub fn name(&self) -> String {
        match self {
            Self::Announced => "announced".into(),
            Self::Stored(which) => format!("stored-{}", which.name()),
            Self::Running(which) => format!("running-{}", which.name()),
            Self::Healthy(which, _) => format!("healthy-{}", which.name()),
            Self::RunningOn(hosts) => format!("running-new-on-{hosts}"),
            Self::HealthyOn { hosts, .. } => format!("healthy-new-on-{hosts}"),
            Self::Smoke(Via::Replicas) => "smoke-replicas".into(),
            Self::Smoke(Via::Door) => "smoke-door".into(),
            Self::Rechecked => "rechecked".into(),
            Self::Routed { new } => format!("routed-{new}"),
            Self::Held => "held-at-door".into(),
            Self::Unrouted => "unrouted".into(),
            Self::Drained(which) => format!("drained-{}", which.name()),
            Self::Stopped(which) => format!("stopped-{}", which.name()),
            Self::Removed(which) => format!("removed-{}", which.name()),
            Self::Verified => "verified".into(),
            Self::Observed { .. } => "observed".into(),
        }
    }
}

fn first(hosts: u32) -> String {
    if hosts == 1 { "the first host".into() } else { format!("the first {hosts} hosts") }
}

impl Which {
    fn words(self) -> &'static str {
        match self {
            Self::New => "new version",
            Self::Old => "previous version",
            Self::Rehearsal => "rehearsal copy of the previous version",
            Self::Frozen => "version that froze",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Old => "old",
            Self::Rehearsal => "rehearsal",
            Self::Frozen => "frozen",
        }
    }
}
