//! Acts on the routes: refused when stale (P4), durable before they are acknowledged and before
//! they serve (P5).
//!
//! All of it is synchronous; whoever calls it from a task does so where blocking is allowed.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use ops_core::{
    id::{ServiceName, Stamp},
    route::{Leg, Route},
    world::Fault,
};

use super::{
    Due, LiveLeg, LiveRoute, ServiceState, SharedTable, Table,
    check::{check_claims, check_guard, check_route},
    disk::{StateDir, Unwritten},
    ring::RING_SECONDS,
    routes_file::{self, Entries, Entry},
};
use crate::{error::EdgeError, proxy::Backend};

/// Most services with a route.
pub(crate) const MAX_SERVICES: usize = 256;

/// Most services whose last stamp is remembered, those without a route included.
const MAX_STAMPS: usize = 4096;

/// Why an act was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It had no effect.
    NotApplied(Fault),
    /// It may be in force after a restart of the door, but is not now.
    Unknown(Fault),
    /// A higher stamp has acted.
    Stale(Fault),
}

/// The one place where routes change.
pub(crate) struct Control {
    dir: StateDir,
    table: SharedTable,
    entries: Entries,
    services: BTreeMap<ServiceName, Arc<ServiceState>>,
    /// When services lost their route; their signals are kept for as long as a ring is.
    removed: BTreeMap<ServiceName, Instant>,
}

impl Control {
    /// Restores the routes of the state folder. Their backends count as not probed.
    pub(crate) fn restore(dir: StateDir) -> Result<Self, EdgeError> {
        let entries = routes_file::load(&dir)?;
        let table = SharedTable::new(Table::default());
        let services = BTreeMap::new();
        let mut control = Self { dir, table, entries, services, removed: BTreeMap::new() };
        let restored: Vec<Route> =
            control.entries.values().filter_map(|entry| entry.route.clone()).collect();
        for route in &restored {
            control.service(&route.service);
        }
        control.publish(None);
        Ok(control)
    }

    /// The table that is served, now and after every change.
    pub(crate) fn table(&self) -> SharedTable {
        self.table.clone()
    }

    /// The state folder.
    pub(crate) fn dir(&self) -> &StateDir {
        &self.dir
    }

    /// Replaces a service's route as a whole.
    pub(crate) fn set_route(&mut self, stamp: Stamp, route: Route) -> Result<(), Refusal> {
        let name = route.service.clone();
        if self.done_already(&name, stamp, Some(&route))? {
            return Ok(());
        }
        check_route(&route).map_err(Refusal::NotApplied)?;
        check_guard(stamp, &route).map_err(Refusal::NotApplied)?;
        let routes = self.entries.values().filter_map(|entry| entry.route.as_ref());
        check_claims(&route, routes).map_err(Refusal::NotApplied)?;
        self.check_room(&name)?;
        self.change(&name, Entry { stamp, route: Some(route), returned: None })
    }

    /// Removes a service's route. The stamp is kept even if there was none.
    pub(crate) fn remove_route(
        &mut self,
        stamp: Stamp,
        service: &ServiceName,
    ) -> Result<(), Refusal> {
        if self.done_already(service, stamp, None)? {
            return Ok(());
        }
        if !self.entries.contains_key(service) && self.entries.len() >= MAX_STAMPS {
            return Err(too_many(service, MAX_STAMPS));
        }
        self.change(service, Entry { stamp, route: None, returned: None })
    }

    /// What is remembered of all services.
    pub(crate) fn entries(&self) -> &Entries {
        &self.entries
    }

    /// Serves by the routes of the edge that took over, whose folder it is now: nothing is stored.
    pub(crate) fn follow(&mut self, entries: Entries) {
        let before = std::mem::replace(&mut self.entries, entries);
        let changed = |(name, entry): &(&ServiceName, &Entry)| before.get(*name) != Some(*entry);
        let changed = self.entries.iter().filter(changed);
        let changed: Vec<ServiceName> = changed.map(|(name, _)| name.clone()).collect();
        for name in changed {
            self.service(&name);
            self.publish(Some(&name));
        }
    }

