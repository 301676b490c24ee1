//! The ports: everything that the engine asks of the outside world.
//!
//! All ports are synchronous and every call is short: long waits are states of the machine, never
//! a blocked call. A call must end by itself well within a lease (10 s). Acts are idempotent per
//! stamp, refuse a stamp below the highest they have seen, and are read back by a look afterwards;
//! their answer alone is never taken for the effect (P7).

mod advisor;
mod board;
mod door;
mod host;
mod journal;
mod metrics;
mod target;

pub use advisor::{Advisor, NoAdvisor};
pub use board::{Meeting, Planning};
pub use door::{Door, Probe, ProbeKind, Prober};
pub use host::{Alerts, Clock, Herald, Host, HostFacts, Secrets, Wishes};
pub use journal::{Journal, JournalError, Lease, LeaseRefused, Record, Seq, Summary, Tampered};
pub use metrics::{Asked, Metrics, Senses, Version};
pub use target::{Artifacts, ResolvedArtifact, Target};

use ops_core::world::Fault;

/// How an act failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// It certainly had no effect, now or later.
    #[error("not done: {0}")]
    NotApplied(Fault),
    /// It may have had its effect, or may still have it: look before trying again.
    #[error("perhaps done: {0}")]
    Unknown(Fault),
    /// Refused because a higher generation has acted: whoever gets this must stop acting.
    #[error("refused as stale: {0}")]
    Stale(Fault),
}

/// The answer to an act.
pub type Act = Result<(), ActError>;

/// The answer to a look: an error never counts as an observation (P8).
pub type Look<T> = Result<T, Fault>;

use std::sync::Arc;

/// All ports of one engine.
#[derive(Clone)]
pub struct Ports {
    /// Where services run.
    pub target: Arc<dyn Target>,
    /// Where artifacts lie.
    pub artifacts: Arc<dyn Artifacts>,
    /// The door.
    pub door: Arc<dyn Door>,
    /// Health.
    pub prober: Arc<dyn Prober>,
    /// Tickets.
    pub planning: Arc<dyn Planning>,
    /// The team.
    pub meeting: Arc<dyn Meeting>,
    /// The machine.
    pub host: Arc<dyn Host>,
    /// Firing alerts.
    pub alerts: Arc<dyn Alerts>,
    /// People outside of the boards.
    pub herald: Arc<dyn Herald>,
    /// Numbers about running services.
    pub metrics: Arc<dyn Metrics>,
    /// What replicas take and write.
    pub senses: Arc<dyn Senses>,
    /// Secret references.
    pub secrets: Arc<dyn Secrets>,
    /// `ops.yaml`.
    pub wishes: Arc<dyn Wishes>,
    /// The model that may only stop.
    pub advisor: Arc<dyn Advisor>,
}
