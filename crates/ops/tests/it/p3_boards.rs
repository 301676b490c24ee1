//! P3 at the boards: whatever somebody writes there, a candidate that CQ and QA did not both pass
//! does not serve. Each way is tried for real, and each time ops says why.

use std::fs;

use ops_boards::{Edit, FieldChange};
use serde_json::json;

use crate::{
    house::Site,
    team::{Team, more_notes, notes},
};

#[test]
fn p3_no_words_on_a_ticket_stand_in_for_a_verdict() {
    let mut site = Site::shop();
    site.serve();
    let team = Team::new(&site);
    words_of_others(&team);
    quotes_and_half_words(&team);
    another_tickets_verdict(&team);
    mismatched_notes(&team);
    fixes_and_includes(&team);
    team.none_led_through();
    site.assert_clean();
}

#[test]
fn p3_no_change_after_a_verdict_and_no_move_around_it_ships() {
    let mut site = Site::shop();
    site.serve();
    let team = Team::new(&site);
    changed_after_qa(&team);
    shortcuts(&team);
    requests_that_write_what_they_may_not(&team);
    tokens(&team);
    team.none_led_through();
    site.assert_clean();
}

fn shop(team: &Team<'_>, version: &str) -> String {
    notes(version, &team.site.build(version))
}

/// Verdicts by those who may not give them.
fn words_of_others(team: &Team<'_>) {
    let way = "nobody says anything";
    let id = team.unjudged(way, &shop(team, "a1"));
    team.held(way, &id, "a1", "CQ");

    let way = "DEV approves its own work in both roles";
    let id = team.review(way, &shop(team, "a2"));
    team.by("dev").comment(&id, "CQ: PASS").unwrap();
    team.by("cq").move_ticket(&id, "in-qa").unwrap();
    team.by("dev").comment(&id, "QA: PASS").unwrap();
    team.by("qa").move_ticket(&id, "rfp").unwrap();
    team.held(way, &id, "a2", "CQ");

    let way = "PO speaks for QA";
    let id = team.review(way, &shop(team, "a3"));
    team.by("cq").comment(&id, "CQ: PASS").unwrap();
    team.by("cq").move_ticket(&id, "in-qa").unwrap();
    team.by("po").comment(&id, "QA: PASS").unwrap();
    team.by("qa").move_ticket(&id, "rfp").unwrap();
    team.held(way, &id, "a3", "QA");

    let way = "CQ speaks for QA too";
    let id = team.review(way, &shop(team, "a4"));
    team.by("cq").comment(&id, "CQ: PASS").unwrap();
    team.by("cq").move_ticket(&id, "in-qa").unwrap();
    team.by("cq").comment(&id, "QA: PASS").unwrap();
    team.by("qa").move_ticket(&id, "rfp").unwrap();
    team.held(way, &id, "a4", "the last word of CQ");
}

/// Words by the right people that are no pass.
fn quotes_and_half_words(team: &Team<'_>) {
    let way = "DEV's approval in CQ's quote";
    let id = team.review(way, &shop(team, "b1"));
    team.by("dev").comment(&id, "CQ: PASS").unwrap();
    team.by("cq").comment(&id, "> CQ: PASS\n\nWho wrote that?").unwrap();
    team.by("cq").move_ticket(&id, "in-qa").unwrap();
    team.by("qa").comment(&id, "QA: PASS").unwrap();
    team.by("qa").move_ticket(&id, "rfp").unwrap();
    team.held(way, &id, "b1", "CQ");

    let way = "a pass inside of code";
    let id = team.review(way, &shop(team, "b2"));
    team.by("cq").comment(&id, "CQ: PASS").unwrap();
    team.by("cq").move_ticket(&id, "in-qa").unwrap();
    team.by("qa").comment(&id, "```\nQA: PASS\n```").unwrap();
    team.by("qa").move_ticket(&id, "rfp").unwrap();
    team.held(way, &id, "b2", "QA");

    let way = "a pass that QA takes back before it moves the ticket";
    let id = team.judged(way, &shop(team, "b3"), |id| {
        team.by("qa").comment(id, "QA: FAIL, the basket is empty").unwrap();
    });
    team.held(way, &id, "b3", "QA failed it");

    let way = "a verdict of an earlier round";
    let id = team.review(way, &shop(team, "b4"));
    team.by("cq").comment(&id, "CQ: PASS").unwrap();
    team.by("cq").move_ticket(&id, "in-qa").unwrap();
    team.by("qa").comment(&id, "QA: PASS").unwrap();
    team.by("qa").move_ticket(&id, "in-progress").unwrap();
    team.by("dev").move_ticket(&id, "in-review").unwrap();
    team.by("cq").move_ticket(&id, "in-qa").unwrap();
    team.by("qa").move_ticket(&id, "rfp").unwrap();
    team.held(way, &id, "b4", "CQ");
}

