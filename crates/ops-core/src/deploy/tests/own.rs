//! Deployments that no ticket asks for: rotations (S16) and adoptions (S2).

use crate::{
    deploy::{Input, Phase},
    fixture::{World, canary},
    settings::Strategy,
};

fn rotation(strategy: Strategy) -> World {
    let mut world = World::with_secret(strategy, "v1");
    world.ended();
    world.rotation()
}

#[test]
fn s16_a_rotation_walks_every_step_and_tells_the_team_only() {
    let mut world = rotation(canary());
    world.ended();
    assert!(matches!(world.state.phase, Phase::Closed), "{:?}", world.state.phase);
    insta::assert_snapshot!("rotation_words", world.words());
}

#[test]
fn s16_a_rotation_that_hurts_goes_back_and_says_nothing_against_the_version() {
    let mut world = rotation(canary());
    world.failing = 100;
    world.ended();
    assert!(matches!(world.state.phase, Phase::RolledBack { .. }), "{:?}", world.state.phase);
    insta::assert_snapshot!("rotation_harm_words", world.words());
}

#[test]
fn s16_a_rotation_without_a_proven_way_back_is_held_with_what_must_happen_first() {
    let mut world = rotation(canary());
    world.leads("env:KEY_BEFORE", "version 0");
    world.until(|world| matches!(world.state.phase, Phase::Held { .. }));
    insta::assert_snapshot!("rotation_held_words", world.words());
}

#[test]
fn p2_s16_the_way_back_is_proven_again_right_before_the_first_act() {
    let mut world = rotation(canary());
    world.until(|world| matches!(world.state.phase, Phase::Planned { .. }));
    world.leads("env:KEY_BEFORE", "version 2");
    world.until(|world| matches!(world.state.phase, Phase::Held { .. }));
    assert!(!world.state.acted(), "nothing was changed");
    world.leads("env:KEY_BEFORE", "version 1");
    world.feed(&Input::Turn);
    world.ended();
    assert!(matches!(world.state.phase, Phase::Closed), "{:?}", world.state.phase);
}

#[test]
fn p2_s16_a_value_that_changes_again_before_the_first_act_is_planned_anew() {
    let mut world = rotation(canary());
    world.until(|world| matches!(world.state.phase, Phase::Planned { .. }));
    world.leads("env:KEY", "version 3");
    world.until(|world| matches!(world.state.phase, Phase::Held { .. }));
    world.feed(&Input::Turn);
    world.ended();
    let plan = world.state.plan.as_ref().unwrap();
    assert_eq!(plan.new.secret_versions["KEY"], "version 3");
}

#[test]
fn s16_a_rotation_frozen_is_told_without_a_ticket() {
    let mut world = rotation(canary());
    world.until(|world| matches!(world.state.phase, Phase::Watching { .. }));
    world.broken.push("set-route");
    world.feed(&Input::Abort { by: "pia@example.org".into() });
    world.until(|world| matches!(world.state.phase, Phase::Frozen { .. }));
    assert!(world.words().contains("`ops explain D-2` says what to do"), "{}", world.words());
}

fn adopted() -> World {
    let mut world = World::adoption(canary());
    world.ended();
    assert!(matches!(world.state.phase, Phase::Closed), "{:?}", world.state.phase);
    world
}

#[test]
fn s2_an_adoption_walks_every_step_and_tells_the_team_only() {
    insta::assert_snapshot!("adoption_words", adopted().words());
}

#[test]
fn s2_an_adoption_watches_for_half_an_hour_and_wants_no_requests_of_users() {
    let world = adopted();
    let watching = world.state.watching.as_ref().unwrap();
    assert!(watching.seconds >= 1_800, "{} s", watching.seconds);
    assert_eq!(world.state.plan.as_ref().unwrap().service.watch.min_requests, 0);
}

#[test]
fn s2_an_adoption_that_hurts_removes_what_it_started() {
    let mut world = World::adoption(canary());
    world.settings.services.values_mut().for_each(|shop| shop.slo.error_share = Some(0.01));
    world.failing = 100;
    world.ended();
    assert!(matches!(world.state.phase, Phase::RolledBack { .. }), "{:?}", world.state.phase);
    assert!(world.door.served.is_none(), "its route is gone");
    insta::assert_snapshot!("adoption_harm_words", world.words());
}

#[test]
fn s2_an_adoption_of_what_does_not_run_is_held_with_what_must_happen_first() {
    let mut world = World::adoption(canary());
    world.outside = None;
    world.until(|world| matches!(world.state.phase, Phase::Held { .. }));
    insta::assert_snapshot!("adoption_held_words", world.words());
}

#[test]
fn p2_s2_what_runs_is_looked_at_again_right_before_the_first_act() {
    let mut world = World::adoption(canary());
    world.until(|world| matches!(world.state.phase, Phase::Planned { .. }));
    let runs = world.outside.take();
    world.until(|world| matches!(world.state.phase, Phase::Held { .. }));
    assert!(!world.state.acted(), "nothing was changed");
    world.outside = runs;
    world.feed(&Input::Turn);
    world.ended();
    assert!(matches!(world.state.phase, Phase::Closed), "{:?}", world.state.phase);
}
