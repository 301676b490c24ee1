//! P12 and S21: a model's judgement only stops, silence is no judgement, and what frees its halt
//! frees nothing else.

use crate::{
    checks::Verdict,
    deploy::{Cause, HoldCause, Input, Phase, PhaseName, Rejection},
    fixture::{World, canary, comment},
    judgement::{Answer, Exchange, Judgement, Opinion, Point, Said},
    settings::Advisor,
};

const PIA: &str = "pia@example.org";

fn advisor(required: bool) -> Advisor {
    Advisor {
        url: "http://127.0.0.1:1/v1".into(),
        model: "m".into(),
        key: None,
        required,
        timeout_seconds: 30,
        answer_tokens: 800,
        tokens_per_day: 200_000,
        money: None,
        drafts: true,
    }
}

fn says(verdict: Opinion) -> Answer {
    let halt = verdict == Opinion::Halt;
    let lines = |text: &str| halt.then(|| text.to_owned()).into_iter().collect();
    Answer::Judged(Judgement {
        verdict,
        concerns: lines("the ticket tests another page than the one that changed"),
        questions: lines("QA: was the cart tested?"),
        confidence: 70,
    })
}

/// The second version of a service, about to be judged.
fn second(required: bool) -> World {
    let mut first = World::new(canary(), "v1");
    first.ended();
    let mut world = first.next("v2");
    world.settings.advisor = Some(advisor(required));
    world.model = |_, _| Some(says(Opinion::Proceed));
    world
}

fn last_check(world: &World) -> (Verdict, String, String) {
    let list = world.state.checklist.as_ref().unwrap();
    let check = list.get("advisor").unwrap().clone();
    (check.verdict, check.evidence, check.remedy)
}

fn held(world: &mut World) -> HoldCause {
    world.until(|world| matches!(world.state.phase, Phase::Held { .. }));
    let Phase::Held { cause, .. } = world.state.phase.clone() else { unreachable!() };
    cause
}

fn closed(world: &mut World) {
    world.ended();
    assert!(matches!(world.state.phase, Phase::Closed), "{:?}", world.state.phase);
}

#[test]
fn p12_a_model_that_would_proceed_changes_nothing_but_the_record() {
    let mut world = second(false);
    closed(&mut world);
    assert_eq!(world.shown.len(), 1, "asked once");
    let (verdict, seen, _) = last_check(&world);
    assert_eq!(verdict, Verdict::Pass);
    insta::assert_snapshot!(seen, @"the model says proceed, 70 % sure");
}

#[test]
fn p12_proceed_frees_no_other_check() {
    let mut world = second(false);
    let at = world.ticket.comments.iter().rposition(|one| one.author.as_str().starts_with("quinn"));
    world.ticket.comments.get_mut(at.unwrap()).unwrap().text = "## QA FAIL".into();
    let cause = held(&mut world);
    assert!(!cause.words().contains("advisor"), "{}", cause.words());
    assert_eq!(world.shown, Vec::new(), "it is not even asked");
    assert_eq!(last_check(&world).0, Verdict::Inconclusive);
}

#[test]
fn p12_a_halt_holds_until_somebody_answers_and_is_judged_again() {
    let mut world = second(false);
    world.model = |_, n| Some(says(if n == 0 { Opinion::Halt } else { Opinion::Proceed }));
    let cause = held(&mut world);
    assert_eq!(cause, HoldCause::Checks { ids: vec!["advisor".into()] });
    insta::assert_snapshot!("p12_a_halt_before_the_plan", world.words());
    for _ in 0..40 {
        world.step();
        world.state.phase = again(&world);
    }
    assert_eq!(world.shown.len(), 1, "nobody wrote anything, so it is not asked again");
    comment(&mut world.ticket, "stranger@example.org", "All good, proceed.");
    comment(&mut world.ticket, "ops@example.org", "It is held.");
    run_checks(&mut world);
    assert_eq!(world.shown.len(), 1, "only the team answers");
    comment(&mut world.ticket, "dan@example.org", "The cart is on that page, QA tested it.");
    world.ended();
    assert!(matches!(world.state.phase, Phase::Closed), "{:?}", world.state.phase);
    assert_eq!(world.shown.len(), 2);
    assert!(world.shown.last().unwrap().text.contains("QA tested it"));
}

/// Looked at again at once.
fn again(world: &World) -> Phase {
    match &world.state.phase {
        Phase::Held { cause, .. } => {
            Phase::Held { cause: cause.clone(), recheck: crate::time::Timer::start(&world.now, 0) }
        }
        other => other.clone(),
    }
}

fn run_checks(world: &mut World) {
    let before = world.state.checked;
    world.state.phase = again(world);
    world.until(|world| world.state.checked > before);
    world
        .until(|world| !matches!(world.state.phase, Phase::Checking { .. } | Phase::Queued { .. }));
}

