//! What follows from a deployment for the time after it.

use ops_core::{
    checks::Condemned,
    deploy::{Cause, Deployment, Health, Input, Phase, View},
    id::DeploymentId,
    mutation::{Mutation, on},
    plan::Kind,
    time::{BootMs, Now, Timer},
};

use super::{Engine, EngineError};
use crate::{
    jobs::{Looked, ProbeAnswer},
    knowledge::{End, EngineEvent, Tried},
    ports::{Journal, Summary},
    view::DeploymentView,
};

/// Looks closer together than this share of the probe interval count as one for health in a row.
const SPACING: f64 = 0.8;

pub(super) fn summary(deployment: &Deployment) -> Summary {
    let view = DeploymentView::brief(deployment);
    Summary {
        id: deployment.id(),
        ended: deployment.ended(),
        body: serde_json::to_value(view).unwrap_or_default(),
    }
}

impl<J: Journal> Engine<J> {
    /// Journals what others must know of a deployment, once. Level-triggered: asked again after
    /// every event and every restart until the deployment has ended.
    pub(super) fn learn(&mut self, id: DeploymentId, now: &Now) -> Result<(), EngineError> {
        let Some(deployment) = self.deployments.get(&id) else {
            return Ok(());
        };
        let mut events = Vec::new();
        if !self.knowledge.settled.contains(&id) {
            events.extend(self.governs(deployment));
            events.extend(serves(deployment));
            events.extend(absent(deployment));
            events.extend(self.stays(deployment));
            events.extend(super::rotations::unrotated(deployment));
            events.extend(super::adoptions::unadopted(deployment));
            events.extend(super::returns::unreturned(deployment, now));
        }
        events.extend(self.condemns(deployment));
        events.extend(self.tried(deployment, now));
        for event in events {
            self.note(&event, now)?;
        }
        self.owe_post_mortem(id);
        self.recall_stages(id, now)?;
        self.end_soaks(id, now)
    }

    /// The `ops.yaml` that a ticket asked for governs as soon as its checks have passed (S4).
    fn governs(&self, deployment: &Deployment) -> Option<EngineEvent> {
        let Kind::Settings { commit } = &deployment.created.kind else { return None };
        let known = self.knowledge.governs_by.contains(&deployment.id());
        (deployment.passed() && !known).then(|| EngineEvent::Governs {
            commit: commit.clone(),
            by: Some(deployment.id()),
            ticket: deployment.created.tickets.first().cloned(),
            loosens: self.knowledge.waits.as_ref().map(|(_, all)| all.clone()).unwrap_or_default(),
        })
    }

    /// Unless what mends it serves there already.
    fn stays(&self, deployment: &Deployment) -> Option<EngineEvent> {
        let plan = deployment.plan.as_ref()?;
        let key = (plan.environment.clone(), plan.service.name.clone());
        let newer = self.knowledge.serves.get(&key).is_some_and(|(_, by)| *by > deployment.id());
        let stays = matches!(deployment.phase, Phase::Thawed { new: true, .. }) && !newer;
        stays.then(|| EngineEvent::Stays {
            environment: plan.environment.clone(),
            release: Box::new(plan.new.clone()),
            by: deployment.id(),
        })
    }

    fn condemns(&self, deployment: &Deployment) -> Option<EngineEvent> {
        let plan = deployment.plan.as_ref()?;
        let (candidate, words) = match (&deployment.created.kind, deployment.cause()) {
            (_, Some(cause)) if deployment.condemns() => {
                (plan.new.candidate.clone(), cause.words())
            }
            // What was rolled back later is condemned when the rollback has passed (S15).
            (Kind::Rollback { of, by }, None)
                if deployment.passed() && *by != deployment.created.me =>
            {
                let old = plan.old.as_ref()?;
                let who = ops_core::record::person(by);
                (old.candidate.clone(), format!("{who} had {of} taken back"))
            }
            _ => return None,
        };
        let known = self.knowledge.condemned.iter().any(|one| one.by == deployment.id());
        (!known).then(|| {
            EngineEvent::Condemned(Condemned {
                service: candidate.service.clone(),
                artifact: candidate.artifact.clone(),
                candidate: candidate.hash(),
                commit: candidate.commit.clone(),
                by: deployment.id(),
                words,
            })
        })
    }

