//! Hosts that run containers.

use ops_core::settings::Reach;

use crate::{MINIMAL, good, read};

/// A file with these hosts, and one service of these lines.
fn file(hosts: &str, lines: &str) -> String {
    let (head, _) = MINIMAL.split_once("    command:").unwrap();
    let mut text = format!("{head}    target: docker\n");
    for line in lines.lines() {
        text.push_str("    ");
        text.push_str(line);
        text.push('\n');
    }
    text.push_str("docker:\n  hosts:\n");
    for line in hosts.lines() {
        text.push_str("    ");
        text.push_str(line);
        text.push('\n');
    }
    text
}

const HOSTS: &str =
    "a: { engine: \"tcp://10.0.0.2:2376\", certificates: /etc/ops/a, address: 10.0.0.2 }
b: { engine: \"ssh://deploy@10.0.0.3:2222\", ssh_config: /etc/ops/ssh, address: 10.0.0.3 }
c: { engine: \"unix:///var/run/docker.sock\", address: 10.0.0.1 }";

fn complaint(hosts: &str, lines: &str) -> String {
    read(&file(hosts, lines)).unwrap_err().to_string()
}

#[test]
fn hosts_are_reached_over_tls_through_ssh_or_by_a_socket() {
    let settings = good(&file(HOSTS, "container: { hosts: [b, a, c], batch: 2 }"));
    let reach = |name: &str| settings.docker.hosts[name].engine.clone();
    let certificates = "/etc/ops/a".to_owned();
    assert_eq!(reach("a"), Reach::Tls { host: "10.0.0.2:2376".to_owned(), certificates });
    let host = "deploy@10.0.0.3:2222".to_owned();
    assert_eq!(reach("b"), Reach::Ssh { host, config: Some("/etc/ops/ssh".to_owned()) });
    assert_eq!(reach("c"), Reach::Socket { path: "/var/run/docker.sock".to_owned() });
    let service = &settings.services[&"shop".into()];
    assert_eq!(service.replicas, 3, "one on each host");
    assert_eq!(service.min_serving, 2);
    let container = service.container.as_ref().unwrap();
    assert_eq!((container.hosts.join(" "), container.batch), ("b a c".to_owned(), Some(2)));
}

#[test]
fn what_does_not_fit_is_named() {
    let two = "container: { hosts: [a, b] }\nreplicas: 3";
    for (hosts, lines, words) in [
        (HOSTS, "container: { hosts: [a, z] }", "there is no host z"),
        (HOSTS, "container: { hosts: [a, a] }", "a stands here twice"),
        (HOSTS, two, "3 replicas cannot be shared equally by 2 hosts"),
        (HOSTS, "container: { hosts: [a], batch: 2 }", "no hosts to go through in batches"),
        ("a: { engine: \"tcp://h:2376\", address: 10.0.0.2 }", "{}", "no way without TLS"),
        (
            "a: { engine: \"ssh://h\", certificates: /x, address: 10.0.0.2 }",
            "{}",
            "says nothing about this engine",
        ),
        (
            "a: { engine: \"unix:///s\", ssh_config: /x, address: 10.0.0.2 }",
            "{}",
            "`ssh_config` says nothing about this engine",
        ),
        ("a: { engine: \"ssh://h\", address: shop.example.org }", "{}", "an IPv4 address"),
    ] {
        let lines = if lines == "{}" { "replicas: 1" } else { lines };
        let said = complaint(hosts, lines);
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn no_engine_can_be_taken_for_an_option_of_a_program() {
    for engine in
        ["ssh://-oProxyCommand=x", "ssh://a@-x", "ssh://-x@a", "http://h:1", "ssh://h:0", "tcp://h"]
    {
        let said =
            complaint(&format!("a: {{ engine: \"{engine}\", address: 10.0.0.2 }}"), "replicas: 1");
        assert!(said.contains("ssh://user@host"), "{engine}: {said}");
    }
}
