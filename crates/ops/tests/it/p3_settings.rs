//! P3 and S4: gates are what CQ and QA let govern. Whatever `ops.yaml` says in the folder or in a
//! newer commit, what loosens a gate waits for a ticket that passed under the old rules.

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    house::{Site, eventually},
    team::{Team, more_notes, notes},
};

/// Shut for as long as anybody will run this, but for the class `hotfix`.
const FREEZE: &str = r#"windows:
  - name: freeze
    deny: { from: "2020-01-01T00:00:00Z", until: "2090-01-01T00:00:00Z" }
    except: [hotfix]
environments:"#;

fn frozen() -> Site {
    Site::shop_with(|text| {
        text.replace("environments:", FREEZE)
            .replace("watch: { for: 30s", "watch: { for: 60s")
            .replace("in_a_row: 2", "in_a_row: 3")
            .replace("services:", "retention: { releases: 5 }\nservices:")
    })
}

/// Each way to loosen: what it is, the text, its replacement, and where ops sees it.
const LOOSER: [(&str, &str, &str, &str); 13] = [
    ("PO becomes QA too", "po@example.org: po", "po@example.org: [po, qa]", "people.po@"),
    ("a new QA", "people:\n", "people:\n  eve@example.org: qa\n", "people.eve@"),
    (
        "another DEV",
        "dev@example.org: dev",
        "dev@example.org: human\n  dan@example.org: dev",
        "people.d",
    ),
    ("DEV steers", "operators: [po@", "operators: [dev@example.org, po@", "operators"),
    ("solo mode", "project: shop", "project: shop\nsolo: true", "solo"),
    ("a shorter watch", "for: 60s", "for: 30s", "services.shop.watch.for"),
    ("fewer requests", "min_requests: 20", "min_requests: 1", "services.shop.watch.min_requests"),
    ("no smoke requests", "    smoke: [{ get: /, status: 200 }]\n", "", "services.shop.smoke"),
    ("less healthy", "in_a_row: 3", "in_a_row: 2", "services.shop.health.in_a_row"),
    ("no window", "windows:", "x", "windows"),
    ("more classes pass", "[hotfix]", "[hotfix, normal]", "windows"),
    ("another ops", "embedded: {", "embedded: { me: robot@example.org,", "boards.embedded.me"),
    (
        "everybody may everything",
        "embedded: {",
        "embedded: { permissive: true,",
        "boards.embedded.permissive",
    ),
];

#[test]
fn p3_s4_no_commit_loosens_a_gate_by_itself() {
    let mut site = frozen();
    site.serve();
    let team = Team::new(&site);
    let first = eventually("the first commit governs", || governing(&site));
    let artifact = site.build("j1");
    let held = team.judged("an approved ticket", &notes("j1", &artifact), |_| {});
    team.held("a shut window", &held, "j1", "`freeze` lets nothing begin until 2090");
    for (way, from, to, path) in LOOSER {
        let commit = site.edit_and_commit(|text| loosened(text, from, to));
        let newer = waits(&site, &commit);
        let loosens = newer["loosens"].as_array().unwrap();
        let seen = |one: &Value| one["path"].as_str().unwrap().starts_with(path);
        assert!(loosens.iter().any(seen), "{way}: {loosens:?}");
        assert_eq!(governing(&site).as_ref(), Some(&first), "{way}");
        team.not_serving(way, &held, "j1");
        site.git(&["reset", "--hard", "--quiet", &first]);
    }
    two_steps(&site, &first);
    edits_and_odd_commits(&site, &team, &first);
    assert_eq!(site.ops(&["board", "token", "eve"]).code, 1, "eve is not on the boards");
    team.none_led_through();
    site.assert_clean();
}

/// Takes the whole window away, or replaces a text.
fn loosened(text: &str, from: &str, to: &str) -> String {
    if from == "windows:" { text.replace(FREEZE, "environments:") } else { text.replace(from, to) }
}

/// A service that is gone for one commit does not come back with fewer gates in the next.
fn two_steps(site: &Site, first: &str) {
    let gone = site.edit_and_commit(|text| {
        let (above, service) = text.split_once("  shop:\n    command").unwrap();
        format!("{above}  other:\n    command{service}")
    });
    let newer = waits(site, &gone);
    assert_eq!(newer["loosens"][0]["path"], "services.shop");
    site.git(&["reset", "--hard", "--quiet", first]);
}

