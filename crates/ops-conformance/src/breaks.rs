//! Acts that break off at every point: what is answered is true, and whoever comes next goes on.

use ops_core::{
    id::Stamp,
    world::ReplicaState::{self, Running, Stopped},
};

use crate::{
    errand::{Break, Errand, Said},
    ground::{Breakable, done, stamp, states, view, wait_for},
};

/// More points than any act has.
const POINTS_MAX: usize = 2_000;

/// What fails in the middle of an act, or is done without anybody hearing of it, is told truly: what
/// was not applied has changed nothing. The next one finishes it.
pub fn p5_an_act_that_fails_anywhere_is_told_truly_and_finished_by_the_next(
    ground: &dyn Breakable,
) {
    for (how, generation) in ground.fails().iter().zip(1..) {
        break_everywhere(ground, *how, generation);
    }
}

/// An act whose process is killed anywhere is finished by the next one.
pub fn p5_an_act_that_is_killed_anywhere_is_finished_by_the_next(ground: &dyn Breakable) {
    break_everywhere(ground, Break::Dies, 1);
}

/// Lets a start, a stop and a removal break off at each point in turn, until all three come through
/// whole.
fn break_everywhere(ground: &dyn Breakable, how: Break, generation: u64) {
    let mut op = 0;
    let (every, first) = ground.every();
    for at in (first..POINTS_MAX).step_by(every) {
        let spec = ground.breakable(&format!("abc-{generation}-{at}"));
        let (service, release) = (spec.service.clone(), spec.release.clone());
        let running = vec![Running; spec.replicas as usize];
        let stopped = vec![Stopped; spec.replicas as usize];
        let errands = [
            (Errand::Start(Box::new(spec)), running),
            (Errand::Stop(service.clone(), release.clone()), stopped),
            (Errand::Remove(service, release), Vec::new()),
        ];
        let mut met = false;
        for (errand, goal) in &errands {
            op += 1;
            met |= break_and_finish(ground, (how, at), (errand, stamp(generation, op)), goal);
        }
        if !met {
            assert!(op > 3, "no act does so little");
            return;
        }
    }
    panic!("the acts do ever more");
}

/// Lets one act break off, and gives it again by whoever comes next. True if it came to that point.
fn break_and_finish(
    ground: &dyn Breakable,
    (how, at): (Break, usize),
    (errand, stamp): (&Errand, Stamp),
    goal: &[ReplicaState],
) -> bool {
    let target = ground.open();
    let was = (states(ground, &*target), view(ground, &*target).beside.len());
    let broken = ground.broken((how, at), errand, stamp);
    let next = ground.open();
    match &broken.said {
        Some(Said::NotApplied(why)) => {
            let is = (states(ground, &*next), view(ground, &*next).beside.len());
            assert_eq!(is, was, "{how:?} at {at}, {errand:?}: {why}");
        }
        Some(Said::Stale(why)) => panic!("{how:?} at {at}, {errand:?}: {why}"),
        Some(Said::Done | Said::Unknown(_)) => {}
        None => assert!(broken.met, "{how:?} at {at}, {errand:?}: it died by itself"),
    }
    done(|| errand.give(&*next, stamp));
    wait_for(ground, &*next, goal);
    broken.met
}
