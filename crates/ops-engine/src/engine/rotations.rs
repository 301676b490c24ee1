//! Rotations: a secret of what serves has another value (S16).

use ops_core::{
    deploy::{Created, Deployment, Phase},
    id::{DeploymentId, EnvironmentName, ServiceName},
    plan::{Kind, KnownRelease},
    secrets::{self, Changed, Found},
    settings::{Service, Settings},
    time::Now,
};

use super::{Engine, EngineError};
use crate::{
    jobs::{Job, JobKey, Work},
    knowledge::EngineEvent,
    ports::Journal,
};

/// A place where a release of a service serves that has secrets which rotate.
struct Serving {
    environment: EnvironmentName,
    service: Service,
    release: KnownRelease,
    by: DeploymentId,
}

impl<J: Journal> Engine<J> {
    /// Reads the versions of secrets that may rotate, once per heartbeat.
    pub(super) fn secrets_job(&mut self, now: &Now, jobs: &mut Vec<Job>) {
        if !self.due(&JobKey::Secrets, self.heartbeat_ms, now) {
            return;
        }
        let serving = self.rotating();
        let each = serving.iter().flat_map(|one| secrets::references(&one.service, [&one.release]));
        let references: Vec<String> = each.cloned().collect();
        if !references.is_empty() {
            self.start(Job { key: JobKey::Secrets, work: Work::Secrets { references } }, jobs);
        }
    }

    /// Begins a rotation wherever one is due. Never two for the same version: one that is under way
    /// takes what is there when it begins, and one that ended badly is not tried again by itself.
    pub(super) fn secrets_read(&mut self, found: &Found, now: &Now) -> Result<(), EngineError> {
        if self.knowledge.halted.is_some() || self.is_too_old() {
            return Ok(());
        }
        let (Some(settings), Some(queue)) = (self.settings().cloned(), &self.queue) else {
            return Ok(());
        };
        let me = queue.me.clone();
        for one in self.rotating() {
            let changed = secrets::changed(&one.release, &one.service, found);
            if !changed.iter().any(|one| one.rotates) || self.rotation_known(&one, &changed) {
                continue;
            }
            let created = Created {
                id: self.next_deployment()?,
                kind: Kind::Rotation { of: one.by },
                tickets: Vec::new(),
                group: one.service.lock_group_in(&one.environment),
                service: one.service.name,
                environment: one.environment,
                me: me.clone(),
                channel: settings.boards.channel.clone(),
                retries: 0,
            };
            self.create(created, now)?;
        }
        Ok(())
    }

    /// What serves after a watch of its own, of services with a secret that rotates.
    fn rotating(&self) -> Vec<Serving> {
        let Some(settings) = self.settings() else { return Vec::new() };
        let serving = self.knowledge.serves.iter();
        serving.filter_map(|(place, serves)| self.rotates(settings, place, serves)).collect()
    }

    fn rotates(
        &self,
        settings: &Settings,
        (environment, _): &(EnvironmentName, ServiceName),
        (release, by): &(KnownRelease, DeploymentId),
    ) -> Option<Serving> {
        let service = settings.services.get(&release.candidate.service)?.in_stage(environment)?;
        let rotates = service.secrets.values().any(|secret| secret.rotate);
        (rotates && self.passed_its_watch(release)).then(|| Serving {
            environment: environment.clone(),
            service,
            release: release.clone(),
            by: *by,
        })
    }

    fn passed_its_watch(&self, release: &KnownRelease) -> bool {
        self.knowledge.releases.iter().any(|(_, one)| one.spec.release == release.spec.release)
    }

    /// Whether a rotation is under way there, or one with just these versions ended badly.
    fn rotation_known(&self, here: &Serving, changed: &[Changed]) -> bool {
        let there = |one: &Deployment| {
            one.created.environment == here.environment && one.created.service == here.service.name
        };
        let under_way = self.deployments().any(|one| {
            matches!(one.created.kind, Kind::Rotation { .. }) && there(one) && !one.at_rest()
        });
        let key = (here.environment.clone(), here.service.name.clone());
        let failed = self.knowledge.unrotated.get(&key);
        under_way
            || failed.is_some_and(|(versions, _)| {
                changed.iter().all(|one| versions.get(&one.name) == Some(&one.is))
            })
    }

    /// What a deployment brought, if it serves now and passed its watch.
    pub(super) fn serves_good(&self, by: DeploymentId) -> Option<KnownRelease> {
        let mut serving = self.knowledge.serves.values();
        let (release, _) = serving.find(|(_, brought)| *brought == by)?;
        self.passed_its_watch(release).then(|| release.clone())
    }

    /// The deployment that brought the version which a rotation only started anew.
    pub(crate) fn brought_first(&self, id: DeploymentId) -> DeploymentId {
        let mut first = id;
        // Each rotation is younger than what it rotated, so this comes to an end.
        while let Ok(Some(one)) = self.recall(first) {
            match one.created.kind {
                Kind::Rotation { of } if of < first => first = of,
                _ => break,
            }
        }
        first
    }
}

/// What is to be remembered of a rotation that ended badly.
pub(super) fn unrotated(deployment: &Deployment) -> Option<EngineEvent> {
    let plan = deployment.plan.as_ref()?;
    let rotation = matches!(deployment.created.kind, Kind::Rotation { .. });
    let bad = matches!(deployment.phase, Phase::RolledBack { .. } | Phase::Thawed { .. });
    (rotation && bad).then(|| EngineEvent::Unrotated {
        environment: plan.environment.clone(),
        service: plan.service.name.clone(),
        versions: plan.new.secret_versions.clone(),
        by: deployment.id(),
    })
}
