//! Every port has one owner.

use std::{collections::BTreeMap, net::SocketAddr};

use ops_core::settings::{Environment, Service};

use super::{Rules, below, path};
use crate::{complaint::Words, node::Path};

pub(super) fn check(rules: &mut Rules<'_, '_>) {
    let listening = listening(rules);
    listen_once(rules, &listening);
    ranges(rules, &listening);
    fixed(rules, &listening);
    room(rules);
    metrics(rules);
}

/// What the door counted says much of a business: it is for this machine only.
fn metrics(rules: &mut Rules<'_, '_>) {
    let Some(text) = &rules.settings.edge.metrics else { return };
    if text.parse::<SocketAddr>().is_ok_and(|address| !address.ip().is_loopback()) {
        let words = Words::new(format!("{text} is no loopback address"))
            .hint("let Prometheus read an address such as 127.0.0.1:9180");
        rules.blame(&[path(["edge", "metrics"])], words);
    }
}

/// Every port that ops itself listens on, and where that is written.
fn listening(rules: &Rules<'_, '_>) -> Vec<(SocketAddr, Path)> {
    let edge = rules.settings.edge.listen.iter().enumerate();
    let edge = edge.map(|(at, text)| (text, path(["edge", "listen", &at.to_string()])));
    let tls = rules.settings.edge.tls.iter().flat_map(|tls| tls.listen.iter().enumerate());
    let tls = tls.map(|(at, text)| (text, path(["edge", "tls", "listen", &at.to_string()])));
    let metrics = rules.settings.edge.metrics.iter().map(|text| (text, path(["edge", "metrics"])));
    let edge = edge.chain(tls).chain(metrics);
    let boards = &rules.settings.boards;
    let boards = match &boards.devteam {
        None => Some((&boards.listen, path(["boards", "embedded", "listen"]))),
        Some(guest) => {
            guest.gateway.as_ref().map(|text| (text, path(["boards", "devteam", "gateway"])))
        }
    };
    let all = edge.chain(boards);
    all.filter_map(|(text, place)| Some((text.parse().ok()?, place))).collect()
}

fn listen_once(rules: &mut Rules<'_, '_>, listening: &[(SocketAddr, Path)]) {
    for (at, (address, place)) in listening.iter().enumerate() {
        let clash = |other: &&(SocketAddr, Path)| {
            let all = address.ip().is_unspecified() || other.0.ip().is_unspecified();
            other.0.port() == address.port() && (all || other.0.ip() == address.ip())
        };
        // Port 0 is a free port of the system's choice.
        if address.port() == 0 {
            continue;
        }
        if let Some((other, whose)) = listening[..at].iter().find(clash) {
            let words = Words::new(format!(
                "{} and {} share a port: {address}, {other}",
                place.join("."),
                whose.join(".")
            ))
            .hint("give each its own port");
            rules.blame(&[place.clone(), whose.clone()], words);
        }
    }
}

fn ranges(rules: &mut Rules<'_, '_>, listening: &[(SocketAddr, Path)]) {
    let environments: Vec<&Environment> = rules.settings.environments.values().collect();
    for (at, environment) in environments.iter().enumerate() {
        let (first, last) = environment.ports;
        let place = path(["environments", environment.name.as_str(), "ports"]);
        for (address, whose) in listening {
            if (first..=last).contains(&address.port()) {
                let words = Words::new(format!(
                    "{first}-{last} holds port {}, on which ops listens",
                    address.port()
                ))
                .hint(format!("move the range, or `{}`", whose.join(".")));
                rules.blame(&[place.clone(), whose.clone()], words);
            }
        }
        for other in &environments[..at] {
            if first <= other.ports.1 && other.ports.0 <= last {
                let theirs = path(["environments", other.name.as_str(), "ports"]);
                let words = Words::new(format!(
                    "{first}-{last} overlaps {}-{} of {}",
                    other.ports.0, other.ports.1, other.name
                ))
                .hint("give each environment ports of its own");
                rules.blame(&[place.clone(), theirs], words);
            }
        }
    }
}

fn fixed(rules: &mut Rules<'_, '_>, listening: &[(SocketAddr, Path)]) {
    let mut owners: BTreeMap<u16, &Service> = BTreeMap::new();
    let settings = rules.settings;
    for service in settings.services.values() {
        let Some(port) = service.fixed_port else {
            continue;
        };
        let place = below(service, ["fixed_port"]);
        if let Some((_, whose)) = listening.iter().find(|(address, _)| address.port() == port) {
            let words = Words::new(format!("ops itself listens on port {port}"))
                .hint(format!("move `{}`, or choose another port", whose.join(".")));
            rules.blame(&[place.clone(), whose.clone()], words);
        }
        let inside = |e: &&Environment| (e.ports.0..=e.ports.1).contains(&port);
        if let Some(environment) = settings.environments.values().find(inside) {
            let name = &environment.name;
            let words = Words::new(format!("port {port} is in the range of {name}"))
                .hint("another replica could be given it: choose a port outside of the range");
            rules.blame(&[place.clone(), path(["environments", name.as_str(), "ports"])], words);
        }
        if let Some(other) = owners.insert(port, service) {
            let words = Words::new(format!("port {port} is the fixed port of {} too", other.name));
            rules.blame(&[place, below(other, ["fixed_port"])], words);
        }
    }
}

/// Both versions of every service must find ports at once.
fn room(rules: &mut Rules<'_, '_>) {
    let settings = rules.settings;
    for environment in settings.environments.values() {
        let (first, last) = environment.ports;
        let have = u64::from(last.saturating_sub(first)) + 1;
        let here = |service: &&Service| {
            service.fixed_port.is_none()
                && service.environments().any(|name| *name == environment.name)
        };
        let copies = |service: &Service| u64::from(service.replicas) * 2;
        let need: u64 = settings.services.values().filter(here).map(copies).sum();
        if need > have {
            let words = Words::new(format!(
                "{have} ports, but the services of {} need {need}",
                environment.name
            ))
            .allowed("two ports for every replica: the old and the new version run side by side")
            .hint(format!("for instance `ports: {first}-{}`", u64::from(first) + need - 1));
            let place = path(["environments", environment.name.as_str(), "ports"]);
            rules.blame(&[place, path(["services"])], words);
        }
    }
}
