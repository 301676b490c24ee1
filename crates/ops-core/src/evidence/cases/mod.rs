//! The table of decisions: tickets in a short notation, and what is decided about each.
//!
//! A ticket is a start and steps, with `»` between them. Starts: `review` (DEV handed it over),
//! `in-qa` (and CQ passed it as comment 0), `ready` (and QA as comment 1, moved to `rfp`). Behind a
//! start, `/path` makes the notes bear no digest and `/none` leaves them out; `solo` before it lets
//! one person have two roles. Steps:
//!
//! - `cleo: text` is a comment, `cleo* text` one that carries the candidate's hash as the board's
//!   stamp, `cleo! text` one that carries another's, `cleo^ text` one that carries that of the notes
//!   as they stand then,
//! - `cleo> status` is a move,
//! - `#…` is what somebody does to the board behind its back: `edit 1 text`, `remove 1` (a comment),
//!   `author 1 carl`, `swap`, `slip` (a comment that no history tells of), `lose 5` (a history
//!   entry), `details 5 text`, `status x`, `describe` (new notes in the description).
//!
//! In texts `NOTES` and `PATHNOTES` are blocks with and without a digest, and `HASH12`, `HASH` and
//! `OTHERHASH` are hashes. `BUILD-b` are notes for the build of commit `b`, `MIGRATED-b` such with a
//! migration, `UNDIGESTED-b` such without a digest; behind a start, `/a` is `BUILD-a`. `a`, `b` and
//! `d` have one source tree, and `d` was judged bad since. A decision is the reason's name, the role, who, and the comment.

mod bonds;
mod disguise;
mod hidden;
mod history;
mod languages;
mod phrases;
mod roles;
mod rounds;
mod trees;

use std::collections::BTreeSet;

use super::{
    Bond, HoldReason, Verdict as Given,
    tests::{
        Board, DIGEST_NOTES, PATH_NOTES, built, candidate, candidate_of, decide, notes_of, people,
    },
};
use crate::{evidence::Evidence, id::Digest, settings::People};

