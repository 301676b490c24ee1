//! Bytes of a line as text that can be read: nothing in it moves a cursor, colours, or hides.

use super::LINE_MAX;
use crate::evidence::invisible;

const ESCAPE: char = '\u{1b}';
/// The one-character form of `ESC [`.
const CSI: char = '\u{9b}';

/// A line as text. White space at its beginning stays; bytes that are no UTF-8 become U+FFFD.
pub(super) fn clean(line: &[u8]) -> String {
    let kept = line.get(..LINE_MAX).unwrap_or(line);
    let text = String::from_utf8_lossy(kept);
    let whole = if kept.len() < line.len() { before_cut(&text) } else { &text };
    plain(whole)
}

/// Text without terminal sequences (ECMA-48), control characters and invisible ones. Only the first
/// line of several.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ESCAPE => skip_sequence(&mut chars),
            CSI => skip_control(&mut chars),
            '\n' if out.trim().is_empty() => out.clear(),
            '\n' => break,
            '\t' => out.push(' '),
            c if c.is_control() || invisible(c) => {}
            c if c.is_whitespace() => out.push(' '),
            c => out.push(c),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// A character that was cut in two is left out.
fn before_cut(text: &str) -> &str {
    text.trim_end_matches('\u{fffd}')
}

fn skip_sequence(chars: &mut std::str::Chars<'_>) {
    match chars.next() {
        Some('[') => skip_control(chars),
        // A string, such as a window's title, ends with BEL or ESC \.
        Some(']' | 'P' | '_' | '^' | 'X') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' {
                    return;
                }
                if c == ESCAPE {
                    chars.next();
                    return;
                }
            }
        }
        _ => {}
    }
}

/// Parameters up to the final character, `@` to `~`.
fn skip_control(chars: &mut std::str::Chars<'_>) {
    let _ = chars.find(|c| matches!(c, '@'..='~'));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_titles_and_what_cannot_be_seen_are_gone() {
        for (line, text) in [
            ("\u{1b}[31mERROR\u{1b}[0m no room", "ERROR no room"),
            ("\u{1b}[38;5;196mred\u{1b}[m\r", "red"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]0;title\u{1b}\\after", "after"),
            ("\u{9b}1mbold", "bold"),
            ("pass\u{200b}word\0 x\u{202e}", "password x"),
            ("\ta\u{a0}b  ", " a b"),
            ("\nfirst\nsecond", "first"),
            ("unfinished \u{1b}[", "unfinished"),
        ] {
            assert_eq!(clean(line.as_bytes()), text);
        }
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let line = format!("{}€€€€", "x".repeat(LINE_MAX - 4));
        let text = clean(line.as_bytes());
        assert_eq!(text, format!("{}€", "x".repeat(LINE_MAX - 4)));
        assert_eq!(clean(b"a\xffb"), "a\u{fffd}b");
    }
}
