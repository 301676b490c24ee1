//! The `ops.yaml` of the simulated team, as core types.

use std::collections::BTreeMap;

use ops_core::{
    id::{Digest, ServiceName},
    settings::{
        Boards, Dependency, DockerEngine, Edge, Environment, Gate, Health, HostLimits, Migrations,
        Needs, Notify, People, Retention, Revision, Role, RouteMatch, Secret, Service, Settings,
        Signal, SignalKind, Slo, SmokeRequest, Stage, Strategy, TargetKind, TrafficStep, Via,
        WatchSettings,
    },
    world::Container,
};

use super::planning::{CQ, DEV, ME, PO, QA};

/// Where everything runs in the end.
pub const ENVIRONMENT: &str = "production";
/// Where one service runs before.
pub const STAGING: &str = "staging";
/// Seconds that it stays there.
pub const SOAK_SECONDS: u64 = 100;
/// The team's channel.
pub const CHANNEL: &str = "ops";
/// Path that tells health.
pub const HEALTH_PATH: &str = "/health";
/// Path of the smoke request.
pub const SMOKE_PATH: &str = "/smoke";
/// Fewest requests of a watch, where there are any.
pub const MIN_REQUESTS: u64 = 100;
/// The same where a looser `ops.yaml` governs.
pub const LOOSE_MIN_REQUESTS: u64 = 40;
/// The port of the service that cannot run twice.
pub const FIXED_PORT: u16 = 9_000;
/// Longest gap of the service that cannot run twice, in milliseconds.
pub const GAP_MS: u64 = 16_000;

/// A canary with two replicas, in the lock group `web`.
pub const SHOP: &str = "shop";
/// Blue-green, in the lock group `web` as well.
pub const CART: &str = "cart";
/// The secret of the cart, which rotates by itself (S16).
pub const CART_TOKEN: &str = "env:CART_TOKEN";
/// Where its value before is kept.
pub const CART_BEFORE: &str = "env:CART_BEFORE";
/// Cannot run twice: one replica with a fixed port.
pub const STOCK: &str = "stock";
/// Without HTTP.
pub const MAILER: &str = "mailer";

/// Walks from staging to production.
pub const PORTAL: &str = "portal";
/// What runs of it in staging.
pub const PORTAL_STAGING: &str = "portal@staging";

/// Runs on several hosts, one replica on each, in worlds that have them.
pub const GRID: &str = "grid";
/// These hosts, in the order in which a version comes to them.
pub const HOSTS: [&str; 3] = ["a", "b", "c"];

/// All services of a world without hosts.
pub const SERVICES: [&str; 5] = [SHOP, CART, STOCK, MAILER, PORTAL];
/// What runs of them, by the names under which it does.
pub const UNITS: [&str; 6] = [SHOP, CART, STOCK, MAILER, PORTAL, PORTAL_STAGING];

/// The full name of a commit of the simulated repository. Later ones hold all earlier ones.
pub fn commit_name(number: u64) -> String {
    format!("{number:040x}")
}

/// What runs of all services, as its stage has it.
pub fn units(settings: &Settings) -> BTreeMap<ServiceName, Service> {
    let stages = settings.services.values().flat_map(|service| {
        service.stages.iter().filter_map(|stage| service.in_stage(&stage.environment))
    });
    stages.map(|unit| (unit.name.clone(), unit)).collect()
}

/// The settings; `commit` 0 is the first one, later ones change a variable of each service, and
/// loose ones ask for less. `hosts`: one service runs on several.
pub fn settings(commit: u64, loose: bool, hosts: bool) -> Settings {
    let services = [shop(), cart(), stock(), mailer(), portal()];
    let services = services.into_iter().chain(hosts.then(grid));
    let with_commit = |mut service: Service| {
        service.env.insert("CONFIG".into(), commit.to_string());
        if loose {
            service.smoke.clear();
            service.watch.min_requests = service.watch.min_requests.min(LOOSE_MIN_REQUESTS);
        }
        (service.name.clone(), service)
    };
    let environment = |name: &str, first: u16| Environment {
        name: name.into(),
        ports: (first, first + 499),
        host: HostLimits::default(),
    };
    let environments = [environment(STAGING, 20_000), environment(ENVIRONMENT, 20_500)];
    Settings {
        project: "sim".into(),
        revision: Revision {
            commit: Some(commit_name(commit)),
            hash: Digest::of(format!("settings {commit}").as_bytes()),
        },
        environments: environments.into_iter().map(|one| (one.name.clone(), one)).collect(),
        services: services.map(with_commit).collect(),
        people: people(),
        gate: Gate::default(),
        notify: vec![Notify {
            name: "on call".into(),
            via: Via::Command(vec!["page".into()]),
            after_seconds: 0,
            every_seconds: 300,
        }],
        boards: Boards {
            listen: "127.0.0.1:0".into(),
            me: ME.into(),
            channel: CHANNEL.into(),
            permissive: false,
            gateways: BTreeMap::new(),
            devteam: None,
        },
        edge: Edge { listen: vec!["127.0.0.1:80".into()], ..Edge::default() },
        docker: DockerEngine::default(),
        retention: Retention { releases: 5, store_mb: 1_000, log_mb: 10 },
        heartbeat_seconds: 60,
        advisor: None,
        reports: ops_core::settings::Reports::default(),
    }
}

