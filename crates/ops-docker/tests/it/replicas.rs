//! What a container is made of, and what becomes of it.

use std::process::Command;

use ops_conformance::{Ground as _, done, eventually, stamp};
use ops_core::world::{
    ReplicaState::{Running, Stopped, Unknown},
    Volume,
};
use ops_engine::ports::{ActError, Target as _};

use crate::stand::Stand;

/// Ends the process of the first replica as the kernel would.
fn kill(stand: &Stand) {
    let id = stand.view().replicas[0].id.clone();
    let pid = stand.docker(&["inspect", "--format", "{{.State.Pid}}", &id]);
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
}

#[test]
fn a_container_has_what_its_specification_says_and_nothing_more() {
    let stand = Stand::new();
    let test_label = format!("ops.test={}", stand.name);
    let (volume, network) = (format!("{}-data", stand.name), format!("{}-net", stand.name));
    stand.docker(&["volume", "create", "--label", &test_label, &volume]);
    stand.docker(&["network", "create", "--label", &test_label, &network]);
    let mut spec = Stand::with_container(stand.one("abc-1"), |container| {
        container.volumes =
            vec![Volume { source: volume.clone(), target: "/data".to_owned(), read_only: false }];
        container.networks = vec![network.clone(), "bridge".to_owned()];
        container.labels = vec![("team".to_owned(), "shop".to_owned())];
        container.memory_bytes = Some(64 * 1024 * 1024);
        container.cpu_millis = Some(500);
        container.user = Some("1234:1234".to_owned());
    });
    spec.env = vec![("COLOUR".to_owned(), "blue".to_owned())];
    spec.command.push("--listen={port}".to_owned());
    done(|| stand.target().start(stamp(3, 7), &spec));
    stand.wait_for(&[Running]);
    let name = format!("ops-{}-abc-1-0", stand.name);
    assert_eq!(stand.containers(), [name.as_str()]);
    let text = stand.docker(&["inspect", &name]);
    let seen: serde_json::Value = serde_json::from_str(&text).unwrap();
    let (config, host) = (&seen[0]["Config"], &seen[0]["HostConfig"]);
    assert_eq!(config["Cmd"], serde_json::json!(["serve", "--listen=8080"]));
    assert_eq!(config["User"], "1234:1234");
    assert_eq!(config["StopTimeout"], 10);
    assert_eq!(config["Healthcheck"]["Test"], serde_json::json!(["NONE"]));
    let labels = &config["Labels"];
    assert_eq!(labels["team"], "shop");
    assert_eq!(labels["ops.release"], "abc-1");
    assert_eq!(labels["ops.artifact"], spec.artifact.as_str());
    assert_eq!(labels["ops.stamp"], "3.1.7");
    assert_eq!(host["Memory"], 64 * 1024 * 1024);
    assert_eq!(host["NanoCpus"], 500_000_000);
    assert_eq!(host["RestartPolicy"]["Name"], "unless-stopped");
    assert_eq!(host["LogConfig"]["Config"]["max-size"], "1024k");
    let networks = seen[0]["NetworkSettings"]["Networks"].as_object().unwrap();
    assert!(networks.contains_key(&network) && networks.contains_key("bridge"), "{networks:?}");
    let port: u16 =
        host["PortBindings"]["8080/tcp"][0]["HostPort"].as_str().unwrap().parse().unwrap();
    assert_eq!(host["PortBindings"]["8080/tcp"][0]["HostIp"], "127.0.0.1");
    assert!((stand.ports.0..=stand.ports.1).contains(&port));
    assert_eq!(stand.ask("/env/COLOUR"), "blue");
    assert_eq!(stand.ask("/env/OPS_SERVICE"), stand.name);
    assert_eq!(stand.ask("/env/OPS_RELEASE"), "abc-1");
    assert_eq!(stand.ask("/env/PORT"), "8080");
    assert_eq!(stand.ask("/file/mark"), "one");
}

#[test]
fn the_health_check_of_the_image_runs_where_it_is_wanted() {
    let stand = Stand::new();
    let spec = Stand::with_container(stand.one("abc-1"), |one| one.image_health = true);
    done(|| stand.target().start(stamp(1, 1), &spec));
    let id = stand.view().replicas[0].id.clone();
    eventually("the engine's verdict", || {
        stand.docker(&["inspect", "--format", "{{.State.Health.Status}}", &id]) == "healthy"
    });
}

