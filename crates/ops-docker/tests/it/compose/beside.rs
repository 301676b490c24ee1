//! What stands beside the front: its health, what was changed of it by hand, what it takes and logs.

use std::{fs, io::Write as _, net::TcpStream};

use ops_conformance::{Ground as _, eventually, stamp};
use ops_core::world::{
    OwnHealth::{Healthy, Unhealthy},
    ReleaseSpec, ReplicaState,
};
use ops_docker::DockerTarget;
use ops_engine::ports::{Senses as _, Target as _};

use super::yard::{Yard, done};
use crate::senses::at;

/// A front and a worker that can be spoken to, on a port of the host.
fn shop(yard: &Yard, name: &str, worker: &str) -> ReleaseSpec {
    let port = yard.stand.ports.1;
    let text = format!(
        "version: \"2.4\"
services:
  web:
    image: shop
    command: [serve]
    environment: {{ PORT: 8080 }}
    ports: [\"80:8080\"]
  worker:
    image: shop-worker
    command: [serve]
    environment: {{ PORT: 8080, WORKER: {worker} }}
    ports: [\"127.0.0.1:{port}:8080\"]
    restart: unless-stopped
    mem_limit: 64m
"
    );
    let folder = yard.folder(name, &[("compose.yaml", &text)]);
    let one = &yard.stand.pushed;
    yard.release_of(name, &folder, &[("web", one), ("worker", one)])
}

/// A yard whose front is named, since its worker publishes a port as well.
fn yard(compose: &str) -> Yard {
    let mut yard = Yard::with(compose);
    yard.front = Some("web".to_owned());
    yard
}

/// Makes the health check of a container fail.
fn make_sick(yard: &Yard, id: &str) {
    let file = yard.stand.state().join("sick");
    fs::write(&file, "").unwrap();
    yard.stand.docker(&["cp", file.to_str().unwrap(), &format!("{id}:/sick")]);
}

#[test]
fn p8_what_the_engine_says_of_a_service_s_health_is_told_with_its_name_and_its_release() {
    let yard = yard("v2");
    let target = yard.target();
    let spec = shop(&yard, "abc-1", "a");
    done(|| target.start(stamp(1, 1), &spec));
    eventually("it is well", || yard.beside()["worker"].health == Some(Healthy));
    assert_eq!(yard.beside().len(), 1, "the front's copies are no part of it");
    make_sick(&yard, &yard.seen("worker").unwrap().id);
    eventually("it is sick", || yard.beside()["worker"].health == Some(Unhealthy));
    assert_eq!(yard.beside()["worker"].release, spec.release);
    let id = yard.seen("worker").unwrap().id;
    assert_eq!(yard.beside()["worker"].id, format!("worker ({})", &id[..12]));

    // Whoever pauses it leaves nobody who knows; whoever removes it leaves nobody.
    yard.stand.docker(&["pause", &id]);
    assert_eq!(yard.beside()["worker"].state, ReplicaState::Unknown);
    yard.stand.docker(&["rm", "-f", &id]);
    let gone = yard.beside().remove("worker").unwrap();
    assert_eq!(gone.state, ReplicaState::Stopped);
    assert_eq!(gone.last_exit.as_deref(), Some("somebody's removal"));
}

/// What the survey says of the worker or whoever has its place.
fn changed(yard: &Yard, target: &DockerTarget) -> Vec<String> {
    let view = target.survey(&yard.stand.service(), None).unwrap();
    let words = view.changed.iter().map(|one| format!("{}: {}", one.replica, one.how.join(", ")));
    words.collect()
}

fn what_somebody_changed_is_named(yard: &Yard) {
    let target = yard.target();
    let spec = shop(yard, "abc-1", "a");
    done(|| target.start(stamp(1, 1), &spec));
    yard.stand.wait_for(&[ReplicaState::Running]);
    assert_eq!(changed(yard, &target), [""; 0], "as ops made it");
    let id = yard.seen("worker").unwrap().id;
    yard.stand.docker(&["update", "--memory", "32m", "--memory-swap", "32m", &id]);
    let told = changed(yard, &target).join("; ");
    assert!(told.starts_with("worker (") && told.contains("limit of memory is 33554432"), "{told}");
    yard.stand.docker(&["update", "--memory", "64m", "--memory-swap", "128m", &id]);
    assert_eq!(changed(yard, &target), [""; 0]);
    yard.stand.docker(&["stop", &id]);
    let told = changed(yard, &target).join("; ");
    assert!(told.contains("it does not run since exit status 0"), "{told}");
    yard.stand.docker(&["start", &id]);
    assert_eq!(changed(yard, &target), [""; 0]);

    // Somebody runs Compose by hand, with another variable: it takes ops's container away.
    let folder = yard.folder("by-hand", &[]);
    fs::create_dir_all(&folder).unwrap();
    let image = yard.stand.docker(&["inspect", "-f", "{{.Image}}", &id]);
    let text = format!(
        "version: \"2.4\"\nservices:\n  worker:\n    image: \"{image}\"\n    command: [serve]\n    \
         environment: {{ HAND: made }}\n"
    );
    fs::write(folder.join("compose.yaml"), text).unwrap();
    let ran = std::process::Command::new(&yard.program)
        .args(["-p", &yard.project(), "-f", "compose.yaml", "up", "-d", "worker"])
        .env("DOCKER_HOST", format!("unix://{}", yard.stand.socket.display()))
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let told = changed(yard, &target).join("; ");
    assert!(told.contains("it is gone, and one that ops has not made has its name"), "{told}");
    assert!(told.contains("variable HAND is new"), "{told}");
    assert!(!told.contains("made it with made") && !told.contains("HAND=made"), "{told}");
    assert!(told.contains("ops has not made it, and it is of the project"), "{told}");
}

#[test]
fn what_somebody_changed_of_a_project_by_hand_is_named_with_compose_1() {
    what_somebody_changed_is_named(&yard("v1"));
}

#[test]
fn what_somebody_changed_of_a_project_by_hand_is_named_with_compose_2() {
    what_somebody_changed_is_named(&yard("v2"));
}

#[test]
fn what_a_service_takes_and_logs_is_told_with_its_name() {
    let yard = yard("v2");
    let target = yard.target();
    let spec = shop(&yard, "abc-1", "a");
    done(|| target.start(stamp(1, 1), &spec));
    yard.stand.wait_for(&[ReplicaState::Running]);
    target.logs(&spec.service, &at(1_000)).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", yard.stand.ports.1)).unwrap();
    stream.write_all(b"GET /log/ERROR_no_queue_for_7 HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
    let mut ms = 1_000;
    eventually("it is heard", || {
        ms += 1_000;
        let read = target.logs(&spec.service, &at(ms)).unwrap();
        assert!(read.counts.iter().all(|count| !count.template.contains("queue")), "{read:?}");
        let heard = read.beside.iter().find(|count| count.template.starts_with("worker: "));
        heard.is_some_and(|count| {
            assert_eq!((&count.release, count.lines), (&spec.release, 1));
            count.template.contains("no queue")
        })
    });
    let usage = target.usage(&spec.service).unwrap();
    let worker = usage.iter().find(|one| one.beside).unwrap();
    assert!(worker.replica.starts_with("worker ("), "{worker:?}");
    assert_eq!((worker.memory_limit, worker.oom_kills), (Some(64 << 20), 0));
    assert!(worker.memory > 0);
    assert_eq!(usage.iter().filter(|one| !one.beside).count(), 1, "the front's copy");
}
