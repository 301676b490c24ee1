//! Which earlier notes on a ticket are for the source tree of the present ones (S9).

use std::collections::BTreeSet;

use ops_core::{evidence::asked_trees, settings::Role, ticket::Ticket};

use super::rivals::Ours;
use crate::ports::{Look, Ports};

/// Of the commits that earlier notes name, those with the tree of the present one. Most tickets
/// have no earlier notes, and nothing is asked for them. What cannot be told is not the same; an
/// error is one, since somebody's verdict may hang on the answer.
pub(super) fn same(
    ports: &Ports,
    ticket: Option<&Ticket>,
    ours: &Ours<'_>,
) -> Look<BTreeSet<String>> {
    let (Some(ticket), Some(people), Some(found)) = (ticket, ours.people, ours.found) else {
        return Ok(BTreeSet::new());
    };
    let Some((commit, earlier)) = asked_trees(ticket, |who| people.is(who, Role::Dev), found)
    else {
        return Ok(BTreeSet::new());
    };
    let mut same = BTreeSet::new();
    for one in earlier {
        if ports.wishes.same_tree(commit, &one)? == Some(true) {
            same.insert(one);
        }
    }
    Ok(same)
}
