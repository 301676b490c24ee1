//! An engine that is away, goes away, hangs, or forgets.

use std::{
    path::{Path, PathBuf},
    sync::mpsc,
    time::{Duration, Instant},
};

use ops_conformance::{Ground as _, Program, done, eventually, stamp};
use ops_core::world::{
    ReleaseSpec,
    ReplicaState::{Running, Stopped},
};
use ops_docker::{DockerImages, Engine, Registries};
use ops_engine::ports::{ActError, Artifacts as _, Target as _};

use crate::{own::OwnEngine, stand::Stand};

/// No call of a port may take longer than this, whatever the engine does: a lease is at stake.
const CALL_MAX: Duration = Duration::from_secs(10);

/// A worker: these engines have no networks.
fn worker(stand: &Stand, release: &str) -> ReleaseSpec {
    let spec = stand.release(release, Program::Lives);
    Stand::with_container(spec, |container| container.port = None)
}

pub(crate) fn bounded<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let told = work();
    assert!(begin.elapsed() < CALL_MAX, "{what} took {:?}", begin.elapsed());
    told
}

#[test]
fn p8_an_engine_that_is_away_is_told_and_nothing_was_done() {
    let stand = Stand::new();
    let mut away = stand;
    let socket = std::mem::replace(&mut away.socket, PathBuf::from("/nowhere/docker.sock"));
    let (target, spec) = (away.target(), worker(&away, "abc-1"));
    let fault = target.look(&away.service()).unwrap_err();
    assert!(fault.to_string().contains("cannot be reached"), "{fault}");
    let answer = target.start(stamp(1, 1), &spec);
    assert!(matches!(answer, Err(ActError::NotApplied(_))), "{answer:?}");
    assert!(target.highest_generation().is_err() && target.free_ports(1, 2, &[]).is_err());
    away.socket = socket;
    assert_eq!(away.containers(), [""; 0]);
}

#[test]
fn an_engine_that_was_restarted_runs_what_shall_run_and_nothing_else() {
    let mut engine = OwnEngine::new();
    let stand = Stand::at(&engine.socket());
    let (target, new, old) = (stand.target(), worker(&stand, "new-2"), worker(&stand, "old-1"));
    done(|| target.start(stamp(1, 1), &old));
    done(|| target.start(stamp(1, 2), &new));
    done(|| target.stop(stamp(1, 3), &stand.service(), &old.release));
    stand.wait_for(&[Running, Running, Stopped, Stopped]);
    engine.down();
    assert!(target.look(&stand.service()).is_err());
    let answer = target.stop(stamp(1, 4), &stand.service(), &new.release);
    assert!(matches!(answer, Err(ActError::NotApplied(_))), "{answer:?}");
    engine.up();
    stand.wait_for(&[Running, Running, Stopped, Stopped]);
    assert_eq!(target.restore().unwrap(), ops_docker::Restored::default());
    done(|| target.stop(stamp(1, 4), &stand.service(), &new.release));
    stand.wait_for(&[Stopped, Stopped, Stopped, Stopped]);
}

#[test]
fn p9_an_engine_that_hangs_holds_nobody_up() {
    let engine = OwnEngine::new();
    let stand = Stand::at(&engine.socket());
    let (target, spec) = (stand.target(), worker(&stand, "abc-1"));
    done(|| target.start(stamp(1, 1), &spec));
    stand.wait_for(&[Running, Running]);
    engine.signal("-STOP");
    let seen = bounded("a look", || target.look(&stand.service()));
    let stop = bounded("a stop", || target.stop(stamp(1, 2), &stand.service(), &spec.release));
    let start = bounded("a start", || target.start(stamp(1, 3), &spec));
    let reference = stand.pushed.reference();
    let import = bounded("an import", || stand.images().import(&reference, &stand.pushed.digest));
    engine.signal("-CONT");
    assert!(seen.is_err());
    // It was asked who it is, and nothing else.
    for answer in [stop, start] {
        assert!(matches!(answer, Err(ActError::NotApplied(_))), "{answer:?}");
    }
    assert!(import.is_err());
    stand.wait_for(&[Running, Running]);
}

#[test]
fn p5_a_start_that_the_engine_froze_in_is_unknown_and_is_finished_by_the_next() {
    let engine = OwnEngine::new();
    let stand = Stand::at(&engine.socket());
    let mut spec = worker(&stand, "abc-1");
    spec.replicas = 12;
    let target = stand.target();
    let (told, heard) = mpsc::channel();
    let answer = std::thread::scope(|scope| {
        let (target, spec) = (&target, &spec);
        scope.spawn(move || {
            told.send(bounded("a start", || target.start(stamp(1, 1), spec))).unwrap();
        });
        // The first of twelve is there: the others are just being made.
        eventually("the first replica", || !stand.containers().is_empty());
        engine.signal("-STOP");
        heard.recv().unwrap()
    });
    engine.signal("-CONT");
    assert!(matches!(answer, Err(ActError::Unknown(_))), "{answer:?}");
    eventually("the rest", || target.start(stamp(1, 1), &spec).is_ok());
    stand.wait_for(&vec![Running; 12]);
    assert_eq!(stand.containers().len(), 12, "none was made twice");
}

#[test]
fn p2_what_docker_prunes_is_still_the_way_back() {
    let engine = OwnEngine::new();
    let stand = Stand::at(&engine.socket());
    stand.docker(&["system", "prune", "-a", "-f"]);
    assert_eq!(stand.docker(&["images", "-q"]), "");
    let (target, spec) = (stand.target(), worker(&stand, "abc-1"));
    done(|| target.start(stamp(1, 1), &spec));
    stand.wait_for(&[Running, Running]);
    // Also after what had stopped was pruned with its image.
    done(|| target.stop(stamp(1, 2), &stand.service(), &spec.release));
    stand.wait_for(&[Stopped, Stopped]);
    stand.docker(&["system", "prune", "-a", "-f"]);
    stand.wait_for(&[]);
    done(|| target.start(stamp(1, 3), &spec));
    stand.wait_for(&[Running, Running]);
}

#[test]
fn an_engine_that_is_away_keeps_no_image_from_the_store() {
    let stand = Stand::new();
    let away = Engine::local(Path::new("/nowhere/docker.sock")).unwrap();
    let registries = Registries::new(Path::new("/nowhere/config.json"));
    let images = DockerImages::new(away, registries, stand.state(), 512);
    assert!(images.verify(&stand.pushed.digest).unwrap());
    assert!(images.resolve(stand.pushed.digest.as_str(), &[]).unwrap().stored);
    let answer = images.import(&stand.pushed.reference(), &stand.pushed.digest);
    assert!(matches!(answer, Err(ActError::NotApplied(_))), "{answer:?}");
}
