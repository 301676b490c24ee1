//! A ticket's history as one order of comments and moves.
//!
//! The board writes a comment and its history entry in one update, so the k-th `comment_added` is
//! the k-th comment. Any token may overwrite either list, so every disagreement between them stops
//! here.

use std::ops::Range;

use crate::{id::Identity, ticket::Ticket};

/// How many characters of a comment its history entry repeats.
const REPEATED: usize = 100;
/// Statuses that begin a new round: work that went back there must pass the whole pipeline again.
const BACK: [&str; 5] = ["backlog", "todo", "in-progress", "blocked", "in-review"];
/// Statuses in which a round goes on.
const ON: [&str; 3] = ["in-qa", "completed", "rfp"];

/// A status change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Move<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) by: &'a Identity,
}

/// Something that happened to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// The comment with this index.
    Comment(usize),
    Move(Move<'a>),
}

/// Why a ticket's history cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Broken {
    /// The lists disagree, or an entry cannot be read.
    History(String),
    /// Nothing says when the current round began.
    NoRound,
    /// Since the round began, the ticket was somewhere that is no part of a round.
    StrangeMove { to: String },
    /// The ticket did not come to `rfp` from QA's hands.
    BadEntry { from: String, to: String },
}

/// The current round: all that happened since the ticket last entered the pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Round<'a> {
    /// Comments since the round began, by index.
    pub(super) comments: Range<usize>,
    /// Comments since the ticket last came to QA.
    pub(super) since_qa: Range<usize>,
    /// Who moved the ticket as its developer, in any round.
    pub(super) developers: Vec<&'a Identity>,
}

/// Everything that happened, in order.
pub(super) fn timeline(ticket: &Ticket) -> Result<Vec<Event<'_>>, Broken> {
    let mut events = Vec::with_capacity(ticket.history.len());
    let mut comments = ticket.comments.iter().enumerate();
    for entry in &ticket.history {
        match entry.action.as_str() {
            "comment_added" => {
                let Some((index, comment)) = comments.next() else {
                    return broken("it tells of more comments than there are");
                };
                if comment.author != entry.user || !repeats(&entry.details, &comment.text) {
                    return broken(&format!("comment {} is not the one it tells of", index + 1));
                }
                events.push(Event::Comment(index));
            }
            "status_change" => match parts(&entry.details) {
                Some((from, to)) => events.push(Event::Move(Move { from, to, by: &entry.user })),
                None => return broken("a move in it cannot be read"),
            },
            _ => {}
        }
    }
    match comments.next() {
        Some((index, _)) => broken(&format!("it does not tell of comment {}", index + 1)),
        None => Ok(events),
    }
}

fn broken<T>(why: &str) -> Result<T, Broken> {
    Err(Broken::History(why.to_owned()))
}

/// `Status: A → B`.
fn parts(details: &str) -> Option<(&str, &str)> {
    let (from, to) = details.strip_prefix("Status:")?.split_once('→')?;
    let (from, to) = (from.trim(), to.trim());
    (!to.is_empty() && !to.contains('→')).then_some((from, to))
}

/// Whether a history entry repeats the beginning of a comment. Boards count in UTF-16 units, so a
/// character may be cut in two at the end.
fn repeats(details: &str, text: &str) -> bool {
    let Some(told) = details.strip_prefix("Comment:") else {
        return false;
    };
    let told = told.strip_prefix(' ').unwrap_or(told).trim_end();
    let text = text.trim_end();
    let Some(shortest) = cut_at(text) else {
        return told == text;
    };
    let Some(told) = told.strip_suffix("...") else {
        return false;
    };
    let told = told.trim_end_matches('\u{fffd}').trim_end();
    let least = text.get(..shortest).unwrap_or(text).trim_end();
    text.starts_with(told) && told.len() >= least.len()
}