fn people() -> People {
    let roles = [(DEV, Role::Dev), (CQ, Role::Cq), (QA, Role::Qa), (PO, Role::Po), (ME, Role::Ops)];
    People {
        roles: roles.into_iter().map(|(who, role)| (who.into(), vec![role])).collect(),
        operators: vec![PO.into()],
        solo: false,
    }
}

fn shop() -> Service {
    let steps = [(10, 5), (50, 5)];
    let steps = steps.map(|(weight, dwell_seconds)| TrafficStep {
        weight,
        dwell_seconds,
        min_requests: 10,
    });
    let payments = SignalKind::Rate { total: "t".into(), events: "e".into(), limit: None };
    let signals = vec![signal("payments", payments)];
    let usual = routed(SHOP, 2);
    let health = seldom(&usual);
    Service { strategy: Strategy::Canary { steps: steps.to_vec() }, signals, health, ..usual }
}

/// Health is asked every other second: a second look at every second costs the simulation most of
/// its pace and shows nothing new where the others have it.
fn seldom(service: &Service) -> Health {
    Health { every_ms: 2_000, ..service.health.clone() }
}

fn signal(name: &str, kind: SignalKind) -> Signal {
    Signal {
        name: name.into(),
        prometheus: "http://127.0.0.1:9090".into(),
        kind,
        every_seconds: 5,
        grace_seconds: None,
    }
}

fn cart() -> Service {
    let token =
        Secret { previous: Some(CART_BEFORE.to_owned()), rotate: true, ..Secret::from(CART_TOKEN) };
    let secrets = BTreeMap::from([("TOKEN".to_owned(), token)]);
    Service { lock_group: Some("web".into()), min_serving: 1, secrets, ..routed(CART, 1) }
}

fn stock() -> Service {
    Service {
        lock_group: Some(STOCK.into()),
        min_serving: 0,
        runs_twice: false,
        fixed_port: Some(FIXED_PORT),
        strategy: Strategy::Recreate,
        depends_on: vec![Dependency { service: CART.into(), version: None }],
        ..routed(STOCK, 1)
    }
}

fn mailer() -> Service {
    Service {
        lock_group: Some(MAILER.into()),
        route: None,
        smoke: Vec::new(),
        min_serving: 0,
        signals: vec![signal("mails", SignalKind::Done { query: "d".into(), at_least: 8 })],
        watch: WatchSettings { min_requests: 0, ..watch() },
        ..routed(MAILER, 1)
    }
}

fn portal() -> Service {
    let staging = Stage {
        environment: STAGING.into(),
        route: Some(RouteMatch::of(Some("staging.example.org".into()), "/")),
        soak_seconds: SOAK_SECONDS,
    };
    let usual = routed(PORTAL, 1);
    let stages = [vec![staging], usual.stages.clone()].concat();
    let step = TrafficStep { weight: 50, dwell_seconds: 5, min_requests: 10 };
    let strategy = Strategy::Canary { steps: vec![step] };
    let health = seldom(&usual);
    Service { stages, lock_group: Some(PORTAL.into()), strategy, health, ..usual }
}

fn grid() -> Service {
    let hosts = HOSTS.map(str::to_owned).to_vec();
    let container = Some(Box::new(Container { hosts, ..Container::default() }));
    let step = TrafficStep { weight: 50, dwell_seconds: 5, min_requests: 10 };
    let strategy = Strategy::Canary { steps: vec![step] };
    let usual = routed(GRID, HOSTS.len() as u32);
    let health = seldom(&usual);
    let lock_group = Some(GRID.into());
    Service { container, strategy, health, lock_group, min_serving: 2, ..usual }
}

fn watch() -> WatchSettings {
    WatchSettings {
        seconds: 40,
        last_stretch_seconds: 12,
        min_requests: MIN_REQUESTS,
        extensions: 1,
        grace_seconds: 10,
        alpha: 0.01,
        min_synthetic: 0,
        min_heartbeats: 0,
        good_enough_seconds: None,
        trip_on_alerts: Vec::new(),
        trip_on_new_errors: false,
    }
}

fn routed(name: &str, replicas: u32) -> Service {
    Service {
        name: name.into(),
        stages: vec![Stage { environment: ENVIRONMENT.into(), route: None, soak_seconds: 0 }],
        lock_group: Some("web".into()),
        target: TargetKind::Process,
        container: None,
        compose: None,
        command: vec!["bin/serve".into(), "{port}".into()],
        env: BTreeMap::new(),
        secrets: BTreeMap::from([("TOKEN".into(), "env:TOKEN".into())]),
        replicas,
        min_serving: replicas,
        runs_twice: true,
        fixed_port: None,
        route: Some(RouteMatch::of(Some(format!("{name}.example.org")), "/")),
        health: Health {
            path: Some(HEALTH_PATH.into()),
            every_ms: 1_000,
            timeout_ms: 500,
            in_a_row: 2,
            start_deadline_ms: 15_000,
        },
        smoke: vec![SmokeRequest {
            method: "GET".into(),
            path: SMOKE_PATH.into(),
            status: 200,
            contains: None,
        }],
        slo: Slo { error_share: Some(0.05), p99_ms: None },
        strategy: Strategy::BlueGreen,
        watch: watch(),
        depends_on: Vec::new(),
        infrastructure: Vec::new(),
        budget: None,
        migrations: Migrations::Held,
        drain_ms: 3_000,
        needs: Needs { memory_mb: 64, disk_mb: 10 },
        gap_limit_ms: GAP_MS,
        hold_requests: 1_000,
        signals: Vec::new(),
        adopt: None,
    }
}
