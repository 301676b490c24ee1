//! Secrets of ops.yaml reach the services of a project that name them, and nobody else (P13).

use std::{fs, path::PathBuf, process::Command};

use ops_conformance::stamp;
use ops_core::world::{ReleaseSpec, ReplicaState::Running};
use ops_engine::ports::{ActError, Target as _};

use super::yard::{Yard, done, stopped};

const VALUE: &str = "correct-horse-battery";

/// A front and a worker that name a secret, and a database that does not.
fn shop(yard: &Yard, name: &str, value: &str) -> ReleaseSpec {
    let text = "version: \"3.8\"
services:
  web:
    image: shop
    command: [serve]
    environment: { PORT: 8080 }
    ports: [\"80:8080\"]
    secrets: [TOKEN]
  worker:
    image: shop-worker
    command: [serve]
    restart: unless-stopped
    secrets: [TOKEN]
  db:
    image: shop-db
    command: [serve]
    restart: unless-stopped
secrets:
  TOKEN: { file: ./dev-token }
";
    let folder = yard.folder(name, &[("compose.yaml", text)]);
    let one = &yard.stand.pushed;
    let spec = yard.release_of(name, &folder, &[("web", one), ("worker", one), ("db", one)]);
    ReleaseSpec { secrets: vec![("TOKEN".to_owned(), source(yard, value))], ..spec }
}

/// Where a value is, as ops.yaml names it.
fn source(yard: &Yard, value: &str) -> String {
    let path = yard.stand.secrets_dir().with_file_name("source");
    fs::write(&path, value).unwrap();
    format!("file:{}", path.display())
}

/// What a service's container finds, read through its process.
fn inside(yard: &Yard, service: &str) -> String {
    let id = yard.seen(service).unwrap().id;
    let pid = yard.stand.docker(&["inspect", "--format", "{{.State.Pid}}", &id]);
    fs::read_to_string(PathBuf::from(format!("/proc/{pid}/root/run/secrets/TOKEN"))).unwrap()
}

fn kept(yard: &Yard) -> usize {
    fs::read_dir(yard.stand.secrets_dir()).map_or(0, Iterator::count)
}

fn a_value_reaches_who_names_it_and_nobody_else(yard: &Yard) {
    let target = yard.target();
    let old = shop(yard, "abc-1", VALUE);
    done(|| target.start(stamp(1, 1), &old));
    yard.stand.wait_for(&[Running]);
    assert_eq!(yard.stand.ask("/file/run/secrets/TOKEN"), VALUE);
    assert_eq!(inside(yard, "worker"), VALUE);
    let (db, worker) = (yard.seen("db").unwrap(), yard.seen("worker").unwrap());
    let pid = yard.stand.docker(&["inspect", "--format", "{{.State.Pid}}", &db.id]);
    assert!(fs::metadata(format!("/proc/{pid}/root/run/secrets")).is_err(), "it names none");
    for name in yard.containers() {
        assert!(!yard.stand.docker(&["inspect", &name]).contains(VALUE), "{name}");
    }
    let mut grep = Command::new("grep");
    let found = grep.args(["-r", "-l", VALUE]).arg(yard.stand.state()).output().unwrap();
    assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));

    // S16: with another value, who names it is made anew, and nobody else.
    let new = shop(yard, "def-2", "another-value");
    done(|| target.start(stamp(1, 2), &new));
    assert_eq!(inside(yard, "worker"), "another-value");
    assert_ne!(yard.seen("worker").unwrap().id, worker.id);
    assert_eq!(yard.seen("db").as_ref(), Some(&db));
    assert_eq!(yard.stand.ask("/file/run/secrets/TOKEN"), VALUE, "the old front keeps what it has");

    // The way back is the previous value.
    let old = shop(yard, "abc-1", VALUE);
    done(|| target.start(stamp(1, 3), &old));
    assert_eq!(inside(yard, "worker"), VALUE);
    stopped(yard, &target, 4, &new);
    done(|| target.remove(stamp(1, 5), &new.service, &new.release));
    assert_eq!(kept(yard), 1, "what nobody mounts is gone");

    // S18: what a reboot leaves, and that nothing starts without its secrets.
    let worker = yard.seen("worker").unwrap().id;
    yard.stand.docker(&["kill", &worker]);
    fs::remove_dir_all(yard.stand.secrets_dir()).unwrap();
    assert!(!yard.stand.docker_says(&["start", &worker]).status.success(), "not without them");
    let restored = yard.target().restore().unwrap();
    assert_eq!(restored.failed, vec![]);
    assert_eq!(inside(yard, "worker"), VALUE);

    stopped(yard, &target, 6, &old);
    done(|| target.remove(stamp(1, 7), &old.service, &old.release));
    assert_eq!((kept(yard), yard.containers()), (0, vec![]));
}

#[test]
fn p13_s16_s18_a_secret_reaches_who_names_it_with_compose_1() {
    a_value_reaches_who_names_it_and_nobody_else(&Yard::with("v1"));
}

#[test]
fn p13_s16_s18_a_secret_reaches_who_names_it_with_compose_2() {
    a_value_reaches_who_names_it_and_nobody_else(&Yard::with("v2"));
}

#[test]
fn a_secret_that_no_service_names_or_that_has_no_value_is_told_before_anything_is_made() {
    let yard = Yard::with("v2");
    for (name, reference, why) in [
        ("OTHER", source(&yard, VALUE), "no service of the project's file names the secret OTHER"),
        ("TOKEN", "file:/nowhere/at/all".to_owned(), "secret TOKEN"),
    ] {
        let spec = shop(&yard, "abc-1", VALUE);
        let spec = ReleaseSpec { secrets: vec![(name.to_owned(), reference)], ..spec };
        let refused = yard.target().start(stamp(1, 1), &spec);
        let Err(ActError::NotApplied(fault)) = refused else { panic!("{refused:?}") };
        assert!(fault.to_string().contains(why) && !fault.to_string().contains(VALUE), "{fault}");
        assert_eq!(yard.containers(), [""; 0]);
    }
    assert_eq!(yard.stand.view().replicas, []);
}