#[test]
fn the_engine_restarts_what_dies_and_how_it_died_is_told() {
    let stand = Stand::new();
    done(|| stand.target().start(stamp(1, 1), &stand.one("abc-1")));
    stand.wait_for(&[Running]);
    kill(&stand);
    eventually("it runs again", || {
        let seen = &stand.view().replicas[0];
        seen.restarts == 1 && seen.state == Running
    });
    assert_eq!(stand.view().replicas[0].last_exit.as_deref(), Some("exit status 137 (signal 9)"));
    assert_eq!(stand.ask("/"), "ok");
}

#[test]
fn a_kill_for_memory_is_told_with_its_limit() {
    let stand = Stand::new();
    let mut spec = Stand::with_container(stand.one("abc-1"), |container| {
        container.memory_bytes = Some(32 * 1024 * 1024);
        container.port = None;
    });
    spec.command = vec!["eat".to_owned()];
    done(|| stand.target().start(stamp(1, 1), &spec));
    eventually("its end", || {
        let exit = stand.view().replicas[0].last_exit.clone().unwrap_or_default();
        exit.contains("out of memory (its limit is 32 MiB)")
    });
}

#[test]
fn a_worker_without_a_port_has_no_address() {
    let stand = Stand::new();
    let spec = Stand::with_container(stand.one("abc-1"), |container| container.port = None);
    done(|| stand.target().start(stamp(1, 1), &spec));
    stand.wait_for(&[Running]);
    assert_eq!(stand.view().replicas[0].address, None);
}

#[test]
fn what_somebody_froze_is_unknown_and_the_next_act_frees_it() {
    let stand = Stand::new();
    let (target, spec) = (stand.target(), stand.one("abc-1"));
    done(|| target.start(stamp(1, 1), &spec));
    stand.wait_for(&[Running]);
    let id = stand.view().replicas[0].id.clone();
    stand.docker(&["pause", &id]);
    stand.wait_for(&[Unknown]);
    done(|| target.start(stamp(1, 2), &spec));
    stand.wait_for(&[Running]);
    stand.docker(&["pause", &id]);
    done(|| target.stop(stamp(1, 3), &stand.service(), &spec.release));
    stand.wait_for(&[Stopped]);
}

#[test]
fn what_somebody_stopped_or_removed_by_hand_is_seen_and_made_again() {
    let stand = Stand::new();
    let (target, spec) = (stand.target(), stand.one("abc-1"));
    done(|| target.start(stamp(1, 1), &spec));
    stand.wait_for(&[Running]);
    let id = stand.view().replicas[0].id.clone();
    stand.docker(&["stop", &id]);
    stand.wait_for(&[Stopped]);
    done(|| target.start(stamp(1, 1), &spec));
    stand.wait_for(&[Running]);
    stand.docker(&["rm", "-f", &id]);
    stand.wait_for(&[]);
    done(|| target.start(stamp(1, 1), &spec));
    stand.wait_for(&[Running]);
    assert_eq!(stand.ask("/"), "ok");
}

#[test]
fn a_program_that_the_image_lacks_is_refused_and_leaves_nothing() {
    let stand = Stand::new();
    let target = stand.target();
    let bad = Stand::with_container(stand.one("abc-1"), |one| {
        one.networks = vec!["no-such-network".to_owned()];
    });
    let answer = target.start(stamp(1, 1), &bad);
    assert!(matches!(answer, Err(ActError::NotApplied(_))), "{answer:?}");
    let bad = Stand::with_container(stand.one("abc-1"), |one| {
        one.volumes = vec![Volume {
            source: "/nowhere/at/all".to_owned(),
            target: "/data".to_owned(),
            read_only: true,
        }];
    });
    let answer = target.start(stamp(1, 2), &bad);
    assert!(matches!(answer, Err(ActError::NotApplied(_))), "{answer:?}");
    let bad = Stand::with_container(stand.one("abc-1"), |one| {
        one.user = Some("nobody-here".to_owned());
    });
    let answer = target.start(stamp(1, 3), &bad);
    assert!(matches!(answer, Err(ActError::NotApplied(_))), "{answer:?}");
    assert_eq!(stand.containers(), [""; 0]);
}

#[test]
fn a_specification_that_is_no_container_is_refused() {
    let stand = Stand::new();
    let target = stand.target();
    let good = stand.one("abc-1");
    let mut process = good.clone();
    process.container = None;
    let other = Stand::with_container(good.clone(), |container| {
        container.image = format!("127.0.0.1:5000/x@{}", ops_core::id::Digest::of(b"other"));
    });
    let own_label = Stand::with_container(good.clone(), |container| {
        container.labels = vec![("ops.token".to_owned(), "mine".to_owned())];
    });
    for bad in [process, other, own_label] {
        let answer = target.start(stamp(1, 1), &bad);
        assert!(matches!(answer, Err(ActError::NotApplied(_))), "{answer:?}");
    }
    assert_eq!(stand.containers(), [""; 0]);
}