/// Where a text too long to be repeated whole is cut at the earliest, in bytes.
fn cut_at(text: &str) -> Option<usize> {
    if text.as_bytes().get(..=REPEATED).is_some_and(<[u8]>::is_ascii) {
        return Some(REPEATED - 1);
    }
    let mut units = 0;
    let mut shortest = None;
    for (at, c) in text.char_indices() {
        units += c.len_utf16();
        if units >= REPEATED {
            shortest.get_or_insert(at);
        }
        if units > REPEATED {
            return shortest;
        }
    }
    None
}

/// Cuts the current round out of the timeline.
pub(super) fn current<'a>(events: &[Event<'a>]) -> Result<Round<'a>, Broken> {
    let moves = || {
        events.iter().enumerate().filter_map(|(at, event)| match event {
            Event::Move(step) => Some((at, *step)),
            Event::Comment(_) => None,
        })
    };
    let back = |to: &str| BACK.contains(&to);
    let Some((began, began_at)) = moves().rfind(|(_, step)| back(step.to)) else {
        return Err(Broken::NoRound);
    };
    let since = || moves().filter(|(at, _)| *at > began);
    let mut at = began_at.to;
    for (_, step) in since() {
        if step.from != at {
            return broken(&format!("it moves from {} although the ticket was {at}", step.from));
        }
        at = step.to;
    }
    if let Some((_, step)) = since().find(|(_, step)| !ON.contains(&step.to)) {
        return Err(Broken::StrangeMove { to: step.to.to_owned() });
    }
    match moves().next_back() {
        Some((_, step)) if step.to == "rfp" && ["in-qa", "completed"].contains(&step.from) => {}
        Some((_, step)) => {
            let (from, to) = (step.from.to_owned(), step.to.to_owned());
            return Err(Broken::BadEntry { from, to });
        }
        None => return Err(Broken::NoRound),
    }
    let in_qa = since().rfind(|(_, step)| step.to == "in-qa").map_or(began, |(at, _)| at);
    // The k-th comment of the timeline is the k-th of the ticket, so those after a move are a tail.
    let count = |events: &[Event<'_>]| {
        events.iter().filter(|event| matches!(event, Event::Comment(_))).count()
    };
    let all = count(events);
    let after = |at: usize| all - events.get(at..).map_or(0, count)..all;
    Ok(Round {
        comments: after(began),
        since_qa: after(in_qa),
        developers: moves().filter(|(_, step)| develops(step)).map(|(_, step)| step.by).collect(),
    })
}

/// Moves that the developer makes: taking up the work and handing it over.
fn develops(step: &Move<'_>) -> bool {
    (step.from == "todo" && step.to == "in-progress")
        || (step.from == "in-progress" && step.to == "in-review")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_repeats_the_beginning_of_its_comment() {
        let long = "x".repeat(150);
        assert!(repeats("Comment: short", "short"));
        assert!(repeats("Comment: ", ""));
        assert!(repeats("Comment: two\nlines", "two\nlines\n"));
        assert!(repeats(&format!("Comment: {}...", "x".repeat(100)), &long));
        assert!(!repeats("Comment: short", "shorter"));
        assert!(!repeats("Comment: x...", &long), "too little of it");
        assert!(!repeats(&format!("Comment: {}...", "y".repeat(100)), &long));
        let emoji = format!("{}🎉{}", "x".repeat(99), "y".repeat(50));
        assert!(repeats(&format!("Comment: {}\u{fffd}...", "x".repeat(99)), &emoji));
        assert!(repeats(&format!("Comment: {}...", "x".repeat(99)), &emoji));
        assert!(!repeats(&format!("Comment: {}...", "x".repeat(98)), &emoji));
    }

    #[test]
    fn a_move_is_read_or_refused() {
        assert_eq!(parts("Status: in-qa → rfp"), Some(("in-qa", "rfp")));
        assert_eq!(parts("Status: undefined → todo"), Some(("undefined", "todo")));
        for details in ["Status: rfp", "in-qa → rfp", "Status: a → b → c", "Status: a →"] {
            assert_eq!(parts(details), None, "{details}");
        }
    }
}
