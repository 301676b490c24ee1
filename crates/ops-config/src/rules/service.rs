//! What must go together within one service.

use ops_core::settings::{Service, Strategy, TargetKind};

use super::{Rules, below};
use crate::{complaint::Words, scalar::show_duration};

pub(super) fn check(rules: &mut Rules<'_, '_>, service: &Service) {
    command(rules, service);
    container(rules, service);
    compose(rules, service);
    strategy(rules, service);
    alone(rules, service);
    serving(rules, service);
    canary(rules, service);
    health(rules, service);
    smoke(rules, service);
    budget(rules, service);
}

/// Only the door counts requests: a budget of what nobody counts would hold every ticket for ever.
fn budget(rules: &mut Rules<'_, '_>, service: &Service) {
    let routed = service.route.is_some() || service.stages.iter().any(|one| one.route.is_some());
    if service.budget.is_some() && !routed {
        let words = Words::new("an error budget counts requests, but no route brings any")
            .allowed("a budget only for a service with `route`")
            .hint("add `route: { path: / }`, or take `budget` away");
        rules.blame(&[below(service, ["budget"]), below(service, ["route"])], words);
    }
}

/// A process needs its program, and what many can reach its port.
fn container(rules: &mut Rules<'_, '_>, service: &Service) {
    match (service.target, &service.container) {
        (TargetKind::Process, container) => {
            if container.is_some() {
                let words = Words::new("`container` says nothing about a process")
                    .hint("add `target: docker`, or take `container` away");
                rules.blame(&[below(service, ["container"])], words);
            }
            if service.command.is_empty() {
                let words = Words::new("`command` is missing")
                    .allowed("program and arguments, such as `[bin/shop, --port, \"{port}\"]`")
                    .hint("add it, or run the service's image with `target: docker`");
                rules.blame(&[below(service, ["target"]), below(service, [])], words);
            }
        }
        (TargetKind::Compose, container) => {
            if container.is_some() {
                let words = Words::new("`container` says nothing about a Compose project")
                    .hint("its file says it: take `container` away");
                rules.blame(&[below(service, ["container"])], words);
            }
        }
        (TargetKind::Docker, container) => {
            let port = container.as_ref().and_then(|container| container.port);
            if service.route.is_some() && port.is_none() {
                let words = Words::new("a route leads to it, and nobody knows its port")
                    .hint("add `container: { port: 8080 }`: the port on which it listens inside");
                let places = [below(service, ["container"]), below(service, ["route"])];
                rules.blame(&places, words);
            }
            let images = container.as_ref().is_some_and(|container| container.image_health);
            if !images && rules.root.at(&below(service, ["health"])).is_none() {
                let words = Words::new("nothing would tell whether it is healthy")
                    .allowed("`health`, or the health check that its image brings")
                    .hint("add `health: { path: /healthz }`, or take `image_health` away");
                rules.blame(&[below(service, ["container", "image_health"])], words);
            }
        }
    }
}

/// A project's own file says what it runs and what that needs.
fn compose(rules: &mut Rules<'_, '_>, service: &Service) {
    if service.target != TargetKind::Compose {
        if service.compose.is_some() {
            let words = Words::new("`compose` says nothing about this target")
                .hint("add `target: compose`, or take `compose` away");
            rules.blame(&[below(service, ["compose"])], words);
        }
        return;
    }
    if !service.command.is_empty() {
        let words = Words::new("`command` says nothing about a Compose project")
            .hint("its file says what runs: take `command` away");
        rules.blame(&[below(service, ["command"])], words);
    }
    if service.compose.as_ref().is_some_and(|compose| compose.without_door) {
        without_door(rules, service);
    }
}

