//! The table of all routes: immutable, replaced as a whole.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use http::HeaderMap;
use ops_core::{
    id::{Generation, ServiceName, Stamp},
    route::Route,
    world::DoorView,
};
use tokio::sync::watch;

use super::{LiveRoute, ServiceState};

/// The table that is served, and the bell that rings when it is replaced. A request reads it under
/// the channel's read lock; held requests wait for the bell.
pub(crate) type SharedTable = watch::Sender<Table>;

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
            let (host, path, _) = claim(&live.route);
            let rules = match host {
                Some(host) => table.hosts.entry(host).or_default(),
                None => &mut table.any,
            };
            rules.push(Rule { path, live: Arc::clone(live) });
        }
        for rules in table.hosts.values_mut().chain([&mut table.any]) {
            let rank = |rule: &Rule| (rule.path.len(), rule.live.headers.len());
            rules.sort_by_key(|rule| std::cmp::Reverse(rank(rule)));
        }
        table
    }

    /// The route of a request: the longest matching path of its host, else of any host; of equals
    /// the one that asks for most headers. `host` is a [`host_key`].
    pub(crate) fn find(
        &self,
        host: &str,
        path: &str,
        headers: &HeaderMap,
    ) -> Option<&Arc<LiveRoute>> {
        let own = self.hosts.get(host).into_iter().flatten();
        own.chain(&self.any)
            .find(|rule| rule.matches(path) && rule.live.takes(headers))
            .map(|rule| &rule.live)
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
            long_lived: self.services.get(service).map_or_else(Vec::new, |s| s.long_lived()),
            returned: self.route(service).and_then(|live| live.returned.clone()),
            differs: false,
        }
    }
}

/// A host as it is compared: lower case, without port, without the dot at the end.
pub(crate) fn host_key(authority: &str) -> Cow<'_, str> {
    let host = match authority.rfind(':') {
        // The colons of an IPv6 address stand in brackets.
        Some(colon) if !authority.get(colon..).unwrap_or("").contains(']') => {
            authority.get(..colon).unwrap_or(authority)
        }
        _ => authority,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

/// What a route claims: host, path and headers in the form in which they are compared.
pub(crate) type Claim = (Option<String>, String, Vec<(String, String)>);

/// The claim of a route.
pub(crate) fn claim(route: &Route) -> Claim {
    let path = route.path.trim_end_matches('/').to_owned();
    let headers = route.manner.headers.iter();
    let mut headers: Vec<_> =
        headers.map(|it| (it.name.to_ascii_lowercase(), it.value.clone())).collect();
    headers.sort_unstable();
    (route.host.as_deref().map(|host| host_key(host).into_owned()), path, headers)
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
        let route = Route::new(service.into(), host.map(str::to_owned), path);
        let state = ServiceState::new(service.into());
        let live = LiveRoute::new(route, Stamp::default(), state, Vec::new());
        (service.into(), Arc::new(live))
    }

    fn found(table: &Table, host: &str, path: &str) -> Option<String> {
        table.find(host, path, &HeaderMap::new()).map(|live| live.route.service.0.clone())
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
