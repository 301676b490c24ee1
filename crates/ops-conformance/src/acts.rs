//! Start, stop and remove do what they say, also twice and after a crash.

use ops_core::{
    id::{Generation, ReleaseId},
    world::ReplicaState::{BackingOff, Running, Stopped, Stopping},
};
use ops_engine::ports::ActError;

use crate::ground::{Ground, Program, addresses, done, eventually, stamp, states, view, wait_for};

/// A release runs, rests, runs again where it was, and is gone when it is removed.
pub fn replicas_start_stop_start_again_and_are_removed(ground: &dyn Ground) {
    let target = ground.open();
    let (service, spec) = (ground.service(), ground.release("abc-1", Program::Lives));
    done(|| target.start(stamp(1, 1), &spec));
    wait_for(ground, &*target, &[Running, Running]);
    let seen = view(ground, &*target);
    let before = addresses(ground, &*target);
    assert_eq!((before.len(), seen.highest), (2, Generation(1)));
    for replica in &seen.replicas {
        assert_eq!((&replica.release, &replica.artifact), (&spec.release, &spec.artifact));
        assert_eq!((replica.stamp, replica.restarts), (stamp(1, 1), 0));
        assert_eq!(replica.last_exit, None);
    }
    assert_ne!(seen.replicas[0].id, seen.replicas[1].id);

    done(|| target.stop(stamp(1, 2), &service, &spec.release));
    wait_for(ground, &*target, &[Stopped, Stopped]);
    assert!(view(ground, &*target).replicas.iter().all(|replica| replica.last_exit.is_none()));
    done(|| target.start(stamp(1, 3), &spec));
    wait_for(ground, &*target, &[Running, Running]);
    assert_eq!(addresses(ground, &*target), before, "a replica keeps its address");
    assert!(view(ground, &*target).replicas.iter().all(|replica| replica.stamp == stamp(1, 3)));

    done(|| target.stop(stamp(1, 4), &service, &spec.release));
    wait_for(ground, &*target, &[Stopped, Stopped]);
    done(|| target.remove(stamp(1, 5), &service, &spec.release));
    assert_eq!(view(ground, &*target).replicas, []);
    assert_eq!(view(ground, &*target).highest, Generation(1), "it outlives the replicas");
    assert_eq!(target.highest_generation().unwrap(), Generation(1));
}

/// Every act may be given again with the same stamp, and changes nothing the second time.
pub fn every_act_given_twice_is_done_once(ground: &dyn Ground) {
    let target = ground.open();
    let (service, spec) = (ground.service(), ground.release("abc-1", Program::Lives));
    let mut once = None;
    for _ in 0..3 {
        done(|| target.start(stamp(1, 1), &spec));
        wait_for(ground, &*target, &[Running, Running]);
        let seen = view(ground, &*target);
        assert_eq!(once.get_or_insert_with(|| seen.clone()), &seen);
    }
    for _ in 0..3 {
        done(|| target.stop(stamp(1, 2), &service, &spec.release));
        wait_for(ground, &*target, &[Stopped, Stopped]);
    }
    for _ in 0..3 {
        done(|| target.remove(stamp(1, 3), &service, &spec.release));
        assert_eq!(view(ground, &*target).replicas, []);
    }
    let absent = ReleaseId::from("absent-9");
    done(|| target.stop(stamp(1, 4), &service, &absent));
    done(|| target.remove(stamp(1, 5), &service, &absent));
}

/// A start with another number of replicas adds or stops some; those that stay are left alone.
pub fn the_number_of_replicas_is_adjusted(ground: &dyn Ground) {
    let target = ground.open();
    let mut spec = ground.release("abc-1", Program::Lives);
    done(|| target.start(stamp(1, 1), &spec));
    wait_for(ground, &*target, &[Running, Running]);
    let two = addresses(ground, &*target);
    spec.replicas = 3;
    done(|| target.start(stamp(1, 2), &spec));
    wait_for(ground, &*target, &[Running, Running, Running]);
    assert!(two.is_subset(&addresses(ground, &*target)));
    spec.replicas = 1;
    done(|| target.start(stamp(1, 3), &spec));
    wait_for(ground, &*target, &[Running, Stopped, Stopped]);
    assert_eq!(view(ground, &*target).replicas[0].restarts, 0, "the one that stays was left alone");
}

