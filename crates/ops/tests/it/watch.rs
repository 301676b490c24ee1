//! The watch from the outside: replays, and gates that are none.

use std::path::Path;

use crate::house::{Said, Site};

fn replay(site: &Site, file: &str, more: &[&str]) -> Said {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file);
    site.ops(&[&["watch", "replay", path.to_str().unwrap(), "--output", "json"], more].concat())
}

#[test]
fn a_replay_says_what_the_watch_would_have_decided_and_when() {
    let site = Site::empty();
    let bad = replay(&site, "watch-err10.csv", &[]);
    assert_eq!((bad.code, bad.err.as_str()), (0, ""));
    let said = bad.json();
    assert_eq!((&said["decision"], &said["stream"]), (&"rollback".into(), &"errors".into()));
    assert!(said["at_seconds"].as_u64().unwrap() < 120 && said["log_e"].as_f64().unwrap() > 4.6);
    let slow = replay(&site, "watch-lat2.csv", &[]).json();
    assert_eq!(slow["decision"], "rollback");
    let null = replay(&site, "watch-null.csv", &["--alpha", "5%"]).json();
    assert_eq!((&null["decision"], &null["at_seconds"]), (&"continue".into(), &120.into()));
    let strict = replay(&site, "watch-err10.csv", &["--alpha", "0.01%"]).json();
    assert!(strict["at_seconds"].as_u64() > said["at_seconds"].as_u64(), "{strict}");
}

#[test]
fn what_cannot_be_replayed_is_refused_with_its_place() {
    let site = Site::empty();
    assert_eq!(replay(&site, "nowhere.csv", &[]).code, 1);
    assert_eq!(replay(&site, "watch-null.csv", &["--weight", "0"]).code, 2);
    assert_eq!(replay(&site, "watch-null.csv", &["--alpha", "20%"]).code, 1);
    site.write("half.csv", "t,nc,xc,nb,xb\n1,5,0,45,0\n2,5,0");
    let half = site.ops(&["watch", "replay", "half.csv", "--weight", "10%"]);
    assert!(half.code == 1 && half.err.contains("half.csv, line 3"), "{}", half.whole());
    site.write("alone.csv", "t,nc,xc,nb,xb\n1,5,0,45,0\n");
    let alone = site.ops(&["watch", "replay", "alone.csv"]);
    assert!(alone.code == 1 && alone.err.contains("--weight"), "{}", alone.whole());
    assert_eq!(site.ops(&["watch"]).code, 2);
    assert_eq!(site.ops(&["watch", "D-1", "replay"]).code, 2);
}

#[test]
fn s22_a_gate_that_cannot_fail_is_refused() {
    let site = Site::shop();
    let said = site.ops(&["check"]);
    assert_eq!(said.code, 1, "{}", said.whole());
    for words in ["watch of shop", "is no gate", "services.shop.watch.min_requests"] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
    site.edit(|text| text.replace("min_requests: 20", "min_requests: 600"));
    assert_eq!(site.ops(&["check"]).code, 0);
    let untried = site.ops(&["watch", "selftest", "shop"]);
    assert!(untried.code == 1 && untried.err.contains("ops serve"), "{}", untried.whole());
    let unknown = site.ops(&["watch", "selftest", "shoe"]);
    assert!(unknown.code == 1 && unknown.err.contains("has shop"), "{}", unknown.whole());
}
