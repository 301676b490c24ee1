//! The simulated door: routes with stamps compared as a whole, drains, and signals second by
//! second.

use std::collections::{BTreeMap, VecDeque};

use ops_core::{
    id::{Generation, ReleaseId, ServiceName, Stamp},
    route::{Returned, Route, ServedRoute},
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
    /// When somebody looked last.
    pub looked: u64,
    returned: BTreeMap<ServiceName, Returned>,
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
            returned: self.returned.get(service).cloned(),
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
        self.returned.remove(&route.service);
        Ok(())
    }

    /// Removes a route.
    pub fn remove_route(&mut self, stamp: Stamp, service: &ServiceName) -> Act {
        self.seen(stamp, service)?;
        self.served.remove(service);
        self.returned.remove(service);
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

    /// Carries out the orders that were left with routes, where nobody looked for long and a release
    /// is beyond its limits.
    pub fn mind_guards(&mut self, t: u64, second: u64) {
        let silent = t.saturating_sub(self.looked);
        let due = self.served.iter().filter_map(|(service, served)| {
            let guard = served.route.guard.as_deref().filter(|guard| silent >= guard.silent_ms)?;
            let legs = served.route.legs.iter().filter(|leg| leg.release != guard.to);
            let ring = self.signals.get(service)?;
            let bad = legs.map(|leg| leg.release.clone()).find_map(|release| {
                let late = ring.iter().rev().take(guard.over_seconds as usize);
                let arms = late.filter_map(|second| second.arm(&release));
                let seen =
                    arms.fold((0, 0), |(all, bad), arm| (all + arm.requests, bad + arm.errors()));
                let share = u64::from(guard.max_errors_permille);
                let beyond = seen.0 >= guard.min_requests && seen.1 * 1_000 > seen.0 * share;
                beyond.then_some((release, seen))
            })?;
            Some((service.clone(), guard.clone(), bad))
        });
        for (service, guard, (because, seen)) in due.collect::<Vec<_>>() {
            let Some(served) = self.served.get_mut(&service) else { continue };
            let legs = &mut served.route.legs;
            let from = legs.iter().map(|leg| (leg.release.clone(), leg.weight)).collect();
            for leg in legs.iter_mut() {
                leg.weight = if leg.release == guard.to { 100 } else { 0 };
            }
            served.route.guard = None;
            served.stamp = guard.stamp;
            served.since = t;
            self.highest.insert(service.clone(), guard.stamp);
            let returned = Returned { to: guard.to, from, because, seen, second };
            self.returned.insert(service, returned);
        }
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
