//! Checks against other candidates of the same service: newer ones, and those judged bad.

use super::{
    Age, Check, Rival, Verdict,
    each::{check, error, named, waits_for},
    judge::{Desk, passes},
};

/// S8: only the newest candidate with all its own evidence ships.
pub(super) fn overtaken(desk: &Desk<'_>) -> Check {
    let (id, at) = ("overtaken", "other candidates of the service");
    if desk.rollback() {
        return check(id, at, Verdict::Pass, "a rollback brings back what served before");
    }
    let (Some(candidate), Some(settings)) = (&desk.candidate, desk.settings) else {
        return waits_for(id, at, "artifact");
    };
    if desk.facts.surpassed {
        let serves = desk.facts.old.as_ref().map_or("what serves", |old| &old.candidate.version);
        let seen = format!("{serves} serves, and holds all of {} and more", candidate.version);
        return check(id, at, Verdict::Fail, seen)
            .remedy("nothing: its work is in production already; PO closes the ticket");
    }
    let rivals = match &desk.facts.rivals {
        Ok(rivals) => rivals,
        Err(fault) => return error(id, at, fault),
    };
    let newer = |rival: &&Rival| rival.age == Age::Newer && passes(rival, settings).is_some();
    let condemned = |rival: &Rival| {
        passes(rival, settings).is_some_and(|notes| {
            desk.facts.condemned.iter().any(|bad| {
                bad.service == notes.service
                    && (notes.bound_digest() == Some(&bad.artifact)
                        || bad.commit.is_some() && bad.commit == notes.commit)
            })
        })
    };
    match rivals.iter().filter(newer).find(|rival| !condemned(rival)) {
        None => check(id, at, Verdict::Pass, format!("{} is the newest", candidate.version)),
        Some(rival) => {
            let id_of = &rival.ticket.id;
            let seen = format!("{id_of} has a newer candidate that passed CQ and QA");
            check(id, at, Verdict::Fail, seen).remedy(format!(
                "nothing, if {id_of} holds this work too: DEV names this ticket under `includes` \
                 in its notes, and it closes with it; else build this work anew on top of {id_of}"
            ))
        }
    }
}

/// S10: what was judged bad, its commit and what descends from it.
pub(super) fn guards(desk: &Desk<'_>) -> Check {
    let (id, at) = ("guards", "candidates that were judged bad");
    if desk.rollback() {
        return check(id, at, Verdict::Pass, "goes back to a version that passed its watch");
    }
    let Some(candidate) = &desk.candidate else {
        return waits_for(id, at, "artifact");
    };
    let of_it = desk.facts.condemned.iter().filter(|one| one.service == candidate.service);
    let bad = of_it.filter(|one| !named(desk, one.by)).find_map(|one| {
        if one.artifact == candidate.artifact {
            return Some((one, "the same artifact"));
        }
        if one.commit.is_some() && one.commit == candidate.commit {
            return Some((one, "the same commit"));
        }
        desk.facts.descends.contains(&one.by).then_some((one, "a commit that holds the bad one"))
    });
    match bad {
        None => check(id, at, Verdict::Pass, "this one is not among them"),
        Some((bad, how)) => {
            let seen = format!("{} showed that it is bad ({how}): {}", bad.by, bad.words);
            check(id, at, Verdict::Fail, seen).remedy(format!(
                "mend it, then CQ and QA look at the new candidate and name {} in their verdicts; \
                 or a listed person lifts the guard: `ops guard lift {} --reason …`",
                bad.by, bad.by
            ))
        }
    }
}
