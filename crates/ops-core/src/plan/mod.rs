//! What a deployment will do: immutable once made, every step with what it wants, how it gets
//! there, and how long it may take.

mod back;
mod forward;
mod step;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use back::back;
pub use step::{Goal, OnDeadline, Stage, Step, Via, Which};

use crate::{
    candidate::Candidate,
    id::{DeploymentId, Digest, EnvironmentName, Identity, ReleaseId, TicketId},
    secrets,
    settings::{Revision, Service},
    watch::{Baseline, SignalBefore},
    world::{Compose, Container, ReleaseSpec},
};

/// Why something is deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Tickets that are ready for production.
    Release,
    /// A ticket asks that another `ops.yaml` governs (S4): checks and a record, nothing else.
    Settings {
        /// Its commit, as the ticket names it.
        commit: String,
    },
    /// What somebody else started is started once more, by ops, and watched (S2).
    Adoption,
    /// What serves is started anew, since a secret of it has another value (S16).
    Rotation {
        /// The deployment that brought what serves.
        of: DeploymentId,
    },
    /// Somebody wants a closed deployment undone (S15).
    Rollback {
        /// The deployment to undo.
        of: DeploymentId,
        /// Who asked.
        by: Identity,
    },
}

impl Kind {
    /// Whether a ticket asked for it, so that the ticket says whether it still wants it.
    pub fn by_ticket(&self) -> bool {
        matches!(self, Self::Release | Self::Settings { .. })
    }
}

/// A release that passed a watch, or the one being made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownRelease {
    /// What runs.
    pub spec: ReleaseSpec,
    /// What CQ and QA approved.
    pub candidate: Candidate,
    /// The deployment that brought it.
    pub by: DeploymentId,
    /// Milliseconds from start to healthy, measured then.
    pub start_ms: Option<u64>,
    /// Versions of its secrets by variable, as keyed hashes (P13), read when its facts were
    /// gathered. Unknown in older journals.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secret_versions: BTreeMap<String, String>,
}

/// Senses beside the door and declared signals: used where they could be read before the first act,
/// since the false-alarm budget is shared out then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Senses {
    /// What replicas take of their machines.
    pub usage: bool,
    /// What they log.
    pub logs: bool,
    /// Alerts of the systems that `ops.yaml` names.
    pub alerts: bool,
}

impl Senses {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What follows a stage that is not the last one (S12).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Soak {
    /// Seconds that the release stays there.
    pub seconds: u64,
    /// The next stage.
    pub next: EnvironmentName,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The deployment.
    pub deployment: DeploymentId,
    /// Why.
    pub kind: Kind,
    /// The tickets that ship with it, the asking one first.
    pub tickets: Vec<TicketId>,
    /// Where.
    pub environment: EnvironmentName,
    /// What follows; `None` on the last stage.
    pub soak: Option<Soak>,
    /// The lock group, `environment/group`.
    pub group: String,
    /// The `ops.yaml` that governs.
    pub revision: Revision,
    /// The service as configured at that revision.
    pub service: Service,
    /// What the notes name as the artifact.
    pub reference: String,
    /// The new release.
    pub new: KnownRelease,
    /// The captured previous state; `None` is *absent* (S1).
    pub old: Option<KnownRelease>,
    /// The secret references with which the old version is started on the way back, where they are
    /// others than those recorded with it: the current ones (S17), or, for a rotation, the previous
    /// values (S16). Copies that run already keep what they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_secrets: Option<Vec<(String, String)>>,
    /// What a deployment left that froze and that this one mends (S11): it gave way, so nobody else
    /// clears that away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<ReleaseSpec>,
    /// What the old release's traffic looked like.
    pub baseline: Baseline,
    /// What declared signals said of the old release, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub signals_before: BTreeMap<String, SignalBefore>,
    /// What else can be read during the watch.
    #[serde(default, skip_serializing_if = "Senses::is_none")]
    pub senses: Senses,
    /// The steps.
    pub steps: Vec<Step>,
}

/// What a plan is made of.
#[derive(Debug, Clone)]
pub struct PlanInput {
    /// The deployment.
    pub deployment: DeploymentId,
    /// Why.
    pub kind: Kind,
    /// The tickets.
    pub tickets: Vec<TicketId>,
    /// Where.
    pub environment: EnvironmentName,
    /// What follows; `None` on the last stage.
    pub soak: Option<Soak>,
    /// The governing `ops.yaml`.
    pub revision: Revision,
    /// The service.
    pub service: Service,
    /// What the notes name as the artifact.
    pub reference: String,
    /// The images that the notes name, by service of a Compose file.
    pub images: BTreeMap<String, String>,
    /// What is to be deployed.
    pub candidate: Candidate,
    /// What exactly is started, for rollbacks and rotations; for releases the service's settings say
    /// it.
    pub again: Option<ReleaseSpec>,
    /// What secret references lead to.
    pub secrets: secrets::Found,
    /// What serves now.
    pub old: Option<KnownRelease>,
    /// The secret references with which that is started on the way back.
    pub old_secrets: Option<Vec<(String, String)>>,
    /// What a deployment left that froze and that this one mends.
    pub frozen: Option<ReleaseSpec>,
    /// Its traffic.
    pub baseline: Baseline,
    /// What declared signals said of it.
    pub signals_before: BTreeMap<String, SignalBefore>,
    /// What else can be read during the watch.
    pub senses: Senses,
}

impl Plan {
    /// Makes the plan. The same input gives the same plan.
    pub fn make(input: PlanInput) -> Self {
        let mut spec = input.again.clone().unwrap_or_else(|| spec_of(&input));
        spec.release = input.candidate.release_id(input.deployment);
        let new = KnownRelease {
            secret_versions: secrets::versions(&spec.secrets, &input.secrets),
            spec,
            candidate: input.candidate,
            by: input.deployment,
            start_ms: None,
        };
        let mut plan = Self {
            deployment: input.deployment,
            kind: input.kind,
            tickets: input.tickets,
            group: input.service.lock_group_in(&input.environment),
            environment: input.environment,
            soak: input.soak,
            revision: input.revision,
            service: input.service,
            reference: input.reference,
            new,
            old_secrets: input.old_secrets.filter(|secrets| {
                input.old.as_ref().is_some_and(|old| old.spec.secrets != *secrets)
            }),
            old: input.old,
            frozen: input.frozen,
            baseline: input.baseline,
            signals_before: input.signals_before,
            senses: input.senses,
            steps: Vec::new(),
        };
        plan.steps = forward::steps(&plan);
        plan
    }

