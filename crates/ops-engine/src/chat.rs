//! Answers to people who mention ops on the meeting board: from facts and rules.

use ops_core::{
    deploy::{Deployment, owed},
    id::{DeploymentId, TicketId},
    record::{person, quoted, report_sentence},
    ticket::Message,
    time::Now,
    world::Fault,
};

use crate::{
    Engine, EngineError,
    jobs::{Job, JobKey, Work},
    knowledge::EngineEvent,
    operator::{Ask, Who},
    ports::Journal,
};

/// Mentions that wait for their answer at the same time; further ones are read later.
const WAITING_MAX: usize = 100;
/// Deployments that a status names.
const STATUS_MAX: usize = 10;
const HELP: &str = "I answer to: status, explain <ticket or D-n>, halt [D-n], resume [D-n], \
                    rollback D-n, lift D-n: why.";

/// What a message asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    Status,
    Explain(String),
    Do(Ask),
    Unclear,
}

impl<J: Journal> Engine<J> {
    pub(crate) fn mentions_read(&mut self, answer: Result<Vec<Message>, Fault>) {
        let messages = match answer {
            Ok(messages) => messages,
            Err(fault) => {
                tracing::debug!(%fault, "mentions could not be read");
                return;
            }
        };
        let me = self.queue().map(|queue| queue.me.clone());
        for message in messages {
            let known = self.knowledge().answered.contains(&message.id)
                || self.waiting().iter().any(|waiting| waiting.id == message.id);
            let own = me.as_ref() == Some(&message.author) || message.text.contains("<!-- ops:");
            if self.waiting().len() >= WAITING_MAX {
                break;
            }
            self.read_up_to(&message.id);
            if !known && !own {
                self.wait_for_answer(message);
            }
        }
    }

    /// Starts the answer of each waiting mention. What it asks for is done first, once.
    pub(crate) fn answer_jobs(&mut self, now: &Now, jobs: &mut Vec<Job>) {
        for message in self.take_unanswered() {
            let marker = format!("<!-- ops:re:{} -->", message.id);
            let words = match self.respond(&message, now) {
                Ok(words) => words,
                Err(why) => format!("that did not work: {why}"),
            };
            let text = format!("OPS: {words}\n\n{marker}");
            let key = JobKey::Answer(message.id.clone());
            let work = Work::Answer { message: Box::new(message), text, marker };
            self.start_own(Job { key, work }, jobs);
        }
    }

    fn respond(&mut self, message: &Message, now: &Now) -> Result<String, EngineError> {
        Ok(match parse(&message.text) {
            Request::Status => self.status_words(now),
            Request::Explain(what) => self.explain_words(&what, now),
            Request::Do(ask) => {
                let who = Who { identity: message.author.clone(), local: false };
                let reply = self.ask(&who, &ask, now)?;
                format!("{}: {}.", person(&message.author), reply.words)
            }
            Request::Unclear => HELP.to_owned(),
        })
    }

    fn status_words(&self, now: &Now) -> String {
        let mut lines: Vec<String> = self
            .knowledge()
            .serves
            .iter()
            .map(|((environment, service), (release, by))| {
                format!("{service} {} serves on {environment} ({by})", release.candidate.version)
            })
            .collect();
        lines.extend(
            self.deployments().take(STATUS_MAX).map(|deployment| one_line(deployment, now)),
        );
        if lines.is_empty() {
            return "nothing serves yet and nothing is under way.".into();
        }
        format!("\n- {}", lines.join("\n- "))
    }

    fn explain_words(&self, what: &str, now: &Now) -> String {
        let by_id = what.parse::<DeploymentId>().ok();
        let ticket = TicketId::new(what.to_uppercase());
        let found = self.deployments().find(|deployment| {
            Some(deployment.id()) == by_id || deployment.created.tickets.contains(&ticket)
        });
        match found {
            Some(deployment) => one_line(deployment, now),
            None => format!("nothing is under way for {}.", quoted(what, 40)),
        }
    }

