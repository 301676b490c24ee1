use ops_core::{
    id::{Generation, ServiceName, Stamp},
    route::Route,
    signal::SignalSecond,
    world::DoorView,
};

use super::{Act, Look};

/// The reverse proxy through which users reach services.
pub trait Door: Send + Sync {
    /// The route of a service as it is served at this moment.
    fn look(&self, service: &ServiceName) -> Look<DoorView>;

    /// The highest generation that the door has seen, over all services.
    fn highest_generation(&self) -> Look<Generation>;

    /// The addresses on which it takes requests, `ip:port`.
    fn addresses(&self) -> Look<Vec<String>>;

    /// Replaces a service's route as a whole. Setting the same route with the same stamp again
    /// changes nothing and succeeds.
    fn set_route(&self, stamp: Stamp, route: &Route) -> Act;

    /// Removes a service's route; succeeds if there is none.
    fn remove_route(&self, stamp: Stamp, service: &ServiceName) -> Act;

    /// The whole seconds after `after` (boot time in seconds) that are over, oldest first, at most
    /// 1800. Seconds without traffic are reported too: a missing second is a gap.
    fn signals(&self, service: &ServiceName, after: u64) -> Look<Vec<SignalSecond>>;
}

/// One probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// `ip:port`.
    pub address: String,
    /// What is asked.
    pub kind: ProbeKind,
    /// Milliseconds until it counts as failed.
    pub timeout_ms: u64,
}

/// What a probe asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeKind {
    /// Whether the port accepts connections.
    Connect,
    /// An HTTP request.
    Http {
        /// Method.
        method: String,
        /// Host header; `None` sends the address.
        host: Option<String>,
        /// Path and query.
        path: String,
        /// Statuses that count as success, first and last.
        status: (u16, u16),
        /// Text that the first 64 kB of the body must contain.
        contains: Option<String>,
    },
}

/// Asks services for their health.
pub trait Prober: Send + Sync {
    /// Asks once. `Ok(None)`: healthy. `Ok(Some(why))`: it answered wrongly, or not in time.
    /// `Err`: the question could not be asked at all.
    fn probe(&self, probe: &Probe) -> Look<Option<String>>;

    /// Asks several, in this order. Adapters for real services ask them at the same time, so that
    /// one that hangs does not delay what is seen of the others.
    fn probe_all(&self, probes: &[Probe]) -> Vec<Look<Option<String>>> {
        probes.iter().map(|probe| self.probe(probe)).collect()
    }
}
