//! Secrets: rotations (S16), and what a way back starts with (S17).

use ops_core::{deploy::PhaseName, id::DeploymentId, id::Digest, settings::Secret};
use ops_engine::Ask;
use ops_sim::{
    scheduler::happening::{Happening, developer, operator},
    world::{
        conduct::Kind,
        lock,
        wishes::{CART, SHOP, STOCK},
    },
};

use crate::script::Script;

const TOKEN: &str = "env:TOKEN";
const BEFORE: &str = "env:TOKEN_BEFORE";

fn rotates() -> Secret {
    Secret { previous: Some(BEFORE.to_owned()), rotate: true, ..TOKEN.into() }
}

/// A service that serves with a secret that rotates; D-1 brought it.
fn serving(service: &str) -> Script {
    let mut script = Script::new();
    script.secret(service, "TOKEN", rotates());
    script.ship(service, "v1", Kind::Good);
    script
}

/// Somebody puts another value in place and keeps the one before.
fn change(script: &mut Script, version: &'static str, before: &'static str) {
    script.sim.happen(&Happening::Secret(BEFORE, before));
    script.sim.happen(&Happening::Secret(TOKEN, version));
}

fn serves(script: &Script, service: &str, version: &str) {
    let digest = Digest::of(format!("{service} {version}").as_bytes());
    assert_eq!(script.routed(service), [(digest, 100)]);
}

#[test]
fn s16_another_value_is_brought_to_what_serves_without_a_ticket() {
    for service in [SHOP, CART] {
        let mut script = serving(service);
        change(&mut script, "v2", "v1");
        script.until(900_000, |script| script.posts("Health: good") == 2);
        script.rest();
        serves(&script, service, "v1");
        let versions = script.versions(service, "TOKEN");
        assert!(!versions.is_empty() && versions.iter().all(|one| one == "v2"), "{versions:?}");
        assert_eq!(script.posts("rotation of TOKEN of"), 2, "it began, it is done");
        script.run(600_000);
        assert!(script.phase(3).is_none(), "never two for one version");
        assert_eq!(script.posts("rotation of"), 2);
    }
}

#[test]
fn s16_without_the_value_before_it_is_held_until_that_is_there() {
    let mut script = serving(SHOP);
    change(&mut script, "v2", "v0");
    script.until(300_000, |script| script.phase(2) == Some(PhaseName::Held));
    assert_eq!(script.versions(SHOP, "TOKEN"), ["v1", "v1"]);
    script.run(600_000);
    assert_eq!(script.posts("where `previous` of that secret in ops.yaml points"), 1);
    assert_eq!(script.versions(SHOP, "TOKEN"), ["v1", "v1"]);
    script.sim.happen(&Happening::Secret(BEFORE, "v1"));
    script.until(1_800_000, |script| script.phase(2).is_none());
    script.rest();
    assert_eq!(script.versions(SHOP, "TOKEN"), ["v2", "v2"]);
}

#[test]
fn s16_a_value_that_is_put_back_ends_what_was_held() {
    let mut script = serving(SHOP);
    change(&mut script, "v2", "v0");
    script.until(300_000, |script| script.phase(2) == Some(PhaseName::Held));
    script.sim.happen(&Happening::Secret(TOKEN, "v1"));
    script.until(1_800_000, |script| script.phase(2).is_none());
    script.rest();
    assert_eq!(script.posts("is withdrawn"), 1);
    assert_eq!(script.versions(SHOP, "TOKEN"), ["v1", "v1"]);
}

#[test]
fn s16_a_value_that_hurts_goes_back_and_condemns_nothing() {
    let mut script = serving(SHOP);
    lock(&script.sim.world).bad_secrets.insert("v2".into());
    change(&mut script, "v2", "v1");
    script.until(600_000, |script| script.posts("is rolling back") == 1);
    script.until(600_000, |script| script.phase(2).is_none());
    script.rest();
    serves(&script, SHOP, "v1");
    assert_eq!(script.versions(SHOP, "TOKEN"), ["v1", "v1"]);
    let condemned = |script: &Script| {
        script.sim.engine.as_ref().is_some_and(|engine| !engine.knowledge().condemned.is_empty())
    };
    assert!(!condemned(&script), "the version is as good as before");
    script.run(3_600_000);
    assert!(script.phase(3).is_none(), "not again by itself");
    script.sim.kill(5_000);
    script.run(900_000);
    assert!(script.phase(3).is_none(), "nor after a restart");
    lock(&script.sim.world).bad_secrets.clear();
    let again = Ask::Resume { deployment: Some(DeploymentId(2)) };
    assert!(!script.sim.ask(&developer(), &again), "a listed person says so");
    assert!(script.sim.ask(&operator(), &again));
    script.until(900_000, |script| script.versions(SHOP, "TOKEN") == ["v2", "v2"]);
    script.rest();
}