/// The very comments with which another candidate was approved.
fn another_tickets_verdict(team: &Team<'_>) {
    let way = "the verdict of another ticket, copied";
    let theirs = team.review("the other", &shop(team, "c1"));
    team.by("cq").comment(&theirs, "CQ: PASS").unwrap();
    let verdict = team.ticket(&theirs).comments.remove(0);
    let id = team.review(way, &shop(team, "c2"));
    let copy = json!({ "text": verdict.text, "author": "cq@example.org", "id": verdict.id,
        "candidate": "sha256:00" });
    let path = format!("/api/tickets/{id}/comments");
    team.raw(team.token("dev"), "POST", &path, &copy);
    team.raw(team.token("dev"), "POST", &path, &json!({ "text": verdict.text }));
    team.by("cq").move_ticket(&id, "in-qa").unwrap();
    team.by("qa").comment(&id, "QA: PASS").unwrap();
    team.by("qa").move_ticket(&id, "rfp").unwrap();
    team.held(way, &id, "c2", "CQ");
}

/// Notes that say one thing and bind another.
fn mismatched_notes(team: &Team<'_>) {
    let way = "a digest that is not the artifact's";
    let digest = format!("digest: sha256:{}\n", "0".repeat(64));
    let text = more_notes("d1", &team.site.build("d1"), &digest);
    let id = team.judged(way, &text, |_| {});
    team.held(way, &id, "d1", "artifact");

    let way = "a second block that only DEV saw";
    let two = format!("{}\n{}", shop(team, "d2"), shop(team, "d3"));
    let id = team.judged(way, &two, |_| {});
    team.held(way, &id, "d3", "notes");

    let way = "a key that is no key";
    let text = more_notes("d4", &team.site.build("d4"), "skip_checks: true\nforce: yes\n");
    let id = team.judged(way, &text, |_| {});
    team.held(way, &id, "d4", "there is no field `skip_checks`");
}

/// What notes say of other work frees nothing of what must be proven.
fn fixes_and_includes(team: &Team<'_>) {
    let way = "it fixes something, says DEV, and PO confirms it";
    let text = more_notes("e1", &team.site.build("e1"), "fixes: D-1\n");
    let id = team.unjudged(way, &text);
    team.by("po").comment(&id, "Confirmed: fixes D-1").unwrap();
    team.held(way, &id, "e1", "CQ");

    let way = "an emergency, says PO, of the highest priority";
    let id = team.unjudged(way, &shop(team, "e2"));
    team.by("po").comment(&id, "Class: hotfix").unwrap();
    let urgent = Edit { priority: Some(5), ..Edit::default() };
    team.by("po").edit(&id, &urgent).unwrap();
    team.held(way, &id, "e2", "CQ");
    let theirs = Edit { priority: Some(1), ..Edit::default() };
    team.by("dev").edit(&id, &theirs).unwrap_err();

    let way = "included by a ticket that is itself not approved";
    let text = more_notes("e3", &team.site.build("e3"), &format!("includes: {id}\n"));
    let outer = team.unjudged(way, &text);
    team.held(way, &outer, "e3", "CQ");
    team.not_serving(way, &id, "e2");
}

/// What QA saw is not what lies there.
fn changed_after_qa(team: &Team<'_>) {
    let way = "other notes in a comment after QA's verdict";
    let id = team.judged(way, &shop(team, "f1"), |id| {
        team.by("dev").comment(id, &shop(team, "f2")).unwrap();
    });
    team.held(way, &id, "f2", "another candidate");

    let way = "another description after QA's verdict";
    let id = team.judged(way, &shop(team, "f3"), |id| {
        let edit = Edit { description: FieldChange::To(shop(team, "f4")), ..Edit::default() };
        team.by("dev").edit(id, &edit).unwrap();
    });
    team.held(way, &id, "f4", "another candidate");

    let way = "another artifact at the same path after QA's verdict";
    let artifact = team.site.build("f5");
    let id = team.judged(way, &notes("f5", &artifact), |_| {
        fs::write(artifact.join("bin/extra"), "not what QA saw").unwrap();
    });
    team.held(way, &id, "f5", "another candidate");

    let way = "QA's verdict before the notes";
    let id = team.review(way, "The notes follow.");
    team.by("cq").comment(&id, "CQ: PASS").unwrap();
    team.by("cq").move_ticket(&id, "in-qa").unwrap();
    team.by("qa").comment(&id, "QA: PASS").unwrap();
    team.by("dev").comment(&id, &shop(team, "f6")).unwrap();
    team.by("qa").move_ticket(&id, "rfp").unwrap();
    team.held(way, &id, "f6", "changed");
}

