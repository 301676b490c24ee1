//! The table of all routes: immutable, replaced as a whole.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use ops_core::{
    id::{Generation, ServiceName, Stamp},
    route::{Route, ServedRoute},
    world::DoorView,
};
use tokio::sync::watch;

use super::{ReleaseLoad, ServiceState, ring::Weights};
use crate::proxy::Backend;

/// The table that is served, and the bell that rings when it is replaced. A request reads it under
/// the channel's read lock; held requests wait for the bell.
pub(crate) type SharedTable = watch::Sender<Table>;

/// One release's share of a route, ready to serve.
pub(crate) struct LiveLeg {
    pub(crate) release: Arc<ReleaseLoad>,
    pub(crate) weight: u8,
    pub(crate) backends: Vec<Arc<Backend>>,
    /// Where the search for the least loaded backend begins, so that equals take turns.
    turn: AtomicUsize,
}

impl LiveLeg {
    pub(crate) fn new(release: Arc<ReleaseLoad>, weight: u8, backends: Vec<Arc<Backend>>) -> Self {
        Self { release, weight, backends, turn: AtomicUsize::new(0) }
    }

    /// The backend with the fewest requests in flight among those not tried yet; equals take
    /// turns.
    pub(crate) fn pick(&self, tried: &[Arc<Backend>]) -> Option<&Arc<Backend>> {
        let count = self.backends.len();
        let start = self.turn.fetch_add(1, Ordering::Relaxed);
        (0..count)
            .filter_map(|step| self.backends.get(start.wrapping_add(step) % count))
            .filter(|backend| !tried.iter().any(|other| Arc::ptr_eq(other, backend)))
            .min_by_key(|backend| backend.in_flight())
    }
}

/// A route, ready to serve.
pub(crate) struct LiveRoute {
    pub(crate) route: Route,
    pub(crate) stamp: Stamp,
    pub(crate) service: Arc<ServiceState>,
    pub(crate) legs: Vec<Arc<LiveLeg>>,
    /// False after a restart until the backends were reached.
    pub(crate) probed: AtomicBool,
}

impl LiveRoute {
    /// Draws a leg, each with the chance of its weight, independently for every request. The
    /// statistics of the watch rest on this being random: turns would let a client that sends in a
    /// fixed rhythm meet always the same release.
    pub(crate) fn draw(&self) -> Option<&Arc<LiveLeg>> {
        let total: u32 = self.legs.iter().map(|leg| u32::from(leg.weight)).sum();
        if total == 0 {
            return None;
        }
        let mut left = fastrand::u32(0..total);
        for leg in &self.legs {
            let weight = u32::from(leg.weight);
            if left < weight {
                return Some(leg).filter(|leg| !leg.backends.is_empty());
            }
            left -= weight;
        }
        None
    }

    /// The weights as the signals record them.
    pub(crate) fn weights(&self) -> Weights {
        self.route.legs.iter().map(|leg| (leg.release.clone(), leg.weight)).collect()
    }

    /// The route as it is reported.
    pub(crate) fn served(&self) -> ServedRoute {
        let routed = |id: &_| self.route.legs.iter().any(|leg| &leg.release == id);
        ServedRoute {
            route: self.route.clone(),
            stamp: self.stamp,
            probed: self.probed.load(Ordering::SeqCst),
            in_flight: self.service.in_flight(routed),
        }
    }
}

/// One path of one host.
struct Rule {
    /// Without the slash at its end; empty for `/`.
    path: String,
    live: Arc<LiveRoute>,
}

impl Rule {
    fn matches(&self, path: &str) -> bool {
        match path.strip_prefix(self.path.as_str()) {
            Some(rest) => rest.is_empty() || rest.starts_with('/'),
            None => false,
        }
    }
}

/// All routes at one moment.
#[derive(Default)]
pub(crate) struct Table {
    hosts: HashMap<String, Vec<Rule>>,
    any: Vec<Rule>,
    routes: BTreeMap<ServiceName, Arc<LiveRoute>>,
    /// All services that the door has signals of, those without a route included.
    services: BTreeMap<ServiceName, Arc<ServiceState>>,
    /// The last act on each service, also where it took the route away.
    stamps: BTreeMap<ServiceName, Stamp>,
}

impl Table {
    /// Builds the table of these routes.
    pub(crate) fn new(
        routes: BTreeMap<ServiceName, Arc<LiveRoute>>,
        services: BTreeMap<ServiceName, Arc<ServiceState>>,
        stamps: BTreeMap<ServiceName, Stamp>,
    ) -> Self {
        let mut table = Self { hosts: HashMap::new(), any: Vec::new(), routes, services, stamps };
        for live in table.routes.values() {
            let (host, path) = claim(&live.route);
            let rules = match host {
                Some(host) => table.hosts.entry(host).or_default(),
                None => &mut table.any,
            };
            rules.push(Rule { path, live: Arc::clone(live) });
        }
        for rules in table.hosts.values_mut().chain([&mut table.any]) {
            rules.sort_by_key(|rule| std::cmp::Reverse(rule.path.len()));
        }
        table
    }

