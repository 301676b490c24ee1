//! Incidents that people report, and looks that they ask for.

use ops_core::{
    deploy::{Deployment, HoldCause, Input, Phase},
    id::{DeploymentId, EnvironmentName, Identity, IncidentId, ServiceName},
    record::{duration, person, said},
    settings::Settings,
    talk::{About, Facts, Incident, Reported, Subject, WORDS_MAX, WORDS_MIN},
    time::Now,
};

use crate::{
    Engine, EngineError,
    chat::deed_said,
    knowledge::EngineEvent,
    operator::{Reply, Who},
    ports::Journal,
};

/// Open incidents at the same time: more than any team can look after.
const OPEN_MAX: usize = 100;
/// Characters of a report that the watch and the record quote.
const QUOTED: usize = 120;
/// Something is looked at because somebody wants it at most this often.
const LOOK_MS: u64 = 10_000;

impl<J: Journal> Engine<J> {
    /// Incidents that nobody has ended.
    pub(crate) fn open_incidents(&self) -> impl Iterator<Item = &Reported> {
        self.knowledge().incidents.iter().filter(|one| one.resolved.is_none())
    }

    /// Takes note of an incident, attaches it, and raises the watch of what is under way there.
    pub(crate) fn report(
        &mut self,
        by: &Identity,
        deployment: Option<DeploymentId>,
        about: &About,
        words: &str,
        now: &Now,
    ) -> Result<Facts, EngineError> {
        let refused = |words: String| Ok(Facts::Refused { by: person(by), words });
        let words: String = words.trim().chars().take(WORDS_MAX).collect();
        if words.chars().count() < WORDS_MIN {
            return refused("say what users see: `incident shop: checkout answers 500`".into());
        }
        let (service, environment) = match self.place_of_incident(deployment, about)? {
            Ok(place) => place,
            Err(words) => return refused(words),
        };
        let same = |one: &&Reported| {
            let known = &one.incident;
            known.service == service && known.environment == environment && known.words == words
        };
        if let Some(known) = self.open_incidents().find(same).cloned() {
            let raised = known.incident.deployment.is_some_and(|id| self.is_watched(id));
            return Ok(Facts::Noted { incident: Box::new(known), raised, again: true });
        }
        if self.open_incidents().count() >= OPEN_MAX {
            return refused(format!(
                "{OPEN_MAX} incidents are open; `incidents` lists them, and a listed person ends one \
                 with `resolved I-n`"
            ));
        }
        let id = IncidentId(self.knowledge().incidents.len() as u64 + 1);
        let deployment = self.attached(&service, &environment);
        // Told first: should ops die in between, the same report is read and told again.
        let raised = deployment.is_some_and(|id| self.is_watched(id));
        if let Some(deployment) = deployment.filter(|_| raised) {
            let words = format!("{} reported {id}: «{}»", person(by), said(&words, QUOTED));
            self.feed(deployment, &Input::Reported { words }, now)?;
        }
        let by = by.clone();
        let incident = Incident { id, service, environment, words, by, at: now.wall, deployment };
        self.note(&EngineEvent::Reported(Box::new(incident.clone())), now)?;
        let incident = Box::new(Reported { incident, resolved: None });
        Ok(Facts::Noted { incident, raised, again: false })
    }

    /// Whether users are on what a deployment brings and it is watched.
    fn is_watched(&self, id: DeploymentId) -> bool {
        self.deployment(id).is_some_and(|one| one.acted() && one.watching.is_some())
    }

    /// Where an incident is, or why that cannot be told.
    fn place_of_incident(
        &self,
        deployment: Option<DeploymentId>,
        about: &About,
    ) -> Result<Result<(ServiceName, EnvironmentName), String>, EngineError> {
        if let Some(id) = deployment {
            let known = self.recall(id)?.map(|one| (one.created.service, one.created.environment));
            return Ok(known.ok_or_else(|| format!("there is no {id}; name the service instead")));
        }
        let Some(settings) = self.settings() else {
            return Ok(Err("ops.yaml has not been read yet; say it again in a few seconds".into()));
        };
        Ok(place_named(about, settings).ok_or_else(|| {
            let names: Vec<_> = settings.services.keys().map(ToString::to_string).collect();
            format!("say of which service: `incident {}: …`", names.join(" | "))
        }))
    }

