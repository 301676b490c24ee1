//! What people may ask of ops, wherever they ask it. Halt is any authenticated member's; resume,
//! answer and rollback are for listed people (DESIGN §5).

use ops_core::{
    deploy::{Created, Deployment, Input, PhaseName, Rejection},
    id::{DeploymentId, Identity, IncidentId, TicketId},
    plan::Kind,
    record::person,
    time::Now,
};
use serde::{Deserialize, Serialize};

use crate::{Engine, EngineError, heartbeat::place_of, knowledge::EngineEvent, ports::Journal};

/// Characters of the reason for which a guard is lifted.
const REASON_MIN: usize = 10;
const REASON_MAX: usize = 1_000;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// Their identity.
    pub identity: Identity,
    /// Whether they own the daemon's account on this machine, which can do anything anyway.
    pub local: bool,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Ask {
    /// Stop forward acts: of one deployment, or of everything.
    Halt {
        /// Which; `None` for everything.
        deployment: Option<DeploymentId>,
    },
    /// Let them go on.
    Resume {
        /// Which; `None` for everything.
        deployment: Option<DeploymentId>,
    },
    /// Try a ticket again that ops does not try by itself.
    Again {
        /// The ticket.
        ticket: TicketId,
    },
    /// Take a deployment back that is under way.
    Abort {
        /// Which.
        deployment: DeploymentId,
    },
    /// Take a deployment back that is closed (S15).
    Rollback {
        /// Which.
        deployment: DeploymentId,
    },
    /// Let what a deployment condemned be deployed again (P15).
    Lift {
        /// The deployment that condemned it.
        guard: DeploymentId,
        /// Why it may.
        reason: String,
    },
    /// Answer a model's halt.
    Answer {
        /// The ticket that it holds.
        ticket: TicketId,
        /// Why it may go on.
        words: String,
    },
    /// End an incident.
    Resolve {
        /// Which.
        incident: IncidentId,
    },
    /// Take note of a frozen lock group.
    Acknowledge {
        /// Which.
        deployment: DeploymentId,
    },
}

/// The answer in words, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Whether it was done.
    pub done: bool,
    /// One sentence: what happens now, or why not and what to do instead.
    pub words: String,
    /// The deployment it is about.
    pub deployment: Option<DeploymentId>,
}

fn yes(words: String, deployment: Option<DeploymentId>) -> Reply {
    Reply { done: true, words, deployment }
}

fn no(words: String) -> Reply {
    Reply { done: false, words, deployment: None }
}

impl<J: Journal> Engine<J> {
    /// Does what a person asks, or says why not.
    ///
    /// # Errors
    ///
    /// Only if the journal fails; a refusal is a [`Reply`].
    pub fn ask(&mut self, who: &Who, ask: &Ask, now: &Now) -> Result<Reply, EngineError> {
        let steering = matches!(
            ask,
            Ask::Resume { .. }
                | Ask::Again { .. }
                | Ask::Rollback { .. }
                | Ask::Abort { .. }
                | Ask::Resolve { .. }
        );
        // A guard is lifted by somebody with a name: the daemon's account is nobody's.
        let lifting = matches!(ask, Ask::Lift { .. } | Ask::Answer { .. });
        let listed = lifting || steering && !who.local;
        if listed && self.settings().is_none() {
            return Ok(no(
                "ops has just started and has not read yet who may do that; ask again in a few \
                          seconds. Anybody may say halt"
                    .into(),
            ));
        }
        if listed && !self.may_steer(&who.identity) {
            let next = if lifting && who.local {
                "say it to ops on the meeting board (`lift D-12: why`, `answer MNS-7: why`), or use \
                 an account that bears the name of somebody listed under `operators` in ops.yaml"
            } else {
                "`operators` in ops.yaml lists who may. Anybody may say halt"
            };
            return Ok(no(format!("{} may not do that; {next}", person(&who.identity))));
        }
        match self.answer(&who.identity, ask, now) {
            Err(EngineError::Rejected(Rejection::NotNow(words))) => Ok(no(words)),
            other => other,
        }
    }

    fn answer(&mut self, by: &Identity, ask: &Ask, now: &Now) -> Result<Reply, EngineError> {
        match ask {
            Ask::Halt { deployment: None } => self.halt_all(by, now),
            Ask::Resume { deployment: None } => self.resume_all(by, now),
            Ask::Halt { deployment: Some(id) } => {
                let input = Input::Halt { by: by.clone() };
                self.one(*id, &input, now, "is halted; `resume` lets it go on")
            }
            Ask::Resume { deployment: Some(id) } if self.ended_unrotated(*id) => {
                self.rotate_again(by, *id, now)
            }
            Ask::Resume { deployment: Some(id) } if self.ended_unadopted(*id) => {
                self.adopt_again(by, *id, now)
            }
            Ask::Resume { deployment: Some(id) } => {
                let input = Input::Resume { by: by.clone() };
                self.one(*id, &input, now, "goes on")
            }
            Ask::Abort { deployment } => {
                let input = Input::Abort { by: by.clone() };
                self.one(*deployment, &input, now, "is taken back")
            }
            Ask::Acknowledge { deployment } => {
                let input = Input::Acknowledge { by: by.clone() };
                self.one(*deployment, &input, now, "is acknowledged")
            }
            Ask::Answer { ticket, words } => self.answer_the_model(by, ticket, words, now),
            Ask::Lift { guard, reason } => self.lift(by, *guard, reason, now),
            Ask::Again { ticket } => self.again(by, ticket, now),
            Ask::Resolve { incident } => self.resolve(by, *incident, now),
            Ask::Rollback { .. } if self.is_too_old() => {
                Ok(no("a newer ops has written this journal: start that one, it takes back".into()))
            }
            Ask::Rollback { deployment } => self.roll_back(by, *deployment, now),
        }
    }

