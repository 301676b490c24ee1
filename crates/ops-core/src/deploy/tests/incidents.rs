//! What somebody reports: the watch becomes longer, and nothing is taken back because of it.

use super::{super::decide, closed};
use crate::{
    deploy::{Event, Input, PhaseName},
    fixture::{World, canary},
};

fn reported() -> Input {
    Input::Reported { words: "dan reported I-1: nobody can pay".into() }
}

fn second() -> World {
    let mut world = World::new(canary(), "v1");
    world.ended();
    world.next("v2")
}

fn watched_seconds(world: &mut World) -> u64 {
    closed(world);
    world.state.watching.as_ref().unwrap().seconds
}

#[test]
fn an_incident_makes_the_watch_longer_and_condemns_nothing() {
    let usual = watched_seconds(&mut second());
    let mut world = second();
    world.until(|world| world.state.phase_name() == PhaseName::Watching);
    let told = decide(&world.state, &reported(), &world.now).unwrap();
    assert!(matches!(told[..], [Event::Concerned { .. }]), "{told:?}");
    world.feed(&reported());
    let longer = watched_seconds(&mut world);
    assert!(longer > usual, "{longer} s instead of {usual} s");
    let record = "seen, and no proof of harm: dan reported I-1: nobody can pay";
    assert!(world.words().contains(record), "{}", world.words());
}

#[test]
fn where_nothing_is_watched_a_report_changes_nothing_and_says_why() {
    let mut world = second();
    let before = world.state.clone();
    let refused = decide(&world.state, &reported(), &world.now).unwrap_err();
    assert!(refused.to_string().contains("D-2 is queued"), "{refused}");
    assert_eq!(world.state, before);
    world.ended();
    assert!(decide(&world.state, &reported(), &world.now).is_err());
}
