//! Adopting what already runs (S2).

use ops_core::{deploy::PhaseName, id::DeploymentId};
use ops_engine::Ask;
use ops_sim::{
    scheduler::happening::{Happening, developer, operator},
    world::{
        conduct::Kind,
        lock,
        wishes::{CART, FIXED_PORT, MAILER, PORTAL, SHOP, STOCK},
    },
};

use crate::script::{Script, digest};

const FORMER: &str = "127.0.0.1:8080";
const HALF_AN_HOUR: u64 = 30 * 60_000;

fn serves(script: &Script, service: &str, version: &str) {
    assert_eq!(script.routed(service), [(digest(service, version), 100)]);
}

/// Whether something of a service is known good.
fn known(script: &Script) -> usize {
    script.sim.engine.as_ref().map_or(0, |engine| engine.knowledge().releases.len())
}

#[test]
fn s2_what_runs_is_known_good_after_half_an_hour_and_the_next_ticket_has_a_way_back() {
    for service in [SHOP, CART, MAILER, PORTAL] {
        let mut script = Script::new();
        script.adopts(service, "v0", FORMER, Kind::Good);
        script.until(300_000, |script| script.phase(1) == Some(PhaseName::Watching));
        let began = script.sim.t();
        script.until(3_600_000, |script| known(script) == 1);
        let took = script.sim.t() - began;
        assert!(took >= HALF_AN_HOUR, "{service}: {took} ms");
        script.rest();
        assert_eq!(script.posts("adoption of"), 2, "it began, it is done: {}", script.story());
        assert!(lock(&script.sim.world).outside.contains_key(FORMER), "untouched");
        if service != MAILER {
            serves(&script, service, "v0");
        }
        script.run(600_000);
        assert!(script.phase(2).is_none(), "once is enough");
        let ticket = script.ship(service, "v1", Kind::Good);
        assert!(script.posts("Previous version: v0") == 1 || service == PORTAL, "{service}");
        assert_eq!(script.status(&ticket), "closed");
        if service != MAILER {
            serves(&script, service, "v1");
        }
    }
}

#[test]
fn s2_a_bad_version_goes_back_to_what_was_adopted() {
    let mut script = Script::new();
    script.adopts(SHOP, "v0", FORMER, Kind::Good);
    script.until(3_600_000, |script| known(script) == 1);
    script.rest();
    let wish = script.wish(SHOP, "v1", Kind::Errors);
    let ticket = script.file(&wish);
    script.until(900_000, |script| script.posts("is rolling back") == 1);
    script.rest();
    assert_eq!(script.status(&ticket), "rfp");
    serves(&script, SHOP, "v0");
}

#[test]
fn s2_a_ticket_waits_for_the_adoption() {
    let mut script = Script::new();
    script.adopts(SHOP, "v0", FORMER, Kind::Good);
    lock(&script.sim.world).outside.clear();
    let ticket = script.file(&script.wish(SHOP, "v1", Kind::Good));
    script.until(600_000, |script| script.phase(2) == Some(PhaseName::Held));
    assert_eq!(script.phase(1), Some(PhaseName::Held), "nothing of it runs");
    assert_eq!(script.alive(SHOP), 0);
    script.until(60_000, |script| !script.comments(&ticket).is_empty());
    assert_eq!(script.comments(&ticket), ["## Deployment Held"]);
}

#[test]
fn p3_s2_what_runs_must_be_the_very_artifact_and_healthy() {
    let mut script = Script::new();
    script.adopts(SHOP, "v0", FORMER, Kind::Good);
    let other = digest(SHOP, "something else");
    if let Some(one) = lock(&script.sim.world).outside.get_mut(FORMER) {
        one.artifact = other;
    }
    script.until(300_000, |script| script.phase(1) == Some(PhaseName::Held));
    script.run(600_000);
    assert_eq!((script.alive(SHOP), known(&script)), (0, 0));
    if let Some(one) = lock(&script.sim.world).outside.get_mut(FORMER) {
        one.artifact = digest(SHOP, "v0");
        one.well = false;
    }
    script.run(600_000);
    assert_eq!((script.alive(SHOP), known(&script)), (0, 0));
    if let Some(one) = lock(&script.sim.world).outside.get_mut(FORMER) {
        one.well = true;
    }
    script.until(3_600_000, |script| known(script) == 1);
    script.rest();
}

