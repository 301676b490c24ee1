//! A ticket that may not ship, and what people at the shell are told about it.

use crate::{
    house::{Said, Site, TEAM, eventually, finish, interrupt, read_until},
    told::snapshot,
};
use ops_boards::NewTicket;

#[test]
fn p1_a_ticket_without_verdicts_is_held_and_the_shell_says_why() {
    // Enough for a gate (S22), which `ops check` asks for.
    let mut site = Site::shop_with(|text| text.replace("min_requests: 20", "min_requests: 600"));
    site.serve();
    let po = site.as_member(TEAM[0]);
    let new = NewTicket {
        title: "Without anything".into(),
        status: Some("todo".into()),
        ..NewTicket::default()
    };
    let id = po.create(&new).unwrap().ticket_number;
    let early = site.ops(&["deploy", &id]);
    snapshot(&site, "deploy_too_early", &early.whole());
    po.move_ticket(&id, "rfp").unwrap();
    let held = site.ops(&["deploy", &id, "--quiet"]);
    assert_eq!(held.code, 12, "{}", held.err);
    snapshot(&site, "held", &held.whole());
    snapshot(&site, "plan_of_held", &site.ops(&["plan", &id]).whole());
    snapshot(&site, "status_of_held", &while_held(&site, &["status"], "unknown  held").whole());
    steering(&site);
    leaving(&site);
    whole_state(&mut site);
    site.assert_clean();
}

/// The answer at a moment at which the checks do not happen to run again.
fn while_held(site: &Site, args: &[&str], word: &str) -> Said {
    eventually("it is held", || {
        let said = site.ops(args);
        (said.out.contains(word) && !said.out.contains("still to be written")).then_some(said)
    })
}

/// Halt and resume, and requests that make no sense now.
fn steering(site: &Site) {
    let calls: [&[&str]; 5] =
        [&["halt"], &["resume"], &["rollback", "D-1"], &["abort", "D-7"], &["show", "D-7"]];
    let texts = calls.map(|call| format!("$ ops {}\n{}", call.join(" "), site.ops(call).whole()));
    snapshot(site, "steering", &texts.join("\n"));
    site.ops(&["halt"]);
    assert!(site.ops(&["status"]).out.starts_with("HALTED"));
    site.ops(&["resume"]);
    assert!(!site.ops(&["status"]).out.contains("HALTED"));
}

/// Ctrl-C where nobody can be asked: the daemon goes on alone.
fn leaving(site: &Site) {
    let mut watch = site.begin(&["watch", "D-1"]);
    read_until(&mut watch, "D-1 ");
    interrupt(&watch);
    assert_eq!(finish(watch).code, 130);
    assert_eq!(site.ops(&["status"]).code, 0);
}

/// What can be asked beside a running daemon, and without one.
fn whole_state(site: &mut Site) {
    let doctor = site.ops(&["doctor"]);
    assert_eq!(doctor.code, 0, "{}", doctor.out);
    snapshot(site, "doctor", &doctor.whole());
    snapshot(site, "check_online", &site.ops(&["check", "--online"]).whole());
    assert_eq!(site.ops(&["audit", "verify"]).code, 0);
    let held = r#""phase": "held""#;
    let live = while_held(site, &["explain", "D-1", "--output", "json"], held).json();
    assert_eq!(live[0]["id"], "D-1");
    site.end_daemon(rustix::process::Signal::TERM);
    let after = site.ops(&["status"]);
    assert!(after.err.contains("no daemon runs"), "{}", after.err);
    assert!(after.out.contains("D-1  MNS-1"), "{}", after.out);
    assert_eq!(site.ops(&["doctor"]).code, 1);
    assert_eq!(site.ops(&["deploy", "MNS-1"]).code, 1);
}
