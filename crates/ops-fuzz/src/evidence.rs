//! What comments and moves on a ticket prove.

use ops_core::{
    evidence::{Evidence, NotesAt, judge},
    id::{Digest, Identity},
    notes::{NotesFound, find_notes},
    settings::{People, Role},
    ticket::{Change, Comment, Ticket},
};

use crate::bytes::Bytes;

const NOTES: &str = "```ops\nservice: shop\nartifact: sha256:2d711642b726b04401627ca9fbac32f5c8530fb1\
    903cc4db02258717921a4881\nversion: v2\nmigrations: none\nrollback: previous\n```\n";
const PEOPLE: [&str; 8] = ["pia", "dan", "cleo", "carl", "quinn", "sam", "both", "eve"];
/// Nobody of these may help a ticket through, whatever they write.
const OUTSIDERS: [&str; 3] = ["pia", "otto", "eve"];
const MOVES: [&str; 6] = ["in-progress", "in-review", "in-qa", "completed", "rfp", "limbo"];
/// Words that are told of a hold: at most so many bytes.
const WORDS_MAX: usize = 8 * 1024;

/// A text where CQ's, QA's or a stranger's word is expected. The first byte says whose.
pub fn verdict(bytes: &[u8]) {
    let mut bytes = Bytes::of(bytes);
    let place = bytes.byte() % 2;
    let text = String::from_utf8_lossy(bytes.rest()).into_owned();
    // Quotes are nobody's own word, a fail in front wins, and a stranger is nobody.
    let quoted = crate::quoted(&text);
    for (what, text) in [("quoted", &quoted), ("failed", &format!("QA FAIL\n\n{text}"))] {
        assert!(!passes(&said(place, text)), "{what}, yet a pass: {text:?}");
    }
    let mut board = said(place, &text);
    let evidence = decide(&board.0);
    assert_eq!(evidence, decide(&board.0));
    sound(&board.0, &evidence);
    let mut by_stranger = Board::reviewed();
    by_stranger.says("eve", &text).moves("eve", "rfp");
    assert!(!passes(&by_stranger), "a stranger let it through: {text:?}");
    if !passes(&board) {
        board.says("eve", "## QA PASS").says("pia", "APPROVED");
        assert!(!passes(&board), "strangers turned a hold into a pass: {text:?}");
    }
}

/// What may be said and done on a ticket, in any order.
pub fn tickets(bytes: &[u8]) {
    let mut bytes = Bytes::of(bytes);
    let mut board = Board::new(NOTES);
    for _ in 0..40 {
        if bytes.is_empty() {
            break;
        }
        let who = bytes.pick(&PEOPLE);
        match bytes.byte() % 8 {
            0 => board.says(who, &bytes.text()),
            1 => board.stamped(who, &bytes.text(), &candidate()),
            2 => board.stamped(who, "QA PASS", &Digest::of(b"another")),
            3 => board.says(who, NOTES),
            4 => board.says(who, "APPROVED"),
            5 => board.says(who, "## QA PASS\n\nall of it"),
            _ => board.moves(who, bytes.pick(&MOVES)),
        };
    }
    let evidence = decide(&board.0);
    sound(&board.0, &evidence);
    if matches!(evidence, Evidence::Held { .. }) {
        let outsider = bytes.pick(&OUTSIDERS);
        board.says(outsider, "APPROVED").says(outsider, "## QA PASS");
        assert!(!passes(&board), "{outsider} turned a hold into a pass");
    }
}

/// P1, and what a hold is told with.
fn sound(ticket: &Ticket, evidence: &Evidence) {
    match evidence {
        Evidence::Passed { cq, qa, solo } => {
            let people = people();
            assert!(people.is(&cq.author, Role::Cq) && people.is(&qa.author, Role::Qa));
            assert!(cq.author != qa.author && cq.comment != qa.comment && !solo, "{evidence:?}");
            for verdict in [cq, qa] {
                assert_eq!(ticket.comments[verdict.comment].author, verdict.author);
            }
        }
        Evidence::Held { words, question, .. } => {
            for text in [Some(words), question.as_ref()].into_iter().flatten() {
                assert!(!text.is_empty() && text.len() <= WORDS_MAX, "{} bytes", text.len());
                assert!(!crate::moves_cursors(text, true), "{text:?}");
                assert!(!text.contains("<!--"), "{text:?}");
            }
        }
    }
}

/// A ticket on which the text stands where CQ's word (0) or QA's (1) should.
fn said(place: u8, text: &str) -> Board {
    let mut board = Board::new(NOTES);
    board.moves("dan", "in-progress").moves("dan", "in-review");
    let (cq, qa) = if place == 0 { (text, "## QA PASS") } else { ("APPROVED", text) };
    board.says("cleo", cq).moves("cleo", "in-qa").says("quinn", qa).moves("quinn", "rfp");
    board
}

fn passes(board: &Board) -> bool {
    matches!(decide(&board.0), Evidence::Passed { .. })
}

fn candidate() -> Digest {
    Digest::of(b"candidate")
}

fn decide(ticket: &Ticket) -> Evidence {
    let people = people();
    let found = find_notes(ticket, |who| people.is(who, Role::Dev));
    let notes = match &found {
        NotesFound::Found(found) => NotesAt::from(&**found),
        // The notes of the description are always there, so what was found is a newer block.
        _ => NotesAt { place: ops_core::notes::Place::Description, bear_digest: true },
    };
    judge(ticket, &people, notes, Some(&candidate()), &[])
}

fn people() -> People {
    use Role::{Cq, Dev, Po, Qa};
    let roles = [
        ("pia", vec![Po]),
        ("dan", vec![Dev]),
        ("cleo", vec![Cq]),
        ("carl", vec![Cq]),
        ("quinn", vec![Qa]),
        ("sam", vec![Dev, Cq, Qa]),
        ("both", vec![Cq, Qa]),
    ];
    let roles = roles.into_iter().map(|(who, roles)| (Identity::new(who), roles)).collect();
    People { roles, operators: Vec::new(), solo: false }
}

/// Builds tickets as a board would write them.
struct Board(Ticket);

impl Board {
    fn new(notes: &str) -> Self {
        let mut board = Self(Ticket {
            id: "MNS-7".into(),
            title: "Basket".into(),
            description: format!("As a buyer …\n\n{notes}"),
            status: "todo".into(),
            priority: 3,
            kind: "story".into(),
            comments: Vec::new(),
            history: Vec::new(),
        });
        board.history("created", "pia", "Task created");
        board
    }

    /// With CQ's pass, and QA at work.
    fn reviewed() -> Self {
        let mut board = Self::new(NOTES);
        board.moves("dan", "in-progress").moves("dan", "in-review");
        board.says("cleo", "APPROVED").moves("cleo", "in-qa");
        board
    }

    fn history(&mut self, action: &str, user: &str, details: &str) {
        let (action, details) = (action.to_owned(), details.to_owned());
        self.0.history.push(Change { action, user: user.into(), details, at: String::new() });
    }

    fn says(&mut self, author: &str, text: &str) -> &mut Self {
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

    fn stamped(&mut self, author: &str, text: &str, stamp: &Digest) -> &mut Self {
        self.says(author, text);
        if let Some(comment) = self.0.comments.last_mut() {
            comment.candidate = Some(stamp.clone());
        }
        self
    }

    fn moves(&mut self, user: &str, to: &str) -> &mut Self {
        let details = format!("Status: {} → {to}", self.0.status);
        self.history("status_change", user, &details);
        to.clone_into(&mut self.0.status);
        self
    }
}
