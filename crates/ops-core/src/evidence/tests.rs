//! Tickets as they come, and what is decided about them.

use super::*;
use crate::{
    notes::{FoundNotes, Notes, Place},
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
    pub(super) fn in_qa(notes: &str) -> Self {
        let mut board = Self::new(notes);
        board.says("cleo", "APPROVED. Security review: ok.").moves("cleo", "in-qa");
        board
    }

    /// A ticket that may ship.
    pub(super) fn ready(notes: &str) -> Self {
        let mut board = Self::in_qa(notes);
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

/// Notes for the build of a commit; `a`, `b` and `d` have one source tree, `c` has another, and
/// others are not in the repository. `more` are lines that take the place of `migrations: none`.
pub(super) fn built(commit: char, more: &str) -> String {
    let digest = Digest::of(commit.to_string().as_bytes());
    let commit: String = [commit; 7].iter().collect();
    format!(
        "```ops\nservice: shop\nartifact: dist/{commit}\ndigest: {digest}\nversion: v-{commit}\n\
         commit: {commit}\nrollback: previous\n{more}\n```\n"
    )
}

fn tree(commit: &str) -> Option<u8> {
    match commit {
        "aaaaaaa" | "bbbbbbb" | "ddddddd" => Some(1),
        "ccccccc" => Some(2),
        _ => None,
    }
}

/// The candidate that notes make with the configuration of now.
pub(super) fn candidate_of(found: &FoundNotes, digest: &Digest) -> Digest {
    Digest::of(format!("{} {digest}", found.hash).as_bytes())
}

pub(super) fn notes_of(ticket: &Ticket, people: &People) -> Option<Box<FoundNotes>> {
    match crate::notes::find_notes(ticket, |who| people.is(who, Role::Dev)) {
        crate::notes::NotesFound::Found(found) => Some(found),
        _ => None,
    }
}

/// The decision, with the notes found where they stand, and with what git says of their commits.
pub(super) fn decide(ticket: &Ticket, people: &People) -> Evidence {
    let is_dev = |who: &Identity| people.is(who, Role::Dev);
    let found = notes_of(ticket, people);
    let asked = found.as_ref().and_then(|found| asked_trees(ticket, is_dev, found));
    let (commit, mut trees) = asked.unwrap_or_default();
    trees.retain(|one| tree(one).is_some() && tree(one) == tree(commit));
    decide_with(ticket, people, &trees)
}

/// The same with these commits of the same tree.
pub(super) fn decide_with(
    ticket: &Ticket,
    people: &People,
    trees: &std::collections::BTreeSet<String>,
) -> Evidence {
    let Some(found) = notes_of(ticket, people) else {
        let reason = HoldReason::NotesMoved { said: Place::Description, newest: None };
        return Evidence::Held { reason, words: String::new(), question: None };
    };
    let is_dev = |who: &Identity| people.is(who, Role::Dev);
    // What the build of `d` led to was judged bad.
    let bad = |notes: &Notes| notes.commit.as_deref() == Some("ddddddd");
    let same = same_tree(ticket, is_dev, &found, trees, bad, candidate_of);
    judge(ticket, people, NotesAt::from(&*found), Some(&candidate()), &same)
}

#[test]
fn p1_without_a_candidate_a_stamp_proves_nothing() {
    let mut board = Board::new(DIGEST_NOTES);
    board.stamped("cleo", "APPROVED", &candidate()).moves("cleo", "in-qa");
    board.says("quinn", "QA PASS").moves("quinn", "rfp");
    let notes = NotesAt { place: Place::Description, bear_digest: true };
    let Evidence::Held { reason, .. } = judge(&board.0, &people(), notes, None, &[]) else {
        panic!("passed");
    };
    assert_eq!(reason, HoldReason::OtherCandidate { role: Role::Cq, comment: 0, newer: None });
}

#[test]
fn p1_notes_that_moved_meanwhile_hold() {
    let ticket = Board::ready(DIGEST_NOTES).0;
    for place in [Place::Comment(0), Place::Comment(9)] {
        let notes = NotesAt { place, bear_digest: true };
        let Evidence::Held { reason, .. } = judge(&ticket, &people(), notes, None, &[]) else {
            panic!("passed");
        };
        let newest = Some(Place::Description);
        assert_eq!(reason, HoldReason::NotesMoved { said: place, newest });
    }
}

/// One of every reason. Nothing here is exhaustive by itself, so a new reason must be added to the
/// match, which does not compile without it.
fn reasons() -> Vec<HoldReason> {
    use HoldReason as R;
    let by = || "quinn".into();
    let all = vec![
        R::NotRfp { status: "in-qa".into() },
        R::History { why: "comment 2 is not the one it tells of".into() },
        R::NoRound,
        R::StrangeMove { to: "limbo".into() },
        R::BadEntry { from: "in-review".into(), to: "rfp".into() },
        R::NotesMoved { said: Place::Description, newest: Some(Place::Comment(3)) },
        R::NotesMoved { said: Place::Description, newest: None },
        R::Missing { role: Role::Cq },
        R::Missing { role: Role::Qa },
        R::Failed { role: Role::Qa, by: by(), comment: 1 },
        R::Unclear { role: Role::Qa, by: by(), comment: 1 },
        R::UnknownRole { who: "eve".into(), comment: 1 },
        R::UnknownRole { who: "eve".into(), comment: 2 },
        R::ChangedAfter { role: Role::Cq, place: Place::Comment(3) },
        R::NotBound { role: Role::Qa, comment: 1 },
        R::OtherCandidate { role: Role::Qa, comment: 1, newer: None },
        R::OtherCandidate { role: Role::Cq, comment: 0, newer: Some(Place::Comment(3)) },
        R::OneIdentity { who: "sam".into() },
    ];
    for reason in &all {
        match reason {
            R::NotRfp { .. } | R::History { .. } | R::NoRound | R::StrangeMove { .. } => {}
            R::BadEntry { .. } | R::NotesMoved { .. } | R::Missing { .. } | R::Failed { .. } => {}
            R::Unclear { .. } | R::UnknownRole { .. } | R::ChangedAfter { .. } => {}
            R::NotBound { .. } | R::OtherCandidate { .. } | R::OneIdentity { .. } => {}
        }
    }
    all
}

#[test]
fn every_hold_says_what_was_stopped_why_and_who_must_do_what() {
    let mut board = Board::ready(DIGEST_NOTES);
    board.says("eve", "QA FAIL");
    let told: Vec<_> = reasons()
        .iter()
        .map(|reason| {
            let (words, question) = hold::told(reason, &board.0, Some(&candidate()));
            let question = question.map_or_else(String::new, |question| format!("? {question}\n"));
            format!("{words}\n{question}")
        })
        .collect();
    insta::assert_snapshot!("every_hold_in_words", told.join("\n"));
}

/// What changed since a ticket was ready.
fn after(change: fn(&mut Board) -> &mut Board) -> Pulled {
    let before = Board::ready(DIGEST_NOTES);
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
    error(pulled_back(&Board::ready(DIGEST_NOTES).0, None, &people()));
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