    /// The route of a request: the longest matching path of its host, else of any host. `host` is
    /// a [`host_key`].
    pub(crate) fn find(&self, host: &str, path: &str) -> Option<&Arc<LiveRoute>> {
        let own = self.hosts.get(host).into_iter().flatten();
        own.chain(&self.any).find(|rule| rule.matches(path)).map(|rule| &rule.live)
    }

    /// The route of a service.
    pub(crate) fn route(&self, service: &ServiceName) -> Option<&Arc<LiveRoute>> {
        self.routes.get(service)
    }

    /// All routes by service.
    pub(crate) fn routes(&self) -> impl Iterator<Item = &Arc<LiveRoute>> {
        self.routes.values()
    }

    /// A service that the door has signals of.
    pub(crate) fn service(&self, name: &ServiceName) -> Option<&Arc<ServiceState>> {
        self.services.get(name)
    }

    /// All services that the door has signals of.
    pub(crate) fn services(&self) -> impl Iterator<Item = &Arc<ServiceState>> {
        self.services.values()
    }

    /// The highest generation that was accepted, over all services.
    pub(crate) fn highest(&self) -> Generation {
        self.stamps.values().map(|stamp| stamp.generation).max().unwrap_or_default()
    }

    /// What the door says of a service.
    pub(crate) fn view(&self, service: &ServiceName) -> DoorView {
        DoorView {
            served: self.route(service).map(|live| live.served()),
            in_flight: self.services.get(service).map_or_else(Vec::new, |s| s.in_flight(|_| false)),
            highest: self.highest(),
            last: self.stamps.get(service).copied(),
        }
    }
}

/// A host as it is compared: lower case, without port, without the dot at the end.
pub(crate) fn host_key(authority: &str) -> String {
    let host = match authority.rfind(':') {
        // The colons of an IPv6 address stand in brackets.
        Some(colon) if !authority.get(colon..).unwrap_or("").contains(']') => {
            authority.get(..colon).unwrap_or(authority)
        }
        _ => authority,
    };
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// What a route claims: host and path in the form in which they are compared.
pub(crate) fn claim(route: &Route) -> (Option<String>, String) {
    let path = route.path.trim_end_matches('/').to_owned();
    (route.host.as_deref().map(host_key), path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_compare_without_port_and_case() {
        assert_eq!(host_key("Shop.Example:8080"), "shop.example");
        assert_eq!(host_key("shop.example."), "shop.example");
        assert_eq!(host_key("[::1]:80"), "[::1]");
        assert_eq!(host_key("[::1]"), "[::1]");
        assert_eq!(host_key(""), "");
    }

    fn live(service: &str, host: Option<&str>, path: &str) -> (ServiceName, Arc<LiveRoute>) {
        let route = Route {
            service: service.into(),
            host: host.map(str::to_owned),
            path: path.to_owned(),
            legs: Vec::new(),
            hold: None,
        };
        let live = LiveRoute {
            stamp: Stamp::default(),
            service: ServiceState::new(service.into()),
            legs: Vec::new(),
            probed: AtomicBool::new(true),
            route,
        };
        (service.into(), Arc::new(live))
    }

    fn found(table: &Table, host: &str, path: &str) -> Option<String> {
        table.find(host, path).map(|live| live.route.service.0.clone())
    }

    #[test]
    fn the_longest_path_on_a_segment_boundary_wins() {
        let routes = [
            live("root", None, "/"),
            live("api", None, "/api"),
            live("v2", None, "/api/v2/"),
            live("shop", Some("Shop.Example"), "/cart"),
        ];
        let table = Table::new(routes.into(), BTreeMap::new(), BTreeMap::new());
        assert_eq!(found(&table, "x", "/apix").as_deref(), Some("root"));
        assert_eq!(found(&table, "x", "/api").as_deref(), Some("api"));
        assert_eq!(found(&table, "x", "/api/v1").as_deref(), Some("api"));
        assert_eq!(found(&table, "x", "/api/v2").as_deref(), Some("v2"));
        assert_eq!(found(&table, "x", "/api/v2/y").as_deref(), Some("v2"));
        assert_eq!(found(&table, "shop.example", "/cart/1").as_deref(), Some("shop"));
        assert_eq!(found(&table, "shop.example", "/api").as_deref(), Some("api"));
        assert_eq!(found(&table, "x", "*"), None);
    }

    #[test]
    fn nothing_matches_an_empty_table() {
        assert_eq!(found(&Table::default(), "x", "/"), None);
    }
}
