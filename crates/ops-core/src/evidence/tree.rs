//! S9: a pass by CQ that came before the notes, for a commit with the very same source tree.
//!
//! A pass of CQ stays where all of this holds:
//!
//! - the newest block when it was given is complete, and both it and the present notes name a
//!   digest and a commit;
//! - git says that the two commits have one tree, by its id;
//! - the two differ in nothing but `artifact`, `digest`, `commit` and `version`. Other migrations
//!   or variables, or a configuration read at another commit, are a change for CQ as well;
//! - the board's stamp on the pass, if there is one, is the hash of the candidate that the old
//!   notes make with the configuration of now. So a pass for another configuration never stays;
//! - neither of the two, and nothing posted in between, was judged bad since (S10).
//!
//! What git does not know, or nobody could ask it, is not the same.

use std::collections::BTreeSet;

use crate::{
    id::{Digest, Identity},
    notes::{Artifact, FoundNotes, Notes, Place, earlier_notes},
    ticket::Ticket,
};

/// Earlier notes on a ticket for the very source tree of the present ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SameTree {
    /// Where they stand.
    pub place: Place,
    /// The hash of the candidate that they make with the service's present configuration.
    pub candidate: Digest,
}

/// The present commit, and those of which it matters whether they have its tree; `None` if none
/// does.
pub fn asked_trees<'a>(
    ticket: &Ticket,
    is_dev: impl Fn(&Identity) -> bool,
    present: &'a FoundNotes,
) -> Option<(&'a str, BTreeSet<String>)> {
    let commit = present.notes.commit.as_deref()?;
    let earlier = earlier_notes(ticket, is_dev, present.place).into_iter();
    let alike = earlier.filter(|one| only_built_anew(&one.notes, &present.notes));
    let commits: BTreeSet<_> = alike.filter_map(|one| one.notes.commit).collect();
    (!commits.is_empty()).then_some((commit, commits))
}

/// The earlier notes that a pass of CQ may have been about as well.
///
/// `trees` are the commits that have the tree of the present one's. `bad` tells notes whose
/// candidate was judged bad; `candidate` makes the hash of notes with a digest.
pub fn same_tree(
    ticket: &Ticket,
    is_dev: impl Fn(&Identity) -> bool,
    present: &FoundNotes,
    trees: &BTreeSet<String>,
    bad: impl Fn(&Notes) -> bool,
    candidate: impl Fn(&FoundNotes, &Digest) -> Digest,
) -> Vec<SameTree> {
    if trees.is_empty() || bad(&present.notes) {
        return Vec::new();
    }
    let earlier = earlier_notes(ticket, is_dev, present.place).into_iter();
    let same = earlier.take_while(|one| !bad(&one.notes)).filter_map(|one| {
        let of_tree = one.notes.commit.as_ref().is_some_and(|commit| trees.contains(commit));
        if !of_tree || !only_built_anew(&one.notes, &present.notes) {
            return None;
        }
        let candidate = candidate(&one, one.notes.bound_digest()?);
        Some(SameTree { place: one.place, candidate })
    });
    same.collect()
}

/// Whether two notes bear digests and commits and say the same but for what was built, from what,
/// and its name.
fn only_built_anew(one: &Notes, other: &Notes) -> bool {
    let bear = |notes: &Notes| notes.bound_digest().is_some() && notes.commit.is_some();
    let rest = |notes: &Notes| Notes {
        artifact: Artifact::Path(String::new()),
        digest: None,
        version: String::new(),
        commit: None,
        ..notes.clone()
    };
    bear(one) && bear(other) && rest(one) == rest(other)
}