    fn lift(
        &mut self,
        by: &Identity,
        guard: DeploymentId,
        reason: &str,
        now: &Now,
    ) -> Result<Reply, EngineError> {
        let reason = reason.trim();
        if reason.chars().count() < REASON_MIN {
            return Ok(no(format!(
                "say why in at least {REASON_MIN} characters: it goes into the journal"
            )));
        }
        let known = self.knowledge().condemned.iter().any(|one| one.by == guard);
        if !known {
            return Ok(no(format!("{guard} condemned nothing; `ops guard list` shows the guards")));
        }
        if let Some((who, _)) = self.knowledge().lifted.get(&guard) {
            return Ok(no(format!("{} has lifted it already", person(who))));
        }
        let reason: String = reason.chars().take(REASON_MAX).collect();
        self.note(&EngineEvent::Lifted { guard, by: by.clone(), reason }, now)?;
        self.check_guarded_again(now)?;
        self.nudge();
        Ok(yes(
            format!("the guard of {guard} is lifted; its candidate is checked again"),
            Some(guard),
        ))
    }

    /// Frees the halt of a model, and nothing else.
    fn answer_the_model(
        &mut self,
        by: &Identity,
        ticket: &TicketId,
        words: &str,
        now: &Now,
    ) -> Result<Reply, EngineError> {
        let words = words.trim();
        if words.chars().count() < REASON_MIN {
            return Ok(no(format!(
                "say why it may go on in at least {REASON_MIN} characters: it goes into the journal"
            )));
        }
        let found = self.deployments().find(|one| one.created.tickets.contains(ticket));
        let Some(id) = found.map(Deployment::id) else {
            return Ok(no(format!("nothing is under way for {ticket}")));
        };
        let words: String = words.chars().take(REASON_MAX).collect();
        self.feed(id, &Input::Answer { by: by.clone(), words }, now)?;
        let free = self.deployment(id).is_some_and(|one| !self.group_taken(one));
        if free {
            self.feed(id, &Input::Turn, now)?;
        }
        Ok(yes(
            format!("the model's halt of {ticket} ({id}) is answered; what else holds it holds on"),
            Some(id),
        ))
    }

    /// What a guard holds is looked at at once, not only when it would be anyway.
    fn check_guarded_again(&mut self, now: &Now) -> Result<(), EngineError> {
        let guarded = |one: &Deployment| {
            let list = one.checklist.as_ref();
            list.is_some_and(|list| list.failing().any(|check| check.id == "guards"))
        };
        let held: Vec<_> = self
            .deployments()
            .filter(|one| one.phase_name() == PhaseName::Held && guarded(one))
            .filter(|one| !self.group_taken(one))
            .map(Deployment::id)
            .collect();
        for id in held {
            self.feed(id, &Input::Turn, now)?;
        }
        Ok(())
    }

    fn one(
        &mut self,
        id: DeploymentId,
        input: &Input,
        now: &Now,
        words: &str,
    ) -> Result<Reply, EngineError> {
        if self.deployment(id).is_none() {
            let known = self.recall(id)?.is_some();
            return Ok(no(if known {
                format!("{id} has ended; `ops rollback {id}` takes it back if it serves")
            } else {
                format!("there is no {id}; `ops history` lists the deployments")
            }));
        }
        self.feed(id, input, now)?;
        Ok(yes(format!("{id} {words}"), Some(id)))
    }

    fn halt_all(&mut self, by: &Identity, now: &Now) -> Result<Reply, EngineError> {
        self.note(&EngineEvent::HaltedAll { by: by.clone() }, now)?;
        let ids: Vec<_> = self.deployments().map(ops_core::deploy::Deployment::id).collect();
        for id in ids {
            match self.feed(id, &Input::Halt { by: by.clone() }, now) {
                Ok(()) | Err(EngineError::Rejected(_)) => {}
                Err(why) => return Err(why),
            }
        }
        Ok(yes("everything is halted; nothing new begins until `resume`".into(), None))
    }

    fn resume_all(&mut self, by: &Identity, now: &Now) -> Result<Reply, EngineError> {
        self.note(&EngineEvent::ResumedAll { by: by.clone() }, now)?;
        let halted: Vec<_> = self
            .deployments()
            .filter(|deployment| deployment.halted.is_some())
            .map(ops_core::deploy::Deployment::id)
            .collect();
        for id in halted {
            self.feed(id, &Input::Resume { by: by.clone() }, now)?;
        }
        Ok(yes("everything goes on".into(), None))
    }

