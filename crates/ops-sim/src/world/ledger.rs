//! What really happened in the simulated world, in order: what the promises are checked against.

use ops_core::{
    id::{Digest, ReleaseId, ServiceName, Stamp},
    route::Route,
};

/// An act that had its effect.
#[derive(Debug, Clone)]
pub struct Applied {
    /// When, in simulated time.
    pub t: u64,
    /// When it was sent.
    pub sent: u64,
    /// Its stamp.
    pub stamp: Stamp,
    /// The service.
    pub service: ServiceName,
    /// What it did.
    pub deed: Deed,
}

/// What an act did.
#[derive(Debug, Clone)]
pub enum Deed {
    /// Made a release run.
    Start {
        /// The release.
        release: ReleaseId,
        /// What it runs.
        artifact: Digest,
        /// Number of the `ops.yaml` that it was configured by.
        config: u64,
        /// Whether nothing of this release was known before.
        fresh: bool,
        /// Whether it all ran already: then nothing came of it.
        ran: bool,
    },
    /// Told a release to stop.
    Stop {
        /// The release.
        release: ReleaseId,
        /// Whether any of it ran.
        ran: bool,
    },
    /// Forgot a release.
    Remove {
        /// The release.
        release: ReleaseId,
    },
    /// Set a route.
    Route {
        /// The route.
        route: Box<Route>,
    },
    /// Removed a route.
    Unroute,
}

/// All acts that had their effect.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// In order.
    pub applied: Vec<Applied>,
    /// From when to when no daemon ran.
    pub absences: Vec<(u64, u64)>,
    /// Seconds of signals that a look brought, per service: last second, observed seconds and
    /// requests per release.
    pub seen: std::collections::BTreeMap<ReleaseId, Seen>,
}

impl Ledger {
    /// Milliseconds without a daemon in the last `span` milliseconds before `t`.
    pub fn absent(&self, t: u64, span: u64) -> u64 {
        let from = t.saturating_sub(span);
        self.absences
            .iter()
            .map(|(died, rose)| (*rose).min(t).saturating_sub((*died).max(from)))
            .sum()
    }
}

/// What the program was really told of a release's traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// The last second (boot time) that was told.
    pub last: u64,
    /// Seconds with a share of traffic.
    pub seconds: u64,
    /// Requests.
    pub requests: u64,
}
