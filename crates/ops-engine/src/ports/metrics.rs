use ops_core::{
    id::{ReleaseId, ServiceName},
    reading::{LogReading, Reading, Usage},
    settings::Signal,
    time::Now,
};

use super::Look;

/// A version that a signal is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its release.
    pub release: ReleaseId,
    /// What people call it.
    pub version: String,
    /// Addresses of its replicas, `ip:port`.
    pub instances: Vec<String>,
}

/// A question about a declared signal.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The signal.
    pub signal: Signal,
    /// The service.
    pub service: ServiceName,
    /// The new version; before a deployment, the one that serves.
    pub new: Version,
    /// The old version, where both are to be compared.
    pub old: Option<Version>,
    /// Only windows that ended after this second since boot.
    pub after: u64,
}

/// Systems that hold numbers about a running service.
pub trait Metrics: Send + Sync {
    /// Whole windows that are over, oldest first, at most 240, both versions over the same window. A
    /// window in which a version has no number is told as missing, never as a zero.
    ///
    /// A window has the same second whenever it is read, so who asks again after the last one gets
    /// the rest, and none twice. While none is over nobody is asked: an empty list does not say that
    /// the signal can be read.
    fn read(&self, asked: &Asked, now: &Now) -> Look<Vec<Reading>>;
}

/// What replicas take of their machine and what they write.
pub trait Senses: Send + Sync {
    /// What each running replica of a service takes now. A replica that cannot be read is absent.
    fn usage(&self, service: &ServiceName) -> Look<Vec<Usage>>;

    /// What replicas of a service logged since the last call; the first call after a start of the
    /// daemon tells nothing and begins to listen.
    fn logs(&self, service: &ServiceName, now: &Now) -> Look<LogReading>;
}
