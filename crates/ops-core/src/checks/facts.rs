//! What was gathered for the checks. Facts only: nothing here judges.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    id::{DeploymentId, Digest, ServiceName},
    plan::KnownRelease,
    settings::Settings,
    signal::SignalSecond,
    ticket::Ticket,
    world::{DoorView, Fault, TargetView},
};

/// An artifact as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactFact {
    /// Digest of its content.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
}

/// What the machine has left, in bytes and counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFact {
    /// Bytes of disk.
    pub disk_free: u64,
    /// Inodes.
    pub inodes_free: u64,
    /// Bytes of memory.
    pub memory_free: u64,
    /// Ports of the environment's range that nobody uses.
    pub ports_free: u32,
    /// Whether the service's fixed port is free apart from its own old version; `None` without one.
    pub fixed_port_free: Option<bool>,
}

/// A candidate that was judged bad (P15, S10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condemned {
    /// Its service.
    pub service: ServiceName,
    /// The artifact.
    pub artifact: Digest,
    /// The candidate's hash.
    pub candidate: Digest,
    /// The commit.
    pub commit: Option<String>,
    /// The deployment that showed it.
    pub by: DeploymentId,
    /// What it did.
    pub words: String,
}

/// Facts of one moment.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The `ops.yaml` that governs.
    pub settings: Result<Arc<Settings>, Fault>,
    /// The ticket; `Ok(None)` if the board says there is none. Unused for rollbacks.
    pub ticket: Result<Option<Ticket>, Fault>,
    /// Other tickets that ask for the same candidate.
    pub siblings: Vec<Ticket>,
    /// The artifact that the notes name; `None` if they name none.
    pub artifact: Option<Result<ArtifactFact, Fault>>,
    /// What serves now, as the journal knows it.
    pub old: Option<KnownRelease>,
    /// Whether its artifact lies intact in the store.
    pub old_stored: Option<Result<bool, Fault>>,
    /// What a rollback brings back.
    pub undo: Option<KnownRelease>,
    /// What runs.
    pub target: Result<TargetView, Fault>,
    /// What the door serves.
    pub door: Result<DoorView, Fault>,
    /// One probe of each running replica of the old release; `None`: healthy.
    pub health: BTreeMap<String, Result<Option<String>, Fault>>,
    /// What the machine has left.
    pub host: Result<HostFact, Fault>,
    /// Each secret reference of the service and whether it leads to a value.
    pub secrets: Vec<(String, Result<bool, Fault>)>,
    /// Each declared dependency; `None`: healthy.
    pub dependencies: Vec<(ServiceName, Result<Option<String>, Fault>)>,
    /// The last minutes of traffic.
    pub signals: Result<Vec<SignalSecond>, Fault>,
    /// Other deployments of the lock group that are under way.
    pub conflicts: Vec<DeploymentId>,
    /// Candidates that were judged bad.
    pub condemned: Vec<Condemned>,
    /// Whether a listed person has answered after too many tries.
    pub answered: bool,
}
