//! What a deployment will do: immutable once made, every step with what it wants, how it gets
//! there, and how long it may take.

mod back;
mod forward;
mod step;

use serde::{Deserialize, Serialize};

pub use back::back;
pub use step::{Goal, OnDeadline, Stage, Step, Via, Which};

use crate::{
    candidate::Candidate,
    id::{DeploymentId, Digest, EnvironmentName, Identity, ReleaseId, TicketId},
    settings::{Revision, Service},
    watch::Baseline,
    world::ReleaseSpec,
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
        !matches!(self, Self::Rollback { .. })
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
    /// What a deployment left that froze and that this one mends (S11): it gave way, so nobody else
    /// clears that away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<ReleaseSpec>,
    /// What the old release's traffic looked like.
    pub baseline: Baseline,
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
    /// What is to be deployed.
    pub candidate: Candidate,
    /// What exactly is brought back, for rollbacks; for releases the service's settings say it.
    pub again: Option<ReleaseSpec>,
    /// What serves now.
    pub old: Option<KnownRelease>,
    /// What a deployment left that froze and that this one mends.
    pub frozen: Option<ReleaseSpec>,
    /// Its traffic.
    pub baseline: Baseline,
}

impl Plan {
    /// Makes the plan. The same input gives the same plan.
    pub fn make(input: PlanInput) -> Self {
        let mut spec = input
            .again
            .clone()
            .unwrap_or_else(|| spec_of(&input.candidate, &input.service, input.deployment));
        spec.release = input.candidate.release_id(input.deployment);
        let new =
            KnownRelease { spec, candidate: input.candidate, by: input.deployment, start_ms: None };
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
            old: input.old,
            frozen: input.frozen,
            baseline: input.baseline,
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
            Which::Old => self.old.as_ref().map(|old| old.spec.clone()),
            Which::Frozen => self.frozen.clone(),
            Which::Rehearsal => self.old.as_ref().map(|old| {
                let mut spec = old.spec.clone();
                spec.release =
                    ReleaseId::new(format!("{}-rehearsed-{}", spec.release, self.deployment.0));
                spec.replicas = 1;
                spec
            }),
        }
    }
}

fn spec_of(candidate: &Candidate, service: &Service, deployment: DeploymentId) -> ReleaseSpec {
    ReleaseSpec {
        release: candidate.release_id(deployment),
        service: service.name.clone(),
        artifact: candidate.artifact.clone(),
        command: service.command.clone(),
        env: service.env.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        secrets: service.secrets.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        replicas: service.replicas,
        fixed_port: service.fixed_port,
        stop_grace_ms: service.drain_ms,
    }
}
