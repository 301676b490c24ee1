//! No act comes after a later one (P4).

use ops_core::{
    id::{Generation, ReleaseId},
    world::ReplicaState::{Running, Stopped},
};
use ops_engine::ports::ActError;

use crate::ground::{Ground, Program, done, stamp, states, wait_for};

/// A lower generation may do nothing any more, whatever it is about.
pub fn p4_a_stale_generation_is_refused_also_for_what_does_not_exist_yet(ground: &dyn Ground) {
    let (service, spec) = (ground.service(), ground.release("abc-1", Program::Lives));
    done(|| ground.open().start(stamp(5, 1), &spec));
    wait_for(ground, &*ground.open(), &[Running, Running]);
    let other = ground.open();
    let mut fresh = spec.clone();
    fresh.release = ReleaseId::from("def-2");
    for answer in [
        other.start(stamp(4, 9), &fresh),
        other.start(stamp(4, 9), &spec),
        other.stop(stamp(4, 9), &service, &spec.release),
        other.remove(stamp(4, 9), &service, &spec.release),
    ] {
        assert!(matches!(answer, Err(ActError::Stale(_))), "{answer:?}");
    }
    assert_eq!(states(ground, &*other), [Running, Running]);
    assert_eq!(other.highest_generation().unwrap(), Generation(5));
}

/// A start that was thought lost finds that the stop came first.
pub fn p4_a_start_that_comes_late_cannot_undo_the_stop_that_came_after_it(ground: &dyn Ground) {
    let target = ground.open();
    let spec = ground.release("abc-1", Program::Lives);
    done(|| target.stop(stamp(5, 4), &spec.service, &spec.release));
    let late = target.start(stamp(5, 3), &spec);
    assert!(matches!(late, Err(ActError::Stale(_))), "{late:?}");
    assert_eq!(states(ground, &*target), [], "nothing exists of it");
    done(|| target.start(stamp(5, 5), &spec));
    wait_for(ground, &*target, &[Running, Running]);
}

/// Within a generation the operation decides.
pub fn p4_an_overtaken_act_of_the_same_generation_is_refused(ground: &dyn Ground) {
    let target = ground.open();
    let spec = ground.release("abc-1", Program::Lives);
    done(|| target.start(stamp(5, 1), &spec));
    wait_for(ground, &*target, &[Running, Running]);
    done(|| target.stop(stamp(5, 3), &spec.service, &spec.release));
    wait_for(ground, &*target, &[Stopped, Stopped]);
    for answer in
        [target.start(stamp(5, 2), &spec), target.remove(stamp(5, 2), &spec.service, &spec.release)]
    {
        assert!(matches!(answer, Err(ActError::Stale(_))), "{answer:?}");
    }
    assert_eq!(states(ground, &*target), [Stopped, Stopped]);
}
