//! What an engine that runs services for us says of itself, and of what it runs.

use serde::{Deserialize, Serialize};

use crate::id::ReleaseId;

/// An engine, such as Docker's, on which a service runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineView {
    /// Which, and where, in words.
    pub place: String,
    /// Its version, in its own words.
    pub version: String,
    /// The architecture of its machine, as images name it: `amd64`, `arm64`.
    pub architecture: String,
    /// Whether it has the artifact already that was asked about.
    pub holds: bool,
    /// Bytes of memory of its machine.
    pub memory_bytes: u64,
    /// Of these, bytes that are available; `None` where that cannot be told from here.
    pub memory_free: Option<u64>,
    /// Bytes of memory that all replicas which ops runs there may take, by their limits.
    pub memory_promised: u64,
    /// Bytes free on the disk where it keeps images; `None` where that cannot be told from here.
    pub disk_free: Option<u64>,
    /// Replicas of the service that are not as ops made them.
    pub changed: Vec<Changed>,
}

/// A replica that somebody changed by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its name.
    pub replica: String,
    /// Its release; `None` for what stands beside the replicas of all releases.
    pub release: Option<ReleaseId>,
    /// What differs, each in words that hold no value of a variable (P13).
    pub how: Vec<String>,
}

/// What matters of an image before it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageView {
    /// The architecture that it is for.
    pub architecture: String,
    /// Whether it brings a health check of its own.
    pub health_check: bool,
}

/// What an engine says of a replica whose artifact brings its own health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnHealth {
    /// It has not passed yet since its start.
    Starting,
    /// It passes.
    Healthy,
    /// It fails, as often as the artifact allows.
    Unhealthy,
    /// Nothing is told of it, although it was wanted.
    Silent,
}
