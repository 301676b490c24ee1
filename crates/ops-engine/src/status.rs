//! Everything under way, for `ops status`: what serves, what waits and for what, and which
//! `ops.yaml` governs.

use jiff::{SignedDuration, Timestamp};
use ops_core::{
    deploy::{Deployment, Phase, owed},
    record::report_sentence,
    settings::Loosening,
    ticket::Ticket,
    time::Now,
};
use serde::{Deserialize, Serialize};

use crate::{
    DeploymentView, Engine, TicketView,
    knowledge::{End, Tried},
    ports::Journal,
};

/// Everything under way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Deployments that have not ended.
    pub deployments: Vec<DeploymentView>,
    /// What serves: environment, service, version, deployment, artifact.
    pub serving: Vec<Serving>,
    /// The queue.
    pub queue: Vec<TicketView>,
    /// Who halted everything.
    pub halted_by: Option<String>,
    /// Hash of the settings that govern.
    pub revision: Option<String>,
    /// The commit whose `ops.yaml` governs.
    pub governs: Option<String>,
    /// A newer `ops.yaml` that waits for a ticket of its own (S4).
    pub newer: Option<Newer>,
}

/// What serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serving {
    /// Where.
    pub environment: String,
    /// What.
    pub service: String,
    /// Which version.
    pub version: String,
    /// Which artifact.
    pub artifact: String,
    /// The deployment that brought it.
    pub by: String,
}

/// An `ops.yaml` that does not govern, because it loosens gates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newer {
    /// Its commit.
    pub commit: String,
    /// What it would loosen.
    pub loosens: Vec<Loosening>,
}

/// What a ticket waits for, and when that is expected to be over.
struct Wait {
    words: String,
    expected: Option<Timestamp>,
}

impl<J: Journal> Engine<J> {
    /// Everything under way.
    pub fn status(&self, now: &Now) -> Status {
        let knowledge = self.knowledge();
        let serving =
            knowledge.serves.iter().map(|((environment, service), (release, by))| Serving {
                environment: environment.to_string(),
                service: service.to_string(),
                version: release.candidate.version.clone(),
                artifact: release.candidate.artifact.to_string(),
                by: by.to_string(),
            });
        let queue = self.queue().map_or_else(Vec::new, |queue| {
            queue.tickets.iter().map(|ticket| self.queued(ticket, now)).collect()
        });
        Status {
            deployments: self.deployments().map(|one| DeploymentView::full(one, now)).collect(),
            serving: serving.collect(),
            queue,
            halted_by: knowledge.halted.as_ref().map(ops_core::record::person),
            revision: self.settings().map(|settings| settings.revision.hash.to_string()),
            governs: knowledge.governs.clone(),
            newer: self.newer_settings(),
        }
    }

    /// The newest `ops.yaml`, if it waits for a ticket and still is the newest.
    fn newer_settings(&self) -> Option<Newer> {
        let (commit, loosens) = self.knowledge().waits.clone()?;
        let still = self.queue().is_none_or(|queue| {
            queue.newest.as_ref().is_ok_and(|one| one.revision.commit.as_ref() == Some(&commit))
        });
        still.then_some(Newer { commit, loosens })
    }

    fn queued(&self, ticket: &Ticket, now: &Now) -> TicketView {
        let found = self.deployments().find(|one| one.created.tickets.contains(&ticket.id));
        let (state, wait) = if let Some(one) = found {
            let state = format!("{} {}", one.id(), one.phase_name().text());
            (state, Some(self.wait_of(one, now)))
        } else {
            let tried = self.knowledge().tried.get(&ticket.id);
            ("waits for news".to_owned(), tried.map(|tried| wait_after(tried, now)))
        };
        let (waiting, expected) = match wait {
            Some(Wait { words, expected }) => (Some(words), expected),
            None => (None, None),
        };
        TicketView { id: ticket.id.clone(), title: ticket.title.clone(), state, waiting, expected }
    }

    fn wait_of(&self, one: &Deployment, now: &Now) -> Wait {
        let report = owed(one, now).report;
        let by_then = report.left_ms.and_then(|left| at(now, left));
        if one.halted.is_some() {
            return Wait { words: report_sentence(&report), expected: None };
        }
        match &one.phase {
            Phase::Queued { .. } => {
                let names: Vec<_> = self.before_it(one).map(behind).collect();
                let words = if names.is_empty() {
                    "its turn comes next".to_owned()
                } else {
                    format!("behind {}", names.join(" and "))
                };
                Wait { words, expected: None }
            }
            Phase::Held { cause, .. } => {
                let (words, expected) = match opens(one, now) {
                    Some(opens) => (format!("{}; the window opens", cause.words()), Some(opens)),
                    None => (format!("{}; looked at again", cause.words()), by_then),
                };
                Wait { words, expected }
            }
            Phase::Soaking { .. } => {
                let words = "soaks on this stage; the next one begins".to_owned();
                Wait { words, expected: by_then }
            }
            _ => Wait { words: format!("until {}", report.waiting_for), expected: by_then },
        }
    }

    /// Those that keep its lock group.
    fn before_it<'a>(&'a self, one: &'a Deployment) -> impl Iterator<Item = &'a Deployment> {
        self.deployments().filter(move |other| {
            other.id() != one.id()
                && other.created.group == one.created.group
                && other.blocks_group()
        })
    }
}

/// When the window opens that holds it, as its checks say, if it is held by nothing else.
fn opens(one: &Deployment, now: &Now) -> Option<Timestamp> {
    let checklist = one.checklist.as_ref()?;
    if checklist.failing().any(|check| check.id != "window") {
        return None;
    }
    checklist.get("window")?.until.filter(|until| *until > now.wall)
}

fn behind(other: &Deployment) -> String {
    let asked = ops_core::record::asked_by(other);
    format!("{} ({asked}), which is {}", other.id(), other.phase_name().text())
}

/// What a ticket waits for whose last deployment has ended.
fn wait_after(tried: &Tried, now: &Now) -> Wait {
    let by = tried.by;
    let (words, expected) = match tried.end {
        End::Unjudged => {
            let words = format!("{by} ended without a verdict; the next try");
            (words, at(now, tried.pause.left(now)))
        }
        End::Condemned => {
            let words = format!(
                "{by} showed that it is bad; a new round of CQ and QA names {by}, or a listed \
                 person lifts the guard"
            );
            (words, None)
        }
        End::Stopped => {
            let words = format!(
                "{by} was stopped by a person; a new round, or `ops resume` by a listed person"
            );
            (words, None)
        }
        End::Shipped => (format!("{by} shipped it; PO moves it on"), None),
        End::Promoted => (format!("{by} brought it one stage on; the next one begins"), None),
        End::Withdrawn => (format!("{by} was withdrawn; it begins anew"), None),
    };
    Wait { words, expected }
}

/// A label for an instant that is some milliseconds away.
fn at(now: &Now, left_ms: u64) -> Option<Timestamp> {
    let left = SignedDuration::from_millis(i64::try_from(left_ms).ok()?);
    now.wall.checked_add(left).ok()
}
