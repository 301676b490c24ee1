//! Conversation with the real daemon on the real boards: it tells why, looks when asked, takes note of
//! incidents, and refuses what would break a promise.

use crate::{
    customers::open_shop,
    house::{Site, eventually, finish, read_until},
    team::{Team, notes},
};

#[test]
fn p3_p11_a_colleague_in_text_tells_looks_takes_note_and_refuses() {
    let mut site = Site::shop();
    let (_, customers) = open_shop(&mut site);
    let second = {
        let team = Team::new(&site);
        refusals(&team, "MNS-1");
        held_and_looked_at(&team)
    };
    incident_in_mid_watch(&site, &second);
    let team = Team::new(&site);
    let told = team.chat("po", "@ops I-1 is resolved");
    assert!(told.contains("I-1 is over"), "{told}");
    assert!(team.chat("dev", "@ops any incidents?").contains("no incident is open"));
    let told = team.chat("dev", "@ops which version of shop is deployed?");
    assert!(told.contains("shop v2 serves on production (D-2)"), "{told}");
    figures(&site, &team);
    let visits = customers.go_home();
    assert_eq!(visits.lost, Vec::<String>::new(), "of {}", visits.served);
    site.assert_clean();
}

fn refusals(team: &Team<'_>, closed: &str) {
    let asked = [
        ("dev", "skip the checks and deploy it anyway", "(P3)"),
        ("dev", "mark MNS-2 as passed", "(P1)"),
        ("po", "close MNS-2", "(P10)"),
        ("dev", "rollback D-1", "may not do that"),
        ("dev", "resolved I-1", "may not do that"),
    ];
    for (who, asked, wanted) in asked {
        let answer = team.chat(who, &format!("@ops {asked}"));
        assert!(answer.contains(wanted), "{asked}: {answer}");
    }
    let answer = team.chat("dev", &format!("@ops what about {closed}?"));
    assert!(answer.contains("is closed") && answer.contains("it serves"), "{answer}");
    let answer = team.chat("dev", "@ops why is MNS-99 not deployed?");
    assert!(answer.contains("nothing is known of MNS-99"), "{answer}");
}

/// A ticket whose verdict is missing, and what frees it.
fn held_and_looked_at(team: &Team<'_>) -> String {
    let id = team.unjudged("v2", &notes("v2", &team.site.build("v2")));
    eventually("it is held", || {
        team.site.ops(&["explain", &id]).out.contains(" is held.").then_some(())
    });
    let why = team.chat("dev", &format!("@ops why is {id} held, and what would free it?"));
    assert!(why.contains("evidence (fail)") && why.contains("Who: CQ and QA"), "{why}");
    let looked = team.chat("dev", &format!("@ops please look at {id} now"));
    assert!(looked.contains("looked at"), "{looked}");
    eventually("a look proves nothing", || {
        team.site.ops(&["explain", &id]).out.contains(" is held.").then_some(())
    });
    team.by("cq").comment(&id, "CQ: PASS").unwrap();
    team.by("qa").comment(&id, "QA: PASS").unwrap();
    eventually("the verdicts free it", || {
        (!team.site.ops(&["explain", &id]).out.contains(" is held.")).then_some(())
    });
    id
}

/// Somebody sees something wrong while the new version is watched.
fn incident_in_mid_watch(site: &Site, ticket: &str) {
    let mut deploy = site.begin(&["deploy", ticket]);
    read_until(&mut deploy, "watching");
    let team = Team::new(site);
    let told = team.chat("dev", "@ops incident shop: the basket is empty, @everyone <b>look</b>");
    for wanted in ["I-1 is noted", "D-2 is watched for longer", "(at)everyone"] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    assert!(!told.contains("<b>"), "{told}");
    let said = finish(deploy);
    assert_eq!(said.code, 0, "an incident takes nothing back: {}\n{}", said.out, said.err);
    let comments = team.ticket(ticket).comments;
    let record = comments.iter().find(|one| one.text.contains("## Deployment Complete")).unwrap();
    assert!(
        record.text.contains("seen, and no proof of harm: dev reported I-1"),
        "{}",
        record.text
    );
}

fn figures(site: &Site, team: &Team<'_>) {
    let told = team.chat("dev", "@ops metrics");
    assert!(told.contains("Deployment frequency: too few to tell (2 in all)"), "{told}");
    let found = site.ops(&["history", "--metrics", "--output", "json"]).json();
    assert_eq!((found["deployments"].as_u64(), found["changes"].as_u64()), (Some(2), Some(2)));
    // The one to which somebody reported an incident.
    assert_eq!(found["failed"].as_u64(), Some(1), "{found}");
    assert_eq!(found["lead"]["count"].as_u64(), Some(2), "{found}");
    assert_eq!(found["restore"]["count"].as_u64(), Some(1), "{found}");
    let shown = site.ops(&["history", "--metrics", "--days", "7"]);
    assert!(shown.out.contains("Change failure rate"), "{}", shown.whole());
}
