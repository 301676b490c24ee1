//! Compose projects on a real engine, with both versions of Compose.

mod bad;
mod beside;
mod secrets;
mod without_door;
pub(crate) mod yard;

use ops_conformance::stamp;
use ops_core::world::{ReleaseSpec, ReplicaState::Running};
use ops_engine::ports::{ActError, Target as _};
use yard::{Yard, done, stopped};

use crate::image::Pushed;

/// The suite that every target is run through, with the older Compose and the newer one.
mod conformance_1 {
    ops_conformance::suite!(crate::compose::yard::Yard::with("v1"));
}

mod conformance_2 {
    ops_conformance::suite!(crate::compose::yard::Yard::with("v2"));
}

/// A front, what it needs, and somebody who needs that too. `x` is what a version changes.
fn file(version: &str, worker: &str) -> String {
    format!(
        "version: \"3.8\"
services:
  web:
    image: shop
    command: [serve]
    environment: {{ PORT: 8080, VERSION: {version} }}
    ports: [\"80:8080\"]
    depends_on: [db]
  worker:
    image: shop-worker
    command: [serve]
    env_file: worker.env
    environment: {{ WORKER: {worker} }}
    depends_on: [db]
  db:
    image: shop-db
    command: [serve]
    volumes: [\"data:/data\", \"./db.conf:/etc/db.conf:ro\"]
volumes: {{ data: {{}} }}
"
    )
}

struct Shipped<'a> {
    version: &'a str,
    worker: &'a str,
    env: &'a str,
    conf: &'a str,
    db: &'a Pushed,
}

fn release(yard: &Yard, name: &str, wanted: &Shipped<'_>) -> ReleaseSpec {
    let text = file(wanted.version, wanted.worker);
    let files = [("compose.yaml", &*text), ("worker.env", wanted.env), ("db.conf", wanted.conf)];
    let folder = yard.folder(name, &files);
    let one = &yard.stand.pushed;
    yard.release_of(name, &folder, &[("web", one), ("worker", one), ("db", wanted.db)])
}

fn label(yard: &Yard, service: &str, template: &str) -> String {
    let id = yard.seen(service).unwrap().id;
    yard.stand.docker(&["inspect", "-f", template, &id])
}

/// Ship, ship again, go back: what changed is made anew, nothing else is touched, and all of it
/// comes back.
fn only_what_changed_is_touched_and_the_way_back_brings_the_others_too(yard: &Yard) {
    let target = yard.target();
    let (one, two) = (yard.stand.pushed.clone(), yard.second.clone());
    let first = Shipped { version: "v1", worker: "a", env: "E=1", conf: "one", db: &one };
    let old = release(yard, "abc-1", &first);
    done(|| target.start(stamp(1, 1), &old));
    yard.stand.wait_for(&[Running]);
    assert_eq!(yard.stand.ask("/env/VERSION"), "v1");
    let (db, worker) = (yard.seen("db").unwrap(), yard.seen("worker").unwrap());
    assert!(db.started < worker.started, "dependencies come first");
    assert_eq!(yard.seen("web"), None, "the team's own front is not started");

    // Given again, and for a copy beside: nobody is touched.
    done(|| target.start(stamp(1, 2), &old));
    let beside = ReleaseSpec { release: "abc-1-rehearsed".into(), ..old.clone() };
    done(|| target.start(stamp(1, 3), &beside));
    yard.stand.wait_for(&[Running, Running]);
    assert_eq!((yard.seen("db"), yard.seen("worker")), (Some(db.clone()), Some(worker.clone())));
    stopped(yard, &target, 4, &beside);
    done(|| target.remove(stamp(1, 5), &beside.service, &beside.release));
    assert_eq!((yard.seen("db"), yard.seen("worker")), (Some(db.clone()), Some(worker.clone())));

    // Only an env file of the worker changes, and the front.
    let second = Shipped { version: "v2", env: "E=2", ..first };
    let new = release(yard, "def-2", &second);
    done(|| target.start(stamp(1, 6), &new));
    yard.stand.wait_for(&[Running, Running]);
    let changed = yard.seen("worker").unwrap();
    assert_eq!(yard.seen("db").as_ref(), Some(&db));
    assert_ne!(changed.id, worker.id);
    assert!(label(yard, "worker", "{{.Config.Env}}").contains("E=2"));
    assert_eq!(yard.stand.ask("/env/VERSION"), "v1", "the old front serves on");
    done(|| target.start(stamp(1, 7), &old));
    let back = yard.seen("worker").unwrap();
    assert!(label(yard, "worker", "{{.Config.Env}}").contains("E=1"), "the worker is back");
    assert_eq!(yard.seen("db").as_ref(), Some(&db));
    stopped(yard, &target, 8, &new);
    done(|| target.remove(stamp(1, 9), &new.service, &new.release));
    assert_eq!(yard.seen("worker").as_ref(), Some(&back));

    // A mounted file and an image change: the database is made anew, before who needs it.
    let third = Shipped { version: "v3", worker: "b", conf: "two", db: &two, ..first };
    let new = release(yard, "ghi-3", &third);
    done(|| target.start(stamp(1, 10), &new));
    let (db, worker) = (yard.seen("db").unwrap(), yard.seen("worker").unwrap());
    assert!(db.started < worker.started, "in the order of dependencies");
    let content = |source: &str| std::fs::read_to_string(source).unwrap();
    let mounted = "{{range .Mounts}}{{if eq .Type \"bind\"}}{{.Source}}{{end}}{{end}}";
    assert_eq!(content(&label(yard, "db", mounted)), "two");
    let image = label(yard, "db", "{{.Image}}");
    done(|| target.start(stamp(1, 11), &old));
    assert_eq!(content(&label(yard, "db", mounted)), "one");
    assert_ne!(label(yard, "db", "{{.Image}}"), image);
    stopped(yard, &target, 12, &new);
    done(|| target.remove(stamp(1, 13), &new.service, &new.release));

    // The last one takes the others with it.
    stopped(yard, &target, 14, &old);
    assert!(yard.seen("db").is_some(), "they stand as long as a release is kept");
    done(|| target.remove(stamp(1, 15), &old.service, &old.release));
    assert_eq!(yard.containers(), [""; 0]);
    let networks = format!("label=com.docker.compose.project={}", yard.project());
    assert_eq!(yard.stand.docker(&["network", "ls", "-q", "--filter", &networks]), "");
    let volumes = yard.stand.docker(&["volume", "ls", "-q", "--filter", &networks]);
    assert_ne!(volumes, "", "data stays");
}

#[test]
fn p2_only_what_changed_is_touched_and_all_comes_back_with_compose_1() {
    only_what_changed_is_touched_and_the_way_back_brings_the_others_too(&Yard::with("v1"));
}

#[test]
fn p2_only_what_changed_is_touched_and_all_comes_back_with_compose_2() {
    only_what_changed_is_touched_and_the_way_back_brings_the_others_too(&Yard::with("v2"));
}

/// A project with only a front.
fn small(yard: &Yard, name: &str, lines: &str) -> ReleaseSpec {
    let text = format!(
        "services:\n  web:\n    image: shop\n    command: [serve]\n    environment: {{ PORT: 8080 \
         }}\n    ports: [\"80:8080\"]\n{lines}"
    );
    let folder = yard.folder(name, &[("compose.yaml", &text)]);
    yard.release_of(name, &folder, &[("web", &yard.stand.pushed)])
}

#[test]
fn a_service_that_the_file_has_no_more_leaves_and_comes_back() {
    let yard = Yard::with("v2");
    let target = yard.target();
    let one = yard.stand.pushed.clone();
    let wanted = Shipped { version: "v1", worker: "a", env: "E=1", conf: "one", db: &one };
    let old = release(&yard, "abc-1", &wanted);
    done(|| target.start(stamp(1, 1), &old));
    let new = small(&yard, "def-2", "");
    done(|| target.start(stamp(1, 2), &new));
    assert_eq!((yard.seen("db"), yard.seen("worker")), (None, None));
    done(|| target.start(stamp(1, 3), &old));
    assert!(yard.seen("db").is_some() && yard.seen("worker").is_some());
}

#[test]
fn p5_whoever_comes_after_a_run_of_compose_that_broke_off_goes_on() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut yard = Yard::with("v2");
    let one = yard.stand.pushed.clone();
    let wanted = Shipped { version: "v1", worker: "a", env: "E=1", conf: "one", db: &one };
    let spec = release(&yard, "abc-1", &wanted);
    let real = yard.program.clone();
    // Each way to break off at each run: before anything was done, and after all was done.
    for (at, how) in [
        (1, "exit 1"),
        (1, "\"$REAL\" \"$@\"; exit 1"),
        (2, "exit 1"),
        (2, "\"$REAL\" \"$@\"; exit 1"),
    ] {
        let broken = yard.stand.state().join("compose-broken");
        let count = yard.stand.state().join("count");
        let _ = std::fs::remove_file(&count);
        let script = format!(
            "#!/bin/sh\nREAL={}\ncase \"$*\" in *' up '*) echo x >> {count}\n[ $(wc -l < {count}) = {at} ] && {{ {how}; }};; esac\nexec \"$REAL\" \"$@\"\n",
            real.display(),
            count = count.display(),
        );
        std::fs::write(&broken, script).unwrap();
        std::fs::set_permissions(&broken, std::fs::Permissions::from_mode(0o755)).unwrap();
        yard.program = broken;
        let act = yard.target().start(stamp(1, 1), &spec);
        assert!(matches!(act, Err(ActError::Unknown(_))), "{at} {how}: {act:?}");
        yard.program = real.clone();
        let (worker, db) = (yard.seen("worker"), yard.seen("db"));
        done(|| yard.target().start(stamp(1, 1), &spec));
        yard.stand.wait_for(&[Running]);
        if worker.is_some() {
            let now = (yard.seen("worker"), yard.seen("db"));
            assert_eq!(now, (worker, db), "{at} {how}: what was made is not made again");
        } else {
            assert_eq!((at, how), (1, "exit 1"));
        }
        assert_eq!(yard.containers().len(), 3, "{at} {how}: {:?}", yard.containers());
        let target = yard.target();
        stopped(&yard, &target, 1, &spec);
        done(|| target.remove(stamp(1, 1), &spec.service, &spec.release));
        assert_eq!(yard.containers(), [""; 0], "{at} {how}");
        let networks = format!("label=com.docker.compose.project={}", yard.project());
        assert_eq!(yard.stand.docker(&["network", "ls", "-q", "--filter", &networks]), "");
    }
}

