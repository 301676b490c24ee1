//! How the door sends requests of one service to its releases.

use serde::{Deserialize, Serialize};

use crate::id::{ReleaseId, ServiceName, Stamp};

/// What the door does with the requests of one service. Replaced as a whole, never in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The service whose requests these are.
    pub service: ServiceName,
    /// Host name to match, without port; `None` matches every host.
    pub host: Option<String>,
    /// Path prefix to match, beginning with `/`. The longest match wins.
    pub path: String,
    /// Where requests go. Weights add up to 100 unless `hold` is set.
    pub legs: Vec<Leg>,
    /// Requests wait at the door while this is set.
    pub hold: Option<Hold>,
}

/// One release's share of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leg {
    /// The release.
    pub release: ReleaseId,
    /// Its share of new requests, in percent.
    pub weight: u8,
    /// Addresses of its replicas, `ip:port`.
    pub backends: Vec<String>,
}

/// A bounded wait at the door, for services that cannot run twice (S7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// A request that waited this long is answered 503 with Retry-After. Milliseconds.
    pub max_wait_ms: u64,
    /// At most this many requests wait; further ones are answered 503 at once.
    pub max_requests: u32,
}

/// A route as the door serves it now, read back from the door itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedRoute {
    /// The route.
    pub route: Route,
    /// Stamp of the act that set it.
    pub stamp: Stamp,
    /// False after a restart of the door until its backends were probed again.
    pub probed: bool,
    /// Requests in flight, per release. Releases that left the route stay listed until they are
    /// empty, so that a drain can be watched.
    pub in_flight: Vec<(ReleaseId, u64)>,
}

impl Route {
    /// The weight of a release in percent, 0 if it has no leg.
    pub fn weight_of(&self, release: &ReleaseId) -> u8 {
        self.legs.iter().find(|leg| &leg.release == release).map_or(0, |leg| leg.weight)
    }
}
