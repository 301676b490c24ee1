//! The model's judgement, asked once all other checks pass (P12).

use super::{
    Check, Checklist, Verdict,
    each::{check, not_declared, soon},
    judge::Desk,
    proof,
};
use crate::{
    candidate::Candidate,
    judgement::{Answer, Dossier, Material, Opinion, Standing, before_the_plan},
    mutation::{Mutation, on},
    plan::Kind,
    record::{person, quoted},
};

const ID: &str = "advisor";
const AT: &str = "the advisor's judgement";
/// Characters of a person's answer that are shown.
const ANSWER_SHOWN: usize = 300;

/// Sets the last check, which looks at all others. Gives what the model is or would be shown, and
/// whether it is to be asked now.
pub(super) fn judge(desk: &Desk<'_>, checklist: &mut Checklist) -> (Option<Dossier>, bool) {
    let dossier = asked(desk).then(|| dossier(desk, checklist)).flatten();
    let (one, ask) = look(desk, checklist, dossier.as_ref());
    if let Some(last) = checklist.checks.iter_mut().find(|check| check.id == ID) {
        *last = super::each::harmless(one);
    }
    (dossier, ask)
}

/// Whether there is a model, and it is asked about such deployments.
fn asked(desk: &Desk<'_>) -> bool {
    desk.created.kind == Kind::Release
        && desk.settings.is_some_and(|settings| settings.advisor.is_some())
}

/// In its place until the others are known.
pub(super) fn placeholder() -> Check {
    not_declared(ID, AT)
}

fn look(desk: &Desk<'_>, checklist: &Checklist, dossier: Option<&Dossier>) -> (Check, bool) {
    if desk.settings.is_none_or(|settings| settings.advisor.is_none()) {
        return (placeholder(), false);
    }
    if desk.created.kind != Kind::Release {
        let seen = "it is asked about releases by tickets only";
        return (check(ID, AT, Verdict::NotDeclared, seen), false);
    }
    let Some(dossier) = dossier else {
        return (later("there is no candidate yet"), false);
    };
    let standing = desk.advice.standing(&dossier.round, &dossier.key, desk.checked);
    if standing != Standing::Ask || on(Mutation::AskNoModel) {
        return (told(desk, &standing), false);
    }
    let others = checklist.checks.iter().filter(|check| check.id != ID);
    if others.into_iter().all(|check| check.verdict.lets_pass()) {
        (later("it is asked when it deploys: nothing else is missing"), true)
    } else {
        (later("it is asked once all other checks pass"), false)
    }
}

fn later(seen: &str) -> Check {
    check(ID, AT, Verdict::Inconclusive, seen).remedy("nobody needs to do anything for that")
}

fn told(desk: &Desk<'_>, standing: &Standing<'_>) -> Check {
    match standing {
        Standing::Ask => check(ID, AT, Verdict::NoJudgement, "it was not asked"),
        Standing::Proceed(judgement) => {
            let seen = Answer::Judged((*judgement).clone()).words();
            check(ID, AT, Verdict::Pass, seen)
        }
        Standing::None(why) => {
            let seen = format!("no judgement: {}", quoted(why, ANSWER_SHOWN));
            if desk.advice.terms.is_some_and(|terms| terms.required) {
                check(ID, AT, Verdict::Error, seen).remedy(soon(
                    "`advisor.required` is set in ops.yaml: the model's server answers again",
                ))
            } else {
                check(ID, AT, Verdict::NoJudgement, seen)
            }
        }
        Standing::Freed(freed) => {
            let words = quoted(&freed.words, ANSWER_SHOWN);
            let seen = format!("{} answered its halt: {words}", person(&freed.by));
            check(ID, AT, Verdict::Pass, seen)
        }
        Standing::Holds { answer, .. } if on(Mutation::IgnoreJudgement) => {
            check(ID, AT, Verdict::Pass, answer.words())
        }
        Standing::Holds { answer, person } => {
            check(ID, AT, Verdict::Fail, answer.words()).remedy(way_on(desk, answer, *person))
        }
    }
}

/// What frees a halt, and nothing else.
fn way_on(desk: &Desk<'_>, answer: &Answer, person: bool) -> String {
    let ticket = desk.created.tickets.first().map_or("the ticket", |ticket| ticket.as_str());
    let mut words = String::new();
    if let Answer::Judged(judgement) = answer
        && judgement.verdict == Opinion::Halt
        && !judgement.questions.is_empty()
    {
        words = format!("it asks: {} — ", judgement.questions.join(" "));
    }
    let named = format!(
        "somebody listed under `operators` in ops.yaml says `ops answer {ticket}` and why, or the \
         same to ops on the meeting board"
    );
    let how = if person {
        "it has halted this candidate twice, so a person decides: "
    } else {
        "DEV, CQ, QA or PO answer in a comment on the ticket, and it is judged again; or "
    };
    words.push_str(how);
    words.push_str(&named);
    words
}

/// What the model is shown, as far as there is something to show.
fn dossier(desk: &Desk<'_>, checklist: &Checklist) -> Option<Dossier> {
    let (candidate, ticket, settings) = (desk.candidate.as_ref()?, desk.ticket?, desk.settings?);
    let evidence = proof::evidence(desk);
    let hash = Candidate::hash(candidate);
    let old = desk.facts.old.as_ref().map(|old| &old.candidate);
    Some(before_the_plan(&Material {
        created: desk.created,
        candidate: &hash,
        artifact: &candidate.artifact,
        version: &candidate.version,
        commit: candidate.commit.as_deref(),
        migrations: candidate.migrations.len(),
        serves: old.map(|old| (old.version.as_str(), old.commit.as_deref())),
        ticket,
        people: &settings.people,
        evidence: evidence.as_ref(),
        checklist,
        condemned: &desk.facts.condemned,
    }))
}
