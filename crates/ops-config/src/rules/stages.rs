//! The way of a ticket: stages that exist, and routes that no two of them share (S12).

use std::collections::BTreeMap;

use ops_core::{
    id::EnvironmentName,
    settings::{RouteMatch, Service, Stage},
};

use super::{Rules, below, path};
use crate::{build::PRODUCTION, check::did_you_mean, complaint::Words, node::Path};

pub(super) fn check(rules: &mut Rules<'_, '_>) {
    let settings = rules.settings;
    for service in settings.services.values() {
        exist(rules, service);
        soak(rules, service);
        own_routes(rules, service);
    }
    routes(rules);
}

fn exist(rules: &mut Rules<'_, '_>, service: &Service) {
    let known = &rules.settings.environments;
    let names: Vec<&str> = known.keys().map(EnvironmentName::as_str).collect();
    for (at, Stage { environment: stage, .. }) in service.stages.iter().enumerate() {
        let item = below(service, ["stages", &at.to_string()]);
        let chosen = rules.written(&item);
        let place = rules.named_at(item, "environment");
        if service.environments().take(at).any(|name| name == stage) {
            rules.blame(&[place], Words::new(format!("the stage {stage} is named twice")));
        } else if !known.contains_key(stage) {
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

fn soak(rules: &mut Rules<'_, '_>, service: &Service) {
    let last = service.stages.len().saturating_sub(1);
    let Some(stage) = service.stages.get(last).filter(|stage| stage.soak_seconds > 0) else {
        return;
    };
    let words =
        Words::new(format!("{} is the last stage: nothing comes after it", stage.environment))
            .allowed("`soak` where a later stage exists")
            .hint("`watch` says how long a candidate is watched before its ticket is closed");
    let at = last.to_string();
    rules.blame(&[below(service, ["stages", &at, "soak"]), below(service, ["stages"])], words);
}

/// At most one stage has the service's own route: one door serves them all.
fn own_routes(rules: &mut Rules<'_, '_>, service: &Service) {
    let whole = below(service, ["route"]);
    let own = |at: usize| below(service, ["stages", &at.to_string(), "route"]);
    if service.route.is_none() {
        let routed = service.stages.iter().position(|stage| stage.route.is_some());
        if let Some(at) = routed {
            let words = Words::new("a stage has a route, but the service has none")
                .allowed("a route of the service, and others for the stages before")
                .hint(
                    "give the service the `route` of its last stage, and only the others their own",
                );
            rules.blame(&[own(at), whole], words);
        }
        return;
    }
    let shared: Vec<usize> = service
        .stages
        .iter()
        .enumerate()
        .filter(|(_, stage)| stage.route.is_none())
        .map(|(at, _)| at)
        .collect();
    match shared.as_slice() {
        [] => {
            let at = service.stages.len().saturating_sub(1);
            let words =
                Words::new("every stage has a route of its own, so that nobody has this one")
                    .allowed("the route of the last stage")
                    .hint("remove `route` from the last stage, and write it here");
            rules.blame(&[whole, own(at)], words);
        }
        [_] => {}
        [first, .., last] => {
            let name = |at: &usize| service.stages[*at].environment.as_str();
            let words = Words::new(format!(
                "{} and {} would have the same route: one door serves all stages",
                name(first),
                name(last)
            ))
            .allowed("a route of its own for every stage but one")
            .hint(format!(
                "write `{{ environment: {}, route: {{ host: {0}.example.org }} }}`",
                name(first)
            ));
            let item = below(service, ["stages", &first.to_string()]);
            let place = rules.named_at(item, "environment");
            rules.blame(&[place, below(service, ["stages"]), whole], words);
        }
    }
}

/// One stage of one service, and where its route is written.
struct Claim<'s> {
    service: &'s Service,
    stage: &'s Stage,
    place: Path,
}

impl Claim<'_> {
    /// The service, and the stage where it has several.
    fn name(&self) -> String {
        match self.service.stages.len() {
            0 | 1 => self.service.name.to_string(),
            _ => format!("{} in {}", self.service.name, self.stage.environment),
        }
    }
}

/// No two services, and no two stages, may claim the same requests.
fn routes(rules: &mut Rules<'_, '_>) {
    let mut owners: BTreeMap<(Option<&str>, &str), Claim<'_>> = BTreeMap::new();
    let settings = rules.settings;
    for service in settings.services.values() {
        for (at, stage) in service.stages.iter().enumerate() {
            let (route, place): (Option<&RouteMatch>, Path) = match &stage.route {
                Some(own) => (Some(own), below(service, ["stages", &at.to_string(), "route"])),
                None => (service.route.as_ref(), below(service, ["route"])),
            };
            let Some(route) = route else {
                continue;
            };
            let prefix = route.path.trim_end_matches('/');
            let claim = Claim { service, stage, place };
            let (name, place) = (claim.name(), claim.place.clone());
            let Some(other) = owners.insert((route.host.as_deref(), prefix), claim) else {
                continue;
            };
            // Two stages with the service's one route were complained about already.
            if other.place == place {
                continue;
            }
            let host = route.host.as_deref().unwrap_or("every host");
            let words = Words::new(format!(
                "{} has the route {} on {host} already, and {name} wants it too",
                other.name(),
                route.path
            ))
            .allowed("one service and stage per host and path")
            .hint("give one of them another `path` or `host`");
            rules.blame(&[place, other.place], words);
        }
    }
}
