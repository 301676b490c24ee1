//! The lines of a comment that its author says in person and that a reader sees.
//!
//! Left out are quotes, code, HTML comments, and what is folded away in a `<details>` block: logs
//! and the words of others stand there.

use std::borrow::Cow;

use crate::{
    markdown::{Piece, pieces},
    notes::may_have_fence,
};

/// Beyond this a text is no comment that somebody wrote: it is not searched for a verdict.
pub(super) const MAX_COMMENT_BYTES: usize = 256 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hidden {
    Comment,
    /// Folded away, so many blocks deep.
    Details(usize),
}

/// The visible lines of a text.
pub(super) enum Lines<'a> {
    /// Nothing in it can hide more than the line on which it stands.
    Plain(std::str::Lines<'a>),
    Cut(std::vec::IntoIter<Cow<'a, str>>),
}

impl<'a> Iterator for Lines<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Plain(lines) => lines.find_map(prose).map(Cow::Borrowed),
            Self::Cut(lines) => lines.next(),
        }
    }
}

/// The visible lines, in order.
pub(super) fn lines(text: &str) -> Lines<'_> {
    if text.contains('<') || may_have_fence(text) {
        Lines::Cut(cut_up(text).into_iter())
    } else {
        Lines::Plain(text.lines())
    }
}

/// A line of a text without fences, unless it is quoted or indented as code.
fn prose(line: &str) -> Option<&str> {
    let body = line.trim_start_matches(' ');
    let code = line.len() - body.len() > 3 || line.starts_with('\t');
    (!code && !body.starts_with('>')).then_some(body)
}

fn cut_up(text: &str) -> Vec<Cow<'_, str>> {
    let mut hidden = None;
    let prose = pieces(text).into_iter().filter_map(|piece| match piece {
        Piece::Prose(line) => Some(line),
        Piece::Fence(_) => None,
    });
    prose
        .map(|line| match hidden {
            None if !line.contains('<') => Cow::Borrowed(line),
            _ => Cow::Owned(unfold(line, &mut hidden)),
        })
        .collect()
}

/// What is left of a line, and whether the next one begins hidden.
fn unfold(line: &str, hidden: &mut Option<Hidden>) -> String {
    let mut kept = String::new();
    let mut rest = line;
    loop {
        rest = match *hidden {
            None => {
                let Some((before, mark, after)) = cut(rest, &["<!--", "<details"]) else {
                    kept.push_str(rest);
                    return kept;
                };
                kept.push_str(before);
                let details = mark == 1;
                *hidden = Some(if details { Hidden::Details(1) } else { Hidden::Comment });
                after
            }
            Some(Hidden::Comment) => {
                let Some((_, _, after)) = cut(rest, &["-->"]) else { return kept };
                *hidden = None;
                after
            }
            Some(Hidden::Details(deep)) => {
                let Some((_, mark, after)) = cut(rest, &["</details", "<details"]) else {
                    return kept;
                };
                let deep = if mark == 0 { deep - 1 } else { deep + 1 };
                *hidden = (deep > 0).then_some(Hidden::Details(deep));
                if deep == 0 { after.strip_prefix('>').unwrap_or(after) } else { after }
            }
        };
    }
}

/// Cuts at the first of the marks, whatever its case: before it, which one, behind it.
fn cut<'a>(text: &'a str, marks: &[&str]) -> Option<(&'a str, usize, &'a str)> {
    let bytes = text.as_bytes();
    (0..bytes.len()).find_map(|at| {
        let is = |mark: &&str| {
            bytes
                .get(at..at + mark.len())
                .is_some_and(|found| found.eq_ignore_ascii_case(mark.as_bytes()))
        };
        let mark = marks.iter().position(is)?;
        Some((text.get(..at)?, mark, text.get(at + marks.get(mark)?.len()..)?))
    })
}

/// Whether a line stands right under a quote, where Markdown takes it for a part of that quote.
pub(super) fn under_a_quote(text: &str, line: &str) -> bool {
    if !text.contains('>') {
        return false;
    }
    let quote = |line: &str| line.trim_start().starts_with('>');
    let mut lines = text.lines().zip(text.lines().skip(1));
    lines.any(|(above, below)| quote(above) && !quote(below) && below.trim_start() == line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_reader_sees_is_left() {
        let seen = |text: &str| -> Vec<String> {
            let lines = lines(text).map(|line| line.trim().to_owned());
            lines.filter(|line| !line.is_empty()).collect()
        };
        assert_eq!(seen("a <!-- b --> c\nd <!-- e\nf\ng --> h"), ["a  c", "d", "h"]);
        assert_eq!(seen("a\n<details><summary>s</summary>\nb\n</DETAILS>\nc"), ["a", "c"]);
        assert_eq!(seen("<details>\n<details>\na\n</details>\nb\n</details> c"), ["c"]);
        assert_eq!(seen("<details>\nnever closed\nPASS"), [""; 0]);
        assert_eq!(seen("> a\n\n```\nb\n```\nc < d"), ["c < d"]);
    }

    #[test]
    fn a_line_right_under_a_quote_is_part_of_it() {
        assert!(under_a_quote("> CQ wrote:\nAPPROVED", "APPROVED"));
        assert!(!under_a_quote("> CQ wrote:\n\nAPPROVED", "APPROVED"));
        assert!(!under_a_quote("APPROVED\n> ok", "APPROVED"));
    }

    proptest::proptest! {
        #[test]
        fn a_text_without_fences_and_tags_needs_not_be_cut_up(
            lines in proptest::collection::vec("[ \t>a`~-]{0,8}", 0..8),
        ) {
            let text = lines.join("\n").replace("```", "``").replace("~~~", "~~");
            let text = text.replace("```", "").replace("~~~", "");
            let short: Vec<_> = super::lines(&text).collect();
            proptest::prop_assert_eq!(short, cut_up(&text));
        }
    }
}