/// What stands in the folder or in a commit that cannot be used changes nothing.
fn edits_and_odd_commits(site: &Site, team: &Team<'_>, first: &str) {
    let way = "an edit without a commit";
    site.edit(|text| text.replace(FREEZE, "environments:"));
    let id = team.judged(way, &notes("j2", &site.build("j2")), |_| {});
    team.held(way, &id, "j2", "`freeze` lets nothing begin");

    let way = "a commit whose ops.yaml is no ops.yaml";
    site.edit(|_| "version: 1\nforce: true\n".to_owned());
    site.commit();
    let id = team.judged(way, &notes("j3", &site.build("j3")), |_| {});
    team.held(way, &id, "j3", "`freeze` lets nothing begin");
    assert_eq!(governing(site).as_deref(), Some(first), "{way}");
    site.git(&["reset", "--hard", "--quiet", first]);

    let way = "the service as a looser commit has it";
    let commit = site.edit_and_commit(|text| text.replace("for: 60s", "for: 30s"));
    let text = more_notes("j4", &site.build("j4"), &format!("config_commit: {commit}\n"));
    let id = team.judged(way, &text, |_| {});
    team.by("po").comment(&id, "Class: hotfix").unwrap();
    team.held(way, &id, "j4", "which loosens gates: services.shop.watch.for");

    let way = "DEV names the class";
    let id = team.judged(way, &notes("j5", &site.build("j5")), |id| {
        team.by("dev").comment(id, "Class: hotfix").unwrap();
    });
    team.held(way, &id, "j5", "this ticket's class is `normal`");
    site.git(&["reset", "--hard", "--quiet", first]);
}

#[test]
fn p3_s4_a_settings_ticket_passes_cq_and_qa_of_those_who_govern() {
    let mut site = frozen();
    site.serve();
    let team = Team::new(&site);
    let first = eventually("the first commit governs", || governing(&site));
    let solo = site.edit_and_commit(|text| text.replace("project:", "solo: true\nproject:"));
    site.git(&["reset", "--hard", "--quiet", &first]);
    let commit = site.edit_and_commit(|text| {
        text.replace(FREEZE, "environments:")
            .replace("po@example.org: po", "po@example.org: [po, qa]")
    });
    waits(&site, &commit);
    crate::told::snapshot(&site, "status_of_waiting_settings", &site.ops(&["status"]).whole());
    refused_settings(&team, &commit, &solo);
    assert_eq!(governing(&site).as_ref(), Some(&first));

    // CQ and QA who govern now let it: it governs, and still does after a restart.
    let id = team.judged("Thaw", &asks(&commit), |_| {});
    eventually("it governs", || (governing(&site)? == commit).then_some(()));
    eventually("its ticket is closed", || (team.ticket(&id).status == "closed").then_some(()));
    let ended = eventually("all its words are written", || {
        let said = site.ops(&["explain", &id]);
        (!said.out.contains("Waits until")).then(|| said.whole())
    });
    crate::told::snapshot(&site, "explain_settings", &ended);
    team.none_led_through();
    assert_eq!(site.end_daemon(Signal::TERM), Some(0));
    site.serve();
    eventually("it still governs", || (governing(&site)? == commit).then_some(()));
    let team = Team::new(&site);
    let id = team.judged("No window holds it", &notes("k9", &site.build("k9")), |_| {});
    eventually("no window holds it", || {
        let said = site.ops(&["explain", &id]).out;
        let goes = ["planned", "deploying", "verifying", "watching"];
        goes.iter().any(|phase| said.contains(&format!(" is {phase}."))).then_some(())
    });
    site.assert_clean();
}

fn asks(commit: &str) -> String {
    format!("```ops\nsettings: {commit}\n```\n")
}

/// Tickets for other settings that prove nothing.
fn refused_settings(team: &Team<'_>, commit: &str, solo: &str) {
    let held = |way: &str, id: &str, why: &str| team.held(way, id, "no version", why);
    let way = "a ticket for looser settings without verdicts";
    let id = team.unjudged(way, &asks(commit));
    held(way, &id, "CQ");

    let way = "verdicts by one whom only the new settings make QA";
    let id = team.review(way, &asks(commit));
    team.by("cq").comment(&id, "CQ: PASS").unwrap();
    team.by("cq").move_ticket(&id, "in-qa").unwrap();
    team.by("po").comment(&id, "QA: PASS").unwrap();
    team.by("qa").move_ticket(&id, "rfp").unwrap();
    held(way, &id, "QA");

    let way = "a short name of the commit";
    let short = commit.get(..12).unwrap();
    let id = team.judged(way, &asks(short), |_| {});
    held(way, &id, "notes");

    let way = "a name that moves";
    let id = team.judged(way, &asks("HEAD"), |_| {});
    held(way, &id, "notes");

    let way = "a commit that does not exist";
    let id = team.judged(way, &asks(&"0123456789".repeat(4)), |_| {});
    held(way, &id, "settings");

    let way = "solo mode, with both verdicts";
    let id = team.judged(way, &asks(solo), |_| {});
    held(way, &id, "it turns solo mode on");

    let way = "another commit after QA's verdict";
    let id = team.judged(way, &asks(solo), |id| {
        team.by("dev").comment(id, &asks(commit)).unwrap();
    });
    held(way, &id, "evidence");
}

/// The commit that governs, as `ops status` says.
fn governing(site: &Site) -> Option<String> {
    let status = site.ops(&["status", "--output", "json"]).json();
    status["governs"].as_str().map(str::to_owned)
}

/// Waits until ops has seen that a commit loosens gates.
fn waits(site: &Site, commit: &str) -> Value {
    let client = ops_server::ControlClient::new(site.state());
    eventually(&format!("{commit} waits"), || {
        client.nudge().unwrap();
        let newer = site.ops(&["status", "--output", "json"]).json()["newer"].take();
        (newer["commit"] == commit).then_some(newer)
    })
}
