//! What a message wants done: from the words of people to what ops can be asked everywhere.

use ops_core::{
    id::{DeploymentId, TicketId},
    record::person,
    talk::{About, Deed, Facts, Subject},
    time::Now,
};

use crate::{
    Ask, Engine, EngineError,
    operator::{Reply, Who},
    ports::Journal,
};

impl<J: Journal> Engine<J> {
    pub(super) fn deed(&mut self, who: &Who, deed: Deed, now: &Now) -> Result<Facts, EngineError> {
        let ask = match deed {
            Deed::Report { deployment, about, words } => {
                return self.report(&who.identity, deployment, &about, &words, now);
            }
            Deed::Halt(subject, about) => {
                return self.halt_these(who, subject.as_ref(), &about, now);
            }
            Deed::Look(subject) => return self.look_at(who, subject.as_ref(), now),
            Deed::Resume(None) => Ok(Ask::Resume { deployment: None }),
            Deed::Resume(Some(Subject::Deployment(id))) => Ok(Ask::Resume { deployment: Some(id) }),
            Deed::Resume(Some(Subject::Ticket(ticket))) => Ok(Ask::Again { ticket }),
            Deed::Resume(Some(Subject::Incident(id))) => {
                Err(format!("{id} is an incident, which does not go on; `resolved {id}` ends it"))
            }
            Deed::Abort(subject) => self
                .under_way_named(subject.as_ref(), "abort")
                .map(|id| Ask::Abort { deployment: id }),
            Deed::Rollback(subject, about) => {
                self.serving_named(subject, &about).map(|id| Ask::Rollback { deployment: id })
            }
            Deed::Answer(ticket, words) => Ok(Ask::Answer { ticket, words }),
            Deed::Lift(guard, reason) => Ok(Ask::Lift { guard, reason }),
            Deed::Acknowledge(deployment) => Ok(Ask::Acknowledge { deployment }),
            Deed::Resolve(incident) => Ok(Ask::Resolve { incident }),
        };
        let reply = match ask {
            Ok(ask) => self.ask(who, &ask, now)?,
            Err(words) => Reply { done: false, words, deployment: None },
        };
        Ok(said(who, reply))
    }

    /// Halts what is named, or everything where nothing is.
    fn halt_these(
        &mut self,
        who: &Who,
        subject: Option<&Subject>,
        about: &About,
        now: &Now,
    ) -> Result<Facts, EngineError> {
        let narrow = about.service.is_some() || about.environment.is_some();
        let ids: Vec<DeploymentId> = match subject {
            Some(Subject::Deployment(id)) => vec![*id],
            Some(Subject::Ticket(ticket)) => self.of_ticket(ticket).into_iter().collect(),
            None if narrow => self
                .deployments()
                .filter(|one| about.means(&one.created.service, &one.created.environment))
                .map(ops_core::deploy::Deployment::id)
                .collect(),
            Some(Subject::Incident(_)) | None => {
                let reply = self.ask(who, &Ask::Halt { deployment: None }, now)?;
                return Ok(said(who, reply));
            }
        };
        let mut words = Vec::new();
        let mut done = false;
        for id in ids {
            let reply = self.ask(who, &Ask::Halt { deployment: Some(id) }, now)?;
            done |= reply.done;
            words.push(reply.words);
        }
        if words.is_empty() {
            words.push("nothing of that is under way; `halt` alone halts everything".into());
        }
        Ok(said(who, Reply { done, words: words.join("; "), deployment: None }))
    }

    /// The deployment under way of a ticket.
    pub(super) fn of_ticket(&self, ticket: &TicketId) -> Option<DeploymentId> {
        let mut open = self.deployments();
        open.find(|one| one.created.tickets.contains(ticket)).map(ops_core::deploy::Deployment::id)
    }

    fn under_way_named(
        &self,
        subject: Option<&Subject>,
        verb: &str,
    ) -> Result<DeploymentId, String> {
        match subject {
            Some(Subject::Deployment(id)) => Ok(*id),
            Some(Subject::Ticket(ticket)) => {
                self.of_ticket(ticket).ok_or_else(|| format!("nothing is under way for {ticket}"))
            }
            _ => Err(format!("say which: `{verb} D-n`; `status` names what is under way")),
        }
    }

    /// What serves and is meant.
    fn serving_named(
        &self,
        subject: Option<Subject>,
        about: &About,
    ) -> Result<DeploymentId, String> {
        let serves = || {
            let all = self.knowledge().serves.iter();
            all.map(|((environment, service), (_, by))| {
                (environment, service, self.brought_first(*by))
            })
        };
        match subject {
            Some(Subject::Deployment(id)) => return Ok(id),
            Some(Subject::Ticket(ticket)) => {
                let of =
                    |id| self.knowledge().tried.get(&ticket).is_some_and(|tried| tried.by == id);
                let found = serves().find(|(.., id)| of(*id));
                return found.map(|(.., id)| id).ok_or_else(|| {
                    format!("nothing that {ticket} brought serves; `history` lists the deployments")
                });
            }
            Some(Subject::Incident(_)) | None => {}
        }
        let narrow = about.service.is_some();
        let meant: Vec<_> = serves()
            .filter(|(environment, service, _)| narrow && about.means(service, environment))
            .collect();
        if let [(.., id)] = meant[..] {
            return Ok(id);
        }
        let all =
            serves().map(|(environment, service, id)| format!("{id} ({service} on {environment})"));
        let all: Vec<_> = all.take(10).collect();
        Err(format!(
            "say which: `rollback D-n`; these serve: {}",
            if all.is_empty() { "none".into() } else { all.join(", ") }
        ))
    }
}

/// A reply as facts of an answer.
pub(crate) fn said(who: &Who, reply: Reply) -> Facts {
    let by = person(&who.identity);
    let words = reply.words;
    if reply.done { Facts::Done { by, words } } else { Facts::Refused { by, words } }
}
