//! Laws that hold for all facts.

use proptest::{prelude::*, sample::subsequence};

use super::{
    bad::{BAD, UNREAD},
    scene::Scene,
};

#[test]
fn p8_nothing_that_cannot_be_read_passes() {
    for (what, unread) in UNREAD {
        let mut scene = Scene::good();
        unread(&mut scene);
        assert!(!scene.judged().passed(), "{what}");
    }
}

#[test]
fn p8_what_holds_is_told() {
    for (what, unread) in UNREAD {
        let mut scene = Scene::good();
        unread(&mut scene);
        let list = scene.judged();
        assert!(!list.causes().is_empty(), "{what}");
        for check in list.failing() {
            assert!(!check.evidence.is_empty() && !check.remedy.is_empty(), "{what}: {check:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever else is wrong, and whatever the ticket may relax: a fact that cannot be read never
    /// turns a held list into one that passes.
    #[test]
    fn p8_an_error_never_turns_a_held_list_into_a_passing_one(
        bad in subsequence((0..BAD.len()).collect::<Vec<_>>(), 0..4),
        unread in 0..UNREAD.len(),
        fix in any::<bool>(),
    ) {
        let mut scene = Scene::good();
        if fix {
            scene.fix();
        }
        for one in bad {
            (BAD[one].change)(&mut scene);
        }
        (UNREAD[unread].1)(&mut scene);
        let list = scene.judged();
        prop_assert!(!list.passed(), "{}: {list:#?}", UNREAD[unread].0);
    }

    /// The same facts give the same judgement, and what is wrong twice is not right.
    #[test]
    fn bad_runs_together_are_held(
        bad in subsequence((0..BAD.len()).collect::<Vec<_>>(), 1..5),
    ) {
        let mut scene = Scene::good();
        for one in &bad {
            (BAD[*one].change)(&mut scene);
        }
        let list = scene.judged();
        prop_assert!(!list.passed(), "{:?}", bad.iter().map(|one| BAD[*one].what).collect::<Vec<_>>());
        prop_assert_eq!(list, scene.judged());
    }
}
