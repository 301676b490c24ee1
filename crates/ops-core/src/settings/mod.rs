//! What a team wishes: the checked content of `ops.yaml`.
//!
//! These types hold only valid wishes; reading YAML and complaining about it is `ops-config`'s.

mod adopt;
mod advisor;
mod gate;
mod loosened;
mod reports;
mod secret;
mod signal;

use std::{collections::BTreeMap, net::Ipv4Addr};

pub use adopt::{ADOPTION_SECONDS, Adopt};
pub use advisor::{ADVISOR_SECONDS_MAX, Advisor, Money};
pub use gate::{
    AlertKind, AlertSource, Budget, Dependency, Gate, HostLimits, Infrastructure, Migrations,
    NORMAL_CLASS, Notify, Opening, ReadState, Via, Window, WindowKind,
};
pub use loosened::{Loosening, loosened, loosened_service, never};
pub use reports::{DailyReport, MetricsReport, Reports, TimeOfDay};
pub use secret::Secret;
use serde::{Deserialize, Serialize};
pub use signal::{Signal, SignalKind};

use crate::{
    id::{Digest, EnvironmentName, Identity, ServiceName},
    mutation::{Mutation, on},
    world::{Compose, Container},
};

/// Compiled-in floors (S4): no configuration goes below them.
pub mod floor {
    /// Healthy answers in a row before a replica counts as healthy.
    pub const HEALTHY_IN_A_ROW: u32 = 2;
    /// Observed watch time in seconds.
    pub const WATCH_SECONDS: u64 = 30;
    /// Highest false-alarm budget of a deployment.
    pub const ALPHA_MAX: f64 = 0.05;
}

/// Everything that governs a deployment, as it stood at one commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Name of the project, for texts.
    pub project: String,
    /// Where the settings come from.
    pub revision: Revision,
    /// Environments by name.
    pub environments: BTreeMap<EnvironmentName, Environment>,
    /// Services by name.
    pub services: BTreeMap<ServiceName, Service>,
    /// Who is who.
    pub people: People,
    /// Gates of the whole team.
    pub gate: Gate,
    /// Who is told when something stopped that only a person can move.
    pub notify: Vec<Notify>,
    /// Boards.
    pub boards: Boards,
    /// The door.
    pub edge: Edge,
    /// The Docker Engine on which containers run.
    #[serde(default)]
    pub docker: DockerEngine,
    /// What is kept, and how much of it.
    pub retention: Retention,
    /// Seconds between two heartbeats.
    pub heartbeat_seconds: u64,
    /// The model that may stop a deployment; `None`: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisor: Option<Advisor>,
    /// What the team is told by the clock.
    #[serde(default)]
    pub reports: Reports,
}

/// Where Docker Engines are reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerEngine {
    /// The socket of this machine's engine.
    pub socket: String,
    /// Other hosts, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<String, DockerHost>,
}

/// A host that runs containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerHost {
    /// How its engine is reached.
    pub engine: Reach,
    /// Its address, on which containers are published and at which the door finds them.
    pub address: Ipv4Addr,
}

/// How an engine is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// By a socket of this machine.
    Socket {
        /// Its path.
        path: String,
    },
    /// Over TCP with TLS.
    Tls {
        /// `host:port`.
        host: String,
        /// The folder with `ca.pem`, `cert.pem` and `key.pem`.
        certificates: String,
    },
    /// Through SSH, as whoever ops runs as.
    Ssh {
        /// `user@host`, `host`, or either with `:port`.
        host: String,
        /// The configuration that `ssh` reads; `None`: that of whoever ops runs as.
        config: Option<String>,
    },
}

impl Default for DockerEngine {
    fn default() -> Self {
        Self { socket: "/var/run/docker.sock".to_owned(), hosts: BTreeMap::new() }
    }
}

/// Which `ops.yaml` this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The commit it was read from; `None` where the folder is no git repository.
    pub commit: Option<String>,
    /// Hash of the file's bytes.
    pub hash: Digest,
}

/// A place where services run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// Ports that replicas get, first and last.
    pub ports: (u16, u16),
    /// Limits of its machine.
    pub host: HostLimits,
}

