//! Laws that hold for every ticket: nobody but CQ and QA can help one through.

use proptest::{prelude::*, strategy::ValueTree as _};

use super::{
    heard::{heard, roles},
    phrase::Says,
    tests::{Board, DIGEST_NOTES, PATH_NOTES, candidate, decide, people},
    *,
};
use crate::settings::Role;

const TEXTS: [&str; 14] = [
    "APPROVED",
    "REVIEW FAILED",
    "## QA PASS",
    "## QA FAIL",
    "CQ: approved",
    "QA: passed",
    "PASS",
    "not approved",
    "[ADDENDUM] APPROVED",
    "Looks good",
    "## Deployment Failed\n\n<!-- ops D-1 -->",
    "Status: APPROVED",
    PATH_NOTES,
    DIGEST_NOTES,
];
const PEOPLE: [&str; 8] = ["pia", "dan", "cleo", "carl", "quinn", "sam", "both", "eve"];
const OUTSIDERS: [&str; 4] = ["pia", "dan", "mark", "eve"];
const MOVES: [&str; 5] = ["in-progress", "in-review", "in-qa", "completed", "rfp"];

#[derive(Debug, Clone)]
enum Step {
    Says(usize, usize, Option<bool>),
    Moves(usize, usize),
}

/// Steps that often lead to a ticket that may ship: the way itself, with others in between.
fn tickets() -> impl Strategy<Value = Board> {
    let noise = prop_oneof![
        (0..PEOPLE.len(), 0..TEXTS.len(), any::<Option<bool>>())
            .prop_map(|(who, text, stamp)| Step::Says(who, text, stamp)),
        (0..PEOPLE.len(), 0..MOVES.len()).prop_map(|(who, to)| Step::Moves(who, to)),
    ];
    let gaps = prop::collection::vec(prop::collection::vec(noise, 0..2), 5);
    (any::<bool>(), gaps, any::<bool>()).prop_map(|(digest, gaps, last)| {
        let mut board = Board::new(if digest { DIGEST_NOTES } else { PATH_NOTES });
        let way = [
            Step::Says(2, 0, Some(true)),
            Step::Moves(2, 2),
            Step::Says(4, 2, Some(true)),
            Step::Moves(4, 4),
        ];
        let way = way.into_iter().map(Some).chain([None]);
        for (noise, step) in gaps.into_iter().zip(way) {
            let noise = noise.into_iter().filter(|step| last || matches!(step, Step::Says(..)));
            for step in noise.chain(step) {
                take(&mut board, &step);
            }
        }
        board
    })
}

fn take(board: &mut Board, step: &Step) {
    match step {
        Step::Says(who, text, None) => board.says(PEOPLE[*who], TEXTS[*text]),
        Step::Says(who, text, Some(right)) => {
            let stamp = if *right { candidate() } else { Digest::of(b"other") };
            board.stamped(PEOPLE[*who], TEXTS[*text], &stamp)
        }
        Step::Moves(who, to) => board.moves(PEOPLE[*who], MOVES[*to]),
    };
}

fn passed(board: &Board, people: &People) -> bool {
    matches!(decide(&board.0, people), Evidence::Passed { .. })
}

fn anyone(solo: bool) -> People {
    People { solo, ..people() }
}

/// Removes a comment and the history entry that tells of it.
fn without(board: &Board, index: usize) -> Board {
    let mut board = board.clone();
    board.0.comments.remove(index);
    let mut told = 0;
    board.0.history.retain(|entry| {
        let is = entry.action == "comment_added";
        told += usize::from(is);
        !is || told != index + 1
    });
    board
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn p1_no_outsider_turns_a_hold_into_a_pass(
        board in tickets(),
        who in 0..OUTSIDERS.len(),
        text in prop_oneof![(0..TEXTS.len()).prop_map(|i| TEXTS[i].to_owned()), ".{0,80}"],
        stamp: bool,
        solo: bool,
    ) {
        let people = anyone(solo);
        // Notes that DEV completes are a change of what is judged, not of the judgement.
        prop_assume!(!matches!(
            decide(&board.0, &people),
            Evidence::Held { reason: HoldReason::NotesMoved { newest: None, .. }, .. }
        ));
        let mut more = board.clone();
        if stamp {
            more.stamped(OUTSIDERS[who], &text, &candidate());
        } else {
            more.says(OUTSIDERS[who], &text);
        }
        prop_assert!(passed(&board, &people) || !passed(&more, &people));
    }

    #[test]
    fn p1_removing_a_pass_never_turns_a_hold_into_a_pass(board in tickets(), at in 0..20usize, solo: bool) {
        let people = anyone(solo);
        let Some(comment) = board.0.comments.get(at) else { return Ok(()) };
        // A pass in another role's name is no pass, but a confusion that holds.
        let phrase = phrase::read(&comment.text);
        let confused = [Role::Cq, Role::Qa].into_iter().any(|role| {
            heard(phrase, roles(&people, &comment.author), role).is_some_and(|it| it != Says::Pass)
        });
        prop_assume!(phrase.says == Says::Pass && !confused);
        let less = without(&board, at);
        prop_assert!(passed(&board, &people) || !passed(&less, &people));
    }

    #[test]
    fn p1_no_pass_without_a_standing_pass_of_both_roles(board in tickets(), solo: bool) {
        let people = anyone(solo);
        if let Evidence::Passed { cq, qa, solo: alone } = decide(&board.0, &people) {
            prop_assert!(people.is(&cq.author, Role::Cq) && people.is(&qa.author, Role::Qa));
            prop_assert!(cq.comment != qa.comment);
            prop_assert!(!alone || people.solo);
            prop_assert!(alone || cq.author != qa.author);
            for verdict in [&cq, &qa] {
                let says = phrase::read(&board.0.comments[verdict.comment].text).says;
                prop_assert_eq!(says, Says::Pass);
            }
        }
    }
}

#[test]
fn the_generator_makes_both_passes_and_holds() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut passes = 0;
    for _ in 0..500 {
        let board = tickets().new_tree(&mut runner).map(|tree| tree.current()).unwrap();
        passes += usize::from(passed(&board, &anyone(false)));
    }
    assert!((50..450).contains(&passes), "{passes} of 500");
}
