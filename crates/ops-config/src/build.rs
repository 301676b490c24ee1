//! Builds the settings from a checked tree; every default of `ops.yaml` stands here and in
//! `build/service.rs`.

mod advisor;
mod around;
mod door;
mod gate;
mod reports;
mod service;
mod signal;

use std::collections::BTreeMap;

use ops_core::{
    id::{EnvironmentName, Identity, ServiceName},
    settings::{
        Boards, DevTeam, DockerEngine, DockerHost, Environment, Gateway, HostLimits, People, Reach,
        Retention, Revision, Role, Settings,
    },
};

use crate::{
    node::{Node, Value},
    view::View,
};

/// Ports of the environment that exists where none is written.
const PORTS: (u16, u16) = (20_000, 20_999);
const CERTIFICATE_DAYS: u32 = 14;
/// Its name, and the stage of services that name none.
pub(crate) const PRODUCTION: &str = "production";
const HEARTBEAT_SECONDS: u64 = 15 * 60;

/// Takes everything over. Values that do not fit are replaced by their defaults: the check has
/// complained about them, and the rules may go on with the rest.
pub(crate) fn build(file: View<'_>, revision: Revision) -> Settings {
    let services = file.named("services").into_iter().map(|(name, node)| {
        let name = ServiceName::new(name);
        (name.clone(), service::build(name, file.over(node)))
    });
    Settings {
        project: file.text("project").unwrap_or_default(),
        revision,
        environments: environments(file),
        services: services.collect(),
        people: people(file),
        gate: gate::gate(file),
        notify: gate::notify(file),
        boards: boards(file.child("boards")),
        edge: door::edge(file.child("edge")),
        docker: docker(file.child("docker")),
        retention: retention(file.child("retention")),
        heartbeat_seconds: file.seconds("heartbeat").unwrap_or(HEARTBEAT_SECONDS),
        advisor: file.has("advisor").then(|| advisor::advisor(file.child("advisor"))).flatten(),
        reports: reports::reports(file.child("reports")),
    }
}

fn environments(file: View<'_>) -> BTreeMap<EnvironmentName, Environment> {
    let environment = |name: &str, view: View<'_>| {
        let name = EnvironmentName::from(name);
        let ports = view.ports("ports").unwrap_or(PORTS);
        (name.clone(), Environment { name, ports, host: host(view.child("host")) })
    };
    if !file.has("environments") {
        return BTreeMap::from([environment(PRODUCTION, file.child("environments"))]);
    }
    let named = file.named("environments").into_iter();
    named.map(|(name, node)| environment(name, file.over(node))).collect()
}

fn host(view: View<'_>) -> HostLimits {
    HostLimits {
        load_per_core: view.decimal("load"),
        clock_ms: view.duration("clock"),
        certificates: view.texts("certificates").unwrap_or_default(),
        certificate_days: view.whole("certificate_days").unwrap_or(CERTIFICATE_DAYS),
    }
}

fn people(file: View<'_>) -> People {
    let roles: BTreeMap<Identity, Vec<Role>> = file
        .named("people")
        .into_iter()
        .map(|(who, node)| (Identity::from(who), roles(file, node)))
        .collect();
    let owners = || {
        let po = roles.iter().filter(|(_, roles)| roles.contains(&Role::Po));
        po.map(|(who, _)| who.clone()).collect()
    };
    let operators = file
        .texts("operators")
        .map_or_else(owners, |texts| texts.into_iter().map(Identity::new).collect());
    People { roles, operators, solo: file.flag("solo").unwrap_or(false) }
}

fn roles(file: View<'_>, node: &Node) -> Vec<Role> {
    let one = |node: &Node| file.keep(node, node.scalar().and_then(role));
    let mut roles: Vec<Role> = match &node.value {
        Value::List(items) => items.iter().filter_map(one).collect(),
        _ => one(node).into_iter().collect(),
    };
    roles.sort();
    roles.dedup();
    roles
}

fn role(word: &str) -> Option<Role> {
    Some(match word {
        "po" => Role::Po,
        "dev" => Role::Dev,
        "cq" => Role::Cq,
        "qa" => Role::Qa,
        "ops" => Role::Ops,
        "human" => Role::Human,
        _ => return None,
    })
}

fn boards(view: View<'_>) -> Boards {
    let (embedded, guest) = (view.child("embedded"), view.child("devteam"));
    if view.has("devteam") {
        return Boards {
            me: Identity::new(guest.text("me").unwrap_or_else(|| "ops@devteam.local".to_owned())),
            channel: guest.text("channel").unwrap_or_else(|| "standup".to_owned()),
            devteam: Some(DevTeam {
                planning: guest.text("planning"),
                meeting: guest.text("meeting"),
                planning_token: guest.text("planning_token"),
                meeting_token: guest.text("meeting_token"),
                gateway: guest.text("gateway"),
                gateway_token: guest.text("gateway_token"),
            }),
            ..embedded_boards(embedded)
        };
    }
    embedded_boards(embedded)
}

fn embedded_boards(embedded: View<'_>) -> Boards {
    Boards {
        listen: embedded.text("listen").unwrap_or_else(|| "127.0.0.1:8088".to_owned()),
        me: Identity::new(embedded.text("me").unwrap_or_else(|| "ops@example.org".to_owned())),
        channel: embedded.text("channel").unwrap_or_else(|| "standup".to_owned()),
        permissive: embedded.flag("permissive").unwrap_or(false),
        gateways: gateways(embedded),
        devteam: None,
    }
}

fn gateways(embedded: View<'_>) -> BTreeMap<Identity, Gateway> {
    let gateway = |(who, node)| {
        let view: View<'_> = embedded.over(node);
        let gateway = Gateway {
            url: view.text("url").unwrap_or_default(),
            token: view.text("token"),
            watch: view.texts("watch").unwrap_or_default(),
        };
        (Identity::from(who), gateway)
    };
    embedded.named("gateways").into_iter().map(gateway).collect()
}

fn docker(view: View<'_>) -> DockerEngine {
    let hosts = view.named("hosts").into_iter().filter_map(|(name, node)| {
        let view: View<'_> = view.over(node);
        let address = view.text("address")?.parse().ok()?;
        let engine = view.text("engine")?;
        let reach = if let Some(path) = engine.strip_prefix("unix://") {
            Reach::Socket { path: path.to_owned() }
        } else if let Some(host) = engine.strip_prefix("tcp://") {
            let certificates = view.text("certificates").unwrap_or_default();
            Reach::Tls { host: host.to_owned(), certificates }
        } else {
            let host = engine.strip_prefix("ssh://")?.to_owned();
            Reach::Ssh { host, config: view.text("ssh_config") }
        };
        Some((name.to_owned(), DockerHost { engine: reach, address }))
    });
    let socket = view.text("socket").unwrap_or_else(|| DockerEngine::default().socket);
    DockerEngine { socket, hosts: hosts.collect() }
}

fn retention(view: View<'_>) -> Retention {
    Retention {
        releases: view.whole("releases").unwrap_or(5),
        store_mb: view.megabytes("store").unwrap_or(5_000),
        log_mb: view.megabytes("logs").unwrap_or(100),
    }
}
