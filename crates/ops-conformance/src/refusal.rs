//! What cannot be done is refused, and then nothing was done.

use ops_core::{
    id::{Digest, ReleaseId, ServiceName},
    world::{ReleaseSpec, ReplicaState::Running},
};
use ops_engine::ports::ActError;

use crate::ground::{Ground, Program, done, stamp, states, wait_for};

/// Nothing is made of what cannot run.
pub fn what_cannot_run_is_refused_before_anything_is_made(ground: &dyn Ground) {
    let target = ground.open();
    let good = ground.release("abc-1", Program::Lives);
    let change = |change: fn(&mut ReleaseSpec)| {
        let mut spec = good.clone();
        change(&mut spec);
        spec
    };
    for bad in [
        change(|spec| spec.artifact = Digest::of(b"unknown")),
        change(|spec| spec.service = ServiceName::from("../outside")),
        change(|spec| spec.release = ReleaseId::from("a/b")),
        change(|spec| spec.release = ReleaseId::from("")),
        change(|spec| spec.replicas = 1_000_000),
        change(|spec| spec.fixed_port = Some(1)),
    ] {
        let answer = target.start(stamp(1, 1), &bad);
        assert!(matches!(answer, Err(ActError::NotApplied(_))), "{bad:?}: {answer:?}");
    }
    assert_eq!(states(ground, &*target), []);
}

/// The same name with another content is no release of ours.
pub fn a_release_never_changes(ground: &dyn Ground) {
    let target = ground.open();
    let spec = ground.release("abc-1", Program::Lives);
    done(|| target.start(stamp(1, 1), &spec));
    wait_for(ground, &*target, &[Running, Running]);
    let mut other = spec.clone();
    other.env.push(("MORE".to_owned(), "1".to_owned()));
    let answer = target.start(stamp(1, 2), &other);
    assert!(matches!(answer, Err(ActError::NotApplied(_))), "{answer:?}");
    assert_eq!(states(ground, &*target), [Running, Running]);
}

/// A removal never stops anything.
pub fn what_runs_is_not_removed(ground: &dyn Ground) {
    let target = ground.open();
    let spec = ground.release("abc-1", Program::Lives);
    done(|| target.start(stamp(1, 1), &spec));
    wait_for(ground, &*target, &[Running, Running]);
    for _ in 0..2 {
        let answer = target.remove(stamp(1, 2), &spec.service, &spec.release);
        assert!(matches!(answer, Err(ActError::NotApplied(_))), "{answer:?}");
    }
    assert_eq!(states(ground, &*target), [Running, Running]);
}

/// One service's acts and looks are about nothing of another one.
pub fn services_do_not_see_each_other(ground: &dyn Ground) {
    let target = ground.open();
    let mut spec = ground.release("abc-1", Program::Lives);
    spec.replicas = 1;
    done(|| target.start(stamp(1, 1), &spec));
    wait_for(ground, &*target, &[Running]);
    let other = ServiceName(format!("{}-other", spec.service));
    assert_eq!(target.look(&other).unwrap().replicas, []);
    done(|| target.stop(stamp(3, 1), &other, &spec.release));
    done(|| target.remove(stamp(3, 2), &other, &spec.release));
    assert_eq!(states(ground, &*target), [Running]);
    // A stamp is about its own service.
    done(|| target.stop(stamp(1, 2), &spec.service, &spec.release));
    assert_eq!(target.highest_generation().unwrap().0, 3);
}
