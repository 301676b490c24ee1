//! Doors on hosts, and which services are behind them.

use std::net::SocketAddr;

use ops_core::settings::{DoorKind, Doors, Reach, Service};

use super::{Rules, below, path};
use crate::{complaint::Words, node::Path};

/// Complains about doors that could not be made, reached or found by users.
pub(super) fn check(rules: &mut Rules<'_, '_>) {
    let settings = rules.settings;
    let Some(doors) = &settings.edge.doors else {
        for key in written(rules, &["as", "program", "state"]) {
            let words = Words::new("this is said of doors on hosts, and there are none")
                .allowed("with `hosts` only")
                .hint("name the hosts below `edge: { hosts: … }`, or take it away");
            rules.blame(&[key], words);
        }
        return;
    };
    named(rules, doors);
    match &doors.kind {
        DoorKind::Container => containers(rules),
        DoorKind::Process { state, .. } => processes(rules, doors, state),
    }
}

fn edge(key: &str) -> Path {
    path(["edge", key])
}

/// Those of the edge's keys that the team wrote.
fn written(rules: &Rules<'_, '_>, keys: &[&str]) -> Vec<Path> {
    keys.iter().map(|key| edge(key)).filter(|key| rules.written(key)).collect()
}

fn item(at: usize) -> Path {
    path(["edge", "hosts", &at.to_string()])
}

/// Every host is there, once.
fn named(rules: &mut Rules<'_, '_>, doors: &Doors) {
    let known = &rules.settings.docker.hosts;
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    let allowed = if names.is_empty() { "none is declared".to_owned() } else { names.join(", ") };
    for (at, host) in doors.hosts.iter().enumerate() {
        if !known.contains_key(host) {
            let words = Words::new(format!("there is no host {host}"))
                .allowed(allowed.clone())
                .hint("declare it below `docker: { hosts: … }`, or name one that is there");
            rules.blame(&[item(at)], words);
        } else if doors.hosts[..at].contains(host) {
            let words = Words::new(format!("{host} stands here twice"))
                .allowed("each host once: it has one door")
                .hint("take one of them away");
            rules.blame(&[item(at)], words);
        }
    }
}

/// What ops makes containers for.
fn containers(rules: &mut Rules<'_, '_>) {
    for key in written(rules, &["program", "state"]) {
        let words = Words::new("this is said of a process, and the doors are containers")
            .allowed("with `as: process` only")
            .hint("take it away, or say `as: process`");
        rules.blame(&[key], words);
    }
    if rules.settings.edge.tls.is_some() {
        let words = Words::new("doors in containers on hosts do not speak TLS yet")
            .allowed("TLS at one door on the machine of ops, or at doors with `as: process`")
            .hint("let your load balancer end TLS, or run the doors as processes");
        rules.blame(&[edge("tls")], words);
    }
    let listen = rules.settings.edge.listen.clone();
    for (at, text) in listen.iter().enumerate() {
        let address = text.parse::<SocketAddr>();
        if address.is_ok_and(|address| address.ip().is_unspecified() && address.port() != 0) {
            continue;
        }
        let words = Words::new(format!("{text} is no address that every host has for its users"))
            .allowed("`0.0.0.0:PORT`: the same port on each host, at all of its addresses")
            .hint("for instance `listen: [\"0.0.0.0:8080\"]`");
        rules.blame(&[path(["edge", "listen", &at.to_string()]), edge("hosts")], words);
    }
}

/// What the team runs, and ops only speaks with.
fn processes(rules: &mut Rules<'_, '_>, doors: &Doors, state: &str) {
    if !state.starts_with('/') {
        let words = Words::new("where the doors keep their state is not said")
            .allowed("a path that begins with `/`: the folder of `ops edge --state` on each host")
            .hint("for instance `state: /var/lib/ops`");
        rules.blame(&[edge("state"), edge("as")], words);
    }
    let own = [
        "listen",
        "tls",
        "metrics",
        "access_log",
        "response_timeout",
        "max_body",
        "header_timeout",
    ];
    for key in written(rules, &own) {
        let words = Words::new("a door that you run yourself does not read this")
            .allowed("what its own `ops.yaml`, or `ops edge --listen`, says on its host")
            .hint("take it away here");
        rules.blame(&[key], words);
    }
    let hosts = &rules.settings.docker.hosts;
    for (at, host) in doors.hosts.iter().enumerate() {
        if matches!(hosts.get(host).map(|host| &host.engine), Some(Reach::Tls { .. })) {
            let words = Words::new(format!("{host} has no way to a process"))
                .allowed("`as: process` where `engine` is ssh://, or unix:// on this machine")
                .hint("reach it by ssh://, or let its door be a container");
            rules.blame(&[item(at)], words);
        }
    }
}

/// Complains about a service that no door reaches.
pub(super) fn of(rules: &mut Rules<'_, '_>, service: &Service) {
    let Some(doors) = &rules.settings.edge.doors else { return };
    if service.route.is_none() {
        return;
    }
    let hosts = service.hosts();
    if hosts.is_empty() {
        let words = Words::new(format!("no door reaches {}: all are on hosts", service.name))
            .allowed("services with `container: { hosts: … }` behind doors on hosts")
            .hint("let it run on those hosts, or take its route away");
        rules.blame(&[below(service, ["route"]), path(["edge", "hosts"])], words);
    }
    for (at, host) in hosts.iter().enumerate().filter(|(_, host)| !doors.hosts.contains(host)) {
        let place = below(service, ["container", "hosts", &at.to_string()]);
        let words = Words::new(format!("there is no door on {host}"))
            .allowed(doors.hosts.join(", "))
            .hint("add it to `edge: { hosts: … }`, or take the service off it");
        rules.blame(&[place], words);
    }
}