/// An order to run that comes while a replica leaves is not forgotten.
pub fn a_start_right_after_a_stop_is_never_lost(ground: &dyn Ground) {
    let target = ground.open();
    let mut spec = ground.release("abc-1", Program::Lives);
    spec.replicas = 1;
    for round in 0..5 {
        done(|| target.start(stamp(1, 2 * round + 1), &spec));
        wait_for(ground, &*target, &[Running]);
        done(|| target.stop(stamp(1, 2 * round + 2), &spec.service, &spec.release));
    }
    done(|| target.start(stamp(2, 1), &spec));
    wait_for(ground, &*target, &[Running]);
}

/// Between any two acts, and before any is given again, whoever gave it may be gone.
pub fn p5_whoever_comes_after_a_crash_goes_on(ground: &dyn Ground) {
    let (service, spec) = (ground.service(), ground.release("abc-1", Program::Lives));
    let mut fewer = spec.clone();
    fewer.replicas = 1;
    // The first one only got half of it done.
    done(|| ground.open().start(stamp(1, 1), &fewer));
    for _ in 0..2 {
        done(|| ground.open().start(stamp(1, 2), &spec));
        wait_for(ground, &*ground.open(), &[Running, Running]);
    }
    let before = addresses(ground, &*ground.open());
    for _ in 0..2 {
        done(|| ground.open().stop(stamp(1, 3), &service, &spec.release));
    }
    wait_for(ground, &*ground.open(), &[Stopped, Stopped]);
    done(|| ground.open().start(stamp(2, 1), &spec));
    wait_for(ground, &*ground.open(), &[Running, Running]);
    assert_eq!(addresses(ground, &*ground.open()), before);
    done(|| ground.open().stop(stamp(2, 2), &service, &spec.release));
    wait_for(ground, &*ground.open(), &[Stopped, Stopped]);
    for _ in 0..2 {
        done(|| ground.open().remove(stamp(2, 3), &service, &spec.release));
    }
    assert_eq!(states(ground, &*ground.open()), []);
    assert_eq!(ground.open().highest_generation().unwrap(), Generation(2));
}

/// What ends by itself is started again, and how it ended is told.
pub fn a_crash_loop_is_seen_with_its_reason(ground: &dyn Ground) {
    let target = ground.open();
    let mut spec = ground.release("abc-1", Program::Fails);
    spec.replicas = 1;
    done(|| target.start(stamp(1, 1), &spec));
    eventually("its restarts, a pause, and why", || {
        let seen = &view(ground, &*target).replicas[0];
        let why = seen.last_exit.as_deref().is_some_and(|why| why.contains("exit status 3"));
        seen.restarts >= 1 && seen.state == BackingOff && why
    });
    done(|| target.stop(stamp(1, 2), &spec.service, &spec.release));
    wait_for(ground, &*target, &[Stopped]);
}

/// A stop does not wait for a long grace.
pub fn a_stop_returns_at_once_and_its_grace_goes_on_without_us(ground: &dyn Ground) {
    let mut spec = ground.release("abc-1", Program::Stubborn);
    (spec.replicas, spec.stop_grace_ms) = (1, 600_000);
    done(|| ground.open().start(stamp(1, 1), &spec));
    wait_for(ground, &*ground.open(), &[Running]);
    for _ in 0..2 {
        done(|| ground.open().stop(stamp(1, 2), &spec.service, &spec.release));
        assert_eq!(states(ground, &*ground.open()), [Stopping]);
    }
    let removed = ground.open().remove(stamp(1, 3), &spec.service, &spec.release);
    assert!(matches!(removed, Err(ActError::NotApplied(_))), "{removed:?}");
}

/// The end comes after the grace at the latest, also if whoever gave the order is gone.
pub fn what_ignores_term_is_killed_after_its_grace(ground: &dyn Ground) {
    let mut spec = ground.release("abc-1", Program::Stubborn);
    spec.stop_grace_ms = 2_000;
    done(|| ground.open().start(stamp(1, 1), &spec));
    wait_for(ground, &*ground.open(), &[Running, Running]);
    done(|| ground.open().stop(stamp(1, 2), &spec.service, &spec.release));
    wait_for(ground, &*ground.open(), &[Stopped, Stopped]);
}
