//! The door, and which requests are whose.

use ops_core::{
    route::{HeaderMatch, Manner, Protocol, Sticky},
    settings::{Certificate, DoorKind, Doors, Edge, EdgeTls, RouteMatch},
};

use crate::view::View;

const LISTEN: &str = "127.0.0.1:8080";
/// How a host finds ops unless something else is said.
const PROGRAM: &str = "ops";

pub(super) fn edge(view: View<'_>) -> Edge {
    Edge {
        listen: view.texts("listen").unwrap_or_else(|| vec![LISTEN.to_owned()]),
        tls: view.has("tls").then(|| tls(view.child("tls"))),
        metrics: view.text("metrics"),
        access_log_percent: view.share("access_log").map(|share| (share * 100.0).round() as u8),
        response_timeout_ms: view.duration("response_timeout"),
        max_body_megabytes: view.megabytes("max_body"),
        header_timeout_ms: view.duration("header_timeout"),
        doors: view.texts("hosts").map(|hosts| Doors { hosts, kind: kind(view) }),
    }
}

fn kind(view: View<'_>) -> DoorKind {
    if view.text("as").is_none_or(|word| word != "process") {
        return DoorKind::Container;
    }
    DoorKind::Process {
        program: view.text("program").unwrap_or_else(|| PROGRAM.to_owned()),
        state: view.text("state").unwrap_or_default(),
    }
}

fn tls(view: View<'_>) -> EdgeTls {
    let certificate = |node| {
        let table: View<'_> = view.over(node);
        Certificate {
            chain: table.text("chain").unwrap_or_default(),
            key: table.text("key").unwrap_or_default(),
        }
    };
    EdgeTls {
        listen: view.texts("listen").unwrap_or_default(),
        certificates: view.items("certificates").iter().map(certificate).collect(),
    }
}

pub(super) fn route(view: View<'_>) -> RouteMatch {
    let path = view.text("path").unwrap_or_else(|| "/".to_owned());
    RouteMatch { manner: Box::new(manner(view)), ..RouteMatch::of(view.text("host"), path) }
}

fn manner(view: View<'_>) -> Manner {
    let header = |(name, node): (&str, _)| {
        view.scalar(node).map(|value| HeaderMatch { name: name.to_owned(), value })
    };
    let sticky = view.child("sticky");
    let cookie = sticky.text("cookie").map(Sticky::Cookie);
    let h2 = view.text("protocol").is_some_and(|word| word == "h2");
    Manner {
        headers: view.named("headers").into_iter().filter_map(header).collect(),
        sticky: cookie.or_else(|| sticky.text("header").map(Sticky::Header)),
        protocol: if h2 { Protocol::H2 } else { Protocol::Http1 },
        response_timeout_ms: view.duration("response_timeout"),
        drain_ms: view.duration("close_over"),
        templates: view.texts("templates").unwrap_or_default(),
        probe_path: view.text("probe"),
    }
}