#[test]
fn p12_after_two_halts_only_a_named_person_decides() {
    let mut world = second(false);
    world.model = |_, _| Some(says(Opinion::Halt));
    held(&mut world);
    for n in 0..4 {
        comment(&mut world.ticket, "dan@example.org", &format!("answer {n}"));
        run_checks(&mut world);
    }
    assert_eq!(world.shown.len(), 2, "asked about the same candidate twice at most");
    let (verdict, _, remedy) = last_check(&world);
    assert_eq!(verdict, Verdict::Fail);
    assert!(remedy.contains("twice") && remedy.contains("ops answer"), "{remedy}");
    let words = "the migration was tried on a copy".to_owned();
    world.feed(&Input::Answer { by: PIA.into(), words });
    closed(&mut world);
    assert_eq!(world.shown.len(), 2);
    let (verdict, seen, _) = last_check(&world);
    assert_eq!(verdict, Verdict::Pass);
    insta::assert_snapshot!(seen, @"pia answered its halt: the migration was tried on a copy");
}

#[test]
fn p12_an_answer_frees_that_hold_and_only_that_hold() {
    let mut world = second(false);
    world.model = |_, _| Some(says(Opinion::Halt));
    held(&mut world);
    world.sick_dependencies = vec!["stock".into()];
    world.broken.push("nothing");
    let at = world.ticket.comments.iter().rposition(|one| one.author.as_str().starts_with("quinn"));
    world.ticket.comments.get_mut(at.unwrap()).unwrap().text = "## QA FAIL".into();
    world.feed(&Input::Answer { by: PIA.into(), words: "go".into() });
    run_checks(&mut world);
    let Phase::Held { cause, .. } = &world.state.phase else { panic!("{:?}", world.state.phase) };
    assert!(cause.words().contains("evidence"), "{}", cause.words());
    let refused = crate::deploy::decide(
        &world.state,
        &Input::Answer { by: PIA.into(), words: "go".into() },
        &world.now,
    );
    assert!(matches!(refused, Err(Rejection::NotNow(_))), "{refused:?}");
}

#[test]
fn s21_a_silent_model_is_no_gate_and_the_record_says_so() {
    let mut world = second(false);
    world.model = |_, _| Some(Answer::Silent { why: "connection refused".into() });
    closed(&mut world);
    let (verdict, seen, _) = last_check(&world);
    assert_eq!(
        (verdict, seen.as_str()),
        (Verdict::NoJudgement, "no judgement: connection refused")
    );
    assert!(world.words().contains("no judgement"), "{}", world.words());
}

#[test]
fn p9_s21_a_model_that_hangs_delays_by_its_time_out_at_most() {
    let mut world = second(false);
    world.model = |_, _| None;
    world.until(|world| world.state.advice.sought.is_some());
    let (began, explained) = (world.now.ms, crate::deploy::owed(&world.state, &world.now).report);
    assert_eq!(explained.waiting_for, "the model has judged it");
    assert!(explained.left_ms.is_some_and(|left| left <= 35_000), "{explained:?}");
    world.until(|world| matches!(world.state.phase, Phase::Planned { .. }));
    let waited = world.now.ms - began;
    assert!(waited <= 38_000, "{waited}");
    closed(&mut world);
}

#[test]
fn s21_where_a_judgement_is_required_silence_holds_and_is_asked_again() {
    let mut world = second(true);
    world.model = |_, n| {
        Some(if n < 2 { Answer::Silent { why: "503".into() } } else { says(Opinion::Proceed) })
    };
    assert_eq!(held(&mut world), HoldCause::Checks { ids: vec!["advisor".into()] });
    assert_eq!(last_check(&world).0, Verdict::Error);
    run_checks(&mut world);
    assert_eq!(world.shown.len(), 2);
    assert!(matches!(world.state.phase, Phase::Held { .. }), "{:?}", world.state.phase);
    run_checks(&mut world);
    closed(&mut world);
}

#[test]
fn p12_an_answer_that_is_no_judgement_holds() {
    let texts = ["Sure, go ahead!", "{\"verdict\":\"approve\"}", "", "null"];
    for text in texts {
        let mut world = second(false);
        world.model = |_, _| Some(Answer::Silent { why: String::new() });
        world.until(|world| world.state.advice.sought.is_some());
        let said = Said::Text { text: text.into() };
        let answer = Exchange { said, ..Exchange::none("") }.judgement();
        let key = world.state.advice.sought.as_ref().unwrap().dossier.key.clone();
        world.feed(&Input::Judged { point: Point::Plan, key, answer });
        assert_eq!(held(&mut world), HoldCause::Checks { ids: vec!["advisor".into()] }, "{text}");
    }
}

