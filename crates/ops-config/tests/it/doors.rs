//! Doors on hosts.

use ops_core::settings::{DoorKind, Doors};

use crate::{MINIMAL, good, read};

/// A file with three hosts, these lines for the edge, and a shop on `hosts`.
fn file(edge: &str, hosts: &str) -> String {
    let (head, _) = MINIMAL.split_once("    command:").unwrap();
    let head = head.replace("services:\n", &format!("edge: {{ {edge} }}\nservices:\n"));
    assert!(head.contains("edge: {"), "{head}");
    format!(
        "{head}    target: docker
    route: {{ path: / }}
    container: {{ port: 8080{hosts} }}
docker:
  hosts:
    a: {{ engine: \"tcp://10.0.0.2:2376\", certificates: /etc/ops/a, address: 10.0.0.2 }}
    b: {{ engine: \"ssh://deploy@10.0.0.3\", address: 10.0.0.3 }}
    c: {{ engine: \"unix:///var/run/docker.sock\", address: 10.0.0.1 }}
"
    )
}

const ON_A_B: &str = ", hosts: [a, b]";
const LISTEN: &str = "listen: [\"0.0.0.0:8080\"]";

#[test]
fn doors_are_containers_or_processes() {
    let doors = |edge: &str, hosts: &str| good(&file(edge, hosts)).edge.doors.unwrap();
    let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
    assert_eq!(
        doors(&format!("hosts: [b, a], {LISTEN}"), ON_A_B),
        Doors { hosts: names(["b", "a"]), kind: DoorKind::Container }
    );
    let process = |program: &str| DoorKind::Process {
        program: program.to_owned(),
        state: "/var/lib/ops".to_owned(),
    };
    assert_eq!(
        doors("hosts: [b, c], as: process, state: /var/lib/ops", ", hosts: [b, c]"),
        Doors { hosts: names(["b", "c"]), kind: process("ops") }
    );
    let edge = "hosts: [b, c], as: process, program: /opt/ops, state: /var/lib/ops";
    assert_eq!(doors(edge, ", hosts: [b]").kind, process("/opt/ops"));
}

#[test]
fn what_does_not_fit_is_named_where_it_stands() {
    for (edge, hosts, place, words) in [
        ("hosts: [a, z], LISTEN", ON_A_B, "edge.hosts.1", "there is no host z"),
        ("hosts: [a, a], LISTEN", ", hosts: [a]", "edge.hosts.1", "a stands here twice"),
        ("hosts: [a, b]", ON_A_B, "edge.hosts", "127.0.0.1:8080 is no address that every host has"),
        (
            "hosts: [a, b], listen: [\"10.0.0.2:80\"]",
            ON_A_B,
            "edge.listen.0",
            "10.0.0.2:80 is no address",
        ),
        (
            "hosts: [a, b], listen: [\"0.0.0.0:0\"]",
            ON_A_B,
            "edge.listen.0",
            "0.0.0.0:0 is no address",
        ),
        ("as: container", "", "edge.as", "there are none"),
        ("state: /x", "", "edge.state", "there are none"),
        ("hosts: [a, b], LISTEN, state: /x", ON_A_B, "edge.state", "the doors are containers"),
        ("hosts: [b], as: process", ", hosts: [b]", "edge.as", "state is not said"),
        ("hosts: [a, b], as: process, state: /x", ON_A_B, "edge.hosts.0", "no way to a process"),
        (
            "hosts: [b], as: process, state: /x, LISTEN",
            ", hosts: [b]",
            "edge.listen",
            "does not read",
        ),
        ("hosts: [a], LISTEN", ON_A_B, "services.shop.container.hosts.1", "no door on b"),
        ("hosts: [a], LISTEN", "", "services.shop.route", "no door reaches shop"),
        (
            "hosts: [a], LISTEN, tls: { listen: [\"0.0.0.0:8443\"], \
             certificates: [{ chain: /c, key: /k }] }",
            ", hosts: [a]",
            "edge.tls",
            "do not speak TLS yet",
        ),
    ] {
        let complaints = read(&file(&edge.replace("LISTEN", LISTEN), hosts)).unwrap_err();
        let said = complaints.to_json();
        let fits = |one: &serde_json::Value| {
            one["path"] == place && one["message"].to_string().contains(words)
        };
        let all = said["complaints"].as_array().unwrap();
        let told = complaints.to_string();
        assert!(all.iter().any(fits), "{edge}: {place}: {words}: {told}");
    }
}

#[test]
fn no_program_and_no_folder_of_a_host_is_more_than_a_word() {
    for bad in ["-x", "\"a b\"", "\"a;b\"", "\"$(a)\"", "\"a'b\"", "\"\""] {
        for key in ["program", "state"] {
            let edge = format!("hosts: [b], as: process, state: /x, {key}: {bad}");
            let edge = if key == "state" { edge.replace("state: /x, ", "") } else { edge };
            assert!(read(&file(&edge, ", hosts: [b]")).is_err(), "{edge}");
        }
    }
}
