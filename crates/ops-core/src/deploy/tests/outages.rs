//! Trouble that both versions share, at 100 %: it must not condemn the new one.

use crate::{
    deploy::{Cause, Phase},
    fixture::{World, canary},
    settings::Strategy,
};

/// A second version over a first one whose ten minutes before are known.
fn second(strategy: Strategy) -> World {
    let mut world = World::new(strategy, "v1");
    world.ended();
    let mut world = world.next("v2");
    world.history = true;
    world
}

/// Seconds since all traffic went to the new version, in the watch.
fn alone(world: &World, second: u64) -> Option<u64> {
    let all =
        world.state.milestones.iter().find(|one| one.words.contains("100 % of the traffic"))?;
    let passed = (world.now.wall.as_second() - all.at.as_second()) as u64;
    second.checked_sub((world.now.ms / 1_000).saturating_sub(passed))
}

/// The words of a run in which an outage begins five seconds after the switch to 100 %.
fn told(outage: fn(&World, u64) -> u64) -> (Phase, String) {
    let mut world = second(canary());
    world.outage = outage;
    world.ended();
    let words: Vec<_> = world.state.milestones.iter().map(|one| one.words.clone()).collect();
    (world.state.phase.clone(), words.join("\n"))
}

macro_rules! shared {
    ($($name:ident: $seconds:literal s, $share:literal %;)+) => {
        $(
            #[test]
            fn $name() {
                let (phase, words) = told(|world, second| {
                    let during = alone(world, second).is_some_and(|at| (5..5 + $seconds).contains(&at));
                    if during { $share } else { 0 }
                });
                assert!(matches!(phase, Phase::Closed), "{phase:?}\n{words}");
                assert!(words.contains("confirming against the previous version"), "{words}");
            }
        )+
    };
}

shared! {
    s23_an_outage_of_2_s_in_which_everything_fails_condemns_nothing: 2 s, 100 %;
    s23_an_outage_of_5_s_in_which_everything_fails_condemns_nothing: 5 s, 100 %;
    s23_an_outage_of_10_s_in_which_everything_fails_condemns_nothing: 10 s, 100 %;
    s23_an_outage_of_30_s_in_which_everything_fails_condemns_nothing: 30 s, 100 %;
    s23_an_outage_of_60_s_in_which_everything_fails_condemns_nothing: 60 s, 100 %;
    s23_an_outage_of_10_s_in_which_a_third_fails_condemns_nothing: 10 s, 33 %;
    s23_an_outage_of_60_s_in_which_a_third_fails_condemns_nothing: 60 s, 33 %;
    s23_an_outage_of_60_s_in_which_a_twelfth_fails_condemns_nothing: 60 s, 8 %;
}

#[test]
fn what_only_the_new_version_fails_at_100_percent_goes_back_within_seconds() {
    let mut world = second(canary());
    world.until(|world| alone(world, world.now.ms / 1_000).is_some_and(|at| at >= 5));
    world.failing = 100;
    let began = world.now.ms;
    world.until(|world| matches!(world.state.phase, Phase::RollingBack { .. }));
    let seconds = (world.now.ms - began) / 1_000;
    assert!(seconds <= 6, "{seconds} s");
    world.ended();
    let Phase::RolledBack { cause } = &world.state.phase else { panic!("{:?}", world.state.phase) };
    assert!(cause.condemns(), "{cause:?}");
}

#[test]
fn s7_an_outage_while_a_dependency_fails_is_no_harm_of_what_cannot_run_twice() {
    let mut world = second(Strategy::Recreate);
    world.until(|world| matches!(world.state.phase, Phase::Watching { .. }));
    world.failing = 30;
    world.sick_dependencies = vec!["payments".into()];
    world.ended();
    let Phase::RolledBack { cause } = &world.state.phase else { panic!("{:?}", world.state.phase) };
    assert!(matches!(cause, Cause::Inconclusive { .. }), "{cause:?}");
}
