//! Which routes the door accepts.

use std::net::SocketAddr;

use http::HeaderName;
use ops_core::{
    id::{ReleaseId, Stamp},
    route::{Leg, Manner, Route, Sticky},
    world::Fault,
};

use super::{table::claim, templates::MAX_TEMPLATES};

/// Most releases of one route.
pub(crate) const MAX_LEGS: usize = 16;
/// Most replicas of one release.
pub(crate) const MAX_BACKENDS: usize = 256;
/// Most headers that a route may ask for.
const MAX_HEADERS: usize = 8;
/// Most requests that may wait for one service. Each may cost its header and one read buffer.
pub(crate) const MAX_HELD: u32 = 10_000;
/// Longest wait at the door, in milliseconds: 15 minutes, as every wait.
pub(crate) const MAX_HOLD_MS: u64 = 15 * 60 * 1000;
/// Longest name of a service, host or path, in bytes.
const MAX_TEXT: usize = 1024;

fn fault(what: impl Into<String>, route: &Route, next: &str) -> Fault {
    Fault::new(what, format!("route of {}", route.service), next)
}

/// Checks a route by itself.
pub(crate) fn check_route(route: &Route) -> Result<(), Fault> {
    check_match(route)?;
    check_manner(route)?;
    check_mirror(route)?;
    if route.legs.len() > MAX_LEGS {
        let what = format!("the route has {} releases; at most {MAX_LEGS}", route.legs.len());
        return Err(fault(what, route, "set a route with fewer releases"));
    }
    for (index, leg) in route.legs.iter().enumerate() {
        if route.legs.iter().take(index).any(|other| other.release == leg.release) {
            let what = format!("release {} stands in the route twice", leg.release);
            return Err(fault(what, route, "name each release once"));
        }
        check_leg(route, leg)?;
    }
    match &route.hold {
        Some(hold) if hold.max_requests > MAX_HELD || hold.max_wait_ms > MAX_HOLD_MS => {
            let what = format!(
                "the hold is too large: {} requests for {} ms",
                hold.max_requests, hold.max_wait_ms
            );
            let next = format!("hold at most {MAX_HELD} requests for at most {MAX_HOLD_MS} ms");
            Err(fault(what, route, &next))
        }
        Some(_) => Ok(()),
        None => check_sum(route),
    }
}

fn check_match(route: &Route) -> Result<(), Fault> {
    let texts = [Some(&route.service.0), route.host.as_ref(), Some(&route.path)];
    if texts.into_iter().flatten().any(|text| text.is_empty() || text.len() > MAX_TEXT) {
        let what = format!("service, host and path must have 1 to {MAX_TEXT} bytes");
        return Err(fault(what, route, "correct the route"));
    }
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "?#".contains(c);
    if !route.path.starts_with('/') || route.path.contains(forbidden) {
        let what = format!("the path {:?} is not a path prefix", route.path);
        return Err(fault(what, route, "begin it with / and leave out spaces, ? and #"));
    }
    match &route.host {
        Some(host) if host.contains(|c| forbidden(c) || "/@*".contains(c)) || has_port(host) => {
            let what = format!("{host:?} is not a host name");
            Err(fault(what, route, "write the name alone, without scheme, port or path"))
        }
        _ => Ok(()),
    }
}

fn has_port(host: &str) -> bool {
    host.contains(':') && !(host.starts_with('[') && host.ends_with(']'))
}

fn check_leg(route: &Route, leg: &Leg) -> Result<(), Fault> {
    if leg.release.0.is_empty() || leg.release.0.len() > MAX_TEXT {
        return Err(fault("a release has no name", route, "name every release"));
    }
    if leg.weight > 0 && leg.backends.is_empty() {
        let what = format!("release {} has weight {} and no backend", leg.release, leg.weight);
        return Err(fault(what, route, "give it a backend or weight 0"));
    }
    check_backends(route, &leg.release, &leg.backends)
}

fn check_backends(route: &Route, release: &ReleaseId, backends: &[String]) -> Result<(), Fault> {
    if backends.len() > MAX_BACKENDS {
        let what = format!("release {release} has more than {MAX_BACKENDS} backends");
        return Err(fault(what, route, "set a route with fewer backends"));
    }
    match backends.iter().find(|text| text.parse::<SocketAddr>().is_err()) {
        Some(bad) => {
            let what = format!("{bad:?}, a backend of release {release}, is no address");
            Err(fault(what, route, "write backends as ip:port"))
        }
        None => Ok(()),
    }
}

fn check_sum(route: &Route) -> Result<(), Fault> {
    let sum: u32 = route.legs.iter().map(|leg| u32::from(leg.weight)).sum();
    if sum == 100 {
        return Ok(());
    }
    let what = format!("the weights add up to {sum}, not to 100");
    Err(fault(what, route, "make the weights add up to 100, or hold the requests"))
}

/// Checks the order that a route leaves with the door.
pub(crate) fn check_guard(stamp: Stamp, route: &Route) -> Result<(), Fault> {
    let Some(guard) = &route.guard else { return Ok(()) };
    let order = guard.stamp;
    let same = (order.generation, order.deployment) == (stamp.generation, stamp.deployment);
    if !same || order <= stamp {
        let what = "the guard's stamp is not above the route's, of the same deployment";
        return Err(fault(what, route, "give the guard an operation number of its own"));
    }
    let reachable = |leg: &Leg| leg.release == guard.to && !leg.backends.is_empty();
    if !route.legs.iter().any(reachable) {
        let what = format!("the guard returns to {}, which is no leg with backends", guard.to);
        return Err(fault(what, route, "name a release of the route"));
    }
    Ok(())
}