/// Name, ticket, decision.
type Row = (&'static str, &'static str, &'static str);
/// Name, QA's comment on a ticket that lacks only that, decision: `pass`, or `failed` or `unclear`
/// for QA's word in comment 1.
type Verdict = (&'static str, &'static str, &'static str);

const TICKETS: [&[Row]; 5] = [rounds::ROWS, roles::ROWS, history::ROWS, bonds::ROWS, trees::ROWS];
const VERDICTS: [&[Verdict]; 4] = [phrases::ROWS, languages::ROWS, disguise::ROWS, hidden::ROWS];

/// Builds a ticket from its notation.
fn board(notation: &str) -> (Board, People) {
    let mut steps = notation.split('»').map(str::trim);
    let start = steps.next().unwrap();
    let solo = start.starts_with("solo ");
    let start = start.trim_start_matches("solo ");
    let (start, notes) = start.split_once('/').unwrap_or((start, "digest"));
    let notes = match notes {
        "path" => PATH_NOTES,
        "none" => "",
        "digest" => DIGEST_NOTES,
        commit => &written(&format!("BUILD-{commit}")),
    };
    let mut board = match start {
        "review" => Board::new(notes),
        "in-qa" => Board::in_qa(notes),
        "ready" => Board::ready(notes),
        other => panic!("no start {other}"),
    };
    for step in steps {
        match step.strip_prefix('#') {
            Some(deed) => tamper(&mut board, deed),
            None => take(&mut board, step),
        }
    }
    (board, People { solo, ..people() })
}

fn take(board: &mut Board, step: &str) {
    let at = step.find(|c: char| !c.is_ascii_alphabetic()).unwrap();
    let (who, rest) = step.split_at(at);
    let text = written(rest.get(1..).unwrap().trim_start());
    match rest.chars().next() {
        Some(':') => board.says(who, &text),
        Some('*') => board.stamped(who, &text, &candidate()),
        Some('^') => {
            let found = notes_of(&board.0, &people()).unwrap();
            let stamp = candidate_of(&found, found.notes.bound_digest().unwrap());
            board.stamped(who, &text, &stamp)
        }
        Some('!') => board.stamped(who, &text, &Digest::of(b"other")),
        Some('>') => board.moves(who, &text),
        other => panic!("no step {other:?} in {step}"),
    };
}

fn written(text: &str) -> String {
    let mut text = text.to_owned();
    for commit in 'a'..='f' {
        let undigested = built(commit, "migrations: none");
        let undigested: Vec<_> =
            undigested.lines().filter(|line| !line.starts_with("digest: ")).collect();
        text = text
            .replace(&format!("BUILD-{commit}"), &built(commit, "migrations: none"))
            .replace(&format!("MIGRATED-{commit}"), &built(commit, "migrations: [7_basket.sql]"))
            .replace(&format!("UNDIGESTED-{commit}"), &undigested.join("\n"));
    }
    text.replace("OTHERHASH", Digest::of(b"other").as_str())
        .replace("HASH12", candidate().short())
        .replace("HASH", candidate().as_str())
        .replace("PATHNOTES", PATH_NOTES)
        .replace("NOTES", DIGEST_NOTES)
}

fn tamper(board: &mut Board, deed: &str) {
    let mut words = deed.splitn(3, ' ');
    let (what, first, second) = (words.next().unwrap(), words.next(), words.next());
    let number = || first.unwrap().parse::<usize>().unwrap();
    let ticket = &mut board.0;
    match what {
        "edit" => ticket.comments[number()].text = written(second.unwrap()),
        "remove" => drop(ticket.comments.remove(number())),
        "author" => ticket.comments[number()].author = second.unwrap().into(),
        "slip" => ticket.comments.push(ticket.comments[0].clone()),
        "details" => second.unwrap().clone_into(&mut ticket.history[number()].details),
        "swap" => ticket.comments.swap(0, 1),
        "lose" => drop(ticket.history.remove(number())),
        "status" => first.unwrap().clone_into(&mut ticket.status),
        "describe" => ticket.description.push_str(DIGEST_NOTES),
        other => panic!("no deed {other}"),
    }
}

/// The decision in the table's words.
fn decision(board: &Board, people: &People) -> String {
    let reason = match decide(&board.0, people) {
        Evidence::Passed { cq: Given { bond: Bond::SameTree, .. }, qa, solo: false } => {
            assert!(qa.bond != Bond::SameTree, "QA's is bound to the digest");
            return "pass by tree".to_owned();
        }
        Evidence::Passed { solo: false, .. } => return "pass".to_owned(),
        Evidence::Passed { solo: true, .. } => return "solo".to_owned(),
        Evidence::Held { reason, .. } => reason,
    };
    let of = |role: &crate::settings::Role| format!("{role:?}").to_lowercase();
    match &reason {
        HoldReason::NotRfp { status } => format!("not rfp {status}"),
        HoldReason::History { .. } => "history".to_owned(),
        HoldReason::NoRound => "no round".to_owned(),
        HoldReason::StrangeMove { to } => format!("strange move {to}"),
        HoldReason::BadEntry { from, to } => format!("bad entry {from} {to}"),
        HoldReason::NotesMoved { .. } => "notes moved".to_owned(),
        HoldReason::Missing { role } => format!("missing {}", of(role)),
        HoldReason::Failed { role, by, comment } => format!("failed {} {by} {comment}", of(role)),
        HoldReason::Unclear { role, by, comment } => format!("unclear {} {by} {comment}", of(role)),
        HoldReason::UnknownRole { who, comment } => format!("unknown role {who} {comment}"),
        HoldReason::ChangedAfter { role, place } => format!("changed after {} {place}", of(role)),
        HoldReason::NotBound { role, comment } => format!("not bound {} {comment}", of(role)),
        HoldReason::OtherCandidate { role, comment, .. } => format!("other {} {comment}", of(role)),
        HoldReason::OneIdentity { who } => format!("one identity {who}"),
    }
}

#[test]
fn p1_every_ticket_in_the_table_is_decided_as_written() {
    let mut wrong = Vec::new();
    for (name, notation, expected) in TICKETS.iter().copied().flatten() {
        let (board, people) = board(notation);
        let got = decision(&board, &people);
        if got != *expected {
            wrong.push(format!("{name}: {got}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn p1_every_verdict_in_the_table_is_decided_as_written() {
    let mut wrong = Vec::new();
    for (name, text, expected) in VERDICTS.iter().copied().flatten() {
        let mut board = Board::in_qa(DIGEST_NOTES);
        board.says("quinn", text).moves("quinn", "rfp");
        let got = decision(&board, &people());
        let expected = match *expected {
            "pass" => "pass".to_owned(),
            hold => format!("{hold} qa quinn 1"),
        };
        if got != expected {
            wrong.push(format!("{name}: {got}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_is_large_and_has_no_case_twice() {
    let tickets = TICKETS.iter().copied().flatten().map(|(name, ticket, _)| (*name, *ticket));
    let verdicts = VERDICTS.iter().copied().flatten().map(|(name, text, _)| (*name, *text));
    let all: Vec<_> = tickets.chain(verdicts).collect();
    let names: BTreeSet<_> = all.iter().map(|(name, _)| name).collect();
    let texts: BTreeSet<_> = all.iter().map(|(_, text)| text).collect();
    assert_eq!((names.len(), texts.len()), (all.len(), all.len()));
    assert!(all.len() >= 80, "{}", all.len());
}
