//! For which role a comment speaks.

use super::phrase::{Named, Phrase, Says};
use crate::{
    id::Identity,
    settings::{People, Role},
};

/// The roles of somebody; none if the settings do not know them.
pub(super) fn roles<'a>(people: &'a People, who: &Identity) -> &'a [Role] {
    people.roles.get(who).map_or(&[], Vec::as_slice)
}

/// What a comment says in the name of `role`, by an author with `roles`; `None` if nothing.
///
/// An author with one role need not name it. With several, a comment counts for the role that it
/// names; if it names none, a plain pass is unclear, and small talk is only talk if the author is
/// also DEV.
pub(super) fn heard(phrase: Phrase, roles: &[Role], role: Role) -> Option<Says> {
    let others = |other: &Role| *other != role && [Role::Dev, Role::Cq, Role::Qa].contains(other);
    if !roles.contains(&role) || phrase.says == Says::Addendum {
        return None;
    }
    match phrase.named {
        Named::Role(named) if named == role => return Some(phrase.says),
        Named::Role(named) if roles.contains(&named) => return None,
        Named::Role(_) | Named::Both => return Some(fail_or_unclear(phrase.says)),
        Named::Usual(usual) if roles.contains(&usual) => {
            return (usual == role).then_some(phrase.says);
        }
        Named::Usual(_) | Named::Nobody => {}
    }
    if !roles.iter().any(others) {
        return Some(phrase.says);
    }
    match phrase.says {
        Says::Nothing if roles.contains(&Role::Dev) => None,
        says => Some(fail_or_unclear(says)),
    }
}

fn fail_or_unclear(says: Says) -> Says {
    if says == Says::Fail { Says::Fail } else { Says::Unclear }
}