#[test]
fn s16_what_cannot_run_twice_goes_back_to_the_value_before() {
    let mut script = Script::new();
    script.secret(STOCK, "TOKEN", rotates());
    script.sim.calm(true);
    script.ship(CART, "v1", Kind::Good);
    script.ship(STOCK, "v1", Kind::Good);
    lock(&script.sim.world).bad_secrets.insert("v2".into());
    change(&mut script, "v2", "v1");
    script.until(600_000, |script| script.posts("is rolling back") == 1);
    script.until(600_000, |script| script.phase(3).is_none());
    script.rest();
    assert_eq!(script.versions(STOCK, "TOKEN"), ["v1"], "started anew with the value before");
}

#[test]
fn s16_another_value_again_is_tried_again() {
    let mut script = serving(SHOP);
    lock(&script.sim.world).bad_secrets.insert("v2".into());
    change(&mut script, "v2", "v1");
    script.until(600_000, |script| script.posts("is rolling back") == 1);
    script.until(600_000, |script| script.phase(2).is_none());
    script.sim.happen(&Happening::Secret(TOKEN, "v3"));
    script.until(900_000, |script| script.versions(SHOP, "TOKEN") == ["v3", "v3"]);
    script.rest();
}

/// Two versions were shipped, and the secret changed after the first one.
fn two_versions(secret: Secret) -> Script {
    let mut script = Script::new();
    script.secret(SHOP, "TOKEN", secret);
    script.ship(SHOP, "v1", Kind::Good);
    script.sim.happen(&Happening::Secret(TOKEN, "v2"));
    script.ship(SHOP, "v2", Kind::Good);
    assert_eq!(script.versions(SHOP, "TOKEN"), ["v2", "v2"]);
    script
}

#[test]
fn s17_a_rollback_brings_code_back_with_current_secrets() {
    let mut script = two_versions(TOKEN.into());
    assert!(script.sim.ask(&operator(), &Ask::Rollback { deployment: DeploymentId(2) }));
    script.until(600_000, |script| script.posts("rolled back to") == 1);
    script.rest();
    serves(&script, SHOP, "v1");
    assert_eq!(script.versions(SHOP, "TOKEN"), ["v2", "v2"]);
}

#[test]
fn s17_a_rollback_to_a_pinned_secret_is_held_until_it_is_the_one_it_had() {
    let mut script = Script::new();
    script.secret(SHOP, "TOKEN", Secret { pinned: true, ..TOKEN.into() });
    script.ship(SHOP, "v1", Kind::Good);
    script.ship(SHOP, "v2", Kind::Good);
    script.sim.happen(&Happening::Secret(TOKEN, "v2"));
    assert!(script.sim.ask(&operator(), &Ask::Rollback { deployment: DeploymentId(2) }));
    script.until(300_000, |script| script.phase(3) == Some(PhaseName::Held));
    serves(&script, SHOP, "v2");
    assert_eq!(script.versions(SHOP, "TOKEN"), ["v1", "v1"]);
    script.sim.happen(&Happening::Secret(TOKEN, "v1"));
    script.until(1_800_000, |script| script.posts("rolled back to") == 1);
    script.rest();
    serves(&script, SHOP, "v1");
    assert_eq!(script.versions(SHOP, "TOKEN"), ["v1", "v1"]);
}

#[test]
fn s15_s16_a_version_is_rolled_back_after_its_secrets_were_rotated() {
    let mut script = Script::new();
    script.secret(SHOP, "TOKEN", rotates());
    script.ship(SHOP, "v1", Kind::Good);
    script.ship(SHOP, "v2", Kind::Good);
    change(&mut script, "v2", "v1");
    script.until(900_000, |script| script.posts("Health: good") == 3);
    script.rest();
    assert!(!script.sim.ask(&operator(), &Ask::Rollback { deployment: DeploymentId(3) }));
    assert!(script.sim.ask(&operator(), &Ask::Rollback { deployment: DeploymentId(2) }));
    script.until(900_000, |script| script.posts("rolled back to") == 1);
    script.rest();
    serves(&script, SHOP, "v1");
    assert_eq!(script.versions(SHOP, "TOKEN"), ["v2", "v2"]);
}
