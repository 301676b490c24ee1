//! P12, S21: a model that may only stop, in the whole engine.

use ops_core::{deploy::PhaseName, id::DeploymentId};
use ops_engine::Ask;
use ops_sim::{
    scheduler::happening::{Happening, developer, operator},
    world::{conduct::Kind, faults::Part, lock, model::Mind, wishes::SHOP},
};

use crate::script::{COMPLETE, FAILED, HELD, PLANNED, SOLVED, Script, digest};

fn advised(mind: Mind) -> Script {
    let mut script = Script::new();
    script.advise(false);
    script.think(Mind::Content);
    script.ship(SHOP, "v1", Kind::Good);
    script.think(mind);
    script
}

#[test]
fn p12_what_the_model_halts_waits_for_an_answer_and_ships_then() {
    let mut script = advised(Mind::Worried);
    let wish = script.wish(SHOP, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.comments(&ticket).contains(&HELD.to_owned()));
    script.run(1_200_000);
    assert_eq!(script.comments(&ticket), [HELD], "told once, and not judged again by itself");
    script.think(Mind::Content);
    script.sim.happen(&Happening::Remark(ticket.clone()));
    script.until(1_800_000, |script| script.status(&ticket) == "closed");
    script.rest();
    assert_eq!(script.comments(&ticket), [HELD, SOLVED, PLANNED, COMPLETE]);
    assert_eq!(script.routed(SHOP), [(digest(SHOP, "v2"), 100)]);
}

#[test]
fn p12_a_question_that_ended_with_its_daemon_is_asked_anew_and_has_its_time() {
    let mut script = advised(Mind::Worried);
    let wish = script.wish(SHOP, "v2", Kind::Good);
    let ticket = script.file(&wish);
    let sought = |script: &Script| {
        let engine = script.sim.engine.as_ref();
        let one = engine.and_then(|engine| engine.deployment(DeploymentId(2)));
        one.is_some_and(|one| one.advice.sought.is_some())
    };
    script.until(300_000, sought);
    script.sim.kill(100_000);
    script.until(300_000, |script| !script.comments(&ticket).is_empty());
    assert_eq!(script.comments(&ticket), [HELD]);
}

#[test]
fn p12_only_a_listed_person_answers_for_the_model() {
    let mut script = advised(Mind::Worried);
    let wish = script.wish(SHOP, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.comments(&ticket).contains(&HELD.to_owned()));
    let answer = |words: &str| Ask::Answer { ticket: ticket.clone(), words: words.into() };
    assert!(!script.sim.ask(&developer(), &answer("I have looked at it and it is fine")));
    assert!(!script.sim.ask(&operator(), &answer("fine")), "a reason is longer than that");
    script.run(120_000);
    assert_eq!(script.comments(&ticket), [HELD]);
    assert!(script.sim.ask(&operator(), &answer("I have looked at it and it is fine")));
    script.until(1_800_000, |script| script.status(&ticket) == "closed");
    script.rest();
}

#[test]
fn p12_a_model_that_answers_garbage_holds_like_one_that_halts() {
    let mut script = advised(Mind::Babbling);
    let wish = script.wish(SHOP, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.comments(&ticket).contains(&HELD.to_owned()));
    script.run(3_600_000);
    assert_eq!(script.status(&ticket), "rfp");
    assert_eq!(script.routed(SHOP), [(digest(SHOP, "v1"), 100)]);
}

#[test]
fn s21_a_model_that_is_away_or_slow_delays_and_holds_nothing() {
    let mut script = advised(Mind::Content);
    script.sim.happen(&Happening::Down(Part::Model, 7_200_000));
    let wish = script.wish(SHOP, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.until(900_000, |script| script.status(&ticket) == "closed");
    script.rest();
    let world = lock(&script.sim.world);
    let comments = &world.planning.tickets[&ticket].comments;
    assert!(comments.iter().any(|one| one.text.contains("no judgement")), "the record says so");
}

#[test]
fn s21_where_it_is_required_a_model_that_is_away_holds_until_it_is_back() {
    let mut script = Script::new();
    script.advise(true);
    script.think(Mind::Content);
    script.sim.happen(&Happening::Down(Part::Model, 3_600_000));
    let wish = script.wish(SHOP, "v1", Kind::Good);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.comments(&ticket).contains(&HELD.to_owned()));
    script.until(9_000_000, |script| script.status(&ticket) == "closed");
    assert!(script.sim.t() > 3_600_000);
    script.rest();
}

#[test]
fn s21_its_halt_in_the_watch_ends_with_its_bound() {
    let mut script = advised(Mind::WorriedInTheWatch);
    let wish = script.wish(SHOP, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.phase(2) == Some(PhaseName::Deploying));
    lock(&script.sim.world).rates.insert(SHOP.to_owned(), 0);
    script.until(600_000, |script| script.posts("is halted by the model") == 1);
    script.until(1_200_000, |script| script.comments(&ticket).contains(&FAILED.to_owned()));
    script.rest();
    assert_eq!(script.routed(SHOP), [(digest(SHOP, "v1"), 100)]);
    assert_eq!(script.status(&ticket), "rfp");
}

#[test]
fn p5_a_daemon_that_dies_while_the_model_thinks_asks_again() {
    let mut script = advised(Mind::Content);
    script.sim.happen(&Happening::Slow(Part::Model, 600_000));
    let wish = script.wish(SHOP, "v2", Kind::Good);
    let ticket = script.file(&wish);
    for _ in 0..3 {
        script.until(300_000, |script| script.phase(2) == Some(PhaseName::Checking));
        script.run(2_000);
        script.sim.happen(&Happening::Kill(500));
    }
    script.until(1_800_000, |script| script.status(&ticket) == "closed");
    script.rest();
}
