//! What a deployment does to the world, and what it reads back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    id::{Digest, OpId, ReleaseId, ServiceName},
    plan::{Goal, Via},
    route::Route,
    signal::SignalSecond,
    time::Timer,
    world::{DoorView, Fault, Project, ReleaseSpec, TargetView},
};

/// An act on the world. Each is journaled as intent before and as outcome after (P5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum Act {
    /// Bring an artifact into the store.
    Import {
        /// What the notes name.
        reference: String,
        /// What it must contain.
        digest: Digest,
        /// The project, where that is a bundle of its folder and its images.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        project: Option<Box<Project>>,
    },
    /// Make a release run.
    Start {
        /// The release.
        spec: Box<ReleaseSpec>,
    },
    /// Replace the service's route.
    SetRoute {
        /// The whole route.
        route: Route,
    },
    /// Remove the service's route.
    RemoveRoute {
        /// The service.
        service: ServiceName,
    },
    /// Tell a release to stop.
    Stop {
        /// The service.
        service: ServiceName,
        /// The release.
        release: ReleaseId,
    },
    /// Forget a stopped release.
    Remove {
        /// The service.
        service: ServiceName,
        /// The release.
        release: ReleaseId,
    },
}

impl Act {
    /// Whether it leaves an order with the door that the door may carry out by itself.
    pub fn leaves_order(&self) -> bool {
        matches!(self, Self::SetRoute { route } if route.guard.is_some())
    }

    /// A short name for tables: `start`, `set-route`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Import { .. } => "import",
            Self::Start { .. } => "start",
            Self::SetRoute { .. } => "set-route",
            Self::RemoveRoute { .. } => "remove-route",
            Self::Stop { .. } => "stop",
            Self::Remove { .. } => "remove",
        }
    }
}

/// How an act ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It was accepted; whether it had its effect is looked at.
    Applied,
    /// It certainly had no effect.
    NotApplied {
        /// Why.
        fault: Fault,
    },
    /// Nobody knows: look first.
    Unknown {
        /// Why.
        fault: Fault,
    },
    /// A higher generation acts: the lease must be taken anew.
    Stale {
        /// Why.
        fault: Fault,
    },
}

/// An operation: an act with its number and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Op {
    /// Its number.
    pub id: OpId,
    /// What it does.
    pub act: Act,
    /// The goal that it serves.
    pub goal: Goal,
    /// `None` while it is under way (or was when the daemon died).
    pub outcome: Option<Outcome>,
    /// Until then its effect may show before it is tried again.
    pub settle: Timer,
}

/// A replica's health as seen over several looks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Healthy answers in a row, up to and with the last look.
    pub good: u32,
    /// Unhealthy answers in a row, up to and with the last look.
    pub bad: u32,
    /// What was wrong last.
    pub why: Option<String>,
}

/// What a look shall bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookOrder {
    /// Seconds of signals after this one (boot time in seconds); `None` for no signals.
    pub signals_after: Option<u64>,
    /// Whether to send smoke requests, and how.
    pub smoke: Option<Via>,
    /// Whether this artifact lies intact in the store.
    pub stored: Option<Digest>,
    /// Milliseconds between two looks.
    pub every_ms: u64,
}

/// What a look brought. Whatever could not be looked at is an error, never an absence (P8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The target.
    pub target: Result<TargetView, Fault>,
    /// The door; for services without a route an empty view.
    pub door: Result<DoorView, Fault>,
    /// Health per replica id.
    pub health: BTreeMap<String, Health>,
    /// Signals, if ordered.
    pub signals: Option<Result<Vec<SignalSecond>, Fault>>,
    /// Failed smoke requests in words, if ordered; empty means that all succeeded.
    pub smoke: Option<Result<Vec<String>, Fault>>,
    /// Whether the artifact is stored, if ordered.
    pub stored: Option<Result<bool, Fault>>,
    /// Declared dependencies that do not answer healthy.
    pub sick_dependencies: Vec<String>,
}
