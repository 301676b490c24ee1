//! Tickets as they come, and what is decided about them.

use super::*;
use crate::{
    notes::Place,
    settings::Role,
    ticket::{Change, Comment},
};

/// Builds tickets as a board would write them.
#[derive(Debug, Clone)]
pub(super) struct Board(pub(super) Ticket);

pub(super) const DIGEST_NOTES: &str = "```ops\nservice: shop\nartifact: \
    sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\nversion: v2\n\
    migrations: none\nrollback: previous\n```\n";
pub(super) const PATH_NOTES: &str = "```ops\nservice: shop\nartifact: dist/shop.tar.gz\n\
    version: v2\nmigrations: none\nrollback: previous\n```\n";

impl Board {
    /// A ticket with notes in its description that DEV handed over to review.
    pub(super) fn new(notes: &str) -> Self {
        let ticket = Ticket {
            id: "MNS-7".into(),
            title: "Basket".to_owned(),
            description: format!("As a buyer …\n\n{notes}"),
            status: "todo".to_owned(),
            priority: 3,
            kind: "story".to_owned(),
            comments: Vec::new(),
            history: Vec::new(),
        };
        let mut board = Self(ticket);
        board.history("created", "pia", "Task created");
        board.moves("dan", "in-progress").moves("dan", "in-review");
        board
    }

    /// The same, with CQ's pass and QA at work.
    fn in_qa(notes: &str) -> Self {
        let mut board = Self::new(notes);
        board.says("cleo", "APPROVED. Security review: ok.").moves("cleo", "in-qa");
        board
    }

    /// A ticket that may ship.
    pub(super) fn ready() -> Self {
        let mut board = Self::in_qa(DIGEST_NOTES);
        board.says("quinn", "## QA PASS\n\nall").moves("quinn", "rfp");
        board
    }

    fn history(&mut self, action: &str, user: &str, details: &str) {
        let (action, details) = (action.to_owned(), details.to_owned());
        self.0.history.push(Change { action, user: user.into(), details, at: String::new() });
    }

    pub(super) fn says(&mut self, author: &str, text: &str) -> &mut Self {
        let units: Vec<u16> = text.encode_utf16().collect();
        let start = String::from_utf16_lossy(&units[..units.len().min(100)]);
        let dots = if units.len() > 100 { "..." } else { "" };
        self.history("comment_added", author, &format!("Comment: {start}{dots}"));
        self.0.comments.push(Comment {
            id: self.0.comments.len().to_string(),
            author: author.into(),
            text: text.to_owned(),
            at: String::new(),
            candidate: None,
        });
        self
    }

    pub(super) fn stamped(&mut self, author: &str, text: &str, candidate: &Digest) -> &mut Self {
        self.says(author, text);
        self.0.comments.last_mut().unwrap().candidate = Some(candidate.clone());
        self
    }

    pub(super) fn moves(&mut self, user: &str, to: &str) -> &mut Self {
        let details = format!("Status: {} → {to}", self.0.status);
        self.history("status_change", user, &details);
        self.0.status = to.to_owned();
        self
    }
}

pub(super) fn people() -> People {
    use Role::{Cq, Dev, Human, Po, Qa};
    let roles = [
        ("pia", vec![Po]),
        ("dan", vec![Dev]),
        ("cleo", vec![Cq]),
        ("carl", vec![Cq]),
        ("quinn", vec![Qa]),
        ("sam", vec![Dev, Cq, Qa]),
        ("both", vec![Cq, Qa]),
        ("mark", vec![Human]),
    ];
    let roles = roles.into_iter().map(|(who, roles)| (who.into(), roles)).collect();
    People { roles, operators: Vec::new(), solo: false }
}

pub(super) fn candidate() -> Digest {
    Digest::of(b"candidate")
}

/// The decision, with the notes found where they stand.
pub(super) fn decide(ticket: &Ticket, people: &People) -> Evidence {
    let found = crate::notes::find_notes(ticket, |who| people.is(who, Role::Dev));
    let crate::notes::NotesFound::Found(found) = found else {
        let reason = HoldReason::NotesMoved { said: Place::Description, newest: None };
        return Evidence::Held { reason, words: String::new(), question: None };
    };
    judge(ticket, people, NotesAt::from(&*found), Some(&candidate()))
}