/// A project of which nothing is behind the door stands once, as a whole.
fn without_door(rules: &mut Rules<'_, '_>, service: &Service) {
    for key in ["front", "port"] {
        let place = below(service, ["compose", key]);
        if rules.root.at(&place).is_some() {
            let words = Words::new("no route leads to the project, so nothing of it is its front")
                .hint(format!("add `route: {{ path: / }}`, or take `{key}` away"));
            rules.blame(&[place], words);
        }
    }
    if service.runs_twice {
        let words =
            Words::new("there is one set of a project's containers, so it cannot run twice")
                .allowed("`strategy: recreate` for a project without `route`")
                .hint("take `strategy` and `runs_twice` away: what changed is made anew, in order");
        rules.blame(&[below(service, ["strategy"]), below(service, ["runs_twice"])], words);
    }
    if service.replicas != 1 {
        let words = Words::new(format!("{} copies of a whole project", service.replicas))
            .allowed("`replicas: 1` for a project without `route`")
            .hint("its file says how many there are of each service: `deploy: { replicas: 2 }`");
        rules.blame(&[below(service, ["replicas"])], words);
    }
    for key in ["gap_limit", "hold_requests"] {
        let place = below(service, ["strategy", "recreate", key]);
        if rules.root.at(&place).is_some() {
            let words = Words::new("no door holds anything while services are made anew")
                .hint(format!("take `{key}` away: each gap is bounded by the step, 2.5 min"));
            rules.blame(&[place], words);
        }
    }
    for place in [below(service, ["fixed_port"]), below(service, ["health", "path"])] {
        if rules.root.at(&place).is_some() {
            let words = Words::new("ops asks nothing of a project without a route")
                .hint("its file says it: `ports:`, and `healthcheck:`, which counts");
            rules.blame(&[place], words);
        }
    }
}

fn command(rules: &mut Rules<'_, '_>, service: &Service) {
    let Some(program) = service.command.first() else {
        return;
    };
    let place = below(service, ["command", "0"]);
    if program.trim().is_empty() {
        rules.blame(&[place], Words::new("the program is empty").allowed("a path in the artifact"));
        return;
    }
    if program.split('/').any(|part| part == "..") {
        let words = Words::new("the program stands outside of the artifact")
            .allowed("a path in the artifact, or the name of a program of the system");
        rules.blame(&[place], words);
    } else if service.command.len() == 1 && program.split_whitespace().count() > 1 {
        let words: Vec<&str> = program.split_whitespace().collect();
        let complaint = Words::new("program and arguments stand in one word")
            .hint(format!("no shell splits it: write `[{}]`", words.join(", ")));
        rules.blame(&[place], complaint);
    }
    let shell = ["sh", "bash", "dash", "zsh"].contains(&program.rsplit('/').next().unwrap_or(""));
    for (at, word) in service.command.iter().enumerate().filter(|_| !shell) {
        if word.contains("$PORT") || word.contains("${PORT}") {
            let mended = word.replace("${PORT}", "{port}").replace("$PORT", "{port}");
            let words = Words::new("no shell replaces `$PORT`")
                .hint(format!("write `\"{mended}\"`: ops puts the replica's port there"));
            rules.blame(&[below(service, ["command", &at.to_string()])], words);
        }
    }
}

fn strategy(rules: &mut Rules<'_, '_>, service: &Service) {
    let place = below(service, ["strategy"]);
    if let Some(node) = rules.root.at(&place).filter(|node| node.scalar().is_none())
        && node.entries().len() != 1
    {
        let words = Words::new(format!("{} strategies at once", node.entries().len()))
            .allowed("one of canary and recreate; blue-green has no keys: `strategy: blue-green`");
        rules.blame(&[place], words);
        return;
    }
    let twice = below(service, ["runs_twice"]);
    match (&service.strategy, service.runs_twice) {
        (Strategy::Recreate, true) => {
            let words = Words::new("recreate stops the old version before the new one is proven")
                .allowed("recreate only with `runs_twice: false`")
                .hint("choose canary or blue-green, or say `runs_twice: false` if it is so");
            rules.blame(&[place, twice], words);
        }
        (Strategy::Canary { .. } | Strategy::BlueGreen, false) => {
            let words = Words::new("this strategy runs both versions side by side")
                .allowed("recreate for a service with `runs_twice: false`")
                .hint("write `strategy: recreate`, or remove `runs_twice: false`");
            rules.blame(&[place, twice], words);
        }
        (Strategy::Canary { .. }, true) if service.route.is_none() => {
            let words = Words::new("a canary moves requests, but no route brings any")
                .allowed("blue-green or recreate for a service without `route`")
                .hint("add `route: { path: / }`, or write `strategy: blue-green`");
            rules.blame(&[place, below(service, ["route"])], words);
        }
        _ => {}
    }
}