/// Lets a script stand where Compose is, which finds the real one in `REAL`; `up` does `how`.
fn scripted(yard: &mut Yard, how: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let real = yard.program.clone();
    let script = format!(
        "#!/bin/sh\nREAL={}\ncase \"$*\" in *' up '*) {how};; esac\nexec \"$REAL\" \"$@\"\n",
        real.display()
    );
    let path = yard.stand.state().join("compose-scripted");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    yard.program = path;
    real
}

#[test]
fn p9_a_later_act_ends_a_run_of_compose_that_hangs() {
    let mut yard = Yard::with("v2");
    let spec = small(&yard, "abc-1", "");
    scripted(&mut yard, "exec sleep 1000");
    let target = yard.target();
    for _ in 0..2 {
        let act = target.start(stamp(1, 1), &spec);
        assert!(matches!(act, Err(ActError::Unknown(_))), "it goes on: {act:?}");
    }
    stopped(&yard, &target, 2, &spec);
    let late = target.start(stamp(1, 1), &spec);
    assert!(matches!(late, Err(ActError::Stale(_))), "{late:?}");
    done(|| target.remove(stamp(1, 3), &spec.service, &spec.release));
    assert_eq!(yard.containers(), [""; 0]);
}

#[test]
fn p4_whoever_comes_next_waits_until_compose_has_ended_that_nobody_waits_for() {
    let mut yard = Yard::with("v2");
    let spec = small(&yard, "abc-1", "");
    let go = yard.stand.state().join("go");
    scripted(&mut yard, &format!("while [ ! -e {} ]; do sleep 0.05; done", go.display()));
    let act = yard.target().start(stamp(1, 1), &spec);
    assert!(matches!(act, Err(ActError::Unknown(_))), "{act:?}");
    let target = yard.target();
    let act = target.start(stamp(1, 2), &spec);
    assert!(matches!(act, Err(ActError::Unknown(_))), "it waits for its turn: {act:?}");
    assert_eq!(yard.containers(), [""; 0], "and makes nothing beside the other");
    std::fs::write(&go, "").unwrap();
    done(|| target.start(stamp(1, 2), &spec));
    yard.stand.wait_for(&[Running]);
    assert_eq!(yard.containers().len(), 1);
}