fn check_manner(route: &Route) -> Result<(), Fault> {
    let Manner { headers, sticky, templates, probe_path, .. } = &*route.manner;
    if headers.len() > MAX_HEADERS || templates.len() > MAX_TEMPLATES {
        let what = format!("more than {MAX_HEADERS} headers or {MAX_TEMPLATES} templates");
        return Err(fault(what, route, "ask for fewer"));
    }
    let names = headers.iter().map(|header| &header.name);
    let sticky_header = match sticky {
        Some(Sticky::Header(name)) => Some(name),
        _ => None,
    };
    if let Some(bad) = names.chain(sticky_header).find(|name| HeaderName::try_from(*name).is_err())
    {
        return Err(fault(format!("{bad:?} is no name of a header"), route, "correct the name"));
    }
    let token = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if let Some(Sticky::Cookie(name)) = sticky
        && (name.is_empty() || name.len() > MAX_TEXT || !name.chars().all(token))
    {
        let what = format!("{name:?} is no name of a cookie");
        return Err(fault(what, route, "use letters, digits, - and _"));
    }
    let path = |path: &String| path.starts_with('/') && path.len() <= MAX_TEXT;
    if let Some(bad) = templates.iter().chain(probe_path).find(|it| !path(it)) {
        return Err(fault(format!("{bad:?} is no path"), route, "begin it with /"));
    }
    // The door writes it into a request as it stands.
    if let Some(bad) = probe_path.as_ref().filter(|it| !it.bytes().all(|b| b.is_ascii_graphic())) {
        let what = format!("{bad:?} cannot stand in a request");
        return Err(fault(what, route, "write the probe's path without spaces"));
    }
    Ok(())
}

fn check_mirror(route: &Route) -> Result<(), Fault> {
    let Some(mirror) = &route.mirror else { return Ok(()) };
    if mirror.percent > 100 || mirror.backends.is_empty() {
        let what = "the mirror has no backend, or more than 100 %";
        return Err(fault(what, route, "name a backend and a share of at most 100 %"));
    }
    if route.legs.iter().any(|leg| leg.release == mirror.release) {
        let what = format!("{} gets requests and copies of them", mirror.release);
        return Err(fault(what, route, "mirror to a release without traffic"));
    }
    check_backends(route, &mirror.release, &mirror.backends)
}

/// Checks that no other service has the same host and path.
pub(crate) fn check_claims<'a>(
    route: &Route,
    others: impl Iterator<Item = &'a Route>,
) -> Result<(), Fault> {
    let mine = claim(route);
    for other in others {
        if other.service != route.service && claim(other) == mine {
            let host = route.host.as_deref().unwrap_or("any host");
            let what =
                format!("{host} {} already belongs to service {}", route.path, other.service);
            return Err(fault(what, route, "give the services different hosts or paths"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ops_core::route::Hold;

    use super::*;

    fn leg(release: &str, weight: u8, backends: &[&str]) -> Leg {
        let backends = backends.iter().map(|&text| text.to_owned()).collect();
        Leg { release: release.into(), weight, backends }
    }

    fn route(legs: Vec<Leg>) -> Route {
        Route { legs, ..Route::new("shop".into(), None, "/") }
    }

    const A: &[&str] = &["127.0.0.1:1"];

    #[test]
    fn a_whole_route_is_accepted() {
        let good = route(vec![leg("a", 95, A), leg("b", 5, &["[::1]:2"]), leg("c", 0, &[])]);
        assert_eq!(check_route(&good), Ok(()));
        let host = Route { host: Some("[::1]".to_owned()), ..good };
        assert_eq!(check_route(&host), Ok(()));
    }

    #[test]
    fn weights_add_up_to_100_unless_held() {
        let bad = route(vec![leg("a", 95, A)]);
        assert!(check_route(&bad).unwrap_err().what.contains("95"));
        let hold = Some(Hold { max_wait_ms: 10, max_requests: 1 });
        assert_eq!(check_route(&Route { hold, ..bad }), Ok(()));
        assert!(check_route(&route(vec![leg("a", 200, A), leg("b", 156, A)])).is_err());
    }

    #[test]
    fn faulty_routes_are_refused() {
        let bad = [
            route(vec![leg("a", 100, &[])]),
            route(vec![leg("a", 100, &["localhost:80"])]),
            route(vec![leg("a", 50, A), leg("a", 50, A)]),
            Route { path: "api".to_owned(), ..route(vec![leg("a", 100, A)]) },
            Route { path: "/a b".to_owned(), ..route(vec![leg("a", 100, A)]) },
            Route { host: Some("x:80".to_owned()), ..route(vec![leg("a", 100, A)]) },
            Route { host: Some("http://x".to_owned()), ..route(vec![leg("a", 100, A)]) },
            Route {
                manner: Box::new(Manner {
                    probe_path: Some("/a HTTP/1.1\r\nx: y".to_owned()),
                    ..Manner::default()
                }),
                ..route(vec![leg("a", 100, A)])
            },
            Route {
                hold: Some(Hold { max_wait_ms: MAX_HOLD_MS + 1, max_requests: 1 }),
                ..route(vec![leg("a", 100, A)])
            },
        ];
        for route in bad {
            let fault = check_route(&route).expect_err(&format!("{route:?}"));
            assert!(!fault.next.is_empty());
        }
    }

    #[test]
    fn two_services_may_not_claim_the_same() {
        let mine = Route { host: Some("Shop.example".to_owned()), ..route(Vec::new()) };
        let same = Route {
            service: "other".into(),
            host: Some("shop.EXAMPLE".to_owned()),
            ..mine.clone()
        };
        assert!(check_claims(&mine, [&same].into_iter()).is_err());
        let elsewhere = Route { path: "/x".to_owned(), ..same };
        assert_eq!(check_claims(&mine, [&elsewhere, &mine].into_iter()), Ok(()));
    }
}
