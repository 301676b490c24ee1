//! What a container needs of its engine and of its image, beside the bad runs of `bad`.

use super::{
    Scene, Verdict,
    scene::{container, engine},
};
use crate::{
    checks::{
        Verdict::{Fail, NotDeclared, Pass},
        judge,
    },
    fixture::comment,
    id::Digest,
    settings::{Strategy, TargetKind},
    world::Changed,
};

fn says(scene: &Scene, id: &str) -> (Verdict, String) {
    let list = scene.judged();
    let check = list.get(id).unwrap();
    (check.verdict, format!("{} -> {}", check.evidence, check.remedy))
}

#[test]
fn p8_without_a_limit_of_memory_the_room_is_told_as_not_declared() {
    let mut scene = Scene::good();
    scene.shop(|shop| shop.container.as_mut().unwrap().memory_bytes = None);
    let (verdict, said) = says(&scene, "room");
    assert_eq!(verdict, NotDeclared, "{said}");
    assert!(said.contains("container.memory"), "{said}");
}

#[test]
fn p8_the_disk_of_an_engine_that_cannot_be_asked_for_it_is_never_told_as_passed() {
    let mut scene = Scene::good();
    scene.facts.engines.as_mut().unwrap()[0].disk_free = None;
    let (verdict, said) = says(&scene, "room");
    assert_eq!(verdict, NotDeclared, "{said}");
    // What is missing elsewhere still holds it.
    scene.facts.engines.as_mut().unwrap()[0].memory_free = Some(0);
    assert_eq!(says(&scene, "room").0, Fail);
}

#[test]
fn an_image_that_the_engine_has_needs_no_more_room_there() {
    let mut scene = Scene::good();
    scene.facts.artifact.as_mut().unwrap().as_mut().unwrap().size = 1 << 30;
    let one = &mut scene.facts.engines.as_mut().unwrap()[0];
    one.disk_free = Some(2 << 30);
    assert_eq!(says(&scene, "room").0, Fail);
    scene.facts.engines.as_mut().unwrap()[0].holds = true;
    assert_eq!(says(&scene, "room").0, Pass);
}

#[test]
fn s7_what_cannot_run_twice_needs_memory_once() {
    let mut scene = Scene::good();
    let one = &mut scene.facts.engines.as_mut().unwrap()[0];
    (one.memory_bytes, one.memory_promised, one.memory_free) =
        (600 << 20, 512 << 20, Some(70 << 20));
    assert_eq!(says(&scene, "room").0, Fail);
    scene.shop(|shop| {
        (shop.strategy, shop.needs.memory_mb) = (Strategy::Recreate, 1);
        shop.runs_twice = false;
    });
    assert_eq!(says(&scene, "room").0, Pass);
}

#[test]
fn a_process_has_no_engine_and_no_image_and_is_told_so() {
    let mut scene = Scene::good();
    scene.shop(|shop| (shop.target, shop.container) = (TargetKind::Process, None));
    scene.facts.engines = Ok(Vec::new());
    for id in ["engine", "image", "drift"] {
        assert_eq!(says(&scene, id).0, NotDeclared, "{id}");
    }
    assert_eq!(says(&scene, "room").0, Pass);
}

#[test]
fn a_health_check_in_opsyaml_is_one_and_so_is_that_of_the_image() {
    let mut scene = Scene::good();
    assert!(says(&scene, "image").1.contains("the image's own"));
    scene.shop(|shop| shop.container.as_mut().unwrap().image_health = false);
    let (verdict, said) = says(&scene, "image");
    assert_eq!(verdict, Pass);
    assert!(said.contains("ops asks /healthz"), "{said}");
}

#[test]
fn what_was_changed_of_another_release_holds_nothing() {
    let mut scene = Scene::good();
    let one =
        Changed { replica: "x".into(), release: Some("other".into()), how: vec!["gone".into()] };
    scene.facts.engines.as_mut().unwrap()[0].changed.push(one);
    assert_eq!(says(&scene, "drift").0, Pass);
}

#[test]
fn what_was_changed_of_a_project_beside_its_front_holds_the_ticket_whoever_made_it() {
    let mut scene = Scene::good();
    scene.shop(|shop| (shop.target, shop.container) = (TargetKind::Compose, None));
    assert_eq!(says(&scene, "drift").0, Pass);
    let how = vec!["it is gone".into()];
    let one = Changed { replica: "worker (ab12)".into(), release: None, how };
    scene.facts.engines.as_mut().unwrap()[0].changed.push(one);
    let (verdict, said) = says(&scene, "drift");
    assert_eq!(verdict, Fail, "{said}");
    assert!(said.contains("worker (ab12): it is gone"), "{said}");
}

#[test]
fn each_of_several_engines_counts() {
    let mut scene = Scene::good();
    let mut other = engine();
    (other.place, other.architecture) = ("Docker at b".into(), "arm64".into());
    scene.facts.engines.as_mut().unwrap().push(other);
    let (verdict, said) = says(&scene, "image");
    assert_eq!(verdict, Fail, "{said}");
    assert!(said.contains("Docker at b is arm64"), "{said}");
}

/// A tag is taken where the digest that it means was approved; without one in the notes, only
/// verdicts that name the candidate bind it (P1).
#[test]
fn p1_a_tag_without_a_digest_needs_verdicts_that_name_what_it_means() {
    let mut scene = Scene::good();
    let digest = Digest::of(b"v2");
    scene.notes(&format!("digest: {digest}\n"), "");
    let list = scene.judged();
    assert_eq!(list.causes(), ["evidence"], "{list:#?}");
    assert!(says(&scene, "image").1.contains("only verdicts that name the candidate"));
    // A colon of a registry's port is no tag.
    scene.notes("registry.example.org/shop:v2", "registry.example.org:5000/shop");
    assert_eq!(says(&scene, "image").0, Fail);
    scene.notes("registry.example.org:5000/shop", "registry.example.org/shop:v2");
    let candidate = judge(&scene.created, &scene.facts).candidate.unwrap();
    scene.ticket(|ticket| {
        comment(ticket, "cleo@example.org", &format!("## CQ PASS\n\n{candidate}"));
        comment(ticket, "quinn@example.org", &format!("## QA PASS\n\n{candidate}"));
    });
    let list = scene.judged();
    assert_eq!(list.get("evidence").unwrap().verdict, Pass, "{list:#?}");
    // The tag means something else now: nobody passed that.
    scene.facts.artifact.as_mut().unwrap().as_mut().unwrap().digest = Digest::of(b"moved");
    assert_eq!(scene.judged().causes(), ["evidence"]);
}

#[test]
fn a_way_back_to_what_served_needs_no_second_look_at_its_image() {
    let mut scene = Scene::rollback();
    scene.shop(|shop| shop.container = Some(Box::new(container())));
    assert_eq!(says(&scene, "image").0, Pass);
}