/// A service and how it is deployed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// The environments that a ticket walks, in order; at least one.
    pub stages: Vec<Stage>,
    /// Services of one lock group are deployed one at a time. Defaults to the environment's name.
    pub lock_group: Option<String>,
    /// Where it runs.
    pub target: TargetKind,
    /// Program and arguments, relative to the artifact. `{port}` is replaced by the replica's port.
    /// Empty only for containers: the image's own.
    pub command: Vec<String>,
    /// What its containers are made of; only with [`TargetKind::Docker`]. The image is the
    /// candidate's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Box<Container>>,
    /// Its Compose project; only with [`TargetKind::Compose`]. The images are the candidate's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compose: Option<Box<Compose>>,
    /// Plain variables.
    pub env: BTreeMap<String, String>,
    /// Variables whose values are references, such as `env:NAME` or `file:/path`.
    pub secrets: BTreeMap<String, Secret>,
    /// How many replicas serve.
    pub replicas: u32,
    /// Fewest replicas that must serve at any instant (P6).
    pub min_serving: u32,
    /// Whether the old and the new version may run side by side.
    pub runs_twice: bool,
    /// A port that every copy needs; only for services that cannot run twice.
    pub fixed_port: Option<u16>,
    /// How requests reach it; `None` for services without HTTP.
    pub route: Option<RouteMatch>,
    /// How its health is asked.
    pub health: Health,
    /// Requests that must succeed through the door after a deployment.
    pub smoke: Vec<SmokeRequest>,
    /// Limits that hold whatever the old version did.
    pub slo: Slo,
    /// How traffic moves.
    pub strategy: Strategy,
    /// How long and how closely it is watched.
    pub watch: WatchSettings,
    /// Services that must be healthy, and new enough, before it is deployed.
    pub depends_on: Vec<Dependency>,
    /// What else it leans on.
    pub infrastructure: Vec<Infrastructure>,
    /// How much failure it may have before only urgent classes of tickets are deployed.
    pub budget: Option<Budget>,
    /// What happens with migrations.
    pub migrations: Migrations,
    /// Milliseconds between TERM and KILL, and the bound of a drain.
    pub drain_ms: u64,
    /// Room that one replica needs.
    pub needs: Needs,
    /// Bound of the gap for services that cannot run twice, in milliseconds.
    pub gap_limit_ms: u64,
    /// At most this many requests wait at the door during the gap.
    pub hold_requests: u32,
    /// Signals beside what the door sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<Signal>,
    /// What already runs of it and is to be adopted; no part of what CQ and QA approve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<Adopt>,
}

/// One environment on a service's path (S12).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Which.
    pub environment: EnvironmentName,
    /// How requests reach it there, where that differs from the service's own route.
    pub route: Option<RouteMatch>,
    /// Seconds that a candidate stays there before it goes on to the next stage.
    pub soak_seconds: u64,
}

/// The kinds of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// Processes under keepers on this machine.
    Process,
    /// Containers of a Docker Engine.
    Docker,
    /// A Compose project on a Docker Engine.
    Compose,
}

/// Which requests are a service's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteMatch {
    /// Host name without port; `None` matches every host.
    pub host: Option<String>,
    /// Path prefix.
    pub path: String,
    /// How the door goes about them.
    #[serde(default, skip_serializing_if = "crate::route::Manner::is_plain")]
    pub manner: Box<crate::route::Manner>,
}

impl RouteMatch {
    /// A host, or every host, and a path prefix.
    pub fn of(host: Option<String>, path: impl Into<String>) -> Self {
        Self { host, path: path.into(), manner: Box::default() }
    }
}

/// How health is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Path that must answer 2xx or 3xx; `None` asks only whether the port accepts connections,
    /// or, without a port, whether the process runs.
    pub path: Option<String>,
    /// Milliseconds between two probes of a replica.
    pub every_ms: u64,
    /// Milliseconds until a probe counts as failed.
    pub timeout_ms: u64,
    /// Healthy answers in a row until a replica counts as healthy.
    pub in_a_row: u32,
    /// Milliseconds until a new version must be healthy.
    pub start_deadline_ms: u64,
}

/// A request that must succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmokeRequest {
    /// Method, upper case. Only methods that change nothing.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Status that must come back.
    pub status: u16,
    /// Text that the first 64 kB of the body must contain.
    pub contains: Option<String>,
}

/// Limits of a service, whatever the old version did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slo {
    /// Highest share of failed requests, 0 to 1.
    pub error_share: Option<f64>,
    /// Highest 99th percentile of the latency, in milliseconds.
    pub p99_ms: Option<u64>,
}

/// How traffic moves to the new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// In steps.
    Canary {
        /// The steps in ascending order, the last one at most 50 %.
        steps: Vec<TrafficStep>,
    },
    /// New beside old, all traffic at once, old kept warm.
    BlueGreen,
    /// Old stops, new starts; requests wait at the door.
    Recreate,
}

/// One step of a canary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficStep {
    /// Share of the new version in percent.
    pub weight: u8,
    /// Least seconds to stay, observed.
    pub dwell_seconds: u64,
    /// Least requests that the new version must have answered in this step.
    pub min_requests: u64,
}

