//! Adoptions: what somebody else started becomes known good under ops (S2).

use ops_core::{
    checks::{Facts, adoptable},
    deploy::{Deployment, Phase},
    id::{DeploymentId, Digest, EnvironmentName},
    plan::Kind,
    settings::{Service, Settings},
    time::Now,
};

use super::{Engine, EngineError};
use crate::{heartbeat::Place, knowledge::EngineEvent, ports::Journal};

/// Milliseconds after which it is journaled anew that what is to be adopted was seen to run.
const SEEN_AGAIN_MS: i64 = 3_600_000;

impl<J: Journal> Engine<J> {
    /// Begins an adoption wherever `ops.yaml` asks for one and nothing serves under ops yet. It
    /// comes before the tickets of the same reading, which wait for it.
    pub(crate) fn adopt(&mut self, settings: &Settings, now: &Now) -> Result<(), EngineError> {
        for service in settings.services.values() {
            let Some(environment) = service.environments().last().cloned() else { continue };
            if !self.adoption_due(service, &environment) {
                continue;
            }
            let place = Place {
                service: service.name.clone(),
                group: service.lock_group_in(&environment),
                environment,
                kind: Kind::Adoption,
            };
            self.begin(Vec::new(), 0, place, now)?;
        }
        Ok(())
    }

    fn adoption_due(&self, service: &Service, environment: &EnvironmentName) -> bool {
        let Some(adopt) = service.adopts_in(environment) else { return false };
        let key = (environment.clone(), service.name.clone());
        let failed = self.knowledge.unadopted.get(&key);
        let under_way = |one: &Deployment| {
            one.created.service == key.1
                && one.created.environment == key.0
                && one.created.kind == Kind::Adoption
                && !one.at_rest()
        };
        !self.knowledge.serves.contains_key(&key)
            && failed.is_none_or(|(artifact, _)| *artifact != adopt.artifact)
            && !self.deployments().any(under_way)
    }

    /// Notes that what is to be adopted was proven to run, for a service that must be stopped before
    /// ops may start its copy.
    pub(super) fn seen_outside(
        &mut self,
        id: DeploymentId,
        facts: &Facts,
        now: &Now,
    ) -> Result<(), EngineError> {
        let Some(created) = self.deployments.get(&id).map(|one| &one.created) else {
            return Ok(());
        };
        let Some(artifact) = adoptable(created, facts) else { return Ok(()) };
        let (environment, service) = (created.environment.clone(), created.service.clone());
        let before = self.knowledge.seen_outside.get(&(environment.clone(), service.clone()));
        let fresh = before.is_some_and(|(digest, when)| {
            let age = now.wall.duration_since(*when).as_millis();
            *digest == artifact && (0..i128::from(SEEN_AGAIN_MS)).contains(&age)
        });
        if fresh {
            return Ok(());
        }
        let at = now.wall;
        self.note(&EngineEvent::SeenOutside { environment, service, artifact, at }, now)
    }

    /// What is to be adopted somewhere: it must not be cleared away before.
    pub(super) fn to_be_adopted(&self) -> Vec<Digest> {
        let Some(settings) = self.settings() else { return Vec::new() };
        let adopted = settings.services.values().filter_map(|service| service.adopt.as_ref());
        adopted.map(|adopt| adopt.artifact.clone()).collect()
    }
}

/// What is to be remembered of an adoption that ended badly.
pub(super) fn unadopted(deployment: &Deployment) -> Option<EngineEvent> {
    let plan = deployment.plan.as_ref()?;
    let bad = matches!(deployment.phase, Phase::RolledBack { .. } | Phase::Thawed { .. });
    (deployment.created.kind == Kind::Adoption && bad).then(|| EngineEvent::Unadopted {
        environment: plan.environment.clone(),
        service: plan.service.name.clone(),
        artifact: plan.new.candidate.artifact.clone(),
        by: deployment.id(),
    })
}
