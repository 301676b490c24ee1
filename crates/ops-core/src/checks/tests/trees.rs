//! S9 in the whole list of checks: a merge after CQ's verdict.

use std::collections::BTreeSet;

use super::{
    Scene, Verdict,
    scene::{COMMIT, condemned, fault, rival},
};
use crate::{
    checks::{Age, Check, candidate_of, judge, qa_verdict},
    fixture::comment,
    id::{Digest, ServiceName},
    notes::{NotesFound, find_notes},
    settings::Role,
};

/// The commit of the merge.
const MERGE: &str = "6eed6eed6eed6eed6eed6eed6eed6eed6eed6eed";

/// After both verdicts DEV posts the notes of a merge, and QA tests that.
fn merged() -> Scene {
    let mut scene = Scene::good();
    scene.ticket(|ticket| {
        let old = Digest::of(b"v2").to_string();
        let notes = ticket.comments[0].text.replace(COMMIT, MERGE);
        let notes = notes.replace(&old, Digest::of(b"v3").as_str()).replace("v2", "v2-merged");
        comment(ticket, "dan@example.org", &notes);
        comment(ticket, "quinn@example.org", "## QA PASS");
    });
    if let Some(Ok(artifact)) = &mut scene.facts.artifact {
        artifact.digest = Digest::of(b"v3");
    }
    scene.facts.then.as_mut().unwrap().verdict = "c4".into();
    scene.facts.trees = Ok(BTreeSet::from([COMMIT.to_owned()]));
    scene
}

/// The hash of the candidate for which CQ's verdict was given, with the configuration of now.
fn reviewed(scene: &Scene) -> Digest {
    let mut ticket = scene.facts.ticket.clone().unwrap().unwrap();
    ticket.comments.truncate(1);
    let settings = scene.facts.settings.as_ref().unwrap();
    let found = find_notes(&ticket, |who| settings.people.is(who, Role::Dev));
    let NotesFound::Found(found) = found else { panic!("{found:?}") };
    let shop = &settings.services[&ServiceName::new("shop")];
    candidate_of(&found, shop, Digest::of(b"v2")).hash()
}

fn evidence(change: impl FnOnce(&mut Scene)) -> Check {
    let mut scene = merged();
    change(&mut scene);
    scene.judged().get("evidence").unwrap().clone()
}

#[test]
fn s9_the_record_says_that_cqs_verdict_was_kept() {
    let scene = merged();
    let list = scene.judged();
    assert!(list.passed(), "{:#?}", list.failing().collect::<Vec<_>>());
    let said = &list.get("evidence").unwrap().evidence;
    assert!(said.contains("for the same source tree as in comment 4, QA by"), "{said}");
    assert_eq!(qa_verdict(&scene.created, &scene.facts).as_deref(), Some("c4"));
    assert_eq!(
        judge(&scene.created, &scene.facts).plan.unwrap().new.candidate.version,
        "v2-merged"
    );
}

#[test]
fn s9_without_the_same_tree_cq_looks_again() {
    let check = evidence(|scene| scene.facts.trees = Ok(BTreeSet::new()));
    assert_eq!(check.verdict, Verdict::Fail);
    assert!(check.evidence.contains("the very same source tree"), "{}", check.evidence);
    let check = evidence(|scene| scene.facts.condemned.push(condemned("x", Some(COMMIT))));
    assert_eq!(check.verdict, Verdict::Fail, "what CQ saw was judged bad");
    let check = evidence(|scene| scene.facts.condemned.push(condemned("v2", None)));
    assert_eq!(check.verdict, Verdict::Fail, "the build of what CQ saw was judged bad");
    let mut other = condemned("v2", Some(COMMIT));
    other.service = "cart".into();
    let check = evidence(|scene| scene.facts.condemned.push(other));
    assert_eq!(check.verdict, Verdict::Pass, "another service was");
}

#[test]
fn p8_s9_an_error_of_git_is_told_where_a_verdict_hangs_on_it() {
    let check = evidence(|scene| scene.facts.trees = Err(fault()));
    assert_eq!(check.verdict, Verdict::Error);
    assert!(check.evidence.contains("no answer within 5 s"), "{}", check.evidence);
    let check = evidence(|scene| {
        scene.facts.trees = Err(fault());
        scene.ticket(|ticket| comment(ticket, "cleo@example.org", "APPROVED"));
    });
    assert_eq!(check.verdict, Verdict::Pass, "CQ has passed the merge itself");
    let check = evidence(|scene| {
        scene.facts.trees = Err(fault());
        scene.ticket(|ticket| comment(ticket, "cleo@example.org", "REVIEW FAILED"));
    });
    assert_eq!(check.verdict, Verdict::Fail, "no tree helps there");
}

#[test]
fn s9_a_stamp_holds_for_the_configuration_under_which_it_was_given() {
    let stamp = reviewed(&merged());
    let stamped = |scene: &mut Scene| {
        scene.ticket(|ticket| ticket.comments[1].candidate = Some(stamp.clone()));
    };
    assert_eq!(evidence(stamped).verdict, Verdict::Pass);
    let check = evidence(|scene| {
        stamped(scene);
        scene.shop(|shop| shop.command.push("--verbose".into()));
    });
    assert_eq!(check.verdict, Verdict::Fail);
    assert!(check.evidence.contains("is for another candidate"), "{}", check.evidence);
}

/// A merge whose CQ has not looked at it does not push another ticket aside.
#[test]
fn s8_s9_a_rival_needs_verdicts_for_its_own_notes() {
    let held = |again: &[&str]| {
        let mut rival = rival("v3", Age::Newer);
        let notes = rival.ticket.comments[0].text.replace("badc0ffee", "badc0ffee5");
        comment(&mut rival.ticket, "dan@example.org", &notes);
        comment(&mut rival.ticket, "quinn@example.org", "## QA PASS");
        for who in again {
            comment(&mut rival.ticket, who, "APPROVED");
        }
        let mut scene = Scene::good();
        scene.facts.trees = Ok(BTreeSet::from(["badc0ffee".to_owned(), COMMIT.to_owned()]));
        scene.rival(rival);
        !scene.judged().passed()
    };
    assert!(!held(&[]));
    assert!(held(&["cleo@example.org"]));
}