/// How a service is watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchSettings {
    /// Observed seconds in all.
    pub seconds: u64,
    /// Of these, the last stretch with all traffic on the new version.
    pub last_stretch_seconds: u64,
    /// Least requests that the new version must have answered during the watch.
    pub min_requests: u64,
    /// Least requests of the door's own, through its front, that must have been answered meanwhile.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub min_synthetic: u64,
    /// Least looks at a service without a door that must have found it alive.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub min_heartbeats: u64,
    /// How often a dwell or a watch may be extended by its own length.
    pub extensions: u32,
    /// Gap in a signal, in seconds, that makes it unreadable.
    pub grace_seconds: u64,
    /// False-alarm budget of the deployment.
    pub alpha: f64,
    /// Observed seconds from which on the part of the watch with both versions on traffic may end
    /// early because the new one was shown to be good enough; `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_enough_seconds: Option<u64>,
    /// Alerts of this name that begin to fire during the watch are harm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trip_on_alerts: Vec<String>,
    /// A template of an error in the logs that the old version never wrote is harm by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trip_on_new_errors: bool,
}

impl WatchSettings {
    /// Seconds from the new version's first request on in which its latency is not judged, because
    /// cold caches are no regression: a thirtieth of the watch, from 3 to 30 s (`watch.md` §7 asks for
    /// 30 to 60 s in a long watch).
    pub fn warmup_seconds(&self) -> u64 {
        (self.seconds / 30).clamp(3, 30)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Room that one replica needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// Memory in megabytes.
    pub memory_mb: u64,
    /// Disk in megabytes, beside the artifact itself.
    pub disk_mb: u64,
}

/// The roles of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Product owner.
    Po,
    /// Writes.
    Dev,
    /// Reviews.
    Cq,
    /// Tests.
    Qa,
    /// Deploys: ops itself and people who may steer it.
    Ops,
    /// Manager or another person without a part in the pipeline.
    Human,
}

/// Who is who, and who may steer ops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct People {
    /// Roles of identities.
    pub roles: BTreeMap<Identity, Vec<Role>>,
    /// Who may resume, answer and roll back.
    pub operators: Vec<Identity>,
    /// One person may be DEV, CQ and QA of one candidate; named on every record.
    pub solo: bool,
}

impl People {
    /// Whether an identity has a role.
    pub fn is(&self, who: &Identity, role: Role) -> bool {
        self.roles.get(who).is_some_and(|roles| roles.contains(&role))
    }

    /// Whether an identity may resume, answer and roll back.
    pub fn may_steer(&self, who: &Identity) -> bool {
        self.operators.contains(who)
    }
}

/// The boards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boards {
    /// Address on which the embedded boards listen, `ip:port`.
    pub listen: String,
    /// ops's own identity on them.
    pub me: Identity,
    /// Channel for starts, successes, halts and rollbacks, without `#`.
    pub channel: String,
    /// Everybody may do everything there, as on `DevTeam`'s boards.
    pub permissive: bool,
    /// Where agents are told of what concerns them, by identity.
    pub gateways: BTreeMap<Identity, Gateway>,
    /// `DevTeam`'s boards, on which ops is a guest; `None`: the embedded ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devteam: Option<DevTeam>,
}

/// `DevTeam`'s boards. What is not said here is taken from the environment that its containers have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevTeam {
    /// Address of the planning board; `None`: that in `PLANNING_BOARD_URL`.
    pub planning: Option<String>,
    /// Address of the meeting board; `None`: that in `MEETING_BOARD_URL`.
    pub meeting: Option<String>,
    /// Reference of the token on the planning board; `None`: `env:PLANNING_BOARD_TOKEN`.
    pub planning_token: Option<String>,
    /// Reference of the token on the meeting board; `None`: `env:MEETING_BOARD_TOKEN`.
    pub meeting_token: Option<String>,
    /// Address on which ops's own gateway listens, `ip:port`; `None`: there is none.
    pub gateway: Option<String>,
    /// Reference of the token that callers of the gateway show; `None`:
    /// `env:OPENCLAW_GATEWAY_TOKEN`.
    pub gateway_token: Option<String>,
}

/// Where an agent takes notifications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    /// Address, such as `http://quinn:18789`.
    pub url: String,
    /// Reference of the token that it wants to see.
    pub token: Option<String>,
    /// Columns whose every new ticket it is told of.
    pub watch: Vec<String>,
}

/// The door.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Addresses on which it takes requests, `ip:port`.
    pub listen: Vec<String>,
    /// Addresses and certificates of TLS; `None`: no TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<EdgeTls>,
    /// Loopback address on which metrics are read; `None`: only through the admin socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<String>,
    /// Share of requests that are written to the access log, in percent; `None`: no log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_log_percent: Option<u8>,
    /// Longest time from the last progress of a request to the header of its answer, in
    /// milliseconds; `None`: the door's own limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_timeout_ms: Option<u64>,
    /// Largest body of a request, in megabytes; `None`: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body_megabytes: Option<u64>,
    /// Longest time in which a client must send the header of a request, in milliseconds; `None`:
    /// the door's own limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_timeout_ms: Option<u64>,
    /// Doors on hosts of their own; `None`: one door, on ops's machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doors: Option<Doors>,
}

