//! A service on several hosts, one of which nobody reaches for a while.

use ops_core::{
    deploy::PhaseName,
    id::{DeploymentId, ServiceName},
};
use ops_engine::Ask;
use ops_sim::{
    scheduler::happening::{Happening, operator},
    world::{
        conduct::Kind,
        lock,
        wishes::{GRID, HOSTS},
    },
};

use crate::script::{COMPLETE, FAILED, HELD, PLANNED, Script, digest};

fn with_hosts() -> Script {
    let script = Script::new();
    lock(&script.sim.world).with_hosts();
    script
}

/// How many replicas of a release exist, wherever, as the target knows.
fn copies(script: &Script, words: &str) -> usize {
    let world = lock(&script.sim.world);
    let service = ServiceName::from(GRID);
    world.target.of(&service).filter(|one| one.release.as_str().contains(words)).count()
}

fn cut(script: &mut Script, host: &str, ms: u64) {
    for (n, _) in (0..).zip(HOSTS).filter(|(_, one)| *one == host) {
        script.sim.happen(&Happening::HostAway(n, ms));
    }
}

#[test]
fn a_version_comes_to_the_first_host_before_the_others() {
    let mut script = with_hosts();
    script.ship(GRID, "v1", Kind::Good);
    assert_eq!(script.alive(GRID), 3);
    let wish = script.wish(GRID, "v2", Kind::Sick);
    let ticket = script.file(&wish);
    let comes = |script: &Script| {
        let world = lock(&script.sim.world);
        let service = ServiceName::from(GRID);
        world.target.of(&service).filter(|one| one.artifact == digest(GRID, "v2")).count()
    };
    script.until(300_000, |script| comes(script) > 0);
    while !script.comments(&ticket).contains(&FAILED.to_owned()) {
        assert!(comes(&script) <= 1, "one host shows that it never gets healthy");
        script.run(1_000);
    }
    script.rest();
    assert_eq!(script.routed(GRID), [(digest(GRID, "v1"), 100)]);
    assert_eq!(script.alive(GRID), 3);
}

#[test]
fn p8_nothing_begins_while_a_host_is_away() {
    let mut script = with_hosts();
    script.ship(GRID, "v1", Kind::Good);
    cut(&mut script, "b", 400_000);
    let wish = script.wish(GRID, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.comments(&ticket).contains(&HELD.to_owned()));
    assert_eq!(script.routed(GRID), [(digest(GRID, "v1"), 100)]);
    script.until(1_800_000, |script| script.status(&ticket) == "closed");
    script.rest();
    assert_eq!(script.routed(GRID), [(digest(GRID, "v2"), 100)]);
    assert_eq!(script.alive(GRID), 3);
}

#[test]
fn p8_a_watch_that_cannot_see_a_host_passes_only_when_it_can() {
    let mut script = with_hosts();
    script.ship(GRID, "v1", Kind::Good);
    let wish = script.wish(GRID, "v2", Kind::Good);
    let ticket = script.file(&wish);
    let whole = [(digest(GRID, "v2"), 100)];
    script.until(600_000, |script| {
        script.phase(2) == Some(PhaseName::Watching) && script.routed(GRID) == whole
    });
    cut(&mut script, "c", 30_000);
    script.run(29_000);
    assert_eq!(script.comments(&ticket), [PLANNED]);
    script.rest();
    assert!([COMPLETE, FAILED].map(str::to_owned).contains(&script.comments(&ticket)[1]));
    assert_eq!(script.alive(GRID), 3);
    assert_eq!(copies(&script, "-"), 3, "what left, left everywhere");
}

#[test]
fn p5_a_rehearsed_copy_on_a_host_that_falls_silent_leaves_when_that_is_back() {
    let mut script = with_hosts();
    script.ship(GRID, "v1", Kind::Good);
    let wish = script.wish(GRID, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.until(600_000, |script| copies(script, "rehearsed") == 1);
    cut(&mut script, "a", 230_000);
    script.until(220_000, |script| script.phase(2) == Some(PhaseName::Held));
    assert_eq!(copies(&script, "rehearsed"), 1, "nobody could tell it to go");
    script.sim.happen(&Happening::PullBack(ticket));
    script.until(300_000, |script| copies(script, "rehearsed") == 0);
    script.rest();
    assert_eq!(script.alive(GRID), 3);
}

#[test]
fn p6_the_way_back_leads_past_a_host_that_is_away() {
    let mut script = with_hosts();
    script.ship(GRID, "v1", Kind::Good);
    let wish = script.wish(GRID, "v2", Kind::Good);
    script.file(&wish);
    script.until(600_000, |script| script.routed(GRID).len() == 2);
    cut(&mut script, "b", 120_000);
    assert!(script.sim.ask(&operator(), &Ask::Abort { deployment: DeploymentId(2) }));
    script.until(100_000, |script| script.routed(GRID) == [(digest(GRID, "v1"), 100)]);
    script.rest();
    script.until(300_000, |script| script.alive(GRID) == 3);
    script.rest();
    assert_eq!(copies(&script, "-"), 3);
}
