//! The class of a ticket, by which windows and budgets tell what they hold: PO's word, never
//! DEV's.

use crate::{
    markdown::{Piece, pieces},
    settings::{NORMAL_CLASS, People, Role},
    ticket::Ticket,
};

/// What a class may be called: one short word.
const CLASS_MAX: usize = 40;

/// The class that PO gave a ticket: the last line `Class: hotfix` in a comment by somebody with
/// the role PO; `normal` without one.
///
/// Labels and priorities do not count: boards do not say who set them.
pub fn class_of(ticket: &Ticket, people: &People) -> String {
    ticket
        .comments
        .iter()
        .rev()
        .filter(|comment| people.is(&comment.author, Role::Po))
        .find_map(|comment| in_text(&comment.text))
        .unwrap_or_else(|| NORMAL_CLASS.to_owned())
}

fn in_text(text: &str) -> Option<String> {
    pieces(text).into_iter().rev().find_map(|piece| {
        let Piece::Prose(line) = piece else { return None };
        let (key, class) = line.split_once(':')?;
        let class = class.trim().trim_matches(['`', '*', '.']).to_lowercase();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let fits = (1..=CLASS_MAX).contains(&class.len()) && class.chars().all(plain);
        let named = key.trim().trim_matches('*').eq_ignore_ascii_case("class");
        (named && fits).then_some(class)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn class(comments: &[(&str, &str)]) -> String {
        let mut ticket = fixture::ticket("v2");
        for (who, text) in comments {
            fixture::comment(&mut ticket, who, text);
        }
        class_of(&ticket, &fixture::settings(crate::settings::Strategy::BlueGreen).people)
    }

    #[test]
    fn the_class_is_the_last_word_of_po() {
        assert_eq!(class(&[]), "normal");
        assert_eq!(class(&[("pia@example.org", "Please.\n\nClass: hotfix")]), "hotfix");
        assert_eq!(class(&[("pia@example.org", "**Class**: `Hotfix`.")]), "hotfix");
        let back = [("pia@example.org", "class: hotfix"), ("pia@example.org", "Class: normal")];
        assert_eq!(class(&back), "normal");
    }

    #[test]
    fn p3_nobody_else_names_a_class() {
        for who in ["dan@example.org", "cleo@example.org", "quinn@example.org", "eve@example.org"] {
            assert_eq!(class(&[(who, "Class: hotfix")]), "normal", "{who}");
        }
        assert_eq!(class(&[("pia@example.org", "> Class: hotfix")]), "normal", "a quote");
        assert_eq!(class(&[("pia@example.org", "```\nClass: hotfix\n```")]), "normal", "code");
        assert_eq!(class(&[("pia@example.org", "Class: hot fix please")]), "normal");
    }
}
