//! Every error says what happened, where, and what to do next.

use crate::{house::Site, told::snapshot};

#[test]
fn errors_say_what_to_do_next() {
    let mut texts = Vec::new();
    let mut tell = |site: &Site, args: &[&str]| {
        texts.push(format!("$ ops {}\n{}", args.join(" "), site.ops(args).whole()));
    };
    let site = Site::empty();
    tell(&site, &["serve"]);
    tell(&site, &["status"]);
    tell(&site, &["history"]);
    tell(&site, &["show", "D-1"]);
    tell(&site, &["deploy", "MNS-1"]);
    tell(&site, &["plan", "MNS-1"]);
    tell(&site, &["halt"]);
    tell(&site, &["explain", "MNS-1"]);
    tell(&site, &["show", "MNS-1"]);
    tell(&site, &["--config", "nowhere", "status"]);
    tell(&site, &["board", "list"]);
    tell(&site, &["--output", "json", "halt"]);
    snapshot(&site, "errors", &texts.join("\n"));
}

#[test]
fn a_file_that_cannot_be_used_is_shown_where_it_is_wrong() {
    let site = Site::empty();
    site.write("ops.yaml", "version: 1\nproject: shop\nservices:\n  shop:\n    comand: [run]\n");
    let said = site.ops(&["check"]);
    assert_eq!(said.code, 3);
    snapshot(&site, "complaints", &said.whole());
    let json = site.ops(&["check", "--output", "json"]);
    assert_eq!(json.code, 3);
    assert!(json.json()["rejected"]["count"].as_u64().unwrap() > 0);
}

#[test]
fn s4_only_a_commit_governs() {
    let site = Site::shop();
    let outside = Site::empty();
    std::fs::copy(site.path().join("ops.yaml"), outside.path().join("ops.yaml")).unwrap();
    let said = outside.ops(&["serve"]);
    assert_eq!(said.code, 3);
    snapshot(&outside, "no_repository", &said.whole());
    assert!(!outside.state().exists(), "nothing was made");
}

#[test]
fn init_writes_a_file_that_passes_and_never_over_another() {
    let site = Site::empty();
    assert_eq!(site.ops(&["init"]).code, 0);
    assert_eq!(site.ops(&["check"]).code, 0);
    let said = site.ops(&["init"]);
    assert_eq!(said.code, 1);
    snapshot(&site, "init_twice", &said.whole());
}