/// A door on each of several hosts, instead of one on ops's machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doors {
    /// The hosts, by name.
    pub hosts: Vec<String>,
    /// What the doors are there.
    pub kind: DoorKind,
}

/// What a door on a host is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DoorKind {
    /// A container that ops makes, keeps and replaces.
    Container,
    /// A process that the team runs there.
    Process {
        /// The program, as the host finds it.
        program: String,
        /// The state folder that it was started with.
        state: String,
    },
}

/// TLS at the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeTls {
    /// Addresses on which it takes requests over TLS, `ip:port`.
    pub listen: Vec<String>,
    /// Certificates; the first one is shown to clients that name no host that any of them bears.
    pub certificates: Vec<Certificate>,
}

/// A certificate and its key, in files of PEM. Never their content (P13).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// File of the certificate and those that lead to its root.
    pub chain: String,
    /// File of its private key.
    pub key: String,
}

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// Releases per service, beside what serves and its way back.
    pub releases: u32,
    /// Quota of the artifact store in megabytes.
    pub store_mb: u64,
    /// Quota of one replica's logs in megabytes.
    pub log_mb: u64,
}

impl Settings {
    /// Files of the certificates that must be valid for long enough on an environment's machine:
    /// those that it names, and those that the door shows.
    pub fn certificates<'a>(&'a self, environment: &'a Environment) -> Vec<&'a str> {
        let own = environment.host.certificates.iter();
        let shown = self.edge.tls.iter().flat_map(|tls| &tls.certificates);
        let mut all: Vec<&str> =
            own.map(String::as_str).chain(shown.map(|one| one.chain.as_str())).collect();
        let mut known = std::collections::BTreeSet::new();
        all.retain(|path| known.insert(*path));
        all
    }
}

impl Service {
    /// Its environments, in order.
    pub fn environments(&self) -> impl Iterator<Item = &EnvironmentName> {
        self.stages.iter().map(|stage| &stage.environment)
    }

    /// The environment in which a candidate is deployed next: the first of its path, or the one
    /// after those in which this very candidate has soaked (S12). Nothing else leads past a stage.
    pub fn stage_of(
        &self,
        candidate: Option<&Digest>,
        soaked: Option<&(EnvironmentName, Digest)>,
    ) -> Option<&EnvironmentName> {
        let next = soaked.filter(|(_, of)| Some(of) == candidate).map(|(next, _)| next);
        let known = next.and_then(|next| self.environments().find(|one| *one == next));
        if on(Mutation::SkipStages) {
            return self.environments().last();
        }
        known.or_else(|| self.environments().next())
    }

    /// The service as it is deployed in one of its environments: with the route that it has
    /// there, and, unless that is the last one, under a name of its own, so that the copies of two
    /// stages never meet at the door or on a machine.
    pub fn in_stage(&self, environment: &EnvironmentName) -> Option<Self> {
        let stage = self.stages.iter().find(|stage| &stage.environment == environment)?;
        let mut here = self.clone();
        if stage.route.is_some() {
            here.route.clone_from(&stage.route);
        }
        if self.stages.last() != Some(stage) {
            here.name = ServiceName::new(format!("{}@{environment}", self.name));
        }
        Some(here)
    }

    /// What is to be adopted in an environment: only on the last stage, where users are.
    pub fn adopts_in(&self, environment: &EnvironmentName) -> Option<&Adopt> {
        let last = self.stages.last().is_some_and(|stage| &stage.environment == environment);
        self.adopt.as_ref().filter(|_| last)
    }

    /// The hosts that its containers run on; none: this machine alone.
    pub fn hosts(&self) -> &[String] {
        self.container.as_deref().map_or(&[], |container| &container.hosts)
    }

    /// The lock group in which it is deployed in an environment: `environment/group`.
    pub fn lock_group_in(&self, environment: &EnvironmentName) -> String {
        let group = self.lock_group.as_deref().unwrap_or(environment.as_str());
        format!("{environment}/{group}")
    }

    /// Hash of the service's settings: part of what CQ and QA approve (S3).
    pub fn hash(&self) -> Digest {
        // What is adopted says how ops came to the service, not how the service is to be.
        let approved = Self { adopt: None, ..self.clone() };
        // Maps are ordered and keys are strings, so it always serialises, and always alike.
        Digest::of(&serde_json::to_vec(&approved).unwrap_or_default())
    }
}
