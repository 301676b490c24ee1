//! Why a ticket is held, and how to say it.

use serde::{Deserialize, Serialize};

use super::phrase::{self, Says};
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
        /// Where the present notes stand, if they came after the verdict.
        newer: Option<Place>,
    },
    /// One identity had two of the roles DEV, CQ and QA.
    OneIdentity {
        /// Who.
        who: Identity,
    },
}

impl HoldReason {
    /// Whether it would not hold if CQ's pass had been about the same source tree (S9).
    pub(crate) fn may_be_same_tree(&self) -> bool {
        match self {
            Self::ChangedAfter { role, .. } | Self::OtherCandidate { role, newer: Some(_), .. } => {
                *role == Role::Cq
            }
            _ => false,
        }
    }
}

/// The hold in words, and the question to ask: what was stopped, why, and who must do what first.
pub(super) fn told(
    reason: &HoldReason,
    ticket: &Ticket,
    candidate: Option<&Digest>,
) -> (String, Option<String>) {
    let id = &ticket.id;
    let words = format!("{id} is held: {}. {}.", what(reason, ticket), first(reason, candidate));
    (words, question(reason, candidate).map(|question| format!("{id}: {question}")))
}

/// What stopped it.
fn what(reason: &HoldReason, ticket: &Ticket) -> String {
    match reason {
        HoldReason::NotRfp { status } => format!("its status is `{status}`, not `rfp`"),
        HoldReason::History { why } => format!(
            "its history and its comments contradict each other ({why}), so nobody can tell what \
             was approved"
        ),
        HoldReason::NoRound => "its history does not show that anybody worked on it: it was \
             never in `in-progress` or `in-review`"
            .to_owned(),
        HoldReason::StrangeMove { to } => {
            format!("after work on it began it was moved to `{to}`, which is no step on the way")
        }
        HoldReason::BadEntry { from, to } => {
            format!("its last move was from `{from}` to `{to}`, not from QA to `rfp`")
        }
        HoldReason::NotesMoved { said, newest: Some(newest) } => {
            format!("deployment notes were read from {said}, but the newest stand in {newest}")
        }
        HoldReason::NotesMoved { said, newest: None } => {
            format!("the deployment notes that stood in {said} are gone")
        }
        HoldReason::Missing { role: Role::Qa } => {
            "QA has given no verdict since it last came to `in-qa`".to_owned()
        }
        HoldReason::Missing { role } => {
            format!("{} has given no verdict since work on it last began", name(*role))
        }
        HoldReason::Failed { role, by, comment } => {
            format!("{} failed it: {by} in {}", name(*role), at(*comment))
        }
        HoldReason::Unclear { role, by, comment } => format!(
            "the last word of {}, by {by} in {}, is neither a plain pass nor a plain fail",
            name(*role),
            at(*comment)
        ),
        HoldReason::UnknownRole { who, comment } => {
            let at = at(*comment);
            if fails(ticket, *comment) {
                format!("{who}, who has no role in ops.yaml, failed it in {at}")
            } else {
                format!("{who}, whose pass in {at} counts for nothing, has no role in ops.yaml")
            }
        }
        HoldReason::ChangedAfter { role, place } => {
            format!("{place} changed what is to be deployed after {} had passed it", name(*role))
        }
        HoldReason::NotBound { role, comment } => format!(
            "{} passed it in {}, but nothing says which build that was: the notes bear no digest",
            name(*role),
            at(*comment)
        ),
        HoldReason::OtherCandidate { role, comment, newer } => {
            let since =
                newer.map_or_else(String::new, |place| format!(", which stands in {place}"));
            format!(
                "{}'s pass in {} is for another candidate than the one to be deployed{since}",
                name(*role),
                at(*comment)
            )
        }
        HoldReason::OneIdentity { who } => {
            format!("{who} did two of the three jobs on it: DEV, CQ and QA must be three people")
        }
    }
}

/// A stranger's pass counts for nothing and a stranger's fail is worth a look, so they are told
/// apart.
fn fails(ticket: &Ticket, comment: usize) -> bool {
    let comment = ticket.comments.get(comment);
    comment.is_some_and(|comment| phrase::read(&comment.text).says == Says::Fail)
}