    pub(crate) fn answered(
        &mut self,
        message: &str,
        answer: Result<(), Fault>,
        now: &Now,
    ) -> Result<(), EngineError> {
        match answer {
            Ok(()) => self.note(&EngineEvent::Answered { message: message.to_owned() }, now),
            Err(fault) => {
                tracing::warn!(%fault, message, "a mention could not be answered");
                self.read_mentions_anew();
                Ok(())
            }
        }
    }
}

fn one_line(deployment: &Deployment, now: &Now) -> String {
    format!(
        "{} ({}, {}) is {}: {}.",
        deployment.id(),
        ops_core::record::asked_by(deployment),
        deployment.created.service,
        deployment.phase_name().text(),
        report_sentence(&owed(deployment, now).report)
    )
}

/// Reads a request from a message: the first known word decides, whatever stands around it.
pub(crate) fn parse(text: &str) -> Request {
    let clean: String =
        text.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { ' ' }).collect();
    let words: Vec<&str> = clean.split_whitespace().collect();
    let verbs = ["status", "explain", "why", "halt", "stop", "resume", "rollback", "abort", "lift"];
    let Some(at) = words.iter().position(|word| verbs.contains(&word.to_lowercase().as_str()))
    else {
        return Request::Unclear;
    };
    let verb = words.get(at).map(|word| word.to_lowercase()).unwrap_or_default();
    let rest = words.get(at + 1..).unwrap_or_default();
    let deployment = rest.iter().find_map(|word| {
        word.to_lowercase().strip_prefix("d-").and_then(|n| n.parse().ok()).map(DeploymentId)
    });
    let named = rest.iter().find(|word| word.contains('-') && word.chars().any(char::is_numeric));
    match (verb.as_str(), deployment) {
        ("status", _) => Request::Status,
        ("explain" | "why", _) => {
            named.map_or(Request::Status, |what| Request::Explain((*what).to_owned()))
        }
        ("halt" | "stop", deployment) => Request::Do(Ask::Halt { deployment }),
        ("resume", None) if named.is_some() => {
            let ticket = TicketId::new(named.map(|n| n.to_uppercase()).unwrap_or_default());
            Request::Do(Ask::Again { ticket })
        }
        ("resume", deployment) => Request::Do(Ask::Resume { deployment }),
        ("rollback", Some(deployment)) => Request::Do(Ask::Rollback { deployment }),
        ("lift", Some(guard)) => {
            let reason = text.split_once(':').map(|(_, why)| why.trim().to_owned());
            Request::Do(Ask::Lift { guard, reason: reason.unwrap_or_default() })
        }
        ("abort", Some(deployment)) => Request::Do(Ask::Abort { deployment }),
        _ => Request::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_whatever_stands_around_them() {
        let d = |n| Some(DeploymentId(n));
        let table = [
            ("@ops status", Request::Status),
            ("hey @ops, what's the STATUS?", Request::Status),
            ("@ops explain mns-7", Request::Explain("mns-7".into())),
            ("@ops why is D-3 held", Request::Explain("D-3".into())),
            ("@ops halt", Request::Do(Ask::Halt { deployment: None })),
            ("@ops halt D-12!", Request::Do(Ask::Halt { deployment: d(12) })),
            (
                "@ops please rollback d-4.",
                Request::Do(Ask::Rollback { deployment: DeploymentId(4) }),
            ),
            (
                "@ops lift D-4: the disk was full, not the version",
                Request::Do(Ask::Lift {
                    guard: DeploymentId(4),
                    reason: "the disk was full, not the version".into(),
                }),
            ),
            ("@ops rollback", Request::Unclear),
            ("@ops resume MNS-2", Request::Do(Ask::Again { ticket: "MNS-2".into() })),
            ("@ops thank you", Request::Unclear),
        ];
        for (text, wanted) in table {
            assert_eq!(parse(text), wanted, "{text}");
        }
    }
}
