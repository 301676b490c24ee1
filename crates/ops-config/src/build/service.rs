//! One service and its defaults.

use std::collections::BTreeMap;

use ops_core::{
    id::ServiceName,
    settings::{
        Adopt, Health, Needs, Secret, Service, Slo, SmokeRequest, Strategy, TargetKind,
        TrafficStep, WatchSettings,
    },
    world::{Compose, Container, Volume},
};

use super::around;
use crate::{
    node::{Node, Value},
    scalar,
    view::View,
};

const DRAIN_MS: u64 = 30_000;
const GAP_LIMIT_MS: u64 = 10_000;
const HOLD_REQUESTS: u32 = 256;
const STEPS: [u8; 3] = [5, 25, 50];
const DWELL_SECONDS: u64 = 60;
const STEP_REQUESTS: u64 = 50;
const WATCH_SECONDS: u64 = 15 * 60;
/// So few that five points more errors are still found (S22).
const WATCH_REQUESTS: u64 = 600;
/// The last stretch is this part of the watch.
const STRETCH_PART: u64 = 5;

pub(super) fn build(name: ServiceName, view: View<'_>) -> Service {
    let route = view.has("route").then(|| super::door::route(view.child("route")));
    let twice = view.flag("runs_twice");
    let stages = around::stages(view);
    let routed = route.is_some() || stages.iter().any(|stage| stage.route.is_some());
    let compose = (view.has("compose") || view.text("target").as_deref() == Some("compose"))
        .then(|| Box::new(compose(view.child("compose"), routed)));
    let once = compose.as_ref().is_some_and(|compose| compose.without_door);
    let strategy = strategy(view, route.is_some(), twice.or(once.then_some(false)));
    let runs_twice = twice.unwrap_or(strategy != Strategy::Recreate);
    let hosts = view.child("container").texts("hosts").map_or(0, |hosts| hosts.len());
    let each_host = u32::try_from(hosts).unwrap_or(1).max(1);
    let replicas: u32 = view.whole("replicas").unwrap_or(each_host);
    let serving = if runs_twice { replicas.saturating_sub(1).max(1) } else { 0 };
    let recreate = recreate(view);
    let watch = watch(view, route.is_some());
    let target = match view.text("target").as_deref() {
        Some("docker") => TargetKind::Docker,
        Some("compose") => TargetKind::Compose,
        _ => TargetKind::Process,
    };
    Service {
        stages,
        lock_group: view.text("lock_group"),
        container: (view.has("container") || target == TargetKind::Docker)
            .then(|| Box::new(container(view.child("container"), !view.has("health")))),
        compose,
        target,
        command: view.texts("command").unwrap_or_default(),
        env: variables(view, "env"),
        secrets: secrets(view),
        replicas,
        min_serving: view.whole("min_serving").unwrap_or(serving),
        runs_twice,
        fixed_port: view.whole("fixed_port"),
        health: health(view.child("health")),
        smoke: smoke(view),
        slo: Slo {
            error_share: view.child("slo").share("errors"),
            p99_ms: view.child("slo").duration("p99"),
        },
        strategy,
        signals: super::signal::signals(view, watch.grace_seconds),
        watch,
        depends_on: around::dependencies(view),
        infrastructure: around::infrastructure(view),
        budget: around::budget(view),
        migrations: around::migrations(view),
        drain_ms: view.duration("drain").unwrap_or(DRAIN_MS),
        needs: Needs {
            memory_mb: view.child("needs").megabytes("memory").unwrap_or(128),
            disk_mb: view.child("needs").megabytes("disk").unwrap_or(100),
        },
        gap_limit_ms: recreate.and_then(|r| r.duration("gap_limit")).unwrap_or(GAP_LIMIT_MS),
        hold_requests: recreate.and_then(|r| r.whole("hold_requests")).unwrap_or(HOLD_REQUESTS),
        adopt: view.has("adopt").then(|| adopt(view.child("adopt"))).flatten(),
        route,
        name,
    }
}