    /// Carries out the order that was written down with a route, as any other change of it: durable
    /// first. The order is used up by that.
    pub(crate) fn carry_out(&mut self, due: Due) -> Result<(), Refusal> {
        let Due { service, stamp, returned } = due;
        let Some(Entry { route: Some(route), stamp: seen, .. }) = self.entries.get(&service) else {
            return Ok(());
        };
        // Somebody acted between the look and now: the order that was due is no longer there.
        if route.guard.as_ref().map(|guard| guard.stamp) != Some(stamp) || *seen >= stamp {
            return Ok(());
        }
        let mut route = Route { guard: None, hold: None, pause: None, ..route.clone() };
        for leg in &mut route.legs {
            leg.weight = if leg.release == returned.to { 100 } else { 0 };
        }
        self.change(&service, Entry { stamp, route: Some(route), returned: Some(returned) })
    }

    /// Refuses what is stale; true if this very act was done before.
    fn done_already(
        &self,
        service: &ServiceName,
        stamp: Stamp,
        route: Option<&Route>,
    ) -> Result<bool, Refusal> {
        let Some(entry) = self.entries.get(service) else {
            return Ok(false);
        };
        if stamp < entry.stamp {
            let what = format!(
                "{} is below {}, which has acted on {service}",
                words(stamp),
                words(entry.stamp)
            );
            let next = "stop acting: somebody with a higher generation is in charge";
            return Err(Refusal::Stale(Fault::new(what, "edge", next)));
        }
        if stamp > entry.stamp {
            return Ok(false);
        }
        if entry.route.as_ref() == route {
            return Ok(true);
        }
        let what = format!("{} has already done something else to {service}", words(stamp));
        let next = "look at the route and act with a new operation number";
        Err(Refusal::NotApplied(Fault::new(what, "edge", next)))
    }

    fn check_room(&self, service: &ServiceName) -> Result<(), Refusal> {
        let routed = self.entries.values().filter(|entry| entry.route.is_some()).count();
        let has_route = self.entries.get(service).is_some_and(|entry| entry.route.is_some());
        if !has_route && routed >= MAX_SERVICES {
            return Err(too_many(service, MAX_SERVICES));
        }
        if !self.entries.contains_key(service) && self.entries.len() >= MAX_STAMPS {
            return Err(too_many(service, MAX_STAMPS));
        }
        Ok(())
    }

    /// Makes a change durable, then serves it.
    fn change(&mut self, service: &ServiceName, entry: Entry) -> Result<(), Refusal> {
        let mut entries = self.entries.clone();
        let routed = entry.route.is_some();
        entries.insert(service.clone(), entry);
        routes_file::save(&self.dir, &entries).map_err(|unwritten| self.refuse(&unwritten))?;
        self.entries = entries;
        if routed {
            self.service(service);
            self.removed.remove(service);
        } else if self.services.contains_key(service) {
            self.removed.insert(service.clone(), Instant::now());
        }
        self.forget_removed();
        self.publish(Some(service));
        Ok(())
    }

    fn refuse(&self, unwritten: &Unwritten) -> Refusal {
        let place = self.dir.file("routes.json").display().to_string();
        let next = "make room on the disk of the edge's state folder; the old route goes on";
        match unwritten {
            Unwritten::Untouched(error) => {
                let what = format!("the route could not be stored: {error}");
                Refusal::NotApplied(Fault::new(what, place, next))
            }
            Unwritten::Unsure(error) => {
                let what = format!("the route was stored, perhaps not durably: {error}");
                Refusal::Unknown(Fault::new(what, place, "look at the route and set it again"))
            }
        }
    }

    fn service(&mut self, name: &ServiceName) -> Arc<ServiceState> {
        let new = || ServiceState::new(name.clone());
        Arc::clone(self.services.entry(name.clone()).or_insert_with(new))
    }