    /// Hash over the whole plan; goes on the ticket before the first act.
    pub fn hash(&self) -> Digest {
        // A plan holds no map with keys that are not strings, so it always serialises.
        Digest::of(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// The release that a step's word means.
    pub fn release(&self, which: Which) -> Option<ReleaseId> {
        self.spec(which).map(|spec| spec.release)
    }

    /// The specification that a step's word means; `None` for an old release that does not exist.
    pub fn spec(&self, which: Which) -> Option<ReleaseSpec> {
        match which {
            Which::New => Some(self.new.spec.clone()),
            Which::Old => self.old_spec(),
            Which::Frozen => self.frozen.clone(),
            Which::Rehearsal => self.old_spec().map(|spec| {
                let mut spec = spec.on_first(1);
                spec.release =
                    ReleaseId::new(format!("{}-rehearsed-{}", spec.release, self.deployment.0));
                spec.replicas = 1;
                spec
            }),
        }
    }

    /// The old release as it is started where a copy of it is needed.
    fn old_spec(&self) -> Option<ReleaseSpec> {
        let mut spec = self.old.as_ref()?.spec.clone();
        if let Some(secrets) = &self.old_secrets {
            spec.secrets.clone_from(secrets);
        }
        Some(spec)
    }

    /// Variables whose secret has another version than in what serves.
    pub fn rotated(&self) -> Vec<&str> {
        let Some(old) = &self.old else { return Vec::new() };
        let differs = |(name, version): &(&String, &String)| {
            old.secret_versions.get(*name).is_some_and(|was| was != *version)
        };
        let new = self.new.secret_versions.iter().filter(differs);
        new.map(|(name, _)| name.as_str()).collect()
    }
}

/// What an image is called in an engine that has it from ops's own store.
const KEPT: &str = "ops.local/kept";

fn spec_of(input: &PlanInput) -> ReleaseSpec {
    let (candidate, service) = (&input.candidate, &input.service);
    let images = input.images.clone();
    ReleaseSpec {
        release: candidate.release_id(input.deployment),
        service: service.name.clone(),
        artifact: candidate.artifact.clone(),
        command: service.command.clone(),
        env: service.env.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        secrets: service.secrets.iter().map(|(k, v)| (k.clone(), v.from.clone())).collect(),
        replicas: service.replicas,
        fixed_port: service.fixed_port,
        stop_grace_ms: service.drain_ms,
        container: service.container.clone().map(|container| {
            Box::new(Container { image: format!("{KEPT}@{}", candidate.artifact), ..*container })
        }),
        compose: service.compose.clone().map(|compose| Box::new(Compose { images, ..*compose })),
    }
}
