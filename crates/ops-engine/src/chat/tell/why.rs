//! Why a ticket or deployment stands where it stands, and what would free it.

use ops_core::{
    checks::{Check, Verdict},
    deploy::{Cause, Deployment, HoldCause, Phase, THAW_MS, owed},
    id::TicketId,
    record,
    talk::{Explained, Facts, Lack, Subject, frees},
    time::Now,
};

use crate::{Engine, EngineError, ports::Journal};

impl<J: Journal> Engine<J> {
    pub(in crate::chat) fn explained(
        &self,
        subject: &Subject,
        now: &Now,
    ) -> Result<Facts, EngineError> {
        let (named, found) = match subject {
            Subject::Deployment(id) => (id.to_string(), self.recall(*id)?),
            Subject::Ticket(ticket) => {
                let last = self.last_of(ticket)?;
                let found = last.map(|id| self.recall(id)).transpose()?.flatten();
                (ticket.to_string(), found)
            }
            Subject::Incident(id) => (id.to_string(), None),
        };
        let waits = match subject {
            Subject::Ticket(ticket) => self.waits_in_queue(ticket, now),
            Subject::Deployment(_) | Subject::Incident(_) => None,
        };
        let Some(found) = found else {
            return Ok(match (waits, subject) {
                (Some(words), _) => Facts::Queued { ticket: named, words },
                (None, Subject::Deployment(_)) => Facts::NoSuch { named, list: "history".into() },
                (None, _) => Facts::Unknown { named, queue_ms: self.queue_age(now) },
            });
        };
        Ok(Facts::Explained(Box::new(self.explain(named, &found, waits, now))))
    }

    /// What a ticket of the queue waits for that has no deployment under way.
    fn waits_in_queue(&self, ticket: &TicketId, now: &Now) -> Option<String> {
        if self.of_ticket(ticket).is_some() {
            return None;
        }
        let view = self.status(now).queue.into_iter().find(|one| one.id == *ticket)?;
        let waiting =
            view.waiting.unwrap_or_else(|| "it begins when the queue is read again".into());
        Some(match view.expected {
            Some(at) => format!("{waiting} ({})", at.strftime("%Y-%m-%d %H:%M UTC")),
            None => waiting,
        })
    }

    fn explain(
        &self,
        subject: String,
        one: &Deployment,
        waits: Option<String>,
        now: &Now,
    ) -> Explained {
        let held = matches!(one.phase, Phase::Held { cause: HoldCause::Checks { .. }, .. });
        let list = one.checklist.as_ref().filter(|_| held);
        let failing: Vec<&Check> = list.into_iter().flat_map(|list| list.failing()).collect();
        let causes = list.map(|list| list.causes()).unwrap_or_default();
        let (lacks, untold): (Vec<&Check>, Vec<&Check>) =
            failing.into_iter().partition(|check| causes.contains(&check.id));
        let report = record::report_sentence(&owed(one, now).report);
        Explained {
            subject,
            deployment: one.id(),
            asked_by: record::asked_by(one),
            service: one.created.service.clone(),
            environment: one.created.environment.clone(),
            phase: one.phase_name().text().to_owned(),
            because: because(one),
            waits: if one.at_rest() { waits } else { Some(report) },
            lacks: lacks.into_iter().map(lack).collect(),
            untold: untold.into_iter().map(|check| check.id.clone()).collect(),
            next: self.next(one),
        }
    }

    /// What happens next, or who must do what.
    fn next(&self, one: &Deployment) -> Option<String> {
        let id = one.id();
        if let (Some(by), false) = (&self.knowledge().halted, one.at_rest()) {
            let by = record::person(by);
            return Some(format!("everything is halted by {by}; a listed person says `resume`"));
        }
        if one.halted.is_some() {
            return Some(format!("a listed person says `resume {id}`, or `abort {id}`"));
        }
        Some(match &one.phase {
            Phase::Held { cause: HoldCause::Checks { .. }, .. } => {
                "it goes on by itself when all of them pass".into()
            }
            Phase::Held { cause: HoldCause::Prepare { .. }, .. } => {
                "it goes on by itself when what did not answer works again".into()
            }
            Phase::Held { cause: HoldCause::Aborted { .. }, .. } => {
                format!("a listed person says `resume {id}`")
            }
            Phase::Frozen { .. } => format!(
                "it ends when one version was read back healthy for {}, or by a ticket with \
                 `fixes: {id}`; `acknowledge {id}` stops the notices",
                record::duration(THAW_MS)
            ),
            Phase::Closed | Phase::KeptNotClosed { .. } => self.after_closing(one),
            Phase::Promoted => "its next stage has a deployment of its own".into(),
            Phase::Withdrawn { .. } => "nothing, until PO moves the ticket to rfp again".into(),
            Phase::RolledBack { cause } | Phase::Thawed { cause, .. } => {
                self.after_failing(one, cause)
            }
            _ => return None,
        })
    }

    fn after_closing(&self, one: &Deployment) -> String {
        let id = one.id();
        let key = (one.created.environment.clone(), one.created.service.clone());
        match self.knowledge().serves.get(&key) {
            Some((_, by)) if self.brought_first(*by) == id => {
                format!("nothing: it serves; a listed person can take it back with `rollback {id}`")
            }
            Some((release, by)) => {
                let version = record::quoted(&release.candidate.version, 64);
                format!("nothing: {by} ({version}) serves there since")
            }
            None => "nothing".into(),
        }
    }

    fn after_failing(&self, one: &Deployment, cause: &Cause) -> String {
        let id = one.id();
        if self.knowledge().lifted.contains_key(&id) {
            return "its guard was lifted; its ticket is checked again".into();
        }
        if one.condemns() {
            return format!(
                "DEV mends it, then CQ and QA pass it in a round that names {id}; or a listed person \
                 says `lift {id}: why`"
            );
        }
        if cause.retries() {
            return "the version is not to blame: ops tries again by itself after a pause; a listed \
                    person can say `resume` and the ticket's number before"
                .into();
        }
        "a listed person says `resume` and the ticket's number".into()
    }
}

/// Why it stands there, where there is more to say than its phase.
fn because(one: &Deployment) -> Option<String> {
    match &one.phase {
        Phase::Held { cause, .. } => Some(cause.words()),
        Phase::Withdrawn { words, .. } | Phase::KeptNotClosed { words } => Some(words.clone()),
        Phase::Frozen { cause, words, .. } => {
            Some(format!("{}; the way back failed: {words}", cause.words()))
        }
        _ => one.cause().map(Cause::words),
    }
}

fn lack(check: &Check) -> Lack {
    Lack {
        check: check.id.clone(),
        verdict: check.verdict.text().to_owned(),
        evidence: check.evidence.clone(),
        remedy: check.remedy.clone(),
        who: match check.verdict {
            Verdict::Error => Some("whoever runs what did not answer".to_owned()),
            _ => frees(&check.id).map(str::to_owned),
        },
    }
}