/// Where ops.yaml says nothing of health, the image's own check counts.
fn container(view: View<'_>, image_health: bool) -> Container {
    let volume = |text: String| {
        let mut parts = text.splitn(3, ':').map(str::to_owned);
        Some(Volume {
            source: parts.next()?,
            target: parts.next()?,
            read_only: parts.next().as_deref() == Some("ro"),
        })
    };
    Container {
        // The plan names it: it is the candidate's.
        image: String::new(),
        port: view.whole("port"),
        volumes: view.texts("volumes").unwrap_or_default().into_iter().filter_map(volume).collect(),
        networks: view.texts("networks").unwrap_or_default(),
        labels: variables(view, "labels").into_iter().collect(),
        memory_bytes: view.megabytes("memory").map(|mb| mb << 20),
        cpu_millis: view.decimal("cpus").map(|cpus| (cpus * 1_000.0) as u32),
        user: view.text("user"),
        image_health: view.flag("image_health").unwrap_or(image_health),
        hosts: view.texts("hosts").unwrap_or_default(),
        batch: view.whole("batch"),
    }
}

fn compose(view: View<'_>, routed: bool) -> Compose {
    Compose {
        file: view.text("file").unwrap_or_else(|| "compose.yaml".to_owned()),
        project: view.text("project"),
        front: view.text("front"),
        port: view.whole("port"),
        without_door: !routed,
        // The plan names them: they are the candidate's.
        images: BTreeMap::new(),
    }
}

fn variables(view: View<'_>, key: &str) -> BTreeMap<String, String> {
    let named = view.named(key).into_iter();
    named.filter_map(|(name, node)| Some((name.to_owned(), view.scalar(node)?))).collect()
}

fn secrets(view: View<'_>) -> BTreeMap<String, Secret> {
    let named = view.named("secrets").into_iter();
    named.filter_map(|(name, node)| Some((name.to_owned(), secret(view, node)?))).collect()
}

fn secret(view: View<'_>, node: &Node) -> Option<Secret> {
    if let Some(reference) = node.scalar() {
        return Some(reference.into());
    }
    let secret: View<'_> = view.over(node);
    Some(Secret {
        from: secret.text("from")?,
        previous: secret.text("previous"),
        rotate: secret.flag("rotate").unwrap_or(false),
        pinned: secret.flag("pinned").unwrap_or(false),
    })
}

fn adopt(view: View<'_>) -> Option<Adopt> {
    Some(Adopt {
        artifact: view.text("artifact")?.parse().ok()?,
        version: view.text("version")?,
        commit: view.text("commit"),
        listens: view.text("listens"),
    })
}

fn health(view: View<'_>) -> Health {
    Health {
        path: view.text("path"),
        every_ms: view.duration("every").unwrap_or(1_000),
        timeout_ms: view.duration("timeout").unwrap_or(1_000),
        in_a_row: view.whole("in_a_row").unwrap_or(3),
        start_deadline_ms: view.duration("start_deadline").unwrap_or(60_000),
    }
}

fn smoke(view: View<'_>) -> Vec<SmokeRequest> {
    let items = view.get("smoke").map_or(&[][..], Node::items);
    let request = |item| {
        let item: View<'_> = view.over(item);
        // A request without any of these was complained about by the rules.
        let method = ["get", "head", "options"].into_iter().find(|method| item.has(method))?;
        Some(SmokeRequest {
            method: method.to_uppercase(),
            path: item.text(method)?,
            status: item.whole("status").unwrap_or(200),
            contains: item.text("contains"),
        })
    };
    items.iter().filter_map(request).collect()
}

fn strategy(view: View<'_>, routed: bool, twice: Option<bool>) -> Strategy {
    let Some(node) = view.get("strategy") else {
        return match (twice, routed) {
            (Some(false), _) => Strategy::Recreate,
            (_, true) => canary(view, None),
            (_, false) => Strategy::BlueGreen,
        };
    };
    match node.scalar() {
        Some("recreate") => Strategy::Recreate,
        Some("blue-green") => Strategy::BlueGreen,
        Some("canary") => canary(view, None),
        Some(_) => {
            view.keep::<()>(node, None);
            Strategy::BlueGreen
        }
        None if node.get("recreate").is_some() => Strategy::Recreate,
        None => canary(view, node.get("canary")),
    }
}

