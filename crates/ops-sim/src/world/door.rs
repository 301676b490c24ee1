//! The simulated door: routes with stamps compared as a whole, drains, and signals second by
//! second.

use std::collections::{BTreeMap, VecDeque};

use ops_core::{
    id::{Generation, ReleaseId, ServiceName, Stamp},
    route::{Route, ServedRoute},
    signal::SignalSecond,
    world::{DoorView, Fault},
};
use ops_engine::ports::{Act, ActError};

/// Seconds of signals that are kept; less than a real door does, for speed.
pub const KEPT_SECONDS: usize = 240;
/// Milliseconds until the backends of a new route, or of all routes after a restart, were probed.
const PROBE_MS: u64 = 120;
/// Milliseconds until the last request to a release that left the route has ended.
const DRAIN_MS: u64 = 1_200;

/// What is served of one service.
#[derive(Debug, Clone)]
pub struct Served {
    /// The route.
    pub route: Route,
    /// Stamp of the act that set it.
    pub stamp: Stamp,
    /// When its backends will have been probed.
    pub probed_at: u64,
    /// When it was set.
    pub since: u64,
}

/// Routes, signals, and the highest stamp of each service, which outlives its route.
#[derive(Debug, Clone, Default)]
pub struct SimDoor {
    /// What is served.
    pub served: BTreeMap<ServiceName, Served>,
    /// Seconds that are over.
    pub signals: BTreeMap<ServiceName, VecDeque<SignalSecond>>,
    /// Acts with an equal stamp and another content, which never may happen.
    pub contradictions: Vec<String>,
    draining: BTreeMap<ServiceName, Vec<(ReleaseId, u64)>>,
    highest: BTreeMap<ServiceName, Stamp>,
    generation: Generation,
}

impl SimDoor {
    /// What the door says of a service.
    pub fn look(&self, service: &ServiceName, t: u64) -> DoorView {
        let served = self.served.get(service).map(|served| ServedRoute {
            route: served.route.clone(),
            stamp: served.stamp,
            probed: t >= served.probed_at,
            in_flight: self.in_flight(service, t),
        });
        DoorView {
            served,
            in_flight: self.in_flight(service, t),
            highest: self.generation,
            last: self.highest.get(service).copied(),
            ..DoorView::default()
        }
    }

    fn in_flight(&self, service: &ServiceName, t: u64) -> Vec<(ReleaseId, u64)> {
        let leaving = self.draining.get(service).into_iter().flatten();
        leaving.filter(|(_, until)| t < *until).map(|(release, _)| (release.clone(), 3)).collect()
    }

    /// The highest generation seen.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Somebody else acts with a higher generation on a service, and leaves the route as it is.
    pub fn outrun(&mut self, service: &ServiceName) {
        self.generation = self.generation.next();
        let stamp = Stamp { generation: self.generation, ..Stamp::default() };
        self.highest.insert(service.clone(), stamp);
    }

    fn seen(&mut self, stamp: Stamp, service: &ServiceName) -> Act {
        let highest = self.highest.entry(service.clone()).or_default();
        if stamp < *highest {
            return Err(ActError::Stale(Fault::new(
                format!("the route of {service} has seen {highest:?}"),
                "the simulated door",
                "take the lease anew",
            )));
        }
        *highest = stamp;
        self.generation = self.generation.max(stamp.generation);
        Ok(())
    }

    /// Replaces a route.
    pub fn set_route(&mut self, stamp: Stamp, route: &Route, t: u64) -> Act {
        self.seen(stamp, &route.service)?;
        if let Some(served) = self.served.get(&route.service) {
            if served.stamp == stamp && served.route != *route {
                self.contradictions.push(format!("two routes of {} at {stamp:?}", route.service));
            }
            if served.stamp == stamp {
                return Ok(());
            }
            let leaving = served.route.legs.iter().filter(|leg| route.weight_of(&leg.release) == 0);
            let leaving: Vec<_> = leaving.map(|leg| (leg.release.clone(), t + DRAIN_MS)).collect();
            self.draining.insert(route.service.clone(), leaving);
        }
        let served = Served { route: route.clone(), stamp, probed_at: t + PROBE_MS, since: t };
        self.served.insert(route.service.clone(), served);
        Ok(())
    }

    /// Removes a route.
    pub fn remove_route(&mut self, stamp: Stamp, service: &ServiceName) -> Act {
        self.seen(stamp, service)?;
        self.served.remove(service);
        Ok(())
    }

    /// Whole seconds after `after`.
    pub fn signals(&self, service: &ServiceName, after: u64) -> Vec<SignalSecond> {
        let ring = self.signals.get(service).into_iter().flatten();
        ring.filter(|second| second.second > after).cloned().collect()
    }

    /// Keeps a second.
    pub fn keep(&mut self, service: &ServiceName, second: SignalSecond) {
        let ring = self.signals.entry(service.clone()).or_default();
        if ring.len() >= KEPT_SECONDS {
            ring.pop_front();
        }
        ring.push_back(second);
    }

    /// The door starts again: its routes are persisted, its signals and probes are not.
    pub fn restart(&mut self, t: u64) {
        self.signals.clear();
        self.draining.clear();
        for served in self.served.values_mut() {
            served.probed_at = t + 10 * PROBE_MS;
        }
    }
}