/// `pass`, `solo`, or the reason's name and role.
fn outcome(ticket: &Ticket, people: &People) -> String {
    let role = |role: &Role| format!("{role:?}").to_lowercase();
    match decide(ticket, people) {
        Evidence::Passed { solo: false, .. } => "pass".to_owned(),
        Evidence::Passed { solo: true, .. } => "solo".to_owned(),
        Evidence::Held { reason, .. } => match &reason {
            HoldReason::NotRfp { .. } => "not rfp".to_owned(),
            HoldReason::History { .. } => "history".to_owned(),
            HoldReason::NoRound => "no round".to_owned(),
            HoldReason::StrangeMove { .. } => "strange move".to_owned(),
            HoldReason::BadEntry { .. } => "bad entry".to_owned(),
            HoldReason::NotesMoved { .. } => "notes moved".to_owned(),
            HoldReason::Missing { role: of } => format!("missing {}", role(of)),
            HoldReason::Failed { role: of, .. } => format!("failed {}", role(of)),
            HoldReason::Unclear { role: of, .. } => format!("unclear {}", role(of)),
            HoldReason::UnknownRole { .. } => "unknown role".to_owned(),
            HoldReason::ChangedAfter { role: of, .. } => format!("changed after {}", role(of)),
            HoldReason::NotBound { role: of, .. } => format!("not bound {}", role(of)),
            HoldReason::OtherCandidate { role: of, .. } => format!("other {}", role(of)),
            HoldReason::OneIdentity { who } => format!("one identity {who}"),
        },
    }
}

#[track_caller]
fn expect(expected: &str, build: impl FnOnce(&mut Board) -> &mut Board) {
    let mut board = Board::ready();
    build(&mut board);
    assert_eq!(outcome(&board.0, &people()), expected);
}

#[track_caller]
fn expect_in_qa(expected: &str, notes: &str, build: impl FnOnce(&mut Board) -> &mut Board) {
    let mut board = Board::in_qa(notes);
    build(&mut board);
    assert_eq!(outcome(&board.0, &people()), expected);
}

#[test]
fn p1_ordinary_ways_to_production() {
    expect("pass", |b| b);
    expect("pass", |b| b.says("dan", "merged, PR: https://git.example/1"));
    expect("pass", |b| b.says("quinn", "[ADDENDUM] a link failed, no matter"));
    expect("pass", |b| {
        b.says("mark", "REVIEW FAILED, says the manager, whose voice does not count")
    });
    expect("pass", |b| b.says("otto", "## Deployment Failed\n\n<!-- ops D-3 -->"));
    expect("pass", |b| b.says("otto", "Who is ops? A stranger asks"));
    expect("pass", |b| b.says("quinn", "Hm, let me look again").says("quinn", "QA PASS"));
    expect("pass", |b| b.says("quinn", "QA FAIL").says("quinn", "QA PASS, it was my network"));
    expect_in_qa("pass", DIGEST_NOTES, |b| {
        b.says("quinn", "QA PASS").moves("quinn", "completed").moves("dan", "rfp")
    });
    expect_in_qa("pass", DIGEST_NOTES, |b| {
        b.says("quinn", "QA FAIL").moves("quinn", "in-progress").moves("dan", "in-review");
        b.says("cleo", "APPROVED").moves("cleo", "in-qa");
        b.says("quinn", "QA PASS").moves("quinn", "rfp")
    });
}

#[test]
fn p1_a_verdict_of_an_earlier_round_is_void() {
    expect_in_qa("missing cq", DIGEST_NOTES, |b| {
        b.says("quinn", "QA FAIL").moves("quinn", "in-progress").moves("dan", "in-review");
        b.moves("dan", "in-qa").says("quinn", "QA PASS").moves("quinn", "rfp")
    });
    expect_in_qa("missing qa", DIGEST_NOTES, |b| {
        b.says("quinn", "QA PASS").moves("quinn", "completed").moves("dan", "in-qa");
        b.moves("dan", "rfp")
    });
    expect("missing cq", |b| {
        b.moves("pia", "todo").moves("dan", "in-progress").moves("dan", "in-review");
        b.moves("dan", "in-qa").moves("dan", "rfp")
    });
}