fn recreate(view: View<'_>) -> Option<View<'_>> {
    view.get("strategy")?.get("recreate").map(|node| view.over(node))
}

fn canary(view: View<'_>, node: Option<&Node>) -> Strategy {
    let Some(node) = node else {
        let step = |weight| step(weight, DWELL_SECONDS, STEP_REQUESTS);
        return Strategy::Canary { steps: STEPS.into_iter().map(step).collect() };
    };
    let canary = view.over(node);
    let dwell = canary.seconds("dwell").unwrap_or(DWELL_SECONDS);
    let requests = canary.whole("min_requests").unwrap_or(STEP_REQUESTS);
    let steps = match canary.get("steps") {
        None => STEPS.into_iter().map(|weight| step(weight, dwell, requests)).collect(),
        Some(list) => list
            .items()
            .iter()
            .filter_map(|item| {
                let Value::Map(_) = item.value else {
                    let weight = view.keep(item, item.scalar().and_then(percent))?;
                    return Some(step(weight, dwell, requests));
                };
                let item_view = view.over(item);
                let weight = item_view.text("weight");
                Some(TrafficStep {
                    weight: view.keep(item, weight.as_deref().and_then(percent))?,
                    dwell_seconds: item_view.seconds("dwell").unwrap_or(dwell),
                    min_requests: item_view.whole("min_requests").unwrap_or(requests),
                })
            })
            .collect(),
    };
    Strategy::Canary { steps }
}

fn step(weight: u8, dwell_seconds: u64, min_requests: u64) -> TrafficStep {
    TrafficStep { weight, dwell_seconds, min_requests }
}

fn percent(text: &str) -> Option<u8> {
    scalar::whole(text.strip_suffix('%')?)?.try_into().ok()
}

fn watch(view: View<'_>, routed: bool) -> WatchSettings {
    let node = view.get("watch");
    let table = match node.map(|node| &node.value) {
        Some(Value::Map(_)) => Some(view.child("watch")),
        _ => None,
    };
    let seconds = match (node, table) {
        (None, _) => WATCH_SECONDS,
        (Some(_), Some(table)) => table.seconds("for").unwrap_or(WATCH_SECONDS),
        (Some(_), None) => view.seconds("watch").unwrap_or(WATCH_SECONDS),
    };
    let requests = if routed { WATCH_REQUESTS } else { 0 };
    WatchSettings {
        seconds,
        last_stretch_seconds: table
            .and_then(|t| t.seconds("last_stretch"))
            .unwrap_or(seconds / STRETCH_PART),
        min_requests: table.and_then(|t| t.whole("min_requests")).unwrap_or(requests),
        extensions: table.and_then(|t| t.whole("extensions")).unwrap_or(2),
        grace_seconds: table.and_then(|t| t.seconds("grace")).unwrap_or(60),
        alpha: table.and_then(|t| t.share("alpha")).unwrap_or(0.01),
        min_synthetic: table.and_then(|t| t.whole("min_synthetic")).unwrap_or(0),
        min_heartbeats: table.and_then(|t| t.whole("min_heartbeats")).unwrap_or(0),
        good_enough_seconds: table.and_then(|t| t.seconds("good_enough")),
        trip_on_alerts: table.map(trip_on_alerts).unwrap_or_default(),
        trip_on_new_errors: table.and_then(|t| t.flag("trip_on_new_errors")).unwrap_or(false),
    }
}

/// In the order of their names: how a file orders them does not matter.
fn trip_on_alerts(watch: View<'_>) -> Vec<String> {
    let mut names = watch.texts("trip_on_alerts").unwrap_or_default();
    names.sort();
    names
}
