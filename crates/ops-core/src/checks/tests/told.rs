//! What people read, for every bad run of every check: what was seen, what must happen first, who
//! can do it, and when ops looks again.

use std::fmt::Write as _;

use super::{BAD, Checklist, Scene};

fn told(id: &str) -> String {
    let mut out = String::new();
    for bad in BAD.iter().filter(|bad| bad.id == id) {
        let mut scene = Scene::good();
        (bad.change)(&mut scene);
        let list = scene.judged();
        let check = list.get(id).unwrap();
        let what = bad.what.split_once("_ ").map_or(bad.what, |(_, what)| what);
        let _ = writeln!(
            out,
            "# {what}\n{}\n{}: {}\nFirst: {}\n",
            check.looked_at,
            check.verdict.text(),
            check.evidence,
            check.remedy
        );
    }
    out
}

#[test]
fn every_hold_says_what_was_seen_and_what_must_happen_first() {
    for id in Checklist::IDS {
        let told = told(id);
        if !told.is_empty() {
            insta::assert_snapshot!(id, told);
        }
    }
}

#[test]
fn p13_no_text_wakes_somebody_or_shows_the_machine() {
    for id in Checklist::IDS {
        let told = told(id);
        assert!(!told.contains('@'), "{told}");
        for folder in ["/work", "/root", "/tmp", "/home", "/var"] {
            assert!(!told.contains(folder), "{told}");
        }
    }
}

/// Words that say who moves, or that nobody needs to.
const WHO: [&str; 13] = [
    "DEV",
    "CQ",
    "QA",
    "PO",
    "somebody",
    "listed person",
    "nobody",
    "whoever",
    "start it again",
    "see the check",
    "ops counts",
    "ops doctor",
    "on call",
];

#[test]
fn every_remedy_says_who_moves() {
    for bad in BAD {
        let mut scene = Scene::good();
        (bad.change)(&mut scene);
        let list = scene.judged();
        let check = list.get(bad.id).unwrap();
        assert!(WHO.iter().any(|who| check.remedy.contains(who)), "{}: {check:?}", bad.what);
    }
}