#[test]
fn p12_an_answer_to_another_question_counts_for_nothing() {
    let mut world = second(false);
    world.model = |_, _| None;
    world.until(|world| world.state.advice.sought.is_some());
    let before = world.state.clone();
    let key = crate::id::Digest::of(b"another");
    world.feed(&Input::Judged { point: Point::Plan, key, answer: says(Opinion::Halt) });
    assert_eq!(before.advice, world.state.advice);
}

/// At night nobody comes: the watch cannot be judged by numbers.
fn at_night(model: fn(&crate::judgement::Dossier, usize) -> Option<Answer>) -> World {
    let mut world = second(false);
    world.model = model;
    world.until(|world| matches!(world.state.phase, Phase::Deploying { .. }));
    world.crowd = 0.0;
    world
}

#[test]
fn s21_a_halt_in_the_watch_has_its_bound_and_then_it_rolls_back() {
    let mut world = at_night(|dossier, _| {
        Some(says(if dossier.point == Point::Watch { Opinion::Halt } else { Opinion::Proceed }))
    });
    world.until(|world| world.state.halted.is_some());
    assert_eq!(world.shown.len(), 2);
    let at = world.now.ms;
    world.until(|world| world.state.phase_name() == PhaseName::RollingBack);
    let bound = crate::deploy::HALT_MS;
    assert!((bound..bound + 5_000).contains(&(world.now.ms - at)), "{}", world.now.ms - at);
    world.ended();
    let cause = world.state.cause().cloned();
    assert!(matches!(cause, Some(Cause::HaltExpired { .. })), "{cause:?}");
    assert!(!cause.is_some_and(|cause| cause.condemns()), "a model condemns nothing");
    insta::assert_snapshot!("s21_a_halt_in_the_watch", world.words());
}

#[test]
fn p12_in_the_watch_proceed_passes_nothing() {
    let mut world = at_night(|_, _| Some(says(Opinion::Proceed)));
    world.ended();
    let cause = world.state.cause().cloned();
    assert!(matches!(cause, Some(Cause::Inconclusive { .. })), "{cause:?}");
    assert_eq!(world.shown.len(), 2, "once before the plan and once in the watch");
}

#[test]
fn p12_in_the_watch_an_answer_of_the_team_is_judged_and_frees_its_own_halt() {
    let mut world = at_night(|dossier, n| {
        let halt = dossier.point == Point::Watch && n == 1;
        Some(says(if halt { Opinion::Halt } else { Opinion::Proceed }))
    });
    world.until(|world| world.state.halted.is_some());
    comment(&mut world.ticket, "quinn@example.org", "At night nobody comes; it is fine.");
    world.until(|world| world.state.halted.is_none());
    assert_eq!(world.shown.len(), 3);
    assert!(world.state.acted());
}

#[test]
fn p12_what_frees_the_models_halt_does_not_free_a_persons() {
    let mut world = at_night(|dossier, n| {
        let halt = dossier.point == Point::Watch && n == 1;
        Some(says(if halt { Opinion::Halt } else { Opinion::Proceed }))
    });
    world.until(|world| world.state.halted.is_some());
    world.feed(&Input::Halt { by: "dan@example.org".into() });
    comment(&mut world.ticket, "quinn@example.org", "At night nobody comes; it is fine.");
    for _ in 0..60 {
        world.step();
    }
    assert_eq!(world.state.halted.as_ref().unwrap().by.as_str(), "dan@example.org");
    let answer = Input::Answer { by: PIA.into(), words: "go".into() };
    let refused = crate::deploy::decide(&world.state, &answer, &world.now);
    assert!(matches!(refused, Err(Rejection::NotNow(_))), "{refused:?}");
}

#[test]
fn p9_in_the_watch_a_model_that_hangs_stops_nothing() {
    let mut world =
        at_night(|dossier, _| (dossier.point == Point::Plan).then(|| says(Opinion::Proceed)));
    world.until(|world| world.state.advice.sought.is_some());
    world.until(|world| world.state.advice.sought.is_none());
    assert!(world.state.acted() && world.state.halted.is_none());
    let told = world.state.milestones.iter().any(|one| one.words.contains("no judgement"));
    assert!(told, "{:?}", world.state.milestones);
}

#[test]
fn p13_the_dossier_names_no_person_and_no_secret() {
    let mut world = second(false);
    world.ticket.description.push_str("\nDB_PASSWORD=hunter2hunter2 ask dan@example.org");
    closed(&mut world);
    let text = &world.shown.first().unwrap().text;
    for secret in ["hunter2", "dan@", "example.org", "quinn", "cleo"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    insta::assert_snapshot!("p13_a_dossier", text);
}
