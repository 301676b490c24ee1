//! Every check is shown to hold a bad deployment before it counts as a gate.

mod adoptions;
mod bad;
mod commits;
mod engines;
mod laws;
mod pages;
mod rollbacks;
mod rotations;
mod rules;
mod scene;
mod told;
mod trees;

use super::{Checklist, Verdict};
use bad::BAD;
use scene::Scene;

/// The advisor is asked elsewhere; without it there is nothing that could hold.
const NOTHING_TO_HOLD: [&str; 1] = ["advisor"];

#[test]
fn good_facts_pass_every_check() {
    let list = Scene::good().judged();
    assert!(list.passed(), "{:#?}", list.failing().collect::<Vec<_>>());
    for id in Checklist::IDS {
        let wanted =
            if NOTHING_TO_HOLD.contains(&id) { Verdict::NotDeclared } else { Verdict::Pass };
        assert_eq!(list.get(id).unwrap().verdict, wanted, "{id}");
    }
}

#[test]
fn each_bad_run_is_held_by_its_check_and_by_no_other() {
    for bad in BAD {
        let mut scene = Scene::good();
        (bad.change)(&mut scene);
        let list = scene.judged();
        assert_eq!(list.causes(), [bad.id], "{}: {list:#?}", bad.what);
        let check = list.get(bad.id).unwrap();
        assert_eq!(check.verdict, bad.verdict, "{}: {check:?}", bad.what);
        assert!(!list.passed(), "{}", bad.what);
    }
}

#[test]
fn every_check_has_a_bad_run() {
    for id in Checklist::IDS {
        let shown = BAD.iter().any(|bad| bad.id == id);
        assert!(shown != NOTHING_TO_HOLD.contains(&id), "{id} was never seen to hold anything");
    }
    for bad in BAD {
        assert!(Checklist::IDS.contains(&bad.id), "{} is no check", bad.id);
    }
}

#[test]
fn p8_a_list_that_lacks_a_check_never_passes() {
    let good = Scene::good().judged();
    for id in Checklist::IDS {
        let mut list = Checklist::clone(&good);
        list.checks.retain(|check| check.id != id);
        assert!(!list.passed(), "{id}");
    }
}