#[test]
fn s2_a_copy_that_is_sick_is_removed_and_condemns_nothing() {
    let mut script = Script::new();
    script.adopts(SHOP, "v0", FORMER, Kind::Broken);
    script.until(900_000, |script| script.posts("adoption of shop v0 (D-1) failed") == 1);
    script.rest();
    assert_eq!((script.alive(SHOP), known(&script)), (0, 0));
    assert_eq!(script.routed(SHOP), []);
    let condemned = script.sim.engine.as_ref().map(|engine| engine.knowledge().condemned.len());
    assert_eq!(condemned, Some(0));
    script.run(3_600_000);
    script.sim.kill(5_000);
    script.run(900_000);
    assert!(script.phase(2).is_none(), "not again by itself, nor after a restart");
    let again = Ask::Resume { deployment: Some(DeploymentId(1)) };
    assert!(!script.sim.ask(&developer(), &again), "a listed person says so");
    lock(&script.sim.world)
        .conducts
        .insert(digest(SHOP, "v0"), ops_sim::world::conduct::Conduct::of(Kind::Good));
    assert!(script.sim.ask(&operator(), &again));
    script.until(3_600_000, |script| known(script) == 1);
    script.rest();
}

#[test]
fn s2_what_cannot_run_twice_waits_until_somebody_stops_it() {
    let mut script = Script::new();
    let former = format!("127.0.0.1:{FIXED_PORT}");
    script.adopts(STOCK, "v0", &former, Kind::Good);
    script.ship(CART, "v1", Kind::Good);
    script.until(600_000, |script| script.phase(1) == Some(PhaseName::Held));
    script.run(600_000);
    assert_eq!(script.alive(STOCK), 0, "never two");
    lock(&script.sim.world).outside.clear();
    let stopped = script.sim.t();
    script.until(60_000, |script| script.alive(STOCK) == 1);
    let gap = script.sim.t() - stopped;
    assert!(gap < 20_000, "{gap} ms");
    script.until(3_600_000, |script| known(script) == 2);
    script.rest();
    serves(&script, STOCK, "v0");
}

#[test]
fn s2_a_copy_is_not_started_of_what_was_never_seen_to_run() {
    let mut script = Script::new();
    let former = format!("127.0.0.1:{FIXED_PORT}");
    script.adopts(STOCK, "v0", &former, Kind::Good);
    lock(&script.sim.world).outside.clear();
    script.ship(CART, "v1", Kind::Good);
    script.run(3_600_000);
    assert_eq!(script.alive(STOCK), 0);
}

#[test]
fn s2_what_ops_yaml_does_not_ask_for_any_more_ends() {
    let mut script = Script::new();
    script.adopts(SHOP, "v0", FORMER, Kind::Good);
    lock(&script.sim.world).outside.clear();
    script.until(300_000, |script| script.phase(1) == Some(PhaseName::Held));
    script.sim.happen(&Happening::Commit(1));
    script.until(1_800_000, |script| script.phase(1).is_none());
    script.rest();
    assert_eq!(script.posts("is withdrawn"), 1);
    script.ship(SHOP, "v1", Kind::Good);
}

#[test]
fn p5_s2_a_daemon_that_dies_in_an_adoption_ends_it_all_the_same() {
    for after_ms in (0..40_000).step_by(500).chain([600_000, 1_790_000, 1_850_000]) {
        let mut script = Script::new();
        script.adopts(SHOP, "v0", FORMER, Kind::Good);
        script.run(after_ms);
        script.sim.kill(3_000);
        script.until(7_200_000, |script| known(script) == 1);
        script.rest();
        serves(&script, SHOP, "v0");
        assert_eq!(script.posts("adoption of"), 2, "after {after_ms} ms: {}", script.story());
        script.run(300_000);
        assert!(script.phase(2).is_none(), "never two, after {after_ms} ms");
    }
}
