//! A project of which nothing is behind the door: it is one replica, the whole of it.

use ops_conformance::{eventually, stamp};
use ops_core::world::{
    ReleaseSpec,
    ReplicaState::{self, Running, Stopped},
};
use ops_engine::ports::{ActError, Target as _};

use super::yard::{Yard, done, stopped};

/// A worker that listens on a port of the host, what it needs, and a job that runs once.
fn workers(yard: &Yard, name: &str, worker: &str, db: &str) -> ReleaseSpec {
    let port = yard.stand.ports.1;
    let text = format!(
        "services:
  worker:
    image: shop-worker
    command: [serve]
    environment: {{ PORT: 8080, WORKER: {worker} }}
    ports: [\"127.0.0.1:{port}:8080\"]
    restart: unless-stopped
    depends_on: [db]
  db:
    image: shop-db
    command: [serve]
    environment: {{ DB: {db} }}
    restart: unless-stopped
  job:
    image: shop-job
    command: [check]
    depends_on: [db]
"
    );
    let folder = yard.folder(name, &[("compose.yaml", &text)]);
    let one = &yard.stand.pushed;
    yard.release_of(name, &folder, &[("worker", one), ("db", one), ("job", one)])
}

/// The states of the releases, by name.
fn states(yard: &Yard) -> Vec<(String, ReplicaState)> {
    let all = yard.stand.view().replicas.into_iter();
    all.map(|one| (one.release.to_string(), one.state)).collect()
}

fn of(name: &str, state: ReplicaState) -> (String, ReplicaState) {
    (name.to_owned(), state)
}

/// Ship, ship again, go back, stop, start, remove: as one whole, of which only what changed is
/// touched.
fn it_is_one_replica(yard: &Yard) {
    let target = yard.target();
    let old = workers(yard, "abc-1", "a", "x");
    done(|| target.start(stamp(1, 1), &old));
    assert_eq!(states(yard), [of("abc-1", Running)]);
    let (db, worker) = (yard.seen("db").unwrap(), yard.seen("worker").unwrap());
    assert!(db.started < worker.started, "dependencies come first");
    let beside = yard.beside();
    let each: Vec<_> = beside.iter().map(|(name, one)| (name.as_str(), &one.state)).collect();
    assert_eq!(each, [("db", &Running), ("job", &Stopped), ("worker", &Running)]);
    assert_eq!(beside["job"].last_exit, None, "it has done what it had to do");

    let new = workers(yard, "def-2", "b", "x");
    done(|| target.start(stamp(1, 2), &new));
    assert_eq!(states(yard), [of("abc-1", Stopped), of("def-2", Running)]);
    assert_eq!(yard.seen("db").as_ref(), Some(&db), "what did not change was not touched");
    assert_ne!(yard.seen("worker").unwrap().id, worker.id);
    let by: Vec<_> = yard.beside().into_values().map(|one| one.release.to_string()).collect();
    assert_eq!(by, ["abc-1", "abc-1", "def-2"], "who changed the database, the job, the worker");

    // The way back, and what it left is cleared away: what stands is not touched by that.
    done(|| target.start(stamp(1, 3), &old));
    assert_eq!(states(yard), [of("abc-1", Running), of("def-2", Stopped)]);
    let env =
        yard.stand.docker(&["inspect", "-f", "{{.Config.Env}}", &yard.seen("worker").unwrap().id]);
    assert!(env.contains("WORKER=a"), "{env}");
    let stands = (yard.seen("worker"), yard.seen("db"));
    done(|| target.stop(stamp(1, 4), &new.service, &new.release));
    done(|| target.remove(stamp(1, 5), &new.service, &new.release));
    assert_eq!((yard.seen("worker"), yard.seen("db")), stands);
    assert_eq!(states(yard), [of("abc-1", Running)]);

    // Stopped and started again, it is what it was; what had done its job does not do it again.
    let job = yard.stand.view().beside.iter().find(|one| one.id.starts_with("job")).cloned();
    let refused = target.remove(stamp(1, 6), &old.service, &old.release);
    assert!(
        matches!(refused, Err(ActError::NotApplied(_))),
        "what runs is not removed: {refused:?}"
    );
    stopped(yard, &target, 6, &old);
    assert_eq!((yard.seen("worker"), yard.seen("db")), (None, None));
    done(|| target.start(stamp(1, 7), &old));
    assert_eq!(states(yard), [of("abc-1", Running)]);
    assert_eq!(yard.seen("worker").unwrap().id, stands.0.unwrap().id);
    assert_eq!(yard.stand.view().beside.iter().find(|one| one.id.starts_with("job")).cloned(), job);

    // The last one takes all of it along.
    stopped(yard, &target, 8, &old);
    done(|| target.remove(stamp(1, 9), &old.service, &old.release));
    assert_eq!((yard.containers(), states(yard)), (vec![], vec![]));
}

#[test]
fn p2_a_project_without_a_door_is_one_replica_with_compose_1() {
    it_is_one_replica(&Yard::without_door("v1"));
}

#[test]
fn p2_a_project_without_a_door_is_one_replica_with_compose_2() {
    it_is_one_replica(&Yard::without_door("v2"));
}

#[test]
fn s7_a_port_of_the_host_is_had_by_one_version_after_the_other() {
    let yard = Yard::without_door("v2");
    let target = yard.target();
    let answers = || std::net::TcpStream::connect(("127.0.0.1", yard.stand.ports.1)).is_ok();
    for (op, (name, worker)) in [("abc-1", "a"), ("def-2", "b")].into_iter().enumerate() {
        let spec = workers(&yard, name, worker, "x");
        done(|| target.start(stamp(1, op as u32 + 1), &spec));
        eventually("it answers", answers);
    }
}

#[test]
fn a_port_that_somebody_else_has_is_named_and_taken_once_it_is_free() {
    let yard = Yard::without_door("v2");
    let target = yard.target();
    let held = std::net::TcpListener::bind(("127.0.0.1", yard.stand.ports.1)).unwrap();
    let spec = workers(&yard, "abc-1", "a", "x");
    eventually("the port is named", || {
        let Err(error) = target.start(stamp(1, 1), &spec) else { return false };
        error.to_string().contains(&yard.stand.ports.1.to_string())
    });
    assert_ne!(states(&yard), [of("abc-1", Running)]);
    drop(held);
    done(|| target.start(stamp(1, 2), &spec));
    assert_eq!(states(&yard), [of("abc-1", Running)]);
}

#[test]
fn p5_a_stop_that_was_interrupted_is_finished_by_whoever_comes_next() {
    let yard = Yard::without_door("v2");
    let spec = workers(&yard, "abc-1", "a", "x");
    done(|| yard.target().start(stamp(1, 1), &spec));
    // One of them runs again, as after a stop that did not reach it.
    let worker = yard.seen("worker").unwrap().id;
    done(|| yard.target().stop(stamp(1, 2), &spec.service, &spec.release));
    yard.stand.docker(&["start", &worker]);
    assert_eq!(states(&yard), [of("abc-1", ReplicaState::Stopping)]);
    stopped(&yard, &yard.target(), 2, &spec);
    assert_eq!(yard.seen("worker"), None);
}

#[test]
fn a_start_right_after_a_stop_is_never_lost_also_where_term_is_ignored() {
    let yard = Yard::without_door("v2");
    let text = "services:\n  worker:\n    image: shop-worker\n    command: [stubborn]\n    \
                stop_grace_period: 3s\n";
    let folder = yard.folder("stubborn", &[("compose.yaml", text)]);
    let spec = yard.release_of("abc-1", &folder, &[("worker", &yard.stand.pushed)]);
    let target = yard.target();
    done(|| target.start(stamp(1, 1), &spec));
    let worker = yard.seen("worker").unwrap();
    done(|| target.stop(stamp(1, 2), &spec.service, &spec.release));
    assert_eq!(states(&yard), [of("abc-1", ReplicaState::Stopping)], "it ignores TERM");
    done(|| target.start(stamp(1, 3), &spec));
    assert_eq!(states(&yard), [of("abc-1", Running)]);
    let again = yard.seen("worker").unwrap();
    assert!(again.id == worker.id && again.started > worker.started, "{again:?} {worker:?}");
}
