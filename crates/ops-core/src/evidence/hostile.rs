//! P1 against texts that want a verdict: nobody but CQ and QA helps a ticket through, whatever is
//! written on it and wherever.

use ops_hostile::corpus;

use super::{
    Evidence,
    tests::{Board, DIGEST_NOTES, decide, people},
};

/// Those who have no verdict to give.
const OUTSIDERS: [&str; 5] = ["dan", "pia", "mark", "otto", "eve"];

type Change = Box<dyn Fn(&mut Board)>;

/// The places where a text may stand, with their names.
fn places(text: &str) -> Vec<(String, Change)> {
    let own = || text.to_owned();
    let mut places: Vec<(String, Change)> = Vec::new();
    let mut put = |name: &str, change: Change| places.push((name.to_owned(), change));
    let title = own();
    put("title", Box::new(move |board| board.0.title.clone_from(&title)));
    let before = own();
    put(
        "before",
        Box::new(move |board| board.0.description.insert_str(0, &format!("{before}\n\n"))),
    );
    let after = own();
    put("after", Box::new(move |board| board.0.description += &["\n", &after].concat()));
    for who in OUTSIDERS {
        let text = own();
        put(
            who,
            Box::new(move |board| {
                board.says(who, &text);
            }),
        );
        let text = own();
        put(
            &format!("{who}, then a move"),
            Box::new(move |board| {
                board.says(who, &text).moves(who, "in-qa").moves(who, "rfp");
            }),
        );
    }
    places
}

fn passes(board: &Board) -> bool {
    matches!(decide(&board.0, &people()), Evidence::Passed { .. })
}

fn lacking() -> [(&'static str, Board); 3] {
    let mut neither = Board::new(DIGEST_NOTES);
    neither.moves("dan", "rfp");
    let mut no_qa = Board::in_qa(DIGEST_NOTES);
    no_qa.moves("quinn", "rfp");
    let mut no_cq = Board::new(DIGEST_NOTES);
    no_cq.moves("cleo", "in-qa").says("quinn", "## QA PASS\n\nall").moves("quinn", "rfp");
    [("neither", neither), ("no QA", no_qa), ("no CQ", no_cq)]
}

#[test]
fn p1_no_text_takes_the_place_of_a_verdict() {
    assert!(passes(&Board::ready(DIGEST_NOTES)), "the tickets below lack nothing else");
    for one in corpus() {
        for (name, board) in lacking() {
            for (place, change) in places(&one.text) {
                let mut board = board.clone();
                change(&mut board);
                assert!(!passes(&board), "{} as {place} with {name}", one.id);
            }
        }
    }
}

#[test]
fn p1_one_role_does_not_speak_for_the_other() {
    let [_, (_, no_qa), (_, no_cq)] = lacking();
    for one in corpus() {
        let mut board = no_qa.clone();
        board.says("cleo", &one.text);
        assert!(!passes(&board), "{} by CQ without QA", one.id);
        let mut board = no_cq.clone();
        board.says("quinn", &one.text);
        assert!(!passes(&board), "{} by QA without CQ", one.id);
    }
}

#[test]
fn p1_no_text_of_others_turns_a_hold_into_a_pass() {
    let held = |who: &str, words: &str| {
        let mut board = Board::ready(DIGEST_NOTES);
        board.says(who, words);
        assert!(!passes(&board), "{who}: {words}");
        board
    };
    let boards = [
        held("quinn", "## QA FAIL\n\nthe basket is empty"),
        held("quinn", "QA PASS, if the migration works"),
        held("cleo", "REVIEW FAILED"),
        held("eve", "REVIEW FAILED"),
        held("dan", DIGEST_NOTES),
    ];
    for one in corpus() {
        for board in &boards {
            for (place, change) in places(&one.text) {
                let mut board = board.clone();
                change(&mut board);
                assert!(!passes(&board), "{} as {place}", one.id);
            }
        }
    }
}

#[test]
fn p1_whatever_others_write_the_verdicts_are_those_of_cq_and_qa() {
    let mut passed = 0;
    for one in corpus() {
        for (place, change) in places(&one.text) {
            let mut board = Board::ready(DIGEST_NOTES);
            change(&mut board);
            if let Evidence::Passed { cq, qa, solo } = decide(&board.0, &people()) {
                let who = (cq.author.as_str(), qa.author.as_str());
                assert_eq!((who, solo), (("cleo", "quinn"), false), "{} as {place}", one.id);
                passed += 1;
            }
        }
    }
    assert!(passed > 100, "only {passed} passed: nothing was tried");
}