/// What must happen first, and who can do it.
fn first(reason: &HoldReason, candidate: Option<&Digest>) -> String {
    match reason {
        HoldReason::NotRfp { .. } => {
            "It goes on by itself when QA has passed it and it is in `rfp`".to_owned()
        }
        HoldReason::History { .. } => "Put the comment back as it was, or open a new ticket for \
             the change and take it through CQ and QA"
            .to_owned(),
        HoldReason::NoRound | HoldReason::StrangeMove { .. } => {
            "DEV must move it to `in-review`, then CQ and QA must pass it".to_owned()
        }
        HoldReason::BadEntry { .. } => {
            "QA must take it to `in-qa`, write its verdict there, and move it to `rfp`".to_owned()
        }
        HoldReason::NotesMoved { newest: Some(_), .. } => {
            "Nobody has to do anything: the newest are read at the next look".to_owned()
        }
        HoldReason::NotesMoved { newest: None, .. } => {
            "DEV must post deployment notes as a new comment".to_owned()
        }
        HoldReason::Missing { role } => {
            format!("{} must {} it and write its verdict on the ticket", name(*role), task(*role))
        }
        HoldReason::Failed { role, .. } => {
            format!("DEV must mend it, and {} must pass it again", name(*role))
        }
        HoldReason::Unclear { role, .. } => {
            format!("{} must say plainly whether it passes", name(*role))
        }
        HoldReason::ChangedAfter { role, .. } => {
            let (who, task, stays) = (name(*role), task(*role), only_same_tree(*role));
            format!("{who} must {task} it as it is now, and pass it again{stays}")
        }
        HoldReason::OtherCandidate { role, newer, .. } => match candidate {
            Some(hash) => {
                let (who, task) = (name(*role), task(*role));
                let stays = newer.map_or("", |_| only_same_tree(*role));
                format!("{who} must {task} candidate `{}`, and pass that{stays}", hash.short())
            }
            None => "The artifact must be found first, so that the two can be compared".to_owned(),
        },
        HoldReason::UnknownRole { who, .. } => format!(
            "CQ and QA must both pass it after that comment, or ops.yaml must give {who} a role"
        ),
        HoldReason::NotBound { role, .. } => {
            let hash = candidate.map_or_else(String::new, |hash| format!(" `{}`", hash.short()));
            format!(
                "{} must name the candidate{hash} beside its pass, or DEV must post notes with a \
                 `digest:` for CQ and QA to pass",
                name(*role)
            )
        }
        HoldReason::OneIdentity { .. } => {
            "Somebody else must do one of them: review it as CQ, or test it as QA".to_owned()
        }
    }
}

/// What would keep a verdict that came before the notes (S9).
fn only_same_tree(role: Role) -> &'static str {
    if role == Role::Cq {
        "; its earlier pass stays only for a `commit:` with the very same source tree"
    } else {
        ""
    }
}

fn at(comment: usize) -> Place {
    Place::Comment(comment)
}

/// What a role does before it gives its verdict.
fn task(role: Role) -> &'static str {
    if role == Role::Cq { "review" } else { "test" }
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
    let hash = candidate.map_or_else(String::new, |hash| format!(" `{}`", hash.short()));
    match reason {
        HoldReason::Missing { role } => Some(ask(role, "does this change pass?")),
        HoldReason::Unclear { role, comment, .. } => {
            Some(ask(role, &format!("is {} a pass?", at(*comment))))
        }
        HoldReason::ChangedAfter { role, .. } => {
            Some(ask(role, "does your verdict hold for the newer deployment notes as well?"))
        }
        HoldReason::NotBound { role, .. } => {
            let what =
                format!("is your verdict about the candidate{hash}? Name its hash beside it.");
            Some(ask(role, &what))
        }
        HoldReason::OtherCandidate { role, .. } => {
            let what = format!("does your verdict hold for the present candidate{hash} as well?");
            Some(ask(role, &what))
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
