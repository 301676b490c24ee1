//! Parts of a line that white space parts, and of what they are made.

use super::template::HIDDEN;

/// A token without the marks around it.
pub(super) fn core(token: &str) -> &str {
    token.trim_matches(|c: char| !c.is_alphanumeric())
}

/// Marks that stand around a token and are no part of an encoded value or an address.
pub(super) fn is_fence(c: char) -> bool {
    matches!(c, '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | ',' | ';' | '!' | '?' | HIDDEN)
}

/// What belongs to a word and does not part it.
pub(super) fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || is_joint(c) || c == '\u{fffd}'
}

pub(super) fn is_joint(c: char) -> bool {
    matches!(c, '.' | '-' | '_' | '+' | '\'' | '’')
}

/// Brackets that a token opens, less those that it closes.
pub(super) fn depth(token: &str) -> i32 {
    token.chars().fold(0, |depth, c| match c {
        '(' | '[' | '{' | '<' => depth + 1,
        ')' | ']' | '}' | '>' => depth - 1,
        _ => depth,
    })
}

/// Whether a token is a date of the Common Log Format: `[10/Oct/2000:13:55:36`.
pub(super) fn is_clf_date(token: &str) -> bool {
    token.strip_prefix('[').is_some_and(|date| {
        date.starts_with(|c: char| c.is_ascii_digit()) && date.contains('/') && date.contains(':')
    })
}
