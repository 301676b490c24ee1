//! Who may do what: DEV, CQ and QA are three (P1).

use ops_core::{id::Identity, settings::Role};

use super::{Rules, path};
use crate::{check::did_you_mean, complaint::Words};

/// The roles of one candidate that must be three identities.
const APART: [(Role, &str); 3] = [(Role::Dev, "dev"), (Role::Cq, "cq"), (Role::Qa, "qa")];

pub(super) fn check(rules: &mut Rules<'_, '_>) {
    covered(rules);
    apart(rules);
    operators(rules);
    own_identity(rules);
}

fn covered(rules: &mut Rules<'_, '_>) {
    let people = &rules.settings.people;
    let missing: Vec<&str> = APART
        .iter()
        .filter(|(role, _)| !people.roles.values().any(|roles| roles.contains(role)))
        .map(|(_, word)| *word)
        .collect();
    if missing.is_empty() {
        return;
    }
    let words = Words::new(format!("nobody has the role {}", missing.join(", nor ")))
        .allowed("at least one identity each for dev, cq and qa")
        .hint(
            "without all three no candidate can be approved. One person alone sets `solo: true` \
             and has the roles `[dev, cq, qa]`",
        );
    rules.blame(&[path(["people"])], words);
}

fn apart(rules: &mut Rules<'_, '_>) {
    let people = &rules.settings.people;
    if people.solo {
        return;
    }
    for (who, roles) in &people.roles {
        let held: Vec<&str> =
            APART.iter().filter(|(role, _)| roles.contains(role)).map(|(_, word)| *word).collect();
        if held.len() > 1 {
            let words = Words::new(format!("{who} is {} at once", held.join(" and ")))
                .allowed("one of dev, cq and qa per identity")
                .hint(
                    "who wrote a change cannot review or test it: give each role its own \
                     identity, or set `solo: true`, which is named on every record",
                );
            rules.blame(&[path(["people", who.as_str()]), path(["solo"])], words);
        }
    }
}

fn operators(rules: &mut Rules<'_, '_>) {
    let people = &rules.settings.people;
    if people.operators.is_empty() {
        let words = Words::new("nobody may resume, answer or roll back")
            .allowed("at least one operator")
            .hint("add `operators: [name@example.org]`, or give somebody the role po");
        rules.blame(&[path(["operators"]), path(["people"])], words);
        return;
    }
    for (at, who) in people.operators.iter().enumerate() {
        let item = path(["operators", &at.to_string()]);
        if !people.roles.contains_key(who) {
            let close = closest(who, people.roles.keys());
            let words = Words::new(format!("{who} is not among the people"))
                .allowed("identities that `people` names")
                .hint(match close {
                    Some(close) => format!("did you mean `{close}`?"),
                    None => format!("add `{who}: human` to `people`"),
                });
            rules.blame(&[item, path(["people"])], words);
        } else if people.operators[..at].contains(who) {
            rules.blame(&[item], Words::new(format!("{who} is named twice")));
        }
    }
}

fn own_identity(rules: &mut Rules<'_, '_>) {
    let me = &rules.settings.boards.me;
    let Some(held) = rules.settings.people.roles.get(me) else {
        return;
    };
    let place = if rules.settings.boards.devteam.is_some() { "devteam" } else { "embedded" };
    if held.iter().any(|role| *role != Role::Ops) {
        let words = Words::new(format!("{me} is ops itself and can have no other role"))
            .allowed("ops")
            .hint("ops does not approve what it deploys: use another identity for one of the two");
        rules.blame(&[path(["people", me.as_str()]), path(["boards", place, "me"])], words);
    }
}

/// The identity of the same domain that was most likely meant.
fn closest<'p>(who: &Identity, known: impl Iterator<Item = &'p Identity>) -> Option<&'p Identity> {
    let (local, domain) = who.as_str().split_once('@')?;
    let alike = |other: &&Identity| {
        let same = other.as_str().split_once('@').filter(|(_, theirs)| *theirs == domain);
        same.is_some_and(|(theirs, _)| did_you_mean(local, std::iter::once(theirs)).is_some())
    };
    known.into_iter().find(alike)
}
