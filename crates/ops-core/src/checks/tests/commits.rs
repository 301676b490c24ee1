//! A ticket that asks for another `ops.yaml` (S4): what holds it, each seen to hold.

use super::{
    Checklist, Scene, Verdict,
    scene::{COMMIT, fault},
};
use crate::{fixture, id::DeploymentId, plan::Kind, settings::Settings, ticket::Ticket};

/// A ticket whose notes ask for a commit, after a round of CQ and QA.
fn asking(commit: &str) -> Ticket {
    let mut ticket = fixture::ticket("v2");
    let notes = format!("```ops\nsettings: {commit}\n```");
    let old = ticket.comments[0].text.clone();
    ticket.comments[0].text.clone_from(&notes);
    for entry in &mut ticket.history {
        if entry.details.starts_with("Comment: ```ops") && old.starts_with("```ops") {
            entry.details = format!("Comment: {notes}");
        }
    }
    ticket
}

fn good() -> Scene {
    let mut scene = Scene::good();
    scene.created.kind = Kind::Settings { commit: COMMIT.into() };
    scene.facts.ticket = Ok(Some(asking(COMMIT)));
    scene.propose(|shop| shop.watch.seconds = 30);
    scene
}

type Change = fn(&mut Scene);

fn proposed(scene: &mut Scene, change: impl FnOnce(&mut Settings)) {
    let Some(Ok(asked)) = &mut scene.facts.proposed else { panic!("a commit is asked for") };
    change(std::sync::Arc::make_mut(asked));
}

const BAD: &[(&str, &str, Verdict, Change)] = &[
    ("settings", "the commit cannot be read", Verdict::Error, |s| {
        s.facts.proposed = Some(Err(fault()));
    }),
    ("settings", "the commit was not read", Verdict::Error, |s| s.facts.proposed = None),
    ("settings", "it turns solo mode on", Verdict::Fail, |s| {
        proposed(s, |asked| asked.people.solo = true);
    }),
    ("evidence", "QA has not passed it", Verdict::Fail, |s| {
        s.ticket(|ticket| fixture::comment(ticket, "quinn@example.org", "QA: FAIL"));
    }),
    ("evidence", "DEV asks for another commit since", Verdict::Fail, |s| {
        s.ticket(|ticket| {
            let notes = "```ops\nsettings: badc0ffeebadc0ffeebadc0ffeebadc0ffeebadc\n```";
            fixture::comment(ticket, "dan@example.org", notes);
        });
    }),
    ("evidence", "the board does not answer", Verdict::Error, |s| s.facts.ticket = Err(fault())),
    ("evidence", "there is no such ticket", Verdict::Fail, |s| s.facts.ticket = Ok(None)),
    ("conflict", "another one is under way", Verdict::Fail, |s| {
        s.facts.conflicts = vec![DeploymentId(4)];
    }),
];

#[test]
fn s4_a_commit_that_passed_cq_and_qa_passes_and_says_what_it_loosens() {
    let list = good().judged();
    assert!(list.passed(), "{:#?}", list.failing().collect::<Vec<_>>());
    assert_eq!(list.checks.len(), Checklist::IDS.len());
    let settings = list.get("settings").unwrap();
    assert!(settings.evidence.contains("services.shop.watch.for"), "{}", settings.evidence);
}

#[test]
fn p3_s4_each_bad_ticket_for_ops_yaml_is_held_by_its_check_and_by_no_other() {
    for (id, what, verdict, change) in BAD {
        let mut scene = good();
        change(&mut scene);
        let list = scene.judged();
        let failing: Vec<_> = list.failing().map(|check| check.id.as_str()).collect();
        assert_eq!(failing, [*id], "{what}: {list:#?}");
        let check = list.get(id).unwrap();
        assert_eq!(check.verdict, *verdict, "{what}");
        assert!(!check.evidence.is_empty() && !check.remedy.is_empty(), "{what}: {check:?}");
    }
}

#[test]
fn p8_s4_settings_that_govern_and_cannot_be_read_hold_it() {
    let mut scene = good();
    scene.facts.settings = Err(fault());
    assert!(!scene.judged().passed());
}