    /// The deployment that users are on: the one under way, else the one that serves.
    fn attached(
        &self,
        service: &ServiceName,
        environment: &EnvironmentName,
    ) -> Option<DeploymentId> {
        let there = |one: &&Deployment| {
            let created = &one.created;
            let users = one.acted() && one.watching.is_some()
                || matches!(one.phase, Phase::RollingBack { .. } | Phase::Frozen { .. });
            created.service == *service && created.environment == *environment && users
        };
        let under_way = self.deployments().find(there).map(Deployment::id);
        let key = (environment.clone(), service.clone());
        let serves = || self.knowledge().serves.get(&key).map(|(_, by)| self.brought_first(*by));
        under_way.or_else(serves)
    }

    /// An incident is over.
    pub(crate) fn resolve(
        &mut self,
        by: &Identity,
        id: IncidentId,
        now: &Now,
    ) -> Result<Reply, EngineError> {
        let reply = |done, words| Reply { done, words, deployment: None };
        let known = self.knowledge().incidents.iter().find(|one| one.incident.id == id);
        let Some(known) = known else {
            return Ok(reply(false, format!("there is no {id}; `incidents` lists the open ones")));
        };
        if let Some((who, _)) = &known.resolved {
            return Ok(reply(false, format!("{} has ended {id} already", person(who))));
        }
        let lasted = now.wall.duration_since(known.incident.at).as_millis();
        let lasted = duration(u64::try_from(lasted).unwrap_or(0));
        self.note(&EngineEvent::Resolved { incident: id, by: by.clone(), at: now.wall }, now)?;
        Ok(reply(true, format!("{id} is over after {lasted}")))
    }

    /// Looks at the queue, and at what is named, at once.
    pub(crate) fn look_at(
        &mut self,
        who: &Who,
        subject: Option<&Subject>,
        now: &Now,
    ) -> Result<Facts, EngineError> {
        let named = match subject {
            Some(Subject::Deployment(id)) => id.to_string(),
            Some(Subject::Ticket(ticket)) => ticket.to_string(),
            Some(Subject::Incident(_)) | None => "the queue".to_owned(),
        };
        let done =
            |words: String| Ok(deed_said(who, Reply { done: true, words, deployment: None }));
        if let Some(ago) = self.sight_mut().asks(&named, now.ms, LOOK_MS) {
            let ago = duration(ago / 1_000 * 1_000);
            return done(format!(
                "{named} was looked at {ago} ago, and nothing is looked at more often"
            ));
        }
        self.nudge();
        let id = match subject {
            Some(Subject::Deployment(id)) => Some(*id),
            Some(Subject::Ticket(ticket)) => self
                .deployments()
                .find(|one| one.created.tickets.contains(ticket))
                .map(Deployment::id),
            Some(Subject::Incident(_)) | None => None,
        };
        let Some(one) = id.and_then(|id| self.deployment(id)) else {
            if let (Some(Subject::Ticket(_)), false) = (subject, self.in_queue(&named)) {
                return Ok(Facts::Unknown { named, queue_ms: self.queue_age(now) });
            }
            return done(format!("{named}: the queue is read at once; what is ready begins"));
        };
        let (id, phase) = (one.id(), one.phase_name().text());
        let checks = match &one.phase {
            Phase::Held { cause: HoldCause::Aborted { .. }, .. } => {
                return done(format!(
                    "{named}: {id} was aborted and waits for a listed person, who says `resume {id}`"
                ));
            }
            Phase::Held { cause, .. } => Some(cause.words()),
            _ => None,
        };
        let Some(was) = checks else {
            return done(format!(
                "{named}: the queue is read at once; {id} is {phase} and is looked at all the time"
            ));
        };
        if !self.may_check(id) {
            return done(format!(
                "{named}: the queue is read at once; {id} is held ({was}), and its checks run as soon \
                 as nothing else keeps its lock group and nothing is halted"
            ));
        }
        self.feed(id, &Input::Turn, now)?;
        done(format!(
            "{named} is looked at: the checks of {id} run now. It was held: {was}; `explain {named}` \
             says what came of it"
        ))
    }

    fn in_queue(&self, ticket: &str) -> bool {
        self.queue().is_some_and(|queue| queue.tickets.iter().any(|one| one.id.as_str() == ticket))
    }
}

/// The service and the environment that are named; users are on the last stage.
fn place_named(about: &About, settings: &Settings) -> Option<(ServiceName, EnvironmentName)> {
    let only = || settings.services.keys().next().filter(|_| settings.services.len() == 1);
    let service = settings.services.get(about.service.as_ref().or_else(only)?)?;
    let named = about.environment.as_ref();
    let named = named.filter(|one| service.environments().any(|stage| stage == *one));
    let environment = named.or_else(|| service.environments().last())?;
    Some((service.in_stage(environment)?.name, environment.clone()))
}
