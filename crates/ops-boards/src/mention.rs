//! Finds mentions in messages, with the habits of `DevTeam`'s meeting board.

use crate::limits;

/// The names that mention a role rather than a member.
const ROLES: [&str; 7] = ["po", "dev", "cq", "qa", "ops", "manager", "human"];

/// An `@` handle and what it stands for.
pub(crate) struct Handles {
    members: Vec<(String, String)>,
    ids: Vec<String>,
}

impl Handles {
    /// Takes the team's `(id, display name)` pairs in the order in which they joined.
    pub(crate) fn new(team: &[(String, String)]) -> Self {
        let mut members = Vec::with_capacity(team.len() * 2);
        for (id, name) in team {
            members.push((id.to_lowercase(), id.clone()));
            if !name.is_empty() {
                members.push((name.to_lowercase(), id.clone()));
            }
        }
        Self { members, ids: team.iter().map(|(id, _)| id.clone()).collect() }
    }

    /// What a text mentions, each once, in the order of first mention.
    ///
    /// As on `DevTeam`'s board there is no word boundary before or after a handle, case does not
    /// matter, and the first alternative wins: ids and names of members, then roles, then
    /// `everyone`. So an e-mail address mentions somebody: callers alter an `@` that they do not mean.
    pub(crate) fn find(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('@') {
            rest = &rest[at + 1..];
            rest = self.take(rest, &mut found);
            if found.len() >= limits::MENTIONS_PER_MESSAGE {
                break;
            }
        }
        found
    }

    fn take<'a>(&self, rest: &'a str, found: &mut Vec<String>) -> &'a str {
        for (handle, id) in &self.members {
            if let Some(after) = strip(rest, handle) {
                add(found, id);
                return after;
            }
        }
        for role in ROLES {
            if let Some(after) = strip(rest, role) {
                add(found, role);
                return after;
            }
        }
        if let Some(after) = strip(rest, "everyone") {
            for id in &self.ids {
                add(found, id);
            }
            return after;
        }
        rest
    }
}

fn add(found: &mut Vec<String>, name: &str) {
    if !found.iter().any(|known| known == name) {
        found.push(name.to_owned());
    }
}

/// Takes a lower-cased handle off the front of a text, whatever the text's case.
fn strip<'a>(text: &'a str, handle: &str) -> Option<&'a str> {
    let mut wanted = handle.chars();
    let mut next = wanted.next();
    for (at, letter) in text.char_indices() {
        if next.is_none() {
            return Some(&text[at..]);
        }
        for lower in letter.to_lowercase() {
            if next != Some(lower) {
                return None;
            }
            next = wanted.next();
        }
    }
    next.is_none().then_some("")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn team() -> Handles {
        let pair = |id: &str, name: &str| (id.to_owned(), name.to_owned());
        Handles::new(&[pair("otto", "Otto"), pair("cleo", "Cleo Q"), pair("mia", "Mia")])
    }

    #[test]
    fn ids_names_roles_and_everyone() {
        assert_eq!(team().find("hello @OTTO and @cleo q"), ["otto", "cleo"]);
        assert_eq!(team().find("@ops, please ask @qa"), ["ops", "qa"]);
        assert_eq!(team().find("@everyone"), ["otto", "cleo", "mia"]);
        assert_eq!(team().find("@nobody, @ ops, ops"), Vec::<String>::new());
        assert_eq!(team().find("@otto @otto @Otto"), ["otto"]);
    }

    #[test]
    fn there_are_no_word_boundaries() {
        assert_eq!(team().find("x@devteam.local"), ["dev"]);
        assert_eq!(team().find("@portal"), ["po"]);
        assert_eq!(team().find("@everyone2"), ["otto", "cleo", "mia"]);
        assert_eq!(team().find("@@otto"), ["otto"]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_only_known_names_come_out(text in "\\PC{0,200}") {
            for name in team().find(&text) {
                prop_assert!(["otto", "cleo", "mia"].contains(&name.as_str()) || ROLES.contains(&name.as_str()));
            }
        }
    }
}
