//! What is known, as data. Whatever says it, says nothing beyond it.

use jiff::Timestamp;
use serde::Serialize;

use super::{Promise, Reported};
use crate::{
    id::{DeploymentId, EnvironmentName, ServiceName},
    metrics::Metrics,
};

/// The facts of one answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "facts", rename_all = "kebab-case")]
pub enum Facts {
    /// What serves.
    Serving {
        /// It.
        serving: Vec<Serving>,
    },
    /// What serves, and what is under way.
    Status {
        /// What serves.
        serving: Vec<Serving>,
        /// What is under way.
        under_way: Vec<UnderWay>,
        /// Further deployments under way that are not named.
        more: usize,
        /// Who halted everything.
        halted_by: Option<String>,
    },
    /// Why something waits.
    Explained(Box<Explained>),
    /// There is no deployment or incident of that number.
    NoSuch {
        /// As it was named.
        named: String,
        /// What lists those that there are.
        list: String,
    },
    /// A ticket of the queue with which nothing was begun.
    Queued {
        /// The ticket.
        ticket: String,
        /// What it waits for.
        words: String,
    },
    /// Something that ops does not know.
    Unknown {
        /// As it was named.
        named: String,
        /// How old the queue is in which it was looked for, in milliseconds; `None`: not read yet.
        queue_ms: Option<u64>,
    },
    /// How services do.
    Health {
        /// Each.
        services: Vec<Health>,
        /// Alerts that fire, as they were read last: their names and how long ago, in milliseconds.
        alerts: Option<(Vec<String>, u64)>,
    },
    /// What room there is.
    Capacity(Box<Capacity>),
    /// The last deployments.
    History {
        /// The newest first.
        past: Vec<Past>,
    },
    /// Open incidents.
    Incidents {
        /// The oldest first.
        open: Vec<Reported>,
    },
    /// One incident.
    Incident(Box<Reported>),
    /// An incident was taken note of.
    Noted {
        /// It.
        incident: Box<Reported>,
        /// Whether the watch of what is under way became more careful.
        raised: bool,
        /// Whether it was known before.
        again: bool,
    },
    /// Something was done.
    Done {
        /// For whom.
        by: String,
        /// What, as a sentence without its full stop.
        words: String,
    },
    /// Something was not done.
    Refused {
        /// For whom.
        by: String,
        /// Why not, and what to do instead.
        words: String,
    },
    /// Something was not done because it would break a promise.
    Never {
        /// For whom.
        by: String,
        /// Which promise.
        promise: Promise,
    },
    /// Figures.
    Metrics(Box<Metrics>),
    /// What ops can be asked.
    Help,
}

/// What serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Serving {
    /// Which service.
    pub service: ServiceName,
    /// Where.
    pub environment: EnvironmentName,
    /// Which version.
    pub version: String,
    /// Which deployment brought it.
    pub by: DeploymentId,
}

impl Facts {
    /// Whether they only tell something: what was done or refused needs no other words.
    pub fn tells(&self) -> bool {
        matches!(
            self,
            Self::Serving { .. }
                | Self::Status { .. }
                | Self::Explained(_)
                | Self::Health { .. }
                | Self::Capacity(_)
                | Self::History { .. }
                | Self::Incidents { .. }
                | Self::Incident(_)
        )
    }
}

/// A deployment under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnderWay {
    /// Its number.
    pub id: DeploymentId,
    /// Its tickets, or what it is without one.
    pub asked_by: String,
    /// Its service.
    pub service: ServiceName,
    /// Where.
    pub environment: EnvironmentName,
    /// Its phase.
    pub phase: String,
    /// What it waits for, until when, and what then.
    pub waits: String,
}

/// A check that holds something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lack {
    /// The check.
    pub check: String,
    /// What it says.
    pub verdict: String,
    /// What was seen.
    pub evidence: String,
    /// What must happen first.
    pub remedy: String,
    /// Who must act.
    pub who: Option<String>,
}

/// Why a ticket or deployment stands where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// As it was asked for.
    pub subject: String,
    /// Its deployment.
    pub deployment: DeploymentId,
    /// Its tickets, or what it is without one.
    pub asked_by: String,
    /// The service.
    pub service: ServiceName,
    /// Where.
    pub environment: EnvironmentName,
    /// The phase.
    pub phase: String,
    /// Why it went back, was withdrawn or waits, as far as there is more to say than the phase.
    pub because: Option<String>,
    /// What it waits for; `None` if it has ended.
    pub waits: Option<String>,
    /// The checks that hold it.
    pub lacks: Vec<Lack>,
    /// Checks that cannot be told before those pass.
    pub untold: Vec<String>,
    /// What happens next, or what would free it.
    pub next: Option<String>,
}

/// Replicas of one version as they were probed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probed {
    /// The version.
    pub version: String,
    /// Replicas that answered healthy.
    pub healthy: u32,
    /// Replicas that were asked.
    pub asked: u32,
    /// What the first sick one said.
    pub why: Option<String>,
}

/// What was seen of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// How long ago, in milliseconds.
    pub ago_ms: u64,
    /// Replicas by version.
    pub probed: Vec<Probed>,
    /// Dependencies that did not answer healthy.
    pub sick: Vec<String>,
}

/// How a service does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Which service.
    pub service: ServiceName,
    /// Where.
    pub environment: EnvironmentName,
    /// What serves, and which deployment brought it.
    pub serves: Option<(String, DeploymentId)>,
    /// What is under way: its number and phase.
    pub under_way: Option<(DeploymentId, String)>,
    /// What was seen last; `None`: nothing since ops started.
    pub seen: Option<Seen>,
    /// Open incidents of it.
    pub incidents: Vec<String>,
}

/// What room there is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Capacity {
    /// Each environment.
    pub rooms: Vec<Room>,
    /// Each service.
    pub services: Vec<ServiceRoom>,
}

/// The room of an environment's machine, as the last checks read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Room {
    /// Which environment.
    pub environment: EnvironmentName,
    /// How long ago, in milliseconds; `None`: not read since ops started.
    pub ago_ms: Option<u64>,
    /// Bytes of disk.
    pub disk_free: u64,
    /// Bytes of memory.
    pub memory_free: u64,
    /// Ports of its range.
    pub ports_free: u32,
}

/// What a service takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceRoom {
    /// Which service.
    pub service: ServiceName,
    /// Where.
    pub environment: EnvironmentName,
    /// Replicas, as `ops.yaml` has them.
    pub replicas: u32,
    /// Fewest that must serve.
    pub min_serving: u32,
    /// Megabytes of memory that one of them needs, as `ops.yaml` has it.
    pub memory_mb: u64,
    /// Requests; `None` where ops counts none.
    pub rate: Option<Rate>,
}

/// Requests of a service, by ops's own counts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rate {
    /// Requests per second.
    pub per_second: f64,
    /// Over so many seconds.
    pub seconds: u64,
    /// In which they were counted.
    pub counted: String,
}

/// A deployment of the past, or under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Past {
    /// Its number.
    pub id: String,
    /// Its tickets.
    pub tickets: Vec<String>,
    /// The service.
    pub service: String,
    /// Where.
    pub environment: String,
    /// The version.
    pub version: Option<String>,
    /// Its phase.
    pub phase: String,
    /// Why it went back.
    pub cause: Option<String>,
    /// When something happened to it last; a label.
    pub last: Timestamp,
}
