//! Which part of a route each door gets: the copies on its own host.

use std::{collections::BTreeMap, net::Ipv4Addr};

use ops_core::{
    route::{Leg, Mirror, Route},
    world::Fault,
};
use ops_engine::ports::Look;

use std::net::{IpAddr, SocketAddr};

/// What one door is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Set(Box<Route>),
    /// Nothing of the service is on its host: it has no route.
    Nothing,
}

/// The parts of a route by host. A copy where no door is, and a release that some hosts have and
/// others lack, are refused before any door is told: each door has the same weights.
pub(super) fn of<'a>(
    route: &Route,
    hosts: impl Iterator<Item = (&'a str, Ipv4Addr)>,
) -> Look<BTreeMap<&'a str, Part>> {
    let hosts: Vec<_> = hosts.collect();
    for backend in route.legs.iter().flat_map(|leg| &leg.backends) {
        if !hosts.iter().any(|(_, address)| is_on(backend, *address)) {
            let what = format!("there is no door on the host of {backend}");
            let next = "name the host below `edge: hosts`, and start `ops serve` again";
            return Err(fault(route, what, next));
        }
    }
    hosts.into_iter().map(|(name, address)| Ok((name, part(route, name, address)?))).collect()
}

fn part(route: &Route, name: &str, address: Ipv4Addr) -> Look<Part> {
    let here = |backends: &[String]| -> Vec<String> {
        backends.iter().filter(|backend| is_on(backend, address)).cloned().collect()
    };
    let leg = |leg: &Leg| Leg { backends: here(&leg.backends), ..leg.clone() };
    let legs: Vec<Leg> = route.legs.iter().map(leg).collect();
    let waits = route.hold.is_some() || route.pause.is_some();
    if !waits && legs.iter().all(|leg| leg.backends.is_empty()) {
        return Ok(Part::Nothing);
    }
    let wanted = |leg: &&Leg| {
        leg.weight > 0 || route.guard.as_ref().is_some_and(|guard| guard.to == leg.release)
    };
    if let Some(lacking) = legs.iter().filter(wanted).find(|leg| leg.backends.is_empty()) {
        let what = format!("no copy of {} is on {name}", lacking.release);
        return Err(fault(route, what, "bring the release to all hosts of the service first"));
    }
    let mirror = route.mirror.as_deref().and_then(|mirror| {
        let backends = here(&mirror.backends);
        (!backends.is_empty()).then(|| Box::new(Mirror { backends, ..mirror.clone() }))
    });
    Ok(Part::Set(Box::new(Route { legs, mirror, ..route.clone() })))
}

fn is_on(backend: &str, address: Ipv4Addr) -> bool {
    backend.parse::<SocketAddr>().is_ok_and(|at| at.ip() == IpAddr::V4(address))
}

fn fault(route: &Route, what: String, next: &str) -> Fault {
    Fault::new(what, format!("route of {}", route.service), next)
}

#[cfg(test)]
mod tests {
    use ops_core::{id::ReleaseId, route::Hold};

    use super::*;

    const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    fn leg(release: &str, weight: u8, backends: &[&str]) -> Leg {
        let backends = backends.iter().map(ToString::to_string).collect();
        Leg { release: ReleaseId::from(release), weight, backends }
    }

    fn route(legs: Vec<Leg>) -> Route {
        Route { legs, ..Route::new("shop".into(), None, "/") }
    }

    fn parts(route: &Route) -> Look<BTreeMap<&'static str, Part>> {
        of(route, [("a", A), ("b", B)].into_iter())
    }

    #[test]
    fn each_door_gets_its_own_copies_with_the_same_weights() {
        let both = route(vec![
            leg("old", 95, &["10.0.0.1:1", "10.0.0.2:1"]),
            leg("new", 5, &["10.0.0.2:2", "10.0.0.1:2"]),
        ]);
        let parts = parts(&both).unwrap();
        let of = |port: &str| {
            let one = |name: u8| format!("10.0.0.{name}:{port}");
            [one(1), one(2)]
        };
        for (name, at) in [("a", 0), ("b", 1)] {
            let legs = vec![leg("old", 95, &[&of("1")[at]]), leg("new", 5, &[&of("2")[at]])];
            assert_eq!(parts[name], Part::Set(Box::new(route(legs))));
        }
    }

    #[test]
    fn a_host_without_any_copy_has_no_route() {
        let parts = parts(&route(vec![leg("new", 100, &["10.0.0.1:2"])])).unwrap();
        assert_eq!(parts["b"], Part::Nothing);
        assert!(matches!(parts["a"], Part::Set(_)));
    }

    #[test]
    fn a_release_that_a_host_lacks_gets_no_users_there_or_anywhere() {
        let half = route(vec![
            leg("old", 50, &["10.0.0.1:1", "10.0.0.2:1"]),
            leg("new", 50, &["10.0.0.1:2"]),
        ]);
        let said = parts(&half).unwrap_err().to_string();
        assert!(said.contains("no copy of new is on b"), "{said}");
        let warm = route(vec![
            leg("old", 100, &["10.0.0.1:1", "10.0.0.2:1"]),
            leg("new", 0, &["10.0.0.1:2"]),
        ]);
        assert!(parts(&warm).is_ok(), "nobody is sent to it");
    }

    #[test]
    fn a_copy_that_no_door_would_reach_is_refused() {
        let said = parts(&route(vec![leg("new", 100, &["10.0.0.9:2"])])).unwrap_err().to_string();
        assert!(said.contains("no door on the host of 10.0.0.9:2"), "{said}");
    }

    #[test]
    fn all_doors_hold() {
        let hold = Some(Hold { max_wait_ms: 1_000, max_requests: 10 });
        let parts = parts(&Route { hold, ..route(Vec::new()) }).unwrap();
        assert!(parts.values().all(|part| matches!(part, Part::Set(_))), "{parts:?}");
    }
}
