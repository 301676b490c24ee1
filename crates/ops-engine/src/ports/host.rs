use ops_core::time::Now;

use super::Look;

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
}

/// Where secret values are; no value ever passes through this port.
pub trait Secrets: Send + Sync {
    /// Whether the reference leads to a value, and a keyed hash of it as its version; `None` if
    /// there is no value.
    fn version(&self, reference: &str) -> Look<Option<String>>;
}

/// Where the wishes of the team are read.
pub trait Wishes: Send + Sync {
    /// The settings that govern now.
    fn current(&self) -> Look<std::sync::Arc<ops_core::settings::Settings>>;

    /// The settings at the commit that a candidate names (S3).
    fn at(&self, commit: &str) -> Look<std::sync::Arc<ops_core::settings::Settings>>;
}
