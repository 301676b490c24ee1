//! Why a ticket is held, and how to say it.

use serde::{Deserialize, Serialize};

use crate::{
    id::{Digest, Identity},
    notes::Place,
    settings::Role,
    ticket::Ticket,
};

/// Why a ticket may not ship. Comments are indices from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldReason {
    /// It is not ready for production.
    NotRfp {
        /// Where it is.
        status: String,
    },
    /// Its history and its comments disagree, or cannot be read.
    History {
        /// What does not fit.
        why: String,
    },
    /// Its history does not say when work on it began.
    NoRound,
    /// Since work on it began, it was in a status that is no part of the pipeline.
    StrangeMove {
        /// Which.
        to: String,
    },
    /// It did not come to `rfp` from QA's hands.
    BadEntry {
        /// Where its last move began.
        from: String,
        /// Where its last move ended.
        to: String,
    },
    /// The notes are not where they were read, or newer ones were written meanwhile.
    NotesMoved {
        /// Where they were read.
        said: Place,
        /// Where the newest stand.
        newest: Option<Place>,
    },
    /// A role has given no verdict in this round.
    Missing {
        /// Which role.
        role: Role,
    },
    /// The last verdict of a role is a fail.
    Failed {
        /// Which role.
        role: Role,
        /// Who gave it.
        by: Identity,
        /// In which comment.
        comment: usize,
    },
    /// The last word of a role is no plain verdict.
    Unclear {
        /// Which role.
        role: Role,
        /// Who wrote it.
        by: Identity,
        /// In which comment.
        comment: usize,
    },
    /// A verdict by somebody to whom the settings give no role.
    UnknownRole {
        /// Who.
        who: Identity,
        /// In which comment.
        comment: usize,
    },
    /// The notes changed after a role's verdict.
    ChangedAfter {
        /// Whose verdict.
        role: Role,
        /// Where the newer notes stand.
        place: Place,
    },
    /// Nothing ties a role's verdict to a content: the notes bear no digest and it names none.
    NotBound {
        /// Whose verdict.
        role: Role,
        /// In which comment.
        comment: usize,
    },
    /// A role's verdict carries the hash of another candidate.
    OtherCandidate {
        /// Whose verdict.
        role: Role,
        /// In which comment.
        comment: usize,
    },
    /// One identity had two of the roles DEV, CQ and QA.
    OneIdentity {
        /// Who.
        who: Identity,
    },
}

/// The hold in words, and the question to ask.
pub(super) fn told(
    reason: &HoldReason,
    ticket: &Ticket,
    candidate: Option<&Digest>,
) -> (String, Option<String>) {
    let id = &ticket.id;
    let words = format!("{id} is held: {}. {}.", what(reason), first(reason));
    (words, question(reason, candidate).map(|question| format!("{id}: {question}")))
}

/// What stopped it.
fn what(reason: &HoldReason) -> String {
    match reason {
        HoldReason::NotRfp { status } => format!("its status is `{status}`"),
        HoldReason::History { why } => format!("its history cannot be trusted, {why}"),
        HoldReason::NoRound => {
            "its history does not show that it went through the pipeline".to_owned()
        }
        HoldReason::StrangeMove { to } => format!("it was in `{to}` after work on it began"),
        HoldReason::BadEntry { from, to } => {
            format!("its last move was from `{from}` to `{to}`, not to `rfp` from QA")
        }
        HoldReason::NotesMoved { said, newest: Some(newest) } => {
            format!("its newest notes stand in {newest}, not in {said}")
        }
        HoldReason::NotesMoved { said, newest: None } => {
            format!("there are no notes in {said} any more")
        }
        HoldReason::Missing { role } => {
            format!("{} has given no verdict in this round", name(*role))
        }
        HoldReason::Failed { role, by, comment } => {
            format!("{}'s last verdict is a fail, by {by} in {}", name(*role), at(*comment))
        }
        HoldReason::Unclear { role, by, comment } => {
            format!("{}'s last word is no plain verdict, by {by} in {}", name(*role), at(*comment))
        }
        HoldReason::UnknownRole { who, comment } => {
            format!("{who}, who has no role in ops.yaml, gave a verdict in {}", at(*comment))
        }
        HoldReason::ChangedAfter { role, place } => {
            format!("{place} changed what is to be deployed after {}'s verdict", name(*role))
        }
        HoldReason::NotBound { role, comment } => format!(
            "nothing says which content {}'s verdict in {} is about",
            name(*role),
            at(*comment)
        ),
        HoldReason::OtherCandidate { role, comment } => {
            format!("{}'s verdict in {} is for another candidate", name(*role), at(*comment))
        }
        HoldReason::OneIdentity { who } => {
            format!("{who} had two of the roles DEV, CQ and QA for this change")
        }
    }
}

