//! What one stage means for another (S12): a candidate that is withdrawn or condemned leaves the
//! stages to which it came before, and what takes its place ends its soak.

use ops_core::{
    candidate::Candidate,
    checks::Promoted,
    deploy::{Deployment, Input, Phase, PhaseName},
    id::{DeploymentId, EnvironmentName, TicketId},
    mutation::{Mutation, on},
    plan::{Kind, KnownRelease, Plan},
    time::Now,
};

use super::{Engine, EngineError};
use crate::{
    knowledge::{End, EngineEvent},
    ports::Journal,
};

impl<J: Journal> Engine<J> {
    /// Begins to take back what serves on this stage or earlier ones, where that must be.
    pub(super) fn recall_stages(&mut self, id: DeploymentId, now: &Now) -> Result<(), EngineError> {
        let Some(deployment) = self.deployments.get(&id) else { return Ok(()) };
        let stays = on(Mutation::LeaveOnStage);
        if deployment.created.kind != Kind::Release || !leaves(deployment) || stays {
            return Ok(());
        }
        // What stays because nothing else was healthy is not taken back once more.
        let stays = matches!(deployment.phase, Phase::Thawed { .. });
        let pulled_back = matches!(deployment.phase, Phase::Withdrawn { .. });
        let serving: Vec<_> = self
            .knowledge
            .serves
            .iter()
            .filter(|(_, (_, by))| !stays || *by != id)
            .filter(|(_, (_, by))| !self.knowledge.recalled.contains(by))
            .filter(|((environment, _), (release, _))| {
                self.came_with(deployment, environment, release)
                    && !(pulled_back && self.serves_everybody(release))
            })
            .map(|((environment, _), (release, by))| (environment.clone(), release.clone(), *by))
            .collect();
        let ticket = deployment.created.tickets.first().cloned();
        for (environment, release, of) in serving {
            if let Some(ticket) = &ticket {
                self.recall_rounds(ticket, &environment, &release, of, now)?;
            }
            self.take_back(of, now)?;
        }
        Ok(())
    }

    /// Whether a candidate serves on the last stage: a later round of its ticket that is withdrawn
    /// takes it from nowhere.
    fn serves_everybody(&self, release: &KnownRelease) -> bool {
        self.knowledge.serves.iter().any(|((environment, _), (other, _))| {
            same_candidate(&other.candidate, &release.candidate) && {
                let origin = self.recall(self.came_by(environment, other)).ok().flatten();
                origin.and_then(|one| one.plan.clone()).is_some_and(|plan| plan.soak.is_none())
            }
        })
    }

    /// Notes that what serves was also brought by earlier rounds of a ticket that leaves, where a
    /// rollback of another ticket brought it there again: what comes back is none of them.
    fn recall_rounds(
        &mut self,
        ticket: &TicketId,
        environment: &EnvironmentName,
        serves: &KnownRelease,
        of: DeploymentId,
        now: &Now,
    ) -> Result<(), EngineError> {
        if self.brought_by(of, ticket) {
            return Ok(());
        }
        let same = self.knowledge.releases.iter().filter(|(at, one)| {
            at == environment && same_candidate(&one.candidate, &serves.candidate)
        });
        let rounds: Vec<_> = same
            .map(|(_, one)| one.by)
            .filter(|by| *by != of && !self.knowledge.recalled.contains(by))
            .filter(|by| self.brought_by(*by, ticket))
            .collect();
        for of in rounds {
            self.note(&EngineEvent::Recalled { of }, now)?;
        }
        Ok(())
    }

    fn brought_by(&self, id: DeploymentId, ticket: &TicketId) -> bool {
        let brought = self.recall(id).ok().flatten();
        brought.is_some_and(|one| one.created.tickets.first() == Some(ticket))
    }

    /// Whether what serves somewhere is the candidate that a deployment brings on. Where its checks
    /// never passed nothing says what that would have been: then it is what its ticket brought to
    /// an earlier stage.
    fn came_with(
        &self,
        deployment: &Deployment,
        environment: &EnvironmentName,
        serves: &KnownRelease,
    ) -> bool {
        if let Some(plan) = &deployment.plan {
            return same_candidate(&serves.candidate, &plan.new.candidate);
        }
        // To recall it is to read its whole story: only of this service, on whatever stage.
        let (whole, here) = (&serves.candidate.service, deployment.created.service.as_str());
        let rest = here.strip_prefix(whole.as_str());
        if !rest.is_some_and(|stage| stage.is_empty() || stage.starts_with('@')) {
            return false;
        }
        let ticket = deployment.created.tickets.first();
        ticket.is_some_and(|ticket| self.brought_by(self.came_by(environment, serves), ticket))
    }

