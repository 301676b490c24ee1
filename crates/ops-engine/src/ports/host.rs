use ops_core::{
    checks::Alert,
    id::Digest,
    record::Notice,
    settings::{AlertSource, Notify, ReadState},
    time::Now,
};

use super::{Act, Look};

/// Reads the clocks. The only way to learn the time.
pub trait Clock: Send + Sync {
    /// Both clocks, at once.
    fn now(&self) -> Now;
}

/// What a machine has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFacts {
    /// Bytes that can be written where ops keeps its state.
    pub disk_free: u64,
    /// Inodes left there.
    pub inodes_free: u64,
    /// Bytes of memory that programs can still get.
    pub memory_free: u64,
}

/// The machine on which services run.
pub trait Host: Send + Sync {
    /// Reads what is left.
    fn facts(&self) -> Look<HostFacts>;

    /// The load average over five minutes, divided by the number of cores.
    fn load_per_core(&self) -> Look<f64>;

    /// By how many milliseconds the clock may be wrong, as the kernel and whoever sets it say; a
    /// fault if nobody keeps it right.
    fn clock_ms(&self) -> Look<u64>;

    /// For how many seconds the certificate in a PEM file that expires first is still valid;
    /// negative if it is not.
    fn certificate(&self, path: &str) -> Look<i64>;

    /// The state of something shared, as a digest of what was read; nothing of it is kept (P13).
    fn state(&self, read: &ReadState) -> Look<Digest>;
}

/// Systems that know of alerts.
pub trait Alerts: Send + Sync {
    /// Alerts that fire now and are not silenced.
    fn firing(&self, source: &AlertSource) -> Look<Vec<Alert>>;
}

/// Tells people outside of the boards.
pub trait Herald: Send + Sync {
    /// Tells somebody. Answers only when their system took it.
    fn tell(&self, who: &Notify, notice: &Notice) -> Act;
}

/// Where secret values are; no value ever passes through this port.
pub trait Secrets: Send + Sync {
    /// Whether the reference leads to a value, and a keyed hash of it as its version; `None` if
    /// there is no value.
    fn version(&self, reference: &str) -> Look<Option<String>>;
}

/// Where the wishes of the team are read.
pub trait Wishes: Send + Sync {
    /// The settings of the newest commit. They govern only once the engine says so (S4).
    fn newest(&self) -> Look<std::sync::Arc<ops_core::settings::Settings>>;

    /// The settings at a commit: the one that governs, or the one that a candidate names (S3).
    fn at(&self, commit: &str) -> Look<std::sync::Arc<ops_core::settings::Settings>>;

    /// Tells whoever keeps something in line with `ops.yaml` outside of the engine, such as the
    /// members of the boards, which settings govern.
    fn govern(&self, settings: &std::sync::Arc<ops_core::settings::Settings>);

    /// Whether a commit is the other one or among its ancestors; `None` if one of them is not in
    /// a repository that ops can read.
    fn holds(&self, newer: &str, older: &str) -> Look<Option<bool>>;

    /// Whether two commits have the very same source tree, not only the same files (S9); `None` if
    /// that cannot be told, as where one of them is not in a repository that ops can read.
    fn same_tree(&self, one: &str, other: &str) -> Look<Option<bool>>;
}
