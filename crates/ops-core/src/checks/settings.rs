//! Checks of a ticket that asks for another `ops.yaml` to govern (S4). Nothing is deployed, so only
//! what proves the ticket and the commit is looked at.

use super::{
    Check, Checklist, Facts, Verdict,
    each::{check, error, waits_for},
    judge::Judged,
};
use crate::{
    deploy::Created,
    evidence::{self, Evidence, NotesAt},
    notes::asked_settings,
    record::person,
    settings::{Role, Settings, loosened, never},
    ticket::Ticket,
};

/// Judges such a ticket.
pub(super) fn judge(created: &Created, facts: &Facts, commit: &str) -> Judged {
    let governs = facts.settings.as_deref().ok();
    let ticket = facts.ticket.as_ref().ok().and_then(Option::as_ref);
    let one = |id: &&str| match *id {
        "settings" => settings(facts, governs, commit),
        "evidence" => proof(facts, governs, ticket, commit),
        "conflict" => conflict(facts),
        id => check(id, "nothing", Verdict::Pass, "only ops.yaml changes; no service is touched"),
    };
    let checks = Checklist::IDS.iter().map(one).collect();
    debug_assert!(!created.tickets.is_empty(), "a ticket asked");
    Judged {
        checklist: std::sync::Arc::new(Checklist { checks }),
        ticket: ticket.cloned().map(std::sync::Arc::new),
        people: governs.map(|settings| std::sync::Arc::new(settings.people.clone())),
        candidate: None,
        plan: None,
        moot: None,
        dossier: None,
        ask: None,
    }
}

fn settings(facts: &Facts, governs: Option<&Settings>, commit: &str) -> Check {
    let (id, at) = ("settings", "ops.yaml at the commit that the ticket names");
    let governs = match (&facts.settings, governs) {
        (Ok(_), Some(governs)) => governs,
        (Err(fault), _) => return error(id, at, fault),
        (Ok(_), None) => return waits_for(id, at, "evidence"),
    };
    let asked = match &facts.proposed {
        Some(Ok(asked)) => asked,
        Some(Err(fault)) => return error(id, at, fault),
        None => {
            return check(id, at, Verdict::Error, format!("{commit} was not read"))
                .remedy("push the commit to the repository that ops reads");
        }
    };
    if never(governs, asked) {
        return check(id, at, Verdict::Fail, "it turns solo mode on")
            .remedy("take that out of the commit: solo mode is set by the first commit only");
    }
    let loosens: Vec<_> = loosened(governs, asked).iter().map(ToString::to_string).collect();
    let seen = if loosens.is_empty() {
        "it loosens nothing that governs now".to_owned()
    } else {
        format!("it loosens: {}", loosens.join("; "))
    };
    check(id, at, Verdict::Pass, seen)
}

fn proof(
    facts: &Facts,
    governs: Option<&Settings>,
    ticket: Option<&Ticket>,
    commit: &str,
) -> Check {
    let (id, at) = ("evidence", "verdicts of CQ and QA, by the people who govern now");
    let ticket = match (&facts.ticket, ticket) {
        (Err(fault), _) => return error(id, at, fault),
        (Ok(_), None) => {
            return check(id, at, Verdict::Fail, "the board has no such ticket")
                .remedy("name a ticket that exists");
        }
        (Ok(_), Some(ticket)) => ticket,
    };
    let Some(governs) = governs else { return waits_for(id, at, "settings") };
    let asked = asked_settings(ticket, |who| governs.people.is(who, Role::Dev));
    let Some((asked, place)) = asked.filter(|(asked, _)| asked == commit) else {
        return check(id, at, Verdict::Fail, "its notes do not ask for this commit any more")
            .remedy("DEV writes a block of its own with `settings: <commit>`");
    };
    // A commit is a content: a verdict after it is bound to it.
    let at_notes = NotesAt { place, bear_digest: true };
    match evidence::judge(ticket, &governs.people, at_notes, None, &[]) {
        Evidence::Passed { cq, qa, solo } => {
            let solo = if solo { "; solo mode: one identity had two of the roles" } else { "" };
            let (cq, qa) = (person(&cq.author), person(&qa.author));
            check(
                id,
                at,
                Verdict::Pass,
                format!("CQ passed by {cq}, QA by {qa}, for {asked}{solo}"),
            )
        }
        Evidence::Held { words, question, .. } => check(id, at, Verdict::Fail, words)
            .remedy(question.unwrap_or_else(|| "a round of CQ and QA for this commit".into())),
    }
}

fn conflict(facts: &Facts) -> Check {
    let (id, at) = ("conflict", "other tickets that change ops.yaml");
    if facts.conflicts.is_empty() {
        return check(id, at, Verdict::Pass, "none under way");
    }
    let names: Vec<_> = facts.conflicts.iter().map(ToString::to_string).collect();
    check(id, at, Verdict::Fail, format!("{} under way", names.join(", ")))
        .remedy("it goes on by itself when they have ended")
}
