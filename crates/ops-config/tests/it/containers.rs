//! Services that run as containers.

use ops_core::settings::{Strategy, TargetKind};

use crate::{MINIMAL, good, read};

/// A file with one service of these lines.
fn file(lines: &str) -> String {
    let (head, _) = MINIMAL.split_once("    command:").unwrap();
    let mut text = head.to_owned();
    for line in lines.lines() {
        text.push_str("    ");
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn complaint(lines: &str) -> String {
    read(&file(lines)).unwrap_err().to_string()
}

#[test]
fn a_container_is_taken_over_whole() {
    let settings = good(&file(
        "target: docker\nroute: { path: / }\ncontainer:\n  port: 8080\n  volumes: [data:/var/lib/shop, \
         /etc/shop:/etc/shop:ro]\n  networks: [backend]\n  labels: { team: shop }\n  memory: 64MB\n  \
         cpus: 0.5\n  user: \"1000:1000\"\n  image_health: true",
    ));
    let service = &settings.services[&"shop".into()];
    assert_eq!(service.target, TargetKind::Docker);
    assert!(service.command.is_empty(), "the image's own");
    insta::assert_json_snapshot!(service.container);
}

#[test]
fn the_images_own_health_check_counts_where_opsyaml_names_none() {
    let images = |lines: &str| {
        let settings = good(&file(&format!("target: docker\n{lines}")));
        settings.services[&"shop".into()].container.as_ref().unwrap().image_health
    };
    assert!(images(""));
    assert!(images("container: { image_health: true }\nhealth: { path: /healthz }"));
    assert!(!images("health: { path: /healthz }"));
    let said = complaint("target: docker\ncontainer: { image_health: false }");
    assert!(said.contains("nothing would tell whether it is healthy"), "{said}");
}

#[test]
fn a_route_needs_the_port_inside() {
    let said = complaint("target: docker\nroute: { path: / }");
    assert!(said.contains("nobody knows its port"), "{said}");
}

#[test]
fn a_container_belongs_to_no_process_and_a_process_needs_its_command() {
    let said = complaint("command: [bin/shop]\ncontainer: { port: 80 }");
    assert!(said.contains("`container` says nothing about a process"), "{said}");
    let said = complaint("route: { path: / }");
    assert!(said.contains("`command` is missing"), "{said}");
}

#[test]
fn what_is_mounted_must_say_from_where_to_where() {
    for volume in ["data", "data:relative", "/a:/b:rw", ":/x"] {
        let said = complaint(&format!("target: docker\ncontainer: {{ volumes: [\"{volume}\"] }}"));
        assert!(said.contains("NAME:/inside"), "{volume}: {said}");
    }
    for label in ["ops.stamp", "a b"] {
        let said = complaint(&format!("target: docker\ncontainer: {{ labels: {{ {label}: x }} }}"));
        assert!(said.contains("label"), "{label}: {said}");
    }
}

#[test]
fn the_example_is_read_as_it_stands() {
    let settings = good(include_str!("../../../../examples/docker/ops.yaml"));
    let shop = &settings.services[&"shop".into()];
    assert_eq!(shop.container.as_ref().and_then(|container| container.port), Some(8080));
}

#[test]
fn the_example_in_a_container_has_services_and_door_on_the_machine_under_it() {
    let settings = good(include_str!("../../../../examples/devteam/ops.yaml"));
    let door = settings.edge.doors.as_ref().map(|doors| &doors.hosts);
    let shop = &settings.services[&"shop".into()];
    assert_eq!(door.map(Vec::as_slice), Some(shop.hosts()));
    assert!(settings.boards.devteam.is_some_and(|devteam| devteam.gateway.is_some()));
}

#[test]
fn a_project_is_taken_over_whole_and_has_defaults() {
    let settings = good(&file(
        "target: compose\nroute: { path: / }\ncompose: { file: deploy/compose.yaml, project: store, \
         front: web, port: 8080 }",
    ));
    let service = &settings.services[&"shop".into()];
    assert_eq!(service.target, TargetKind::Compose);
    insta::assert_json_snapshot!(service.compose);
    let settings = good(&file("target: compose\nroute: { path: / }"));
    insta::assert_json_snapshot!(settings.services[&"shop".into()].compose);
    let settings = good(&file("target: compose\nwatch: { for: 1m, min_heartbeats: 30 }"));
    let service = &settings.services[&"shop".into()];
    assert!(service.compose.as_ref().is_some_and(|compose| compose.without_door));
    assert_eq!((&service.strategy, service.runs_twice), (&Strategy::Recreate, false));
    assert_eq!((service.min_serving, service.replicas), (0, 1));
}

#[test]
fn what_a_project_does_not_take_is_said_with_its_place() {
    for (lines, why) in [
        ("target: compose\ncompose: { front: web }", "nothing of it is its front"),
        ("target: compose\ncompose: { port: 80 }", "nothing of it is its front"),
        ("target: compose\nstrategy: blue-green", "there is one set"),
        ("target: compose\nruns_twice: true\nstrategy: blue-green", "so it cannot run twice"),
        (
            "target: compose\nruns_twice: false\nstrategy: { recreate: { gap_limit: 5s } }",
            "no door holds anything",
        ),
        ("target: compose\nreplicas: 2", "2 copies of a whole project"),
        ("target: compose\nhealth: { path: /healthz }", "ops asks nothing of a project"),
        ("target: compose\nfixed_port: 80", "ops asks nothing of a project"),
        ("target: compose\nroute: { path: / }\ncommand: [bin/shop]", "`command` says nothing"),
        (
            "target: compose\nroute: { path: / }\ncontainer: { port: 80 }",
            "`container` says nothing",
        ),
        ("target: docker\ncompose: { file: a.yaml }", "`compose` says nothing about this target"),
        (
            "target: compose\nroute: { path: / }\ncompose: { file: ../a.yaml }",
            "a file within the artifact",
        ),
        (
            "target: compose\nroute: { path: / }\ncompose: { file: /a.yaml }",
            "a file within the artifact",
        ),
        ("target: compose\nroute: { path: / }\ncompose: { project: Shop }", "a project's name"),
    ] {
        let said = complaint(lines);
        assert!(said.contains(why), "{lines}: {said}");
    }
}

#[test]
fn the_example_of_a_project_is_read_as_it_stands() {
    let settings = good(include_str!("../../../../examples/compose/ops.yaml"));
    let shop = &settings.services[&"shop".into()];
    assert_eq!(shop.compose.as_ref().and_then(|compose| compose.front.as_deref()), Some("web"));
}
