//! What is read back from the places where services run.

mod engine;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use engine::{Changed, EngineView, ImageView, OwnHealth};

use crate::{
    id::{Digest, Generation, ReleaseId, ServiceName, Stamp},
    route::{Returned, ServedRoute},
};

/// What a target was told to run: everything that a keeper needs, and nothing that is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseSpec {
    /// The release's own name.
    pub release: ReleaseId,
    /// The service it belongs to.
    pub service: ServiceName,
    /// The artifact to run, by content.
    pub artifact: Digest,
    /// Program and arguments, relative to the artifact's folder. `{port}` is replaced.
    pub command: Vec<String>,
    /// Plain variables.
    pub env: Vec<(String, String)>,
    /// Variables whose values are references, resolved on the machine at start (P13).
    pub secrets: Vec<(String, String)>,
    /// How many replicas.
    pub replicas: u32,
    /// The port that every replica must have, for services that cannot run twice; otherwise each
    /// replica gets a free one of the target's range.
    pub fixed_port: Option<u16>,
    /// Milliseconds between TERM and KILL.
    pub stop_grace_ms: u64,
    /// What a container needs beside; `None` where the service runs as plain processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Box<Container>>,
    /// Which part of a Compose project it is; `None` where the service is none. The artifact is
    /// then a bundle: the project's folder and its images, each by digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compose: Option<Box<Compose>>,
}

/// A team's Compose project, of which one service is behind the door, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compose {
    /// The project's file, relative to the artifact's folder.
    pub file: String,
    /// What Compose calls the project; `None`: as the service is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The service of the file that is behind the door; `None`: the one that publishes ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub front: Option<String>,
    /// The port that it listens on inside; `None`: the one that the file publishes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Whether none of its services is behind the door: all of them stand once, and a release of
    /// it is one replica, the project as a whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_door: bool,
    /// Images by service of the file, as `registry/repository@sha256:…`: what the notes say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, String>,
}

/// A Compose project with the variables that its file is read with: what a bundle is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// The project.
    pub compose: Compose,
    /// Variables that its file may name, as `${NAME}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, String)>,
}

impl ReleaseSpec {
    /// The project that a release is part of, for its bundle.
    pub fn project(&self) -> Option<Box<Project>> {
        let compose = self.compose.as_deref()?.clone();
        Some(Box::new(Project { compose, env: self.env.clone() }))
    }
}

impl ReleaseSpec {
    /// The hosts that it runs on; none: this machine alone.
    pub fn hosts(&self) -> &[String] {
        self.container.as_deref().map_or(&[], |container| &container.hosts)
    }

    /// Replicas on each of its hosts.
    pub fn replicas_each(&self) -> u32 {
        self.container.as_ref().map_or(self.replicas, |one| one.each_host(self.replicas))
    }

    /// What of it belongs on the first hosts, so many of them.
    #[must_use]
    pub fn on_first(&self, hosts: u32) -> Self {
        let mut spec = self.clone();
        let each = self.replicas_each();
        if let Some(container) = &mut spec.container
            && !container.hosts.is_empty()
        {
            container.hosts.truncate(hosts as usize);
            spec.replicas = each * u32::try_from(container.hosts.len()).unwrap_or(u32::MAX);
        }
        spec
    }
}

impl Container {
    /// The share that one host has of so many replicas.
    pub fn each_host(&self, replicas: u32) -> u32 {
        replicas / u32::try_from(self.hosts.len()).unwrap_or(u32::MAX).max(1)
    }
}

/// What a container is made of, beside what every release has. In `command`, `{port}` is the port
/// inside; an empty `command` is the image's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// The image by its digest: `registry/repository@sha256:…`. The digest is the artifact's.
    pub image: String,
    /// The port that the service listens on inside; `None` for one without a port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// What is mounted into it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    /// Networks that it joins, which must exist; none: the engine's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
    /// Labels of the team; those that begin with `ops.` are ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(String, String)>,
    /// Bytes of memory that it may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Thousandths of a core that it may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_millis: Option<u32>,
    /// The user that it runs as, where that is not the image's: a name or `uid:gid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether the engine runs the health check that the image brings, and what it says counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub image_health: bool,
    /// The hosts that it runs on, by name, as many replicas on each; none: this machine alone. The
    /// first one is the barrier: what fails there comes to no other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// How many hosts get a new version at once, after the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u32>,
}

