//! Adoptions (S2): what lets one begin, and a seeded bad run for each way in which it must not.

use super::{
    Scene,
    bad::{Bad, bad, held},
    scene::{fault, found},
};
use crate::{
    checks::{
        Verdict::{Error, Fail, Inconclusive},
        adoptable, judge,
    },
    id::{DeploymentId, Digest},
    settings::Strategy,
    world::Proof,
};

/// The shop cannot run twice, and what runs of it has its port.
fn alone(scene: &mut Scene) {
    scene.shop(|shop| {
        shop.strategy = Strategy::Recreate;
        shop.runs_twice = false;
    });
}

/// Somebody stopped it, so many hours after ops had seen it.
fn stopped(scene: &mut Scene, hours: i64) {
    let when = scene.facts.at - jiff::SignedDuration::from_hours(hours);
    scene.outside(|outside| {
        outside.found = Ok(None);
        outside.health = None;
        outside.seen = Some((Digest::of(b"v0"), when));
    });
}

#[rustfmt::skip]
const BAD: &[Bad] = &[
    bad("evidence", "nothing of it runs", Fail, |s| s.outside(|one| { one.found = Ok(None); one.health = None; })),
    bad("evidence", "p3_ something else runs there", Fail, |s| s.outside(|one| {
        let differs = Proof::Differs { how: "its program is not bin/shop of the artifact, byte for byte".into() };
        if let Ok(Some(runs)) = &mut one.found { runs.proof = differs; }
    })),
    bad("evidence", "it is sick", Fail, |s| s.outside(|one| one.health = Some(Ok(Some("status 503".into()))))),
    bad("evidence", "p8_ its health cannot be asked", Error, |s| s.outside(|one| one.health = Some(Err(fault())))),
    bad("evidence", "p8_ its health was not asked", Error, |s| s.outside(|one| one.health = None)),
    bad("evidence", "p8_ it may not be looked at", Error, |s| s.outside(|one| one.found = Err(fault()))),
    bad("evidence", "p8_ nobody looked", Inconclusive, |s| s.facts.outside = None),
    bad("evidence", "one that cannot run twice still runs", Fail, alone),
    bad("evidence", "one that runs twice was seen and stopped", Fail, |s| stopped(s, 1)),
    bad("evidence", "one that cannot run twice was stopped two days ago", Fail, |s| { alone(s); stopped(s, 48); }),
    bad("evidence", "one that cannot run twice was seen with other bytes", Fail, |s| {
        alone(s); stopped(s, 1);
        s.shop(|shop| shop.adopt.as_mut().unwrap().artifact = Digest::of(b"v9"));
    }),
    bad("artifact", "p2_ it is not in the store", Fail, |s| s.facts.artifact = Some(Err(fault()))),
    bad("rollback-plan", "p8_ it cannot be told what runs under ops", Error, |s| s.facts.target = Err(fault())),
    bad("variables", "a secret has no value", Fail, |s| s.facts.secrets.extend(found("env:DB_URL", Ok(None)))),
    bad("window", "it is night", Fail, |s| s.facts.at = "2026-09-21T20:00:00Z".parse().unwrap()),
    bad("error-budget", "it is spent", Fail, |s| s.facts.tally.failed = 140),
    bad("conflict", "p4_ another one is under way", Fail, |s| s.facts.conflicts = vec![DeploymentId(5)]),
];

#[test]
fn s2_an_adoption_passes_on_what_is_seen_to_run() {
    let scene = Scene::adoption();
    let judged = scene.passes();
    assert_eq!(
        judged.checklist.get("evidence").unwrap().evidence,
        "process 4711, since 2026-09-01T08:00:00Z at 127.0.0.1:8080, runs the very program of v0 \
         (0270da4daac5); ops.yaml at c0ffee adopts it"
    );
    let plan = judged.plan.unwrap();
    assert_eq!((plan.service.watch.seconds, plan.service.watch.min_requests), (1_800, 0));
    assert_eq!((plan.new.candidate.version.as_str(), plan.old), ("v0", None));
    assert!(plan.tickets.is_empty());
}

#[test]
fn s2_what_cannot_run_twice_is_adopted_once_it_was_seen_and_stopped() {
    let mut scene = Scene::adoption();
    alone(&mut scene);
    assert_eq!(adoptable(&scene.created, &scene.facts), Some(Digest::of(b"v0")), "it is seen");
    let check = scene.judged().get("evidence").unwrap().clone();
    assert_eq!(check.until, Some(scene.facts.at + jiff::SignedDuration::from_secs(5)));
    stopped(&mut scene, 1);
    assert_eq!(adoptable(&scene.created, &scene.facts), None);
    assert!(scene.judged().passed(), "{:#?}", scene.judged().failing().collect::<Vec<_>>());
}

#[test]
fn s2_each_bad_run_is_held_by_its_check_and_told() {
    insta::assert_snapshot!(held(Scene::adoption, BAD));
}

#[test]
fn s2_what_is_not_asked_for_or_serves_already_ends() {
    let mut scene = Scene::adoption();
    scene.shop(|shop| shop.adopt = None);
    assert!(judge(&scene.created, &scene.facts).moot.is_some(), "ops.yaml does not ask");
    let mut scene = Scene::adoption();
    scene.facts.old = Scene::good().facts.old;
    assert!(judge(&scene.created, &scene.facts).moot.is_some(), "something serves under ops");
    scene.facts.settings = Err(fault());
    assert_eq!(
        judge(&scene.created, &scene.facts).moot,
        None,
        "p8_ what is not known is no reason"
    );
}

#[test]
fn s2_a_ticket_waits_until_what_runs_is_known_good() {
    let mut scene = Scene::good();
    scene.shop(|shop| shop.adopt = Some(crate::fixture::adopt()));
    assert!(scene.judged().passed(), "once something serves, that is what it goes back to");
    scene.facts.old = None;
    scene.facts.old_stored = None;
    scene.facts.target = Ok(crate::world::TargetView::default());
    let check = scene.judged().get("rollback-plan").unwrap().clone();
    assert_eq!(check.verdict, Fail);
    assert!(check.evidence.contains("to be adopted first"), "{}", check.evidence);
}

#[test]
fn s3_what_is_adopted_is_no_part_of_what_cq_and_qa_approve() {
    let scene = Scene::good();
    let before = judge(&scene.created, &scene.facts).candidate;
    let mut adopts = scene;
    adopts.shop(|shop| shop.adopt = Some(crate::fixture::adopt()));
    assert_eq!(judge(&adopts.created, &adopts.facts).candidate, before);
}
