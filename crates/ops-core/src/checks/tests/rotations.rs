//! Rotations (S16): what lets one begin, and a seeded bad run for each way in which it must not.

use super::{
    Scene,
    bad::{Bad, bad, held},
    scene::{fault, found},
};
use crate::{
    checks::{
        Verdict::{Error, Fail},
        judge,
    },
    id::DeploymentId,
    plan::Which,
    settings::Secret,
};

fn secret(scene: &mut Scene, change: impl FnOnce(&mut Secret)) {
    scene.shop(|shop| {
        if let Some(one) = shop.secrets.get_mut("DB_URL") {
            change(one);
        }
    });
}

fn before(scene: &mut Scene, version: Result<Option<&str>, crate::world::Fault>) {
    scene.facts.secrets.extend(found("env:DB_URL_BEFORE", version));
}

#[rustfmt::skip]
const BAD: &[Bad] = &[
    bad("evidence", "ops.yaml does not let it rotate", Fail, |s| secret(s, |one| one.rotate = false)),
    bad("evidence", "s3_ ops.yaml finds it elsewhere by now", Fail,
        |s| secret(s, |one| one.from = "env:OTHER".into())),
    bad("evidence", "a secret that may not rotate changed as well", Fail, |s| {
        s.shop(|shop| { shop.secrets.insert("KEY".into(), "env:KEY".into()); });
        for one in [&mut s.facts.undo, &mut s.facts.old].into_iter().flatten() {
            one.spec.secrets.push(("KEY".into(), "env:KEY".into()));
            one.secret_versions.insert("KEY".into(), "version 1".into());
        }
        s.facts.secrets.extend(found("env:KEY", Ok(Some("version 2"))));
    }),
    bad("rollback-plan", "p2_ no value before is declared", Fail,
        |s| secret(s, |one| one.previous = None)),
    bad("rollback-plan", "p2_ there is no value before", Fail, |s| before(s, Ok(None))),
    bad("rollback-plan", "p2_ the value before is another one", Fail,
        |s| before(s, Ok(Some("version 0")))),
    bad("rollback-plan", "p2_ the value before is the new one", Fail,
        |s| before(s, Ok(Some("version 2")))),
    bad("rollback-plan", "p8_ the value before cannot be read", Error, |s| before(s, Err(fault()))),
    bad("rollback-plan", "p8_ nobody looked for the value before", Fail,
        |s| { s.facts.secrets.remove("env:DB_URL_BEFORE"); }),
    bad("variables", "p8_ the secret cannot be read", Error,
        |s| s.facts.secrets.extend(found("env:DB_URL", Err(fault())))),
    bad("variables", "there is no value any more", Fail,
        |s| s.facts.secrets.extend(found("env:DB_URL", Ok(None)))),
    bad("window", "it is night", Fail, |s| s.facts.at = "2026-09-21T20:00:00Z".parse().unwrap()),
    bad("error-budget", "it is spent", Fail, |s| s.facts.tally.failed = 140),
    bad("service-health", "what serves is sick", Fail,
        |s| s.facts.health.values_mut().for_each(|one| *one = Ok(Some("answered 500".into())))),
    bad("conflict", "p4_ another one is under way", Fail, |s| s.facts.conflicts = vec![DeploymentId(5)]),
];

#[test]
fn s16_a_rotation_passes_on_what_serves_and_what_ops_yaml_says() {
    let scene = Scene::rotation();
    let judged = scene.passes();
    assert_eq!(
        judged.checklist.get("evidence").unwrap().evidence,
        "v1 serves and passed its watch under ops (D-1); ops.yaml at c0ffee declares that DB_URL \
         rotates"
    );
}

#[test]
fn s16_it_is_the_same_candidate_and_its_way_back_starts_with_the_value_before() {
    let scene = Scene::rotation();
    let plan = judge(&scene.created, &scene.facts).plan.unwrap();
    let old = plan.old.as_ref().unwrap();
    assert_eq!(plan.new.candidate, old.candidate);
    assert_ne!(plan.new.spec.release, old.spec.release);
    assert_eq!(plan.new.secret_versions["DB_URL"], "version 2");
    assert_eq!(plan.rotated(), ["DB_URL"]);
    let starts = |which| plan.spec(which).unwrap().secrets[0].1.clone();
    assert_eq!(starts(Which::New), "env:DB_URL");
    assert_eq!(starts(Which::Old), "env:DB_URL_BEFORE");
    assert_eq!(starts(Which::Rehearsal), "env:DB_URL_BEFORE");
}

#[test]
fn s16_each_bad_run_is_held_by_its_check() {
    held(Scene::rotation, BAD);
}

#[test]
fn s16_what_must_happen_first_is_told() {
    let out = held(Scene::rotation, BAD);
    for version in ["version 0", "version 1", "version 2"] {
        assert!(!out.contains(version), "P13: {out}");
    }
    insta::assert_snapshot!(out);
}

#[test]
fn s16_what_has_nothing_to_do_any_more_ends() {
    let mut scene = Scene::rotation();
    scene.facts.undo = None;
    assert!(judge(&scene.created, &scene.facts).moot.is_some(), "something else serves");
    let mut scene = Scene::rotation();
    scene.facts.secrets.extend(found("env:DB_URL", Ok(Some("version 1"))));
    assert!(judge(&scene.created, &scene.facts).moot.is_some(), "the value was put back");
    scene.facts.secrets.extend(found("env:DB_URL", Err(fault())));
    assert_eq!(
        judge(&scene.created, &scene.facts).moot,
        None,
        "p8_ what is not known is no reason"
    );
}