    fn ended_unadopted(&self, id: DeploymentId) -> bool {
        self.knowledge().unadopted.values().any(|(_, by)| *by == id)
    }

    /// An adoption that ended badly is tried once more, at the next reading of the queue.
    fn adopt_again(
        &mut self,
        by: &Identity,
        of: DeploymentId,
        now: &Now,
    ) -> Result<Reply, EngineError> {
        self.note(&EngineEvent::AdoptAgain { of, by: by.clone() }, now)?;
        self.nudge();
        Ok(yes(format!("what {of} could not adopt is tried again"), Some(of)))
    }

    fn ended_unrotated(&self, id: DeploymentId) -> bool {
        self.knowledge().unrotated.values().any(|(_, by)| *by == id)
    }

    /// A rotation that ended badly is tried once more, with the values that are there by then.
    fn rotate_again(
        &mut self,
        by: &Identity,
        of: DeploymentId,
        now: &Now,
    ) -> Result<Reply, EngineError> {
        self.note(&EngineEvent::RotateAgain { of, by: by.clone() }, now)?;
        self.look_at_secrets();
        Ok(yes(format!("the secrets that {of} could not rotate are tried again"), Some(of)))
    }

    fn again(&mut self, by: &Identity, ticket: &TicketId, now: &Now) -> Result<Reply, EngineError> {
        self.note(&EngineEvent::Again { ticket: ticket.clone(), by: by.clone() }, now)?;
        let held: Vec<_> = self
            .deployments()
            .filter(|deployment| {
                deployment.created.tickets.contains(ticket)
                    && deployment.phase_name() == PhaseName::Held
            })
            .map(|deployment| (deployment.id(), self.group_taken(deployment)))
            .collect();
        for (id, taken) in held {
            match self.feed(id, &Input::Resume { by: by.clone() }, now) {
                Ok(()) | Err(EngineError::Rejected(_)) => {}
                Err(why) => return Err(why),
            }
            if !taken {
                self.feed(id, &Input::Turn, now)?;
            }
        }
        self.nudge();
        Ok(yes(format!("{ticket} is looked at again"), None))
    }

    /// A rollback of something closed is a deployment of its own (S15).
    fn roll_back(
        &mut self,
        by: &Identity,
        of: DeploymentId,
        now: &Now,
    ) -> Result<Reply, EngineError> {
        let Some(deployment) = self.recall(of)? else {
            return Ok(no(format!("there is no {of}; `ops history` lists the deployments")));
        };
        if !deployment.at_rest() {
            let next = if deployment.acted() {
                format!("`ops abort {of}` takes it back")
            } else if deployment.passed() {
                "it is being recorded; ask again when it is closed".into()
            } else {
                "there is nothing to take back".into()
            };
            return Ok(no(format!("{of} is {}: {next}", deployment.phase_name().text())));
        }
        if matches!(deployment.created.kind, Kind::Rotation { .. }) {
            let first = self.brought_first(of);
            return Ok(no(format!(
                "{of} rotated secrets and changed no version: put the value before back where \
                 ops.yaml finds it, and ops rotates to that; or `ops rollback {first}` takes the \
                 version back, with the secrets that are current then"
            )));
        }
        let Some(plan) = deployment.plan.clone().filter(|_| deployment.passed()) else {
            return Ok(no(format!("{of} does not serve: nothing is to be taken back")));
        };
        let key = (plan.environment.clone(), plan.service.name.clone());
        match self.knowledge().serves.get(&key) {
            Some((_, serving)) if self.brought_first(*serving) == of => {}
            Some((_, serving)) => {
                return Ok(no(format!("{serving} serves now: it must go back first")));
            }
            None => return Ok(no(format!("nothing of {} serves", plan.service.name))),
        }
        let under_way = self.deployments().find(
            |other| matches!(&other.created.kind, Kind::Rollback { of: its, .. } if *its == of),
        );
        if let Some(other) = under_way {
            return Ok(no(format!("{} is taking {of} back already", other.id())));
        }
        if plan.old.is_none() {
            return Ok(no(format!(
                "nothing served before {of}: a first deployment is not taken back once it is \
                 closed; deploy a mended version instead"
            )));
        }
        let Some(settings) = self.settings().cloned() else {
            return Ok(no("ops.yaml has not been read yet; try again in a moment".into()));
        };
        let name = &plan.new.candidate.service;
        let Some(service) = settings.services.get(name) else {
            return Ok(no(format!("ops.yaml has no service {name} any more")));
        };
        let place = place_of(service, Some(&plan.environment), &settings);
        let id = self.next_deployment()?;
        let created = Created {
            id,
            kind: Kind::Rollback { of, by: by.clone() },
            tickets: deployment.created.tickets.clone(),
            service: place.service,
            environment: place.environment,
            group: place.group,
            me: deployment.created.me.clone(),
            channel: settings.boards.channel.clone(),
            retries: 0,
        };
        self.create(created, now)?;
        Ok(yes(format!("{id} takes {of} back"), Some(id)))
    }
}
