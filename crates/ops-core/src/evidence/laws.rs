//! Laws that hold for every ticket: nobody but CQ and QA can help one through.

use proptest::{prelude::*, strategy::ValueTree as _};

use super::{
    heard::{heard, roles},
    phrase::Says,
    tests::{
        Board, DIGEST_NOTES, PATH_NOTES, built, candidate, candidate_of, decide, decide_with,
        notes_of, people,
    },
    *,
};
use crate::settings::Role;

const TEXTS: [&str; 24] = [
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
    "Genehmigt",
    "Abgelehnt",
    "QA：通过",
    "CQ: Отклонено",
    "> ## QA PASS",
    "<details>\n\nQA PASS\n</details>",
    "QA: АPPROVED",
    "CQ/QA: PASS",
    "QA PASS\n\nREVIEW FAILED",
    "I revoke my approval",
];
const FAILS: [&str; 5] =
    ["CQ: fail", "QA: fail", "REVIEW FAILED", "Abgelehnt", "QA PASS\n\nQA FAIL"];
const PEOPLE: [&str; 8] = ["pia", "dan", "cleo", "carl", "quinn", "sam", "both", "eve"];
const REVIEWERS: [&str; 5] = ["cleo", "carl", "quinn", "sam", "both"];
const OUTSIDERS: [&str; 5] = ["pia", "dan", "mark", "otto", "eve"];
const MOVES: [&str; 5] = ["in-progress", "in-review", "in-qa", "completed", "rfp"];

/// Commits of builds whose notes stand behind the texts, where merges are wanted.
const BUILDS: [char; 5] = ['a', 'b', 'c', 'd', 'f'];

#[derive(Debug, Clone)]
enum Step {
    /// Who, which text, and whether the board's stamp is of the right candidate.
    Says(usize, usize, Option<bool>),
    /// The same, with the stamp of the notes as they stand then.
    Stamped(usize, usize),
    Moves(usize, usize),
}

/// Steps that often lead to a ticket that may ship: the way itself, with others in between.
fn tickets() -> impl Strategy<Value = Board> {
    let notes = any::<bool>().prop_map(|digest| if digest { DIGEST_NOTES } else { PATH_NOTES });
    walked(notes.prop_map(str::to_owned), TEXTS.len())
}

/// The same for notes that name commits, and with merges and rebuilds in between.
fn merges() -> impl Strategy<Value = Board> {
    let notes = prop::sample::select(&BUILDS[..]);
    let board = walked(notes.prop_map(|commit| built(commit, "migrations: none")), texts());
    let build = prop::option::weighted(0.7, prop::sample::select(&BUILDS[..]));
    (board, build, any::<Option<bool>>()).prop_map(|(mut board, build, retested)| {
        if let Some(build) = build {
            board.says("dan", &built(build, "migrations: none"));
        }
        match retested {
            Some(true) => drop(board.stamped("quinn", "QA PASS", &candidate())),
            Some(false) => drop(board.says("quinn", "QA PASS")),
            None => {}
        }
        board
    })
}

fn texts() -> usize {
    TEXTS.len() + 2 * BUILDS.len()
}

fn text(index: usize) -> String {
    let builds = BUILDS.into_iter().flat_map(|commit| {
        [built(commit, "migrations: none"), built(commit, "migrations: [7_basket.sql]")]
    });
    TEXTS.into_iter().map(str::to_owned).chain(builds).nth(index).unwrap()
}

fn walked(notes: impl Strategy<Value = String>, texts: usize) -> impl Strategy<Value = Board> {
    let said = (0..PEOPLE.len(), 0..texts, any::<Option<bool>>());
    let stamps = u32::from(texts > TEXTS.len());
    let noise = prop_oneof![
        2 => said.prop_map(|(who, text, stamp)| Step::Says(who, text, stamp)),
        stamps => (0..PEOPLE.len(), 0..texts).prop_map(|(who, text)| Step::Stamped(who, text)),
        2 => (0..PEOPLE.len(), 0..MOVES.len()).prop_map(|(who, to)| Step::Moves(who, to)),
    ];
    let gaps = prop::collection::vec(prop::collection::vec(noise, 0..2), 5);
    let stamped = prop::option::of(any::<bool>());
    (notes, gaps, any::<bool>(), stamped).prop_map(move |(notes, gaps, last, stamped)| {
        let mut board = Board::new(&notes);
        let way = [
            match stamped.filter(|_| stamps > 0) {
                None => Step::Says(2, 0, Some(true)),
                Some(true) => Step::Stamped(2, 0),
                Some(false) => Step::Says(2, 0, None),
            },
            Step::Moves(2, 2),
            Step::Says(4, 2, Some(true)),
            Step::Moves(4, 4),
        ];
        let way = way.into_iter().map(Some).chain([None]);
        for (noise, step) in gaps.into_iter().zip(way) {
            let noise = noise.into_iter().filter(|step| last || !matches!(step, Step::Moves(..)));
            for step in noise.chain(step) {
                take(&mut board, &step);
            }
        }
        board
    })
}