    fn forget_removed(&mut self) {
        let kept = Duration::from_secs(RING_SECONDS as u64);
        let services = &mut self.services;
        self.removed.retain(|name, since| {
            let empty = services.get(name).is_none_or(|s| s.in_flight(|_| false).is_empty());
            let over = empty && since.elapsed() > kept;
            if over {
                services.remove(name);
            }
            !over
        });
    }

    /// Serves the entries. `changed` is the service whose route is new; `None` at the start.
    fn publish(&mut self, changed: Option<&ServiceName>) {
        let mut routes = BTreeMap::new();
        for (name, entry) in &self.entries {
            let (Some(route), Some(service)) = (&entry.route, self.services.get(name)) else {
                continue;
            };
            let before = self.table.borrow().route(name).cloned();
            let live = match before {
                Some(before) if Some(name) != changed => before,
                before => Arc::new(revive(entry, route, service, before.as_deref())),
            };
            live.probed.fetch_or(changed.is_some_and(|changed| changed == name), Ordering::SeqCst);
            routes.insert(name.clone(), live);
        }
        let stamp = |(name, entry): (&ServiceName, &Entry)| (name.clone(), entry.stamp);
        let stamps = self.entries.iter().map(stamp).collect();
        let noted: Vec<_> = self
            .services
            .iter()
            .filter(|(name, _)| changed.is_none_or(|changed| changed == *name))
            .map(|(name, service)| {
                if let Some(live) = routes.get(name) {
                    service.templates().give(&live.route.manner.templates);
                }
                let weights = routes.get(name).map(|live| live.weights()).unwrap_or_default();
                (Arc::clone(service), weights)
            })
            .collect();
        for (service, weights) in &noted {
            service.note_change(weights);
        }
        // A route that goes says how its connections do.
        let paces: Vec<_> = noted
            .iter()
            .map(|(service, _)| {
                let before = self.table.borrow().route(service.name()).cloned();
                routes.get(service.name()).or(before.as_ref()).map(|live| live.leave_within())
            })
            .collect();
        self.table.send_replace(Table::new(routes, self.services.clone(), stamps));
        for ((service, weights), pace) in noted.iter().zip(paces) {
            service.note_change(weights);
            let used =
                |id: &_| weights.iter().any(|(release, weight)| release == id && *weight > 0);
            service.tell_leaving(used, pace.unwrap_or_default());
            service.forget_drained(|id| weights.iter().any(|(release, _)| release == id));
        }
    }
}

/// Makes a route ready to serve. Backends that the service's route had before for the same release
/// keep their connections and counts.
fn revive(
    entry: &Entry,
    route: &Route,
    service: &Arc<ServiceState>,
    before: Option<&LiveRoute>,
) -> LiveRoute {
    let legs = route.legs.iter().map(|leg| Arc::new(revive_leg(leg, service, before))).collect();
    let service = Arc::clone(service);
    let mut live = LiveRoute::new(route.clone(), entry.stamp, service, legs);
    live.returned.clone_from(&entry.returned);
    live
}

fn revive_leg(leg: &Leg, service: &Arc<ServiceState>, before: Option<&LiveRoute>) -> LiveLeg {
    let known = before
        .and_then(|live| live.legs.iter().find(|other| other.release.id() == &leg.release))
        .map_or(&[][..], |leg| leg.backends.as_slice());
    let addresses = leg.backends.iter().filter_map(|text| text.parse().ok());
    let backends = addresses
        .map(|address| match known.iter().find(|backend| backend.address() == address) {
            Some(backend) => Arc::clone(backend),
            None => Backend::new(address),
        })
        .collect();
    LiveLeg::new(service.release(&leg.release), leg.weight, backends)
}

fn words(stamp: Stamp) -> String {
    let Stamp { generation, deployment, op } = stamp;
    format!("operation {} of D-{deployment} under generation {generation}", op.0)
}

fn too_many(service: &ServiceName, limit: usize) -> Refusal {
    let what = format!("there is no room for {service}: the edge keeps at most {limit} services");
    Refusal::NotApplied(Fault::new(what, "edge", "start a second edge for further services"))
}

#[cfg(test)]
mod tests;