#[test]
fn p1_a_later_word_of_the_same_role_counts() {
    expect("failed cq", |b| b.says("cleo", "REVIEW FAILED\n\n## Issue 1: injection (CRITICAL)"));
    expect("failed cq", |b| b.says("carl", "REVIEW FAILED"));
    expect("failed qa", |b| b.says("quinn", "## QA FAIL"));
    expect("unclear qa", |b| b.says("quinn", "Wait, I found something. Do not ship"));
    expect("unclear cq", |b| b.says("cleo", "not approved any more"));
    expect("unclear cq", |b| b.says("cleo", "QA PASS"));
    expect_in_qa("unclear qa", DIGEST_NOTES, |b| b.says("quinn", "PASS?").moves("quinn", "rfp"));
}

#[test]
fn p1_only_cq_and_qa_are_heard() {
    expect_in_qa("missing qa", DIGEST_NOTES, |b| b.moves("quinn", "rfp"));
    expect_in_qa("missing qa", DIGEST_NOTES, |b| b.says("pia", "QA PASS").moves("pia", "rfp"));
    expect_in_qa("missing qa", DIGEST_NOTES, |b| b.says("dan", "## QA PASS").moves("dan", "rfp"));
    expect_in_qa("unknown role", DIGEST_NOTES, |b| b.says("eve", "QA PASS").moves("eve", "rfp"));
    expect("unknown role", |b| b.says("eve", "QA FAIL: it does not work for me"));
    expect_in_qa("unclear qa", DIGEST_NOTES, |b| {
        b.says("quinn", "> ## QA PASS\n\nsays who?").moves("quinn", "rfp")
    });
}

#[test]
fn p1_moves_must_make_sense() {
    expect_in_qa("not rfp", DIGEST_NOTES, |b| b.says("quinn", "QA PASS"));
    expect_in_qa("bad entry", DIGEST_NOTES, |b| {
        b.says("quinn", "QA PASS").moves("quinn", "rfp");
        b.0.history.last_mut().unwrap().details = "Status: in-qa → completed".to_owned();
        b
    });
    expect("strange move", |b| b.moves("pia", "limbo").moves("pia", "in-qa").moves("pia", "rfp"));
    expect("strange move", |b| b.moves("otto", "closed").moves("pia", "in-qa").moves("pia", "rfp"));
    let mut board = Board::ready();
    board.0.history.retain(|entry| entry.action != "status_change");
    assert_eq!(outcome(&board.0, &people()), "no round");
}

#[test]
fn p1_history_and_comments_must_agree() {
    let broken = |tamper: fn(&mut Ticket)| {
        let mut board = Board::ready();
        tamper(&mut board.0);
        assert_eq!(outcome(&board.0, &people()), "history");
    };
    broken(|ticket| drop(ticket.comments.pop()));
    broken(|ticket| ticket.comments.push(ticket.comments[0].clone()));
    broken(|ticket| ticket.comments[1].text = "## QA PASS, surely".to_owned());
    broken(|ticket| ticket.comments[1].author = "carl".into());
    broken(|ticket| ticket.comments.swap(0, 1));
    broken(|ticket| ticket.history[2].details = "Status: review".to_owned());
    broken(|ticket| ticket.history[4].details = "Status: blocked → in-qa".to_owned());
}