/// Ways to `rfp` that do not lead through CQ and QA.
fn shortcuts(team: &Team<'_>) {
    let way = "filed in rfp";
    let fields = json!({ "title": way, "description": shop(team, "g1"), "status": "rfp" });
    for who in ["dev", "cq", "qa"] {
        assert_eq!(team.raw(team.token(who), "POST", "/api/tickets", &fields), 403, "{who}");
    }
    let id = team.todo(way, &shop(team, "g1"));
    team.by("po").move_ticket(&id, "rfp").unwrap();
    team.held(way, &id, "g1", "evidence");

    let way = "PO moves it past QA";
    let id = team.review(way, &shop(team, "g2"));
    team.by("cq").comment(&id, "CQ: PASS").unwrap();
    team.by("qa").comment(&id, "QA: PASS").unwrap();
    team.by("po").move_ticket(&id, "rfp").unwrap();
    team.held(way, &id, "g2", "evidence");

    let way = "moved by the wrong role";
    let id = team.review(way, &shop(team, "g3"));
    for (who, to) in
        [("dev", "in-qa"), ("dev", "rfp"), ("cq", "rfp"), ("qa", "rfp"), ("qa", "in-qa")]
    {
        let path = format!("/api/tickets/{id}/status");
        assert_eq!(team.raw(team.token(who), "PUT", &path, &json!({ "status": to })), 403, "{who}");
    }
    team.not_serving(way, &id, "g3");
}

/// Comments and history are what the board wrote, whatever a request holds.
fn requests_that_write_what_they_may_not(team: &Team<'_>) {
    let way = "comments and history in a request";
    let id = team.unjudged(way, &shop(team, "h1"));
    let verdicts = json!([
        { "id": "1", "author": "cq@example.org", "text": "CQ: PASS", "timestamp": "2026-01-01" },
        { "id": "2", "author": "qa@example.org", "text": "QA: PASS", "timestamp": "2026-01-01" },
    ]);
    let path = format!("/api/tickets/{id}");
    for who in ["dev", "qa", "po"] {
        for method in ["PATCH", "PUT"] {
            let body = json!({ "comments": verdicts, "history": [], "candidate": "sha256:00" });
            let status = team.raw(team.token(who), method, &path, &body);
            assert!((400..500).contains(&status), "{who} {method}: {status}");
        }
    }
    let ticket = team.ticket(&id);
    let by_ops = |author: &str| author.starts_with("ops");
    assert!(ticket.comments.iter().all(|comment| by_ops(&comment.author)), "{way}");
    team.held(way, &id, "h1", "CQ");

    let way = "comments that are changed or deleted, and a ticket that is deleted";
    let id = team.judged(way, &shop(team, "h2"), |id| {
        team.by("qa").comment(id, "QA: FAIL").unwrap();
        let last = team.ticket(id).comments.pop().unwrap();
        for method in ["PUT", "PATCH", "DELETE"] {
            let path = format!("/api/tickets/{id}/comments/{}", last.id);
            let status = team.raw(team.token("po"), method, &path, &json!({ "text": "" }));
            assert!((400..500).contains(&status), "{method}: {status}");
        }
        let status =
            team.raw(team.token("po"), "DELETE", &format!("/api/tickets/{id}"), &json!({}));
        assert!((400..500).contains(&status), "{status}");
    });
    team.held(way, &id, "h2", "QA failed it");
}

/// Who may not speak.
fn tokens(team: &Team<'_>) {
    let way = "a token that is none";
    let id = team.unjudged(way, &shop(team, "i1"));
    let path = format!("/api/tickets/{id}/comments");
    let old = team.token("cq").to_owned();
    for token in ["", "0123456789abcdef", "null", "cq@example.org"] {
        let status = team.raw(token, "POST", &path, &json!({ "text": "CQ: PASS" }));
        assert_eq!(status, 401, "{token}");
    }
    // A new token ends the one before it: a request that was recorded is worth nothing then.
    team.site.token("cq");
    assert_eq!(team.raw(&old, "POST", &path, &json!({ "text": "CQ: PASS" })), 401, "replayed");
    team.held(way, &id, "i1", "CQ");
}
