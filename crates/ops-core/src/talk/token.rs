//! A message as words, without what its author did not say: quotes, code, what no reader sees.

use crate::markdown::{Piece, pieces};

/// Longest message that is read, in characters: a request stands at the beginning.
const READ_MAX: usize = 4_000;

/// A word of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// In lower case, without what stands around it.
    pub(super) word: String,
    /// The part of a sentence that it stands in.
    pub(super) clause: usize,
    /// Where it ends in the text, in bytes.
    pub(super) end: usize,
}

/// What the author says, on one line.
pub(super) fn prose(text: &str) -> String {
    let bounded: String = text.chars().take(READ_MAX).collect();
    let seen = without_comments(&bounded);
    let lines = pieces(&seen).into_iter().filter_map(|piece| match piece {
        Piece::Prose(line) => Some(line.to_owned()),
        Piece::Fence(_) => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Comments are for programs; what stands in them was said by nobody.
fn without_comments(text: &str) -> String {
    let mut seen = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("<!--") {
        seen.push_str(before);
        seen.push(' ');
        rest = behind.split_once("-->").map_or("", |(_, behind)| behind);
    }
    seen.push_str(rest);
    seen
}

/// Whether a character ends a part of a sentence where a space or nothing follows it.
fn ends_clause(c: char) -> bool {
    matches!(c, '.' | ',' | ';' | '!' | '?' | ':' | '\n' | '—' | '–' | '(' | ')')
}

/// The words of a text.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut all: Vec<Token> = Vec::new();
    let mut clause = 0;
    let mut word = String::new();
    // Who is called is no part of what is asked.
    let (mut handle, mut before) = (false, ' ');
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let inside = c.is_alphanumeric() || matches!(c, '-' | '_');
        handle |= c == '@' && !before.is_alphanumeric();
        before = c;
        if c == '@' && handle {
            continue;
        }
        if inside && !handle {
            word.extend(c.to_lowercase());
        }
        // An apostrophe makes one word: «don't» is said like «dont».
        let apostrophe = matches!(c, '\'' | '’');
        if (inside || apostrophe) && chars.peek().is_some() {
            continue;
        }
        let end = if inside { at + c.len_utf8() } else { at };
        handle = false;
        finish(&mut word, clause, end, &mut all);
        let spaced = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
        if c == '\n' || ends_clause(c) && spaced {
            clause += 1;
        }
    }
    all
}

fn finish(word: &mut String, clause: usize, end: usize, all: &mut Vec<Token>) {
    let trimmed = word.trim_matches(|c| c == '-' || c == '_');
    if !trimmed.is_empty() {
        all.push(Token { word: trimmed.to_owned(), clause, end });
    }
    word.clear();
}
