//! What a keeper is to run.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What one replica runs. Written once, when the replica is made; holds no secret value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The replica's name, unique on its target.
    pub id: String,
    /// Value of [`crate::MARKER_VARIABLE`] in the environment of every process of the replica;
    /// unique on the machine.
    pub marker: String,
    /// The service.
    pub service: String,
    /// The release.
    pub release: String,
    /// Digest of the artifact, `sha256:…`.
    pub artifact: String,
    /// Which replica of its release, from 0.
    pub index: u32,
    /// The port that it was given.
    pub port: u16,
    /// The program, absolute.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Plain variables.
    pub env: Vec<(String, String)>,
    /// Variables whose values are references, resolved at each start (P13).
    pub secrets: Vec<(String, String)>,
    /// The current folder, absolute.
    pub cwd: PathBuf,
    /// Milliseconds between TERM and KILL.
    pub stop_grace_ms: u64,
    /// Bytes that all its log files together may take.
    pub log_quota: u64,
}