fn take(board: &mut Board, step: &Step) {
    match step {
        Step::Says(who, said, None) => board.says(PEOPLE[*who], &text(*said)),
        Step::Says(who, said, Some(right)) => {
            let stamp = if *right { candidate() } else { Digest::of(b"other") };
            board.stamped(PEOPLE[*who], &text(*said), &stamp)
        }
        Step::Stamped(who, said) => {
            let found = notes_of(&board.0, &people());
            let stamp = found.and_then(|found| {
                found.notes.bound_digest().map(|digest| candidate_of(&found, digest))
            });
            match stamp {
                Some(stamp) => board.stamped(PEOPLE[*who], &text(*said), &stamp),
                None => board.says(PEOPLE[*who], &text(*said)),
            }
        }
        // A board writes no entry when a ticket is moved to where it is.
        Step::Moves(_, to) if MOVES[*to] == board.0.status => board,
        Step::Moves(who, to) => board.moves(PEOPLE[*who], MOVES[*to]),
    };
}

fn passed(board: &Board, people: &People) -> bool {
    matches!(decide(&board.0, people), Evidence::Passed { .. })
}

fn anyone(solo: bool) -> People {
    People { solo, ..people() }
}

/// Puts a comment into the middle of what happened, as if it had been written then.
fn inserted(board: &Board, at: usize, who: &str, text: &str, stamp: bool) -> Board {
    let mut last = board.clone();
    if stamp {
        last.stamped(who, text, &candidate());
    } else {
        last.says(who, text);
    }
    let Ticket { history, comments, .. } = &mut last.0;
    let at = at % history.len();
    if let (Some(entry), Some(comment)) = (history.pop(), comments.pop()) {
        let before = history.iter().take(at).filter(|entry| entry.action == "comment_added");
        comments.insert(before.count(), comment);
        history.insert(at, entry);
    }
    last
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

/// One thing that somebody does to a board's record behind its back.
#[derive(Debug, Clone, Copy)]
enum Edit {
    LoseEntry,
    RepeatEntry,
    SwapEntries,
    RewriteMove,
    RewriteComment,
    RemoveComment,
    SwapComments,
    ChangeAuthor,
}

fn edits() -> impl Strategy<Value = Edit> {
    prop::sample::select(vec![
        Edit::LoseEntry,
        Edit::RepeatEntry,
        Edit::SwapEntries,
        Edit::RewriteMove,
        Edit::RewriteComment,
        Edit::RemoveComment,
        Edit::SwapComments,
        Edit::ChangeAuthor,
    ])
}

/// Who made a move, and whether a comment came before or after a move, is told by the history
/// alone: what is edited there shows nowhere else, so that is not done here.
fn edited(board: &Board, edit: Edit, a: usize, b: usize) -> Board {
    let mut board = board.clone();
    let Ticket { history, comments, .. } = &mut board.0;
    let (a, b) = (a % history.len(), b % history.len());
    let comment = if comments.is_empty() { None } else { Some(a % comments.len()) };
    match (edit, comment) {
        (Edit::LoseEntry, _) => drop(history.remove(a)),
        (Edit::RepeatEntry, _) => history.insert(b, history[a].clone()),
        (Edit::SwapEntries, _) if history[a].action == history[b].action => history.swap(a, b),
        (Edit::RewriteMove, _) if history[a].action == "status_change" => {
            history[a].details = format!("Status: {} → rfp", MOVES[b % MOVES.len()]);
        }
        (Edit::RewriteComment, Some(at)) => {
            TEXTS[b % TEXTS.len()].clone_into(&mut comments[at].text);
        }
        (Edit::RemoveComment, Some(at)) => drop(comments.remove(at)),
        (Edit::SwapComments, Some(at)) => {
            // The same words by the same person look the same to the history wherever they stand, and
            // only a board that stamps verdicts tells them apart; that one lets nobody rewrite lists.
            let other = b % comments.len();
            let alike = comments[at].author == comments[other].author
                && comments[at].text == comments[other].text;
            if !alike {
                comments.swap(at, other);
            }
        }
        (Edit::ChangeAuthor, Some(at)) => comments[at].author = PEOPLE[b % PEOPLE.len()].into(),
        _ => {}
    }
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
    fn p1_no_outsider_could_have_turned_a_hold_into_a_pass(
        board in prop_oneof![tickets(), merges()],
        who in 0..OUTSIDERS.len(),
        text in 0..TEXTS.len(),
        at: usize,
        stamp: bool,
        solo: bool,
    ) {
        let people = anyone(solo);
        // Earlier notes change what the later verdicts were about.
        prop_assume!(!crate::notes::has_block(TEXTS[text]));
        let more = inserted(&board, at, OUTSIDERS[who], TEXTS[text], stamp);
        prop_assert!(passed(&board, &people) || !passed(&more, &people));
    }

    #[test]
    fn p1_no_fail_of_cq_or_qa_turns_a_hold_into_a_pass(
        board in prop_oneof![tickets(), merges()],
        who in 0..REVIEWERS.len(),
        text in 0..FAILS.len(),
        at: usize,
        stamp: bool,
        solo: bool,
    ) {
        let people = anyone(solo);
        let more = inserted(&board, at, REVIEWERS[who], FAILS[text], stamp);
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
    fn p1_no_edit_of_the_record_turns_a_hold_into_a_pass(
        board in tickets(),
        edit in edits(),
        a: usize,
        b: usize,
        solo: bool,
    ) {
        let people = anyone(solo);
        let other = edited(&board, edit, a, b);
        prop_assert!(passed(&board, &people) || !passed(&other, &people));
    }

    #[test]
    fn p1_nothing_that_is_only_shown_is_judged(
        board in tickets(),
        title in ".{0,40}",
        priority: u8,
        label in "[0-9TZ:-]{0,20}",
        solo: bool,
    ) {
        let people = anyone(solo);
        let mut other = board.clone();
        other.0.title = title.clone();
        other.0.kind = title;
        other.0.priority = priority;
        for comment in &mut other.0.comments {
            comment.id.clone_from(&label);
        }
        for entry in &mut other.0.history {
            entry.at.clone_from(&label);
        }
        prop_assert_eq!(decide(&board.0, &people), decide(&other.0, &people));
    }

    #[test]
    fn p1_no_pass_without_a_standing_pass_of_both_roles(board in prop_oneof![tickets(), merges()], solo: bool) {
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

    /// Whatever git says of any commits, it helps nobody but CQ, and only where the notes came after
    /// CQ's pass; and what passes without it passes as before.
    #[test]
    fn p1_s9_a_source_tree_keeps_a_pass_of_cq_and_nothing_else(
        board in merges(),
        trees in prop::sample::subsequence(&BUILDS[..], 0..=BUILDS.len()),
        solo: bool,
    ) {
        let people = anyone(solo);
        let commit = |build: char| std::iter::repeat_n(build, 7).collect::<String>();
        let trees = trees.into_iter().map(commit).collect();
        let without = decide_with(&board.0, &people, &std::collections::BTreeSet::new());
        let with = decide_with(&board.0, &people, &trees);
        match (&without, &with) {
            (Evidence::Held { reason, .. }, Evidence::Passed { cq, qa, .. }) => {
                prop_assert!(matches!(
                    reason,
                    HoldReason::ChangedAfter { role: Role::Cq, .. }
                        | HoldReason::OtherCandidate { role: Role::Cq, newer: Some(_), .. }
                ), "{reason:?}");
                prop_assert_eq!(cq.bond, Bond::SameTree);
                prop_assert!(qa.bond != Bond::SameTree);
                // CQ alone would have been asked, and QA's verdict is for the present notes.
                let mut asked = board.clone();
                asked.stamped("carl", "APPROVED", &candidate());
                let asked = decide(&asked.0, &people);
                prop_assert!(matches!(
                    asked,
                    Evidence::Passed { .. }
                        | Evidence::Held { reason: HoldReason::OneIdentity { .. }, .. }
                ), "{asked:?}");
            }
            (Evidence::Passed { .. }, _) => prop_assert_eq!(&without, &with),
            (Evidence::Held { reason: one, .. }, Evidence::Held { reason: other, .. }) => {
                prop_assert!(one == other || one.may_be_same_tree());
            }
        }
    }

    #[test]
    fn p8_no_text_is_a_pass_behind_a_denial(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "APPROVED", "QA", ": ", "PASS", " ", "\n", "\n\n", "not", "FAIL", "> ", "```", "<!--",
                "-->", "<details>", "</details>", "**", "\u{200b}", "- ", "通过", "Genehmigt", "é", "<",
                "Verdict:", "[ADDENDUM]", "tests", "(", ".", "’", "8/10", "\u{feff}", "\u{202e}",
            ]),
            0..12,
        ),
        noise in ".{0,40}",
    ) {
        let text = parts.concat();
        for text in [&text, &noise, &format!("{text}{noise}")] {
            if phrase::read(text).says == Says::Pass {
                let denied = text.trim_start().trim_start_matches(['*', '-', ' ', ':', '(', '.']);
                let denied = phrase::read(&format!("not {denied}")).says;
                let explicit = text.contains("Verdict:");
                prop_assert!(denied != Says::Pass || explicit, "{text:?}");
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
    assert!((100..400).contains(&passes), "{passes} of 500");
}

#[test]
fn the_generator_of_merges_makes_passes_by_tree() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut by_tree = 0;
    for _ in 0..1_000 {
        let board = merges().new_tree(&mut runner).map(|tree| tree.current()).unwrap();
        by_tree += usize::from(
            matches!(decide(&board.0, &anyone(false)), Evidence::Passed { cq, .. } if cq.bond == Bond::SameTree),
        );
    }
    assert!((20..500).contains(&by_tree), "{by_tree} of 1000");
}
