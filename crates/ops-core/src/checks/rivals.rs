//! Checks against other candidates of the same service: newer ones, and those judged bad.

use super::{
    Age, Check, Condemned, Rival, Verdict,
    each::{check, error, in_words, named, waits_for},
    judge::{Desk, passes},
};
use crate::{
    id::{DeploymentId, Digest},
    mutation::{Mutation, on},
    notes::Notes,
    settings::{People, Role},
    ticket::Ticket,
};

/// S8: only the newest candidate with all its own evidence ships.
pub(super) fn overtaken(desk: &Desk<'_>) -> Check {
    let (id, at) = ("overtaken", "other candidates of the service");
    if desk.rollback() || on(Mutation::ShipOlder) {
        return check(id, at, Verdict::Pass, "a rollback brings back what served before");
    }
    if desk.rotation() {
        return check(id, at, Verdict::Pass, "a rotation starts anew what serves");
    }
    if desk.adoption() {
        return check(id, at, Verdict::Pass, "tickets of the service wait for the adoption");
    }
    let (Some(candidate), Some(settings)) = (&desk.candidate, desk.settings) else {
        return waits_for(id, at, "artifact");
    };
    if desk.facts.surpassed {
        let serves = desk.facts.old.as_ref().map_or("what serves", |old| &old.candidate.version);
        let seen = format!("{serves} serves, and holds all of {} and more", candidate.version);
        return check(id, at, Verdict::Fail, seen).remedy(
            "nothing needs to be deployed: its work serves already, and PO closes the ticket. If \
                 it shall replace what serves all the same, DEV builds it anew on top of that",
        );
    }
    let rivals = match &desk.facts.rivals {
        Ok(rivals) => rivals,
        Err(fault) => return error(id, at, fault),
    };
    let newer = |rival: &&Rival| rival.age == Age::Newer && passes(rival, settings).is_some();
    let condemned = |rival: &Rival| {
        passes(rival, settings).is_some_and(|notes| {
            desk.facts.condemned.iter().any(|bad| {
                condemns(bad, &notes, rival.artifact.as_ref())
                    && !round_names(&rival.ticket, &settings.people, bad.by)
            })
        })
    };
    match rivals.iter().filter(newer).find(|rival| !condemned(rival)) {
        None => check(id, at, Verdict::Pass, format!("{} is the newest", candidate.version)),
        Some(rival) => {
            let id_of = &rival.ticket.id;
            let seen = format!("{id_of} has a newer candidate that passed CQ and QA");
            check(id, at, Verdict::Fail, seen).remedy(format!(
                "if {id_of} holds this work too, DEV names this ticket under `includes` in the notes \
                 of {id_of}, CQ and QA pass those, and both close together; if not, DEV builds \
                 this work anew on top of {id_of}. If {id_of} is taken out of rfp, this one goes \
                 on by itself"
            ))
        }
    }
}

/// Whether what was judged bad is what these notes with this artifact ask for, or its commit.
pub(super) fn condemns(bad: &Condemned, notes: &Notes, artifact: Option<&Digest>) -> bool {
    bad.service == notes.service
        && (artifact == Some(&bad.artifact)
            || same_commit(bad.commit.as_deref(), notes.commit.as_deref()))
}

/// Whether two names mean one commit: notes may shorten it.
fn same_commit(one: Option<&str>, other: Option<&str>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return false };
    let most = one.len().min(other.len());
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    most > 0 && one.get(..most).zip(other.get(..most)).is_some_and(|(a, b)| same(a, b))
}

/// Whether both CQ and QA have named a failure on a ticket. Its guard does not hold that ticket,
/// so it overtakes again. Which of their verdicts counts is its own deployment's question.
fn round_names(ticket: &Ticket, people: &People, by: DeploymentId) -> bool {
    let by_role = |role| {
        let theirs = ticket.comments.iter().filter(|one| people.is(&one.author, role));
        theirs.into_iter().any(|comment| in_words(&comment.text, by))
    };
    by_role(Role::Cq) && by_role(Role::Qa)
}

/// S10: what was judged bad, its commit and what descends from it.
pub(super) fn guards(desk: &Desk<'_>) -> Check {
    let (id, at) = ("guards", "candidates that were judged bad");
    if on(Mutation::DeployCondemned) {
        return check(id, at, Verdict::Pass, "this one is not among them");
    }
    if desk.rollback() {
        return guards_of_what_comes_back(desk, id, at);
    }
    let Some(candidate) = &desk.candidate else {
        return waits_for(id, at, "artifact");
    };
    let of_it = desk.facts.condemned.iter().filter(|one| one.service == candidate.service);
    let bad = of_it.filter(|one| !named(desk, one.by)).find_map(|one| {
        if one.artifact == candidate.artifact {
            return Some((one, "the same artifact"));
        }
        if same_commit(one.commit.as_deref(), candidate.commit.as_deref()) {
            return Some((one, "the same commit"));
        }
        desk.facts.descends.contains(&one.by).then_some((one, "a commit that holds the bad one"))
    });
    match bad {
        // Whoever cannot compare tickets cannot compare commits either.
        None if desk.facts.rivals.is_err() && descent_matters(desk) => {
            waits_for(id, at, "overtaken")
        }
        None => check(id, at, Verdict::Pass, "this one is not among them"),
        Some((bad, how)) => {
            let seen = format!("{} showed that it is bad ({how}): {}", bad.by, bad.words);
            check(id, at, Verdict::Fail, seen).remedy(format!(
                "DEV mends it and posts new notes; CQ and QA look at that candidate and both name {by} \
                 in their verdicts, then it goes on by itself. If the verdict over it was wrong, a \
                 listed person lifts the guard: `ops guard lift {by} --reason …`",
                by = bad.by
            ))
        }
    }
}

/// What comes back passed its watch once. Only a judgement since then speaks against it.
fn guards_of_what_comes_back(desk: &Desk<'_>, id: &'static str, at: &'static str) -> Check {
    let bad = desk.facts.undo.as_ref().and_then(|undo| {
        let same = |bad: &&Condemned| {
            bad.service == undo.candidate.service && bad.artifact == undo.candidate.artifact
        };
        desk.facts.condemned.iter().filter(same).find(|bad| bad.by > undo.by)
    });
    let Some(bad) = bad else {
        return check(id, at, Verdict::Pass, "goes back to a version that passed its watch");
    };
    let seen = format!("{} showed that what would come back is bad: {}", bad.by, bad.words);
    check(id, at, Verdict::Fail, seen).remedy(format!(
        "a mended version takes its place by a ticket of its own. If it shall come back none the \
         less, a listed person lifts the guard: `ops guard lift {by} --reason …`",
        by = bad.by
    ))
}

/// Whether a condemned commit could be behind this candidate's.
fn descent_matters(desk: &Desk<'_>) -> bool {
    let Some(candidate) = desk.candidate.as_ref().filter(|one| one.commit.is_some()) else {
        return false;
    };
    let condemned = desk.facts.condemned.iter();
    condemned
        .filter(|one| one.service == candidate.service && one.commit.is_some())
        .any(|one| !named(desk, one.by))
}
