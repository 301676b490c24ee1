//! S13: was a ticket pulled back while its deployment ran?

use serde::{Deserialize, Serialize};

use super::{
    heard::{heard, roles},
    phrase::{self, Says},
    round::{self, Event},
};
use crate::{
    id::Identity,
    settings::{People, Role},
    ticket::Ticket,
};

/// What happened to a ticket between two readings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pulled {
    /// Nothing that would stop its deployment.
    No,
    /// Somebody moved it, perhaps there and back.
    StatusChanged {
        /// Where it went first.
        to: String,
        /// Who moved it, if the history says so.
        by: Option<Identity>,
    },
    /// CQ or QA took back the verdict.
    Revoked {
        /// Which role.
        role: Role,
        /// Who.
        by: Identity,
        /// In which comment, from 0.
        comment: usize,
    },
    /// What the board says cannot be: an error of the board is no pull-back.
    BoardError {
        /// What cannot be.
        why: String,
    },
}

impl Pulled {
    /// What was seen, in words.
    pub fn words(&self) -> String {
        let name = crate::record::person;
        match self {
            Self::No => "nothing".into(),
            Self::StatusChanged { to, by: Some(by) } => {
                format!("{} moved it to {to}", name(by))
            }
            Self::StatusChanged { to, by: None } => format!("its status is {to}"),
            Self::Revoked { role, by, comment } => {
                let role = match role {
                    Role::Cq => "CQ",
                    Role::Qa => "QA",
                    Role::Po | Role::Dev | Role::Ops | Role::Human => "somebody",
                };
                format!("{} took the verdict of {role} back in comment {}", name(by), comment + 1)
            }
            Self::BoardError { why } => why.clone(),
        }
    }
}

/// Compares the ticket as it was when its deployment was decided with how it is now. `None` is a
/// ticket that the board no longer has. A caller acts on a pull-back only when it was read twice.
pub fn pulled_back(before: &Ticket, now: Option<&Ticket>, people: &People) -> Pulled {
    let error = |why: &str| Pulled::BoardError { why: format!("{}: {why}", before.id) };
    let Some(now) = now.filter(|now| now.id == before.id) else {
        return error("the ticket is gone");
    };
    if !now.history.starts_with(&before.history) {
        return error("its history was shortened or rewritten");
    }
    if !now.comments.starts_with(&before.comments) {
        return error("its comments were shortened or rewritten");
    }
    let Ok(events) = round::timeline(now) else {
        return error("its history and its comments disagree");
    };
    let Ok(known) = round::timeline(before).map(|events| events.len()) else {
        return error("its history and its comments disagreed before");
    };
    let new = || events.iter().skip(known);
    let moved = new().find_map(|event| match event {
        Event::Move(step) => Some(step),
        Event::Comment(_) => None,
    });
    if let Some(step) = moved {
        return Pulled::StatusChanged { to: step.to.to_owned(), by: Some(step.by.clone()) };
    }
    if now.status != before.status {
        return Pulled::StatusChanged { to: now.status.clone(), by: None };
    }
    new().find_map(|event| revoked(event, now, people)).unwrap_or(Pulled::No)
}

/// Only a plain fail takes a verdict back: a remark must not end a deployment that runs.
fn revoked(event: &Event<'_>, now: &Ticket, people: &People) -> Option<Pulled> {
    let Event::Comment(index) = event else {
        return None;
    };
    let comment = now.comments.get(*index)?;
    let roles = roles(people, &comment.author);
    let judges = [Role::Qa, Role::Cq];
    // Most are read again and again while a deployment runs, and few are by who may judge.
    if !judges.iter().any(|role| roles.contains(role)) {
        return None;
    }
    let phrase = phrase::read(&comment.text);
    let fails = |role: &Role| heard(phrase, roles, *role) == Some(Says::Fail);
    let role = judges.into_iter().find(fails)?;
    Some(Pulled::Revoked { role, by: comment.author.clone(), comment: *index })
}
