//! Where the replicas of each release listen, as Prometheus's HTTP service discovery reads it: so
//! that every series says whose it is without any change to a service.

use serde::Serialize;

use crate::state::Table;

/// Replicas of one release, and the labels that all their series get.
#[derive(Serialize)]
struct Group<'a> {
    targets: &'a [String],
    labels: Labels<'a>,
}

#[derive(Serialize)]
struct Labels<'a> {
    service: &'a str,
    release: &'a str,
}

/// All releases that routes name, those without traffic included, as JSON.
pub(crate) fn render(table: &Table) -> String {
    let routes = table.routes().map(|live| &live.route);
    let groups = routes.flat_map(|route| {
        route.legs.iter().map(|leg| Group {
            targets: &leg.backends,
            labels: Labels { service: route.service.as_str(), release: leg.release.as_str() },
        })
    });
    // Plain text and lists cannot fail to become JSON; a list without targets is the safe answer.
    serde_json::to_string(&groups.collect::<Vec<_>>()).unwrap_or_else(|_| "[]".into())
}
