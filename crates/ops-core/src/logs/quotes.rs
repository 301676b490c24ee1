//! What stands in quotes: a value, whatever it is.

use super::template::HIDDEN;

/// A text in which everything between quotes, and the quotes, is one [`HIDDEN`]. Where the closing
/// quote is missing, all that follows is hidden.
pub(super) fn hide_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or("");
        if let Some(closing) = closing(c, before) {
            out.push(HIDDEN);
            rest = behind(after, closing);
        } else {
            out.push(c);
            rest = after;
        }
        before = c;
    }
    out
}

/// The quote that closes what this one opens; `None` for what opens nothing, such as an apostrophe.
fn closing(c: char, before: char) -> Option<char> {
    match c {
        '"' | '`' => Some(c),
        '\'' => (!before.is_alphanumeric()).then_some(c),
        '“' | '„' => Some('”'),
        '‘' => Some('’'),
        '«' => Some('»'),
        _ => None,
    }
}

/// What follows the closing quote; nothing where there is none. A quote behind a backslash does not
/// close, nor does an apostrophe within a word.
fn behind(text: &str, closing: char) -> &str {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            chars.next();
            continue;
        }
        // „German“ closes with the mark that opens “English”.
        let closes = c == closing || (closing == '”' && c == '“');
        let within =
            matches!(c, '\'' | '’') && chars.peek().is_some_and(|(_, next)| next.is_alphanumeric());
        if closes && !within {
            return text.get(at + c.len_utf8()..).unwrap_or("");
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_hidden_and_apostrophes_hide_nothing() {
        for (text, hidden) in [
            ("name 'O'Brien' taken", "name \u{1} taken"),
            ("can't open \"my file\".", "can't open \u{1}."),
            (r#"said "a \" b" end"#, "said \u{1} end"),
            ("„so“ and “so” and «so»", "\u{1} and \u{1} and \u{1}"),
            ("`x`=‘y’", "\u{1}=\u{1}"),
            ("the users' cart", "the users' cart"),
            ("no end \"of it", "no end \u{1}"),
            ("''", "\u{1}"),
            ("", ""),
        ] {
            assert_eq!(hide_quoted(text), hidden, "{text}");
        }
    }
}