#[test]
fn p1_a_verdict_is_for_the_very_candidate() {
    let other = Digest::of(b"other");
    expect_in_qa("changed after cq", DIGEST_NOTES, |b| {
        b.says("dan", DIGEST_NOTES).says("quinn", "QA PASS").moves("quinn", "rfp")
    });
    expect("changed after cq", |b| b.says("dan", DIGEST_NOTES));
    expect("pass", |b| b.says("mark", DIGEST_NOTES).says("eve", DIGEST_NOTES));
    expect("pass", |b| b.says("dan", &DIGEST_NOTES.replace("```ops", "```yaml")));
    expect_in_qa("not bound cq", PATH_NOTES, |b| b.says("quinn", "QA PASS").moves("quinn", "rfp"));
    let named = |role: &str, hash: &str| format!("{role}: passed\n\nTested `{hash}`.");
    let mut board = Board::new(PATH_NOTES);
    board.says("cleo", &named("CQ", candidate().as_str())).moves("cleo", "in-qa");
    board.says("quinn", &named("QA", candidate().short())).moves("quinn", "rfp");
    assert_eq!(outcome(&board.0, &people()), "pass");

    let stamps = |cq: &Digest, qa: &Digest, notes: &str| {
        let mut board = Board::new(notes);
        board.stamped("cleo", "APPROVED", cq).moves("cleo", "in-qa");
        board.stamped("quinn", "QA PASS", qa).moves("quinn", "rfp");
        outcome(&board.0, &people())
    };
    assert_eq!(stamps(&candidate(), &candidate(), PATH_NOTES), "pass");
    assert_eq!(stamps(&candidate(), &other, PATH_NOTES), "other qa");
    assert_eq!(stamps(&other, &candidate(), DIGEST_NOTES), "other cq");
    let too_short = named("QA", &candidate().hex()[..11]);
    expect_in_qa("not bound cq", PATH_NOTES, |b| b.says("quinn", &too_short).moves("quinn", "rfp"));
}

#[test]
fn p1_a_fail_voids_every_pass_before_it() {
    let mut board = Board::new(DIGEST_NOTES);
    board.says("cleo", "APPROVED").moves("cleo", "in-qa");
    board.stamped("quinn", "QA PASS", &candidate());
    let mut failed = board.clone();
    let other = Digest::of(b"other");
    board.stamped("quinn", "QA PASS", &other).moves("quinn", "rfp");
    assert_eq!(
        outcome(&board.0, &people()),
        "pass",
        "a pass for another candidate takes none back"
    );
    failed.says("quinn", "QA FAIL").stamped("quinn", "QA PASS", &other).moves("quinn", "rfp");
    assert_eq!(outcome(&failed.0, &people()), "other qa");
}

#[test]
fn p1_without_a_candidate_a_stamp_proves_nothing() {
    let mut board = Board::new(DIGEST_NOTES);
    board.stamped("cleo", "APPROVED", &candidate()).moves("cleo", "in-qa");
    board.says("quinn", "QA PASS").moves("quinn", "rfp");
    let notes = NotesAt { place: Place::Description, bear_digest: true };
    let Evidence::Held { reason, .. } = judge(&board.0, &people(), notes, None) else {
        panic!("passed");
    };
    assert_eq!(reason, HoldReason::OtherCandidate { role: Role::Cq, comment: 0 });
}

#[test]
fn p1_notes_that_moved_meanwhile_hold() {
    let ticket = Board::ready().0;
    for place in [Place::Comment(0), Place::Comment(9)] {
        let notes = NotesAt { place, bear_digest: true };
        let Evidence::Held { reason, .. } = judge(&ticket, &people(), notes, None) else {
            panic!("passed");
        };
        let newest = Some(Place::Description);
        assert_eq!(reason, HoldReason::NotesMoved { said: place, newest });
    }
}