    /// The deployment that brought a candidate to a stage first: a rollback brings it there again.
    pub(crate) fn came_by(
        &self,
        environment: &EnvironmentName,
        serves: &KnownRelease,
    ) -> DeploymentId {
        let here = |(at, one): &&(EnvironmentName, KnownRelease)| {
            at == environment && same_candidate(&one.candidate, &serves.candidate)
        };
        self.knowledge.releases.iter().find(here).map_or(serves.by, |(_, first)| first.by)
    }

    /// The ticket of a candidate that comes from an earlier stage, as that stage read it last.
    pub(super) fn promoted(&self, deployment: &Deployment) -> Option<Promoted> {
        let ticket = deployment.created.tickets.first()?;
        let tried = self.knowledge.tried.get(ticket).filter(|tried| tried.end == End::Promoted)?;
        // To recall it is to read its whole story: only between two stages.
        let ticket = self.recall(tried.by).ok()??.ticket?;
        let held = deployment.phase_name() == PhaseName::Checking && deployment.held_on.is_some();
        let evidence = deployment.checklist.as_ref().and_then(|list| list.get("evidence"));
        let read_before = held && evidence.is_some_and(|check| !check.verdict.lets_pass());
        Some(Promoted { ticket: (*ticket).clone(), read_before })
    }

    /// What a deployment has replaced does not soak any longer.
    pub(super) fn end_soaks(&mut self, id: DeploymentId, now: &Now) -> Result<(), EngineError> {
        let Some(plan) = self.deployments.get(&id).and_then(|one| one.plan.clone()) else {
            return Ok(());
        };
        let key = (plan.environment.clone(), plan.service.name.clone());
        let serves = self.knowledge.serves.get(&key).is_some_and(|(_, by)| *by == id);
        if !serves {
            return Ok(());
        }
        self.end_frozen(id, &plan, now)?;
        self.end_rollbacks(id, &plan, now)?;
        let replaced: Vec<_> = self
            .deployments
            .values()
            .filter(|other| other.id() != id && other.phase_name() == PhaseName::Soaking)
            .filter(|other| {
                other.plan.as_ref().is_some_and(|theirs| {
                    theirs.environment == key.0
                        && theirs.service.name == key.1
                        // Another ticket for the same candidate takes nobody's place.
                        && !same_candidate(&theirs.new.candidate, &plan.new.candidate)
                })
            })
            .map(Deployment::id)
            .collect();
        for other in replaced {
            self.feed(other, &Input::Superseded { by: id }, now)?;
        }
        Ok(())
    }
}

/// Whether two stages have the same candidate. Where a ticket names no commit of `ops.yaml`, another
/// one may govern by the time of the next stage: what was asked for is still the same.
pub(super) fn same_candidate(one: &Candidate, other: &Candidate) -> bool {
    one.service == other.service && one.artifact == other.artifact && one.notes == other.notes
}

impl<J: Journal> Engine<J> {
    /// What rollbacks that have not begun were to take back is not there any more.
    fn end_rollbacks(
        &mut self,
        id: DeploymentId,
        plan: &Plan,
        now: &Now,
    ) -> Result<(), EngineError> {
        let first = self.brought_first(id);
        let over = |other: &&Deployment| {
            matches!(other.created.kind, Kind::Rollback { of, .. } if self.brought_first(of) != first)
                && matches!(other.phase, Phase::Queued { .. } | Phase::Held { .. })
                && other.created.environment == plan.environment
                && other.created.service == plan.service.name
        };
        let over: Vec<_> = self.deployments.values().filter(over).map(Deployment::id).collect();
        for other in over {
            self.feed(other, &Input::Superseded { by: id }, now)?;
        }
        Ok(())
    }

    /// What froze, and what this deployment was to mend, is over once this one serves (S11).
    fn end_frozen(&mut self, id: DeploymentId, plan: &Plan, now: &Now) -> Result<(), EngineError> {
        let Some(left) = &plan.frozen else { return Ok(()) };
        let over = |other: &&Deployment| {
            matches!(other.phase, Phase::Frozen { .. })
                && other.plan.as_ref().is_some_and(|its| its.new.spec.release == left.release)
        };
        let mended: Vec<_> = self.deployments.values().filter(over).map(Deployment::id).collect();
        for other in mended {
            self.feed(other, &Input::Superseded { by: id }, now)?;
        }
        Ok(())
    }
}

/// Whether its candidate must not stay on any stage.
fn leaves(deployment: &Deployment) -> bool {
    match &deployment.phase {
        Phase::Withdrawn { .. } => true,
        Phase::RolledBack { cause } | Phase::Thawed { cause, .. } => cause.condemns(),
        _ => false,
    }
}