/// What must happen first.
fn first(reason: &HoldReason) -> String {
    match reason {
        HoldReason::NotRfp { .. } => "It goes on when it is in `rfp`".to_owned(),
        HoldReason::NoRound | HoldReason::History { .. } | HoldReason::StrangeMove { .. } => {
            "It must pass in-review and in-qa again".to_owned()
        }
        HoldReason::BadEntry { .. } => "QA must move it to `rfp`".to_owned(),
        HoldReason::NotesMoved { newest: Some(_), .. } => "The notes are read again".to_owned(),
        HoldReason::NotesMoved { newest: None, .. } => "DEV must post deployment notes".to_owned(),
        HoldReason::Missing { role } => {
            format!("{} must write a verdict on the ticket", name(*role))
        }
        HoldReason::Failed { role, .. } => format!("{} must pass it again", name(*role)),
        HoldReason::Unclear { role, .. }
        | HoldReason::ChangedAfter { role, .. }
        | HoldReason::OtherCandidate { role, .. } => {
            format!("{} must give a new verdict", name(*role))
        }
        HoldReason::UnknownRole { who, .. } => {
            format!("CQ and QA must give theirs, or ops.yaml must give {who} a role")
        }
        HoldReason::NotBound { .. } => "The notes must bear a digest before the verdict, or the \
             verdict must name the candidate's hash"
            .to_owned(),
        HoldReason::OneIdentity { .. } => "Somebody else must review or test it".to_owned(),
    }
}

fn at(comment: usize) -> Place {
    Place::Comment(comment)
}

/// Asked only where an answer on the ticket would lift the hold.
fn question(reason: &HoldReason, candidate: Option<&Digest>) -> Option<String> {
    let ask = |role: &Role, what: &str| {
        let (role, pass, fail) = match role {
            Role::Cq => ("CQ", "APPROVED", "REVIEW FAILED"),
            _ => ("QA", "QA PASS", "QA FAIL"),
        };
        format!(
            "{role}, {what} Please answer on the ticket with `{pass}` or `{fail}` in the first line."
        )
    };
    match reason {
        HoldReason::Missing { role } => Some(ask(role, "does this change pass?")),
        HoldReason::Unclear { role, comment, .. } => {
            Some(ask(role, &format!("is {} a pass?", at(*comment))))
        }
        HoldReason::ChangedAfter { role, .. } => {
            Some(ask(role, "does your verdict hold for the newer deployment notes as well?"))
        }
        HoldReason::NotBound { role, .. } => {
            let hash = candidate.map_or_else(String::new, |hash| format!(" `{}`", hash.short()));
            let what =
                format!("is your verdict about the candidate{hash}? Name its hash beside it.");
            Some(ask(role, &what))
        }
        HoldReason::OtherCandidate { role, .. } => {
            Some(ask(role, "does your verdict hold for the present candidate as well?"))
        }
        HoldReason::UnknownRole { who, .. } => Some(format!(
            "{who} gave a verdict, but has no role in ops.yaml. Who speaks for CQ and QA here?"
        )),
        HoldReason::NotRfp { .. }
        | HoldReason::History { .. }
        | HoldReason::NoRound
        | HoldReason::StrangeMove { .. }
        | HoldReason::BadEntry { .. }
        | HoldReason::NotesMoved { .. }
        | HoldReason::Failed { .. }
        | HoldReason::OneIdentity { .. } => None,
    }
}

fn name(role: Role) -> &'static str {
    match role {
        Role::Po => "PO",
        Role::Dev => "DEV",
        Role::Cq => "CQ",
        Role::Qa => "QA",
        Role::Ops => "OPS",
        Role::Human => "a person",
    }
}