#[test]
fn p1_dev_cq_and_qa_are_three_identities_unless_solo_says_so() {
    let solo = People { solo: true, ..people() };
    let walk = |cq: (&str, &str), qa: (&str, &str)| {
        let mut board = Board::new(DIGEST_NOTES);
        board.says(cq.0, cq.1).moves(cq.0, "in-qa").says(qa.0, qa.1).moves(qa.0, "rfp");
        (outcome(&board.0, &people()), outcome(&board.0, &solo))
    };
    let both = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(walk(("both", "CQ: pass"), ("both", "QA: pass")), both("one identity both", "solo"));
    assert_eq!(walk(("both", "CQ: pass"), ("quinn", "PASS")), both("pass", "pass"));
    assert_eq!(walk(("both", "APPROVED"), ("quinn", "PASS")), both("pass", "pass"));
    assert_eq!(walk(("cleo", "PASS"), ("both", "PASS")), both("unclear cq", "unclear cq"));
    assert_eq!(walk(("sam", "CQ: pass"), ("quinn", "PASS")), both("pass", "pass"));

    let mut alone = Board::new("");
    alone.0.history.iter_mut().for_each(|entry| entry.user = "sam".into());
    alone.says("sam", &format!("How to test: open the basket\n\n{DIGEST_NOTES}"));
    alone.says("sam", "APPROVED").moves("sam", "in-qa");
    alone.says("sam", "## QA PASS").moves("sam", "rfp").says("sam", "Now waiting for ops");
    assert_eq!(outcome(&alone.0, &people()), "one identity sam");
    assert_eq!(outcome(&alone.0, &solo), "solo");

    let mut author = Board::new(DIGEST_NOTES);
    author.says("sam", &format!("Notes\n\n{DIGEST_NOTES}"));
    author.says("sam", "CQ: approved").moves("sam", "in-qa");
    author.says("quinn", "QA PASS").moves("quinn", "rfp");
    assert_eq!(outcome(&author.0, &people()), "one identity sam");
}

#[test]
fn holds_are_told_with_what_must_happen_first() {
    let mut failed = Board::ready();
    failed.says("cleo", "REVIEW FAILED");
    let mut changed = Board::ready();
    changed.says("dan", DIGEST_NOTES);
    let mut unclear = Board::ready();
    unclear.says("quinn", "Wait a moment");
    let mut eve = Board::ready();
    eve.says("eve", "QA FAIL");
    let told: Vec<_> = [failed, changed, unclear, eve]
        .iter()
        .map(|board| match decide(&board.0, &people()) {
            Evidence::Held { words, question, .. } => {
                format!("{words}\n? {}\n", question.unwrap_or_default())
            }
            Evidence::Passed { .. } => "passed".to_owned(),
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

/// What changed since a ticket was ready.
fn after(change: fn(&mut Board) -> &mut Board) -> Pulled {
    let before = Board::ready();
    let mut now = before.clone();
    change(&mut now);
    pulled_back(&before.0, Some(&now.0), &people())
}

#[test]
fn s13_a_move_or_a_plain_fail_pulls_back() {
    assert_eq!(after(|b| b), Pulled::No);
    assert_eq!(
        after(|b| b.says("quinn", "Looks good in production, the failure is gone")),
        Pulled::No
    );
    assert_eq!(after(|b| b.says("dan", "QA FAIL").says("eve", "QA FAIL")), Pulled::No);
    let pia = || Some("pia".into());
    let to = |to: &str| Pulled::StatusChanged { to: to.to_owned(), by: pia() };
    assert_eq!(after(|b| b.moves("pia", "todo")), to("todo"));
    assert_eq!(after(|b| b.moves("pia", "in-qa").moves("pia", "rfp")), to("in-qa"));
    assert_eq!(
        after(|b| b.says("quinn", "Hm.").says("quinn", "QA FAIL: basket is empty")),
        Pulled::Revoked { role: Role::Qa, by: "quinn".into(), comment: 3 }
    );
    assert_eq!(
        after(|b| b.says("carl", "I revoke the approval")),
        Pulled::Revoked { role: Role::Cq, by: "carl".into(), comment: 2 }
    );
}

#[test]
fn s13_a_missing_or_shrunken_ticket_is_an_error_of_the_board() {
    let error = |pulled: Pulled| assert!(matches!(pulled, Pulled::BoardError { .. }), "{pulled:?}");
    error(pulled_back(&Board::ready().0, None, &people()));
    error(after(|b| {
        b.0.history.pop();
        b
    }));
    error(after(|b| {
        b.0.comments.clear();
        b
    }));
    error(after(|b| {
        b.0.comments[0].text.push('!');
        b
    }));
    error(after(|b| {
        b.0.comments.push(b.0.comments[0].clone());
        b
    }));
    let silent = after(|b| {
        b.0.status = "blocked".to_owned();
        b
    });
    assert_eq!(silent, Pulled::StatusChanged { to: "blocked".to_owned(), by: None });
}