    fn tried(&self, deployment: &Deployment, now: &Now) -> Option<EngineEvent> {
        if !deployment.created.kind.by_ticket() || !deployment.at_rest() {
            return None;
        }
        let ticket = deployment.created.tickets.first()?.clone();
        let known = self.knowledge.tried.get(&ticket).is_some_and(|t| t.by >= deployment.id());
        if known {
            return None;
        }
        let retries = deployment.created.retries;
        let end = match (&deployment.phase, deployment.cause()) {
            (Phase::Withdrawn { .. }, _) => End::Withdrawn,
            (Phase::Promoted, _) => End::Promoted,
            (_, Some(cause)) if cause.condemns() => End::Condemned,
            (_, Some(cause)) if cause.retries() => End::Unjudged,
            (_, Some(Cause::Aborted { .. } | Cause::HaltExpired { .. })) => End::Stopped,
            (_, Some(_)) => End::Withdrawn,
            (_, None) => End::Shipped,
        };
        let me = &deployment.created.me;
        let foreign = deployment
            .ticket
            .as_ref()
            .map_or(0, |ticket| ticket.history.iter().filter(|change| change.user != *me).count());
        let pause = Timer::start(now, ops_core::deploy::retry_pause_ms(retries));
        let plan = deployment.plan.as_ref();
        let next = plan.and_then(|plan| {
            let soak = plan.soak.as_ref().filter(|_| end == End::Promoted)?;
            Some((soak.next.clone(), plan.new.candidate.notes.clone()))
        });
        let soaked = next.as_ref().and(plan).map(|plan| plan.new.candidate.hash());
        let by = deployment.id();
        let tried = Tried { by, end, foreign, retries, pause, next, soaked };
        Some(EngineEvent::Tried { ticket, tried })
    }

    /// Counts health over looks and hands the look to the deployment.
    pub(super) fn looked(
        &mut self,
        id: DeploymentId,
        looked: Looked,
        now: &Now,
    ) -> Result<(), EngineError> {
        let Some(deployment) = self.deployments.get(&id) else {
            return Ok(());
        };
        let every = deployment.plan.as_ref().map_or(0, |plan| plan.service.health.every_ms);
        if let Ok(target) = &looked.target {
            self.highest = self.highest.max(target.highest);
        }
        if let Ok(door) = &looked.door {
            self.highest = self.highest.max(door.highest);
        }
        let health = looked
            .probes
            .iter()
            .map(|(replica, answer)| (replica.clone(), self.count(replica, answer, every, now.ms)))
            .collect();
        let began = self.looking.remove(&id);
        let stale = began.is_some_and(|before| before != self.acts_ended(id));
        if stale && !on(Mutation::UseAnOldLook) {
            // It began before the last act ended. The next look is due at once.
            self.stirred.insert(id);
            return Ok(());
        }
        let view = View {
            target: looked.target,
            door: looked.door,
            health,
            signals: looked.signals,
            smoke: looked.smoke,
            stored: looked.stored,
            sick_dependencies: looked.sick_dependencies,
        };
        if let Some(deployment) = self.deployments.get(&id) {
            self.sight.looked(deployment, &view, now.ms);
        }
        self.feed(id, &Input::Looked(Box::new(view)), now)
    }

    fn count(&mut self, replica: &str, answer: &ProbeAnswer, every: u64, at: BootMs) -> Health {
        let spacing = (every as f64 * SPACING) as u64;
        let (health, counted) = self.health.entry(replica.to_owned()).or_default();
        let why = match answer {
            Ok(None) => None,
            Ok(Some(why)) => Some(why.clone()),
            Err(fault) => {
                // Nothing was observed: not that it is healthy, and not that it is sick (P8).
                health.good = 0;
                health.why = Some(fault.what.clone());
                return health.clone();
            }
        };
        let turned = (why.is_none() && health.bad > 0) || (why.is_some() && health.good > 0);
        let fresh = health.good == 0 && health.bad == 0;
        if fresh || turned || at >= counted.saturating_add(spacing) {
            *counted = at;
            (health.good, health.bad) = if why.is_none() {
                (health.good.saturating_add(1), 0)
            } else {
                (0, health.bad.saturating_add(1))
            };
        }
        health.why = why;
        health.clone()
    }
}

fn serves(deployment: &Deployment) -> Option<EngineEvent> {
    let plan = deployment.plan.as_ref().filter(|_| deployment.passed())?;
    let mut release = plan.new.clone();
    release.start_ms = deployment.start_ms;
    Some(EngineEvent::Serves {
        environment: plan.environment.clone(),
        release: Box::new(release),
        by: deployment.id(),
    })
}

fn absent(deployment: &Deployment) -> Option<EngineEvent> {
    let plan = deployment.plan.as_ref()?;
    let gone = plan.old.is_none() && matches!(deployment.phase, Phase::RolledBack { .. });
    gone.then(|| EngineEvent::Absent {
        environment: plan.environment.clone(),
        service: plan.service.name.clone(),
        by: deployment.id(),
    })
}
