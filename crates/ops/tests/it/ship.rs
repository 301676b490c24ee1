//! Real deployments of a real service with a real daemon, which is killed in the middle.

use rustix::process::Signal;

use crate::{
    customers::{Customers, visit},
    house::{Site, eventually, finish, read_until},
    told::snapshot,
};

#[test]
fn p5_p6_p10_two_versions_ship_although_the_daemon_is_killed() {
    let mut site = Site::shop();
    site.serve();
    second_daemon(&site);
    let door = site.door();
    let first = site.ready("v1", &site.build("v1"));
    let deploy = site.begin(&["deploy", &first]);
    eventually("v1 serves", || visit(&door).ok());
    let customers = Customers::come(&door);
    let said = finish(deploy);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);

    let second = site.ready("v2", &site.build("v2"));
    let mut deploy = site.begin(&["deploy", &second]);
    read_until(&mut deploy, "watching");
    site.end_daemon(Signal::KILL);
    assert!(visit(&door).is_ok(), "the edge serves without a daemon");
    site.serve();
    let said = finish(deploy);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    recorded_once(&site, &[&first, &second]);
    answers(&site);
    charts(&site);

    assert_eq!(site.end_daemon(Signal::TERM), Some(0));
    assert!(site.serve_log().contains("services and the edge keep running"));
    assert_eq!(visit(&door).unwrap(), "v2", "services outlive the daemon");
    let visits = customers.go_home();
    assert!(visits.served > 100, "{visits:?}");
    assert_eq!(visits.lost, Vec::<String>::new(), "of {}", visits.served);
    snapshot(&site, "history", &site.ops(&["history"]).whole());
    site.assert_clean();
}

fn second_daemon(site: &Site) {
    let said = site.ops(&["serve"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains(&format!("process {}", site.daemon_pid())), "{}", said.err);
    snapshot(site, "second_daemon", &said.whole());
}

/// One record on each ticket, and each is closed (P10).
fn recorded_once(site: &Site, tickets: &[&str]) {
    let dev = site.as_member("dev");
    for ticket in tickets {
        let found = dev.show(ticket).unwrap();
        assert_eq!(found.status, "closed");
        let records = found.comments.iter().filter(|c| c.text.contains("## Deployment Complete"));
        assert_eq!(records.count(), 1, "{ticket}");
    }
}

/// A picture of what the door saw lies beside the record, and is drawn again when asked for.
fn charts(site: &Site) {
    let beside = site.state().join("charts/D-2.svg");
    eventually("the daemon draws it", || beside.exists().then_some(()));
    let path = site.path().join("again.svg");
    let said = site.ops(&["show", "D-2", "--chart", path.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{}", said.err);
    let again = std::fs::read_to_string(path).unwrap();
    assert_eq!(again, std::fs::read_to_string(beside).unwrap());
    for words in ["D-2: shop on production", "50 %", "100 %", "passed", "new: v2", "old: v1"] {
        assert!(again.contains(words), "{words}");
    }
    // The door has seen too little of it for a self-test, or it is no gate: never a pass.
    let selftest = site.ops(&["watch", "selftest", "shop"]);
    assert_eq!(selftest.code, 1, "{}", selftest.whole());
}

/// What the shell says of it afterwards.
fn answers(site: &Site) {
    let told = eventually("all is told", || {
        let said = site.ops(&["status"]);
        (!said.out.contains("still to be written")).then(|| said.whole())
    });
    snapshot(site, "status", &told);
    snapshot(site, "show", &site.ops(&["show", "D-2"]).whole());
    snapshot(site, "explain_closed", &site.ops(&["explain", "MNS-2"]).whole());
    let verified = site.ops(&["audit", "verify", "--output", "json"]).json();
    assert!(verified["anchors"].as_u64().unwrap() >= 2, "{verified}");
    assert!(verified["records"].as_u64().unwrap() > 50);
    let again = site.ops(&["deploy", "MNS-2"]);
    assert_eq!(again.code, 1);
    let records = site.ops(&["show", "D-2", "--records"]);
    assert!(records.json().as_array().unwrap().len() > 20);
    assert_eq!(site.ops(&["doctor"]).code, 0, "{}", site.ops(&["doctor"]).out);
}
