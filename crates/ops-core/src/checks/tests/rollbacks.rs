//! The fast lane: what never holds a rollback, and what does all the same.

use super::{
    BAD, Scene, Verdict,
    scene::{fault, found, pinned},
};
use crate::{
    checks::{Verdict::Error, judge},
    id::Digest,
    plan::Which,
    world::TargetView,
};

/// What says only that now is a bad time, or that what is taken back is bad.
const NEVER_HOLD: [&str; 12] = [
    "window",
    "error-budget",
    "fingerprint",
    "overtaken",
    "alerts",
    "host",
    "service-health",
    "drift",
    "image",
    "migrations",
    "guards",
    "signals",
];

#[test]
fn s15_a_rollback_of_what_was_closed_passes() {
    let list = Scene::rollback().judged();
    assert!(list.passed(), "{:#?}", list.failing().collect::<Vec<_>>());
}

#[test]
fn p3_s11_no_window_budget_or_alarm_holds_a_rollback() {
    for bad in BAD.iter().filter(|bad| NEVER_HOLD.contains(&bad.id)) {
        let mut scene = Scene::rollback();
        (bad.change)(&mut scene);
        let list = scene.judged();
        assert!(list.get(bad.id).unwrap().verdict.lets_pass(), "{}: {list:#?}", bad.what);
    }
}

#[test]
fn p3_a_sick_service_and_its_sick_dependency_do_not_hold_the_rollback() {
    let mut scene = Scene::rollback();
    scene.facts.health.values_mut().for_each(|one| *one = Ok(Some("answered 500".into())));
    scene.facts.dependencies[0].health = Ok(Some("too many connections".into()));
    let list = scene.judged();
    assert!(list.passed(), "{:#?}", list.failing().collect::<Vec<_>>());
    assert_eq!(list.get("service-health").unwrap().verdict, Verdict::Relaxed);
    assert_eq!(list.get("dependencies").unwrap().verdict, Verdict::Relaxed);
}

#[test]
fn p2_p4_p8_the_rest_holds_a_rollback_as_well() {
    let rest = ["dependencies", "room", "variables", "rollback-plan", "conflict", "retries"];
    for bad in BAD.iter().filter(|bad| rest.contains(&bad.id)) {
        let relaxed = bad.id == "dependencies" && bad.verdict != Error;
        let by_ticket = bad.what.contains("the notes") || bad.what.contains("is not declared");
        if relaxed || by_ticket {
            continue;
        }
        let mut scene = Scene::rollback();
        (bad.change)(&mut scene);
        assert!(!scene.judged().passed(), "{}", bad.what);
    }
}

#[test]
fn s1_s15_where_nothing_served_before_there_is_no_way_back() {
    let mut scene = Scene::rollback();
    scene.facts.undo = None;
    assert_eq!(scene.judged().get("artifact").unwrap().verdict, Verdict::Fail);
}

#[test]
fn p2_what_is_brought_back_is_the_very_artifact() {
    let mut scene = Scene::rollback();
    let mut found = Scene::good().facts.artifact;
    scene.facts.artifact = found.clone();
    assert_eq!(scene.judged().causes(), ["artifact"]);
    if let Some(Ok(found)) = &mut found {
        found.digest = Digest::of(b"v0");
    }
    scene.facts.artifact = found;
    assert!(scene.judged().passed());
}

#[test]
fn p8_a_target_that_does_not_answer_holds_a_rollback() {
    let mut scene = Scene::rollback();
    scene.facts.target = Err(fault());
    assert_eq!(scene.judged().causes(), ["rollback-plan"]);
    scene.facts.target = Ok(TargetView::default());
    assert!(scene.judged().passed(), "what serves is gone: that is a reason to go back");
}

/// What is brought back ran with another reference and another version of the secret.
fn older() -> Scene {
    let mut scene = Scene::rollback();
    let undo = scene.facts.undo.as_mut().unwrap();
    undo.spec.secrets = vec![("DB_URL".into(), "env:OLDER".into())];
    undo.secret_versions.insert("DB_URL".into(), "version 0".into());
    scene.facts.secrets.extend(found("env:OLDER", Ok(Some("version 0"))));
    scene
}

#[test]
fn s17_code_goes_back_and_secrets_stay_current() {
    let scene = older();
    let plan = judge(&scene.created, &scene.facts).plan.unwrap();
    assert_eq!(plan.spec(Which::New).unwrap().secrets[0].1, "env:DB_URL");
    assert_eq!(plan.new.secret_versions["DB_URL"], "version 1");
}

#[test]
fn s17_a_pinned_secret_goes_back_where_it_is_proven_to_be_the_one_it_was() {
    let mut scene = older();
    scene.shop(|shop| {
        shop.secrets.insert("DB_URL".into(), pinned());
    });
    let judged = judge(&scene.created, &scene.facts);
    assert!(judged.checklist.passed(), "{:#?}", judged.checklist);
    assert_eq!(judged.plan.unwrap().spec(Which::New).unwrap().secrets[0].1, "env:OLDER");
    let held = |scene: &Scene| scene.judged().causes();
    for other in [Ok(Some("version 1")), Ok(None), Err(fault())] {
        scene.facts.secrets.extend(found("env:OLDER", other));
        assert_eq!(held(&scene), ["variables"]);
    }
    let mut scene = older();
    scene.shop(|shop| {
        shop.secrets.insert("DB_URL".into(), pinned());
    });
    scene.facts.undo.as_mut().unwrap().secret_versions.clear();
    assert_eq!(held(&scene), ["variables"], "p8_ what was not recorded is not proven");
}