/// Something that is mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// A volume of the engine, or a folder of the host if it begins with `/`.
    pub source: String,
    /// Where it is inside.
    pub target: String,
    /// Whether it cannot be written there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

/// Whether a replica's process lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplicaState {
    /// The process runs.
    Running,
    /// It ended and will be started again after a pause.
    BackingOff,
    /// It was told to stop and has not ended yet.
    Stopping,
    /// It has ended and stays so.
    Stopped,
    /// Its keeper does not answer: nothing is known of it.
    Unknown,
}

/// One replica as its keeper sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// Name, unique on its target.
    pub id: String,
    /// Its release.
    pub release: ReleaseId,
    /// The digest of the artifact that it runs.
    pub artifact: Digest,
    /// Where it listens, `ip:port`; `None` for a service without a port.
    pub address: Option<String>,
    /// Its state.
    pub state: ReplicaState,
    /// How often it ended by itself and was started again.
    pub restarts: u32,
    /// The last end that nobody asked for, in words: `exit status 1`, `signal 9`.
    pub last_exit: Option<String>,
    /// Stamp of the last act on it.
    pub stamp: Stamp,
    /// What its target says of its health, where that runs a check which the artifact brings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<OwnHealth>,
}

/// All that a target runs for one service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetView {
    /// Replicas of all releases, also stopped ones that can be started again.
    pub replicas: Vec<Replica>,
    /// What stands beside replicas and belongs to the release that changed it last, such as the
    /// other services of a Compose project. Its health counts as theirs; their number does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Replica>,
    /// The highest generation that any of them has seen.
    pub highest: Generation,
}

impl TargetView {
    /// Replicas of one release.
    pub fn of<'a>(&'a self, release: &'a ReleaseId) -> impl Iterator<Item = &'a Replica> + 'a {
        self.replicas.iter().filter(move |replica| &replica.release == release)
    }

    /// Replicas of one release whose process runs.
    pub fn running<'a>(&'a self, release: &'a ReleaseId) -> impl Iterator<Item = &'a Replica> + 'a {
        self.of(release).filter(|replica| replica.state == ReplicaState::Running)
    }

    /// What a release changed of what stands beside its replicas.
    pub fn changed_by<'a>(
        &'a self,
        release: &'a ReleaseId,
    ) -> impl Iterator<Item = &'a Replica> + 'a {
        self.beside.iter().filter(move |one| &one.release == release)
    }
}

/// A process of a service that somebody else than ops started (S2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreign {
    /// Its number.
    pub pid: u32,
    /// Since when it runs; a label.
    pub since: jiff::Timestamp,
    /// Whether it runs what it is said to run.
    pub proof: Proof,
}

/// How a process compares with an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// Its program is the artifact's, byte for byte.
    Program,
    /// Its program is no part of the artifact, and the files beside it are the artifact's,
    /// unchanged since it began.
    Files,
    /// It runs something else.
    Differs {
        /// What differs.
        how: String,
    },
}

/// All that the door says of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorView {
    /// The route, or `None` if the door has none for the service.
    pub served: Option<ServedRoute>,
    /// Requests in flight per release, also after the route was removed. Releases that left the
    /// route stay listed until they are empty, so that a drain can be watched.
    pub in_flight: Vec<(ReleaseId, u64)>,
    /// The highest generation that the door has seen, over all services.
    pub highest: Generation,
    /// The last order that it carried out for the service: what comes late below it is refused,
    /// also where that order took the route away.
    #[serde(default)]
    pub last: Option<Stamp>,
    /// Of the requests in flight, those that last: tunnels and streams of events. They are closed
    /// one after the other when their release leaves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub long_lived: Vec<(ReleaseId, u64)>,
    /// What the door did by itself, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<Returned>,
    /// Whether it is several doors that do not all serve the same. What is told as served is then what
    /// any of them does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub differs: bool,
}

/// Something that went wrong outside, told so that a person can act on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{what} ({place}); {next}")]
pub struct Fault {
    /// What happened.
    pub what: String,
    /// Where.
    pub place: String,
    /// What to do next.
    pub next: String,
}

impl Fault {
    /// Puts a fault into words: what happened, where, what to do next.
    pub fn new(what: impl Into<String>, place: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), place: place.into(), next: next.into() }
    }
}