/// What a port of its own means.
fn alone(rules: &mut Rules<'_, '_>, service: &Service) {
    let Some(port) = service.fixed_port else {
        return;
    };
    let place = below(service, ["fixed_port"]);
    if service.runs_twice {
        let words = Words::new(format!("two versions cannot both have port {port}"))
            .allowed("a fixed port only with `runs_twice: false`")
            .hint("pass `{port}` to the program instead, or write `strategy: recreate`");
        rules.blame(
            &[place.clone(), below(service, ["runs_twice"]), below(service, ["strategy"])],
            words,
        );
    }
    if service.replicas > 1 {
        let words =
            Words::new(format!("{} replicas cannot all have port {port}", service.replicas))
                .allowed("`replicas: 1` with a fixed port");
        rules.blame(&[place.clone(), below(service, ["replicas"])], words);
    }
    if service.stages.len() > 1 {
        let words = Words::new(format!("the copies of two stages cannot both have port {port}"))
            .allowed("one stage with a fixed port");
        rules.blame(&[place, below(service, ["stages"])], words);
    }
}

fn serving(rules: &mut Rules<'_, '_>, service: &Service) {
    let place = below(service, ["min_serving"]);
    let Service { replicas, min_serving, .. } = service;
    if min_serving > replicas {
        let words = Words::new(format!("{min_serving} of {replicas} replicas cannot serve"))
            .allowed(format!("0 to {replicas}, the number of replicas"));
        rules.blame(&[place, below(service, ["replicas"])], words);
    } else if !service.runs_twice && *min_serving > 0 {
        let words = Words::new("nothing serves between the old version and the new one")
            .allowed("0 for a service that cannot run twice")
            .hint("the gap is bounded by `strategy: { recreate: { gap_limit: 10s } }`");
        rules.blame(&[place, below(service, ["runs_twice"]), below(service, ["strategy"])], words);
    } else if service.runs_twice && service.route.is_some() && *min_serving == 0 {
        let words = Words::new("a deployment could leave nobody to serve")
            .allowed(format!("1 to {replicas} for a service that runs twice"));
        rules.blame(&[place, below(service, ["runs_twice"])], words);
    }
}

fn canary(rules: &mut Rules<'_, '_>, service: &Service) {
    let Strategy::Canary { steps } = &service.strategy else {
        return;
    };
    for (at, pair) in steps.windows(2).enumerate() {
        let [before, after] = pair else { continue };
        if after.weight <= before.weight {
            let item = (at + 1).to_string();
            let words = Words::new(format!("{}% after {}%", after.weight, before.weight))
                .allowed("steps that rise, the last one at most 50%");
            rules.blame(&[below(service, ["strategy", "canary", "steps", &item])], words);
        }
    }
}

fn health(rules: &mut Rules<'_, '_>, service: &Service) {
    let health = &service.health;
    let least = health.every_ms.saturating_mul(u64::from(health.in_a_row.saturating_sub(1)));
    if least >= health.start_deadline_ms {
        let words = Words::new(format!(
            "{} probes every {} take {}, longer than the start deadline of {}",
            health.in_a_row,
            show_duration(health.every_ms),
            show_duration(least),
            show_duration(health.start_deadline_ms)
        ))
        .hint("no version could ever become healthy: raise `start_deadline` or probe more often");
        let keys = ["start_deadline", "every", "in_a_row"];
        rules.blame(&keys.map(|key| below(service, ["health", key])), words);
    }
}

fn smoke(rules: &mut Rules<'_, '_>, service: &Service) {
    let place = below(service, ["smoke"]);
    let items = rules.root.at(&place).map_or(&[][..], crate::node::Node::items);
    if !items.is_empty() && service.route.is_none() {
        let words = Words::new("smoke requests go through the door, but there is no route")
            .hint("add `route: { path: / }`, or remove `smoke`");
        rules.blame(&[place, below(service, ["route"])], words);
    }
    for (at, item) in items.iter().enumerate() {
        let place = below(service, ["smoke", &at.to_string()]);
        let methods = ["get", "head", "options"];
        let count = methods.iter().filter(|method| item.get(method).is_some()).count();
        if count != 1 {
            let message = match count {
                0 => "this request has no path".to_owned(),
                _ => format!("{count} requests in one"),
            };
            let words = Words::new(message)
                .allowed("one of get, head and options")
                .hint("for instance `{ get: /, status: 200 }`");
            rules.blame(std::slice::from_ref(&place), words);
        }
        if item.get("head").is_some() && item.get("contains").is_some() {
            let words = Words::new("the answer to HEAD has no body").hint("use get");
            let mut contains = place;
            contains.push("contains".to_owned());
            rules.blame(&[contains], words);
        }
    }
}
