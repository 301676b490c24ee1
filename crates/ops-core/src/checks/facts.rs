//! What was gathered for the checks. Facts only: nothing here judges.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    id::{DeploymentId, Digest, EnvironmentName, ServiceName},
    plan::{KnownRelease, Senses},
    reading::Reading,
    secrets,
    settings::Settings,
    signal::SignalSecond,
    ticket::Ticket,
    world::{DoorView, EngineView, Fault, Foreign, ImageView, ReleaseSpec, TargetView},
};

/// An artifact as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactFact {
    /// Digest of its content.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// What is known of it as an image; `None` if it is none.
    pub image: Option<ImageView>,
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

/// The ticket of a candidate that an earlier stage has promoted (S12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promoted {
    /// As it was read last there.
    pub ticket: Ticket,
    /// Whether the checks have held it since then because of its evidence.
    pub read_before: bool,
}

/// What somebody else started, as it was found (S2).
#[derive(Debug, Clone, PartialEq)]
pub struct Outside {
    /// The process; `Ok(None)` if nothing of it runs.
    pub found: Result<Option<Foreign>, Fault>,
    /// One probe of it, where it listens somewhere; `None` in it: healthy.
    pub health: Option<Result<Option<String>, Fault>>,
    /// What was proven to run and healthy when ops looked before, and when that was.
    pub seen: Option<(Digest, jiff::Timestamp)>,
}

/// A declared dependency as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyFact {
    /// Which service.
    pub service: ServiceName,
    /// Whether it is healthy; `None`: it is.
    pub health: Result<Option<String>, Fault>,
    /// The version of it that serves, as the journal knows it.
    pub version: Option<String>,
}

/// What `ops.yaml` wants looked at of a machine beside its room.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LimitFacts {
    /// Load average over five minutes, per core.
    pub load_per_core: Option<Result<f64, Fault>>,
    /// By how many milliseconds the clock may be wrong; an error if nobody keeps it right.
    pub clock_ms: Option<Result<u64, Fault>>,
    /// Certificates and for how many seconds each is still valid; negative if it is not.
    pub certificates: Vec<(String, Result<i64, Fault>)>,
}

/// A firing alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its name.
    pub name: String,
    /// The service that it is about; `None` if it is one of hosts.
    pub service: Option<String>,
    /// Since when, as its source says.
    pub since: String,
}

/// Requests and failures of a service over the span of its budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Requests seen.
    pub requests: u64,
    /// Of these, how many failed.
    pub failed: u64,
    /// Seconds of the span that were seen.
    pub seconds: u64,
}

/// The state of what a service leans on, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The comment with QA's verdict for which it was taken.
    pub verdict: String,
    /// When, in the journal's wall time; a label.
    pub at: String,
    /// Name and state of each: a service with its candidate, a file, what a program says.
    pub items: BTreeMap<String, Trace>,
}

/// The state of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Its state, as a digest or a candidate's hash; `None` if it could not be read.
    pub state: Option<Digest>,
    /// Who brought it there, where ops knows: a deployment and its ticket.
    pub by: Option<String>,
}

/// How another candidate of the same service stands to this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// It was made after this one.
    Newer,
    /// It was made before this one, and this one holds all of it.
    Ancestor,
    /// It was made before this one.
    Older,
}

/// Another ticket in `rfp` for the same service (S8).
#[derive(Debug, Clone)]
pub struct Rival {
    /// The ticket.
    pub ticket: Ticket,
    /// How its candidate stands to this one.
    pub age: Age,
    /// Its artifact, as far as it can be found.
    pub artifact: Option<Digest>,
}

/// What ops knows of the deployment that a ticket says it fixes (S11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// The deployment; `None` if the notes name no deployment that ops knows.
    pub deployment: Option<DeploymentId>,
    /// As the notes name it.
    pub named: String,
    /// Whether what it brought serves now, or it froze.
    pub stands: bool,
    /// Checks that were recorded green before its first act.
    pub green: Vec<String>,
    /// What it brought, if it froze.
    pub left: Option<ReleaseSpec>,
}

/// Facts of one moment.
#[derive(Debug, Clone)]
pub struct Facts {
    /// That moment.
    pub at: jiff::Timestamp,
    /// The `ops.yaml` that governs.
    pub settings: Result<Arc<Settings>, Fault>,
    /// The settings at the commit that the notes name, for the service's configuration (S3).
    pub proposed: Option<Result<Arc<Settings>, Fault>>,
    /// The ticket; `Ok(None)` if the board says there is none. Unused for rollbacks.
    pub ticket: Result<Option<Ticket>, Fault>,
    /// The stage that comes next for a candidate, by its hash, where it has soaked before it.
    pub soaked: Option<(EnvironmentName, Digest)>,
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
    /// The engines that run the service; none where it runs as processes of ops's own.
    pub engines: Result<Vec<EngineView>, Fault>,
    /// What each secret reference that bears on the deployment leads to.
    pub secrets: secrets::Found,
    /// Each declared dependency.
    pub dependencies: Vec<DependencyFact>,
    /// What `ops.yaml` wants looked at of the machine.
    pub limits: LimitFacts,
    /// Firing alerts by source.
    pub alerts: Vec<(String, Result<Vec<Alert>, Fault>)>,
    /// Requests and failures over the span of the service's budget.
    pub tally: Tally,
    /// What the service leans on, as it was when QA's verdict was first seen.
    pub then: Option<Fingerprint>,
    /// The same now.
    pub now: BTreeMap<String, Trace>,
    /// Other tickets in `rfp` for the same service.
    pub rivals: Result<Vec<Rival>, Fault>,
    /// Whether what serves was made from a commit that holds this candidate's and more.
    pub surpassed: bool,
    /// Deployments whose condemned commit this candidate's commit descends from.
    pub descends: Vec<DeploymentId>,
    /// Of the commits that earlier notes on the ticket name, those with the very source tree of the
    /// one that the notes name (S9).
    pub trees: Result<BTreeSet<String>, Fault>,
    /// What the notes say the ticket fixes.
    pub fixes: Vec<Fixed>,
    /// The last minutes of traffic.
    pub signals: Result<Vec<SignalSecond>, Fault>,
    /// What declared signals said of what serves, over the last minutes, by name.
    pub declared: Vec<(String, Result<Vec<Reading>, Fault>)>,
    /// What else can be read of replicas of the service.
    pub senses: Senses,
    /// Other deployments of the lock group that are under way.
    pub conflicts: Vec<DeploymentId>,
    /// Candidates that were judged bad.
    pub condemned: Vec<Condemned>,
    /// Whether a listed person has answered after too many tries.
    pub answered: bool,
    /// Where the candidate has come from an earlier stage: its ticket as it was then (S12).
    pub promoted: Option<Promoted>,
    /// What runs that is to be adopted (S2); `None` for everything but adoptions.
    pub outside: Option<Outside>,
}
