//! Who depends on whom.

use std::collections::BTreeMap;

use ops_core::{
    id::{EnvironmentName, ServiceName},
    settings::{Service, Settings},
};

use super::{Rules, below};
use crate::{check::did_you_mean, complaint::Words};

pub(super) fn check(rules: &mut Rules<'_, '_>) {
    let settings = rules.settings;
    for service in settings.services.values() {
        dependencies(rules, service);
    }
    cycle(rules);
}

fn dependencies(rules: &mut Rules<'_, '_>, service: &Service) {
    let known = &rules.settings.services;
    for (at, dependency) in service.depends_on.iter().enumerate() {
        let name = &dependency.service;
        let place = below(service, ["depends_on", &at.to_string()]);
        let place = rules.named_at(place, "service");
        if service.depends_on[..at].iter().any(|other| other.service == *name) {
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
        let there = |stage: &&EnvironmentName| other.environments().any(|name| name == *stage);
        if let Some(stage) = service.environments().find(|stage| !there(stage)) {
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
            let Some(next) = next.map(|dependency| &dependency.service) else {
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
