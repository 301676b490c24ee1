//! What names something else: stages, dependencies, routes.

use std::collections::BTreeMap;

use ops_core::{
    id::{EnvironmentName, ServiceName},
    settings::{Service, Settings},
};

use super::{Rules, below, path};
use crate::{build::PRODUCTION, check::did_you_mean, complaint::Words};

pub(super) fn check(rules: &mut Rules<'_, '_>) {
    let settings = rules.settings;
    for service in settings.services.values() {
        stages(rules, service);
        dependencies(rules, service);
    }
    cycle(rules);
    routes(rules);
}

fn stages(rules: &mut Rules<'_, '_>, service: &Service) {
    let known = &rules.settings.environments;
    let names: Vec<&str> = known.keys().map(EnvironmentName::as_str).collect();
    for (at, stage) in service.stages.iter().enumerate() {
        let place = below(service, ["stages", &at.to_string()]);
        if service.stages[..at].contains(stage) {
            rules.blame(&[place], Words::new(format!("the stage {stage} is named twice")));
        } else if !known.contains_key(stage) {
            let chosen = rules.written(&place);
            let hint = match did_you_mean(stage.as_str(), names.iter().copied()) {
                Some(close) => format!("did you mean `{close}`?"),
                None if !chosen => {
                    format!("a service without `stages` goes to {PRODUCTION}: name its stages")
                }
                None => format!("add `{stage}: {{ ports: 21000-21999 }}` to `environments`"),
            };
            let words = Words::new(format!("there is no environment {stage}"))
                .allowed(names.join(", "))
                .hint(hint);
            let place = if chosen { place } else { below(service, []) };
            rules.blame(&[place, path(["environments"])], words);
        }
    }
}

fn dependencies(rules: &mut Rules<'_, '_>, service: &Service) {
    let known = &rules.settings.services;
    for (at, name) in service.depends_on.iter().enumerate() {
        let place = below(service, ["depends_on", &at.to_string()]);
        if service.depends_on[..at].contains(name) {
            rules.blame(&[place], Words::new(format!("{name} is named twice")));
            continue;
        }
        if name == &service.name {
            rules.blame(&[place], Words::new(format!("{name} cannot depend on itself")));
            continue;
        }
        let Some(other) = known.get(name) else {
            let names = known.keys().map(ServiceName::as_str);
            let close = did_you_mean(name.as_str(), names.clone());
            let words = Words::new(format!("there is no service {name}"))
                .allowed(names.collect::<Vec<_>>().join(", "))
                .maybe_hint(close.map(|close| format!("did you mean `{close}`?")));
            rules.blame(&[place], words);
            continue;
        };
        if let Some(stage) = service.stages.iter().find(|stage| !other.stages.contains(stage)) {
            let words =
                Words::new(format!("{name} does not run in {stage}, but {} does", service.name))
                    .hint(format!("add {stage} to the stages of {name}, or remove the dependency"));
            rules.blame(&[place, below(service, ["stages"]), below(other, ["stages"])], words);
        }
    }
}

fn cycle(rules: &mut Rules<'_, '_>) {
    let Some(cycle) = find_cycle(rules.settings) else {
        return;
    };
    let names: Vec<&str> = cycle.iter().map(|name| name.as_str()).collect();
    let Some(service) = cycle.first().and_then(|name| rules.settings.services.get(*name)) else {
        return;
    };
    let words = Words::new(format!("dependencies run in a circle: {}", names.join(" → ")))
        .hint("neither could ever be deployed first: remove one of the dependencies");
    rules.blame(&[below(service, ["depends_on"])], words);
}

/// A circle of dependencies of two or more services, first name repeated at the end.
fn find_cycle(settings: &Settings) -> Option<Vec<&ServiceName>> {
    /// How far a service has been looked at.
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        Open,
        Done,
    }
    let mut marks: BTreeMap<&ServiceName, Mark> = BTreeMap::new();
    for start in settings.services.keys() {
        if marks.contains_key(start) {
            continue;
        }
        // The way from `start` to here, each with the number of its next dependency.
        let mut way: Vec<(&ServiceName, usize)> = vec![(start, 0)];
        marks.insert(start, Mark::Open);
        while let Some((name, at)) = way.pop() {
            let next = settings.services.get(name).and_then(|service| service.depends_on.get(at));
            let Some(next) = next else {
                marks.insert(name, Mark::Done);
                continue;
            };
            way.push((name, at + 1));
            match marks.get(next) {
                Some(Mark::Open) if next != name => {
                    let from = way.iter().position(|(on_way, _)| on_way == &next).unwrap_or(0);
                    let circle = way[from..].iter().map(|(name, _)| *name);
                    return Some(circle.chain(std::iter::once(next)).collect());
                }
                Some(_) => {}
                None => {
                    marks.insert(next, Mark::Open);
                    way.push((next, 0));
                }
            }
        }
    }
    None
}

/// No two services may claim the same requests.
fn routes(rules: &mut Rules<'_, '_>) {
    let mut owners: BTreeMap<(Option<&str>, &str), &Service> = BTreeMap::new();
    let settings = rules.settings;
    for service in settings.services.values() {
        let Some(route) = &service.route else {
            continue;
        };
        let prefix = route.path.trim_end_matches('/');
        let Some(other) = owners.insert((route.host.as_deref(), prefix), service) else {
            continue;
        };
        let host = route.host.as_deref().unwrap_or("every host");
        let words =
            Words::new(format!("{} has the route {} on {host} already", other.name, route.path))
                .allowed("one service per host and path")
                .hint("give one of them another `path` or `host`");
        rules.blame(&[below(service, ["route"]), below(other, ["route"])], words);
    }
}
