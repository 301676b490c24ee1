//! Rollbacks that ops begins by itself: what must leave an earlier stage (S12), and what a rollback
//! left where it was because something around it failed (S5).

use ops_core::{
    deploy::{Created, Deployment, Phase, retry_pause_ms},
    id::DeploymentId,
    plan::Kind,
    time::{Now, Timer},
};

use super::{Engine, EngineError};
use crate::{knowledge::EngineEvent, ports::Journal};

impl<J: Journal> Engine<J> {
    /// Begins to take back what a deployment brought to an earlier stage.
    pub(super) fn take_back(&mut self, of: DeploymentId, now: &Now) -> Result<(), EngineError> {
        if self.is_too_old() {
            return Ok(());
        }
        let first = self.brought_first(of);
        let Some(shipped) = self.recall(first)? else { return Ok(()) };
        let Some(plan) = shipped.plan.clone() else { return Ok(()) };
        let origin = self.recall(self.came_by(&plan.environment, &plan.new))?;
        let soaked = origin.and_then(|one| one.plan).is_some_and(|plan| plan.soak.is_some());
        if !soaked {
            return Ok(());
        }
        // What came first stays until something newer comes.
        let came_first = plan.old.is_none() || self.before_its_ticket(first).is_none();
        if !came_first && !self.is_returned(first) {
            let created = Created {
                id: self.next_deployment()?,
                kind: Kind::Rollback { of: first, by: shipped.created.me.clone() },
                retries: 0,
                ..shipped.created
            };
            self.create(created, now)?;
        }
        // After the rollback was begun: a crash between the two only finds it under way.
        self.note(&EngineEvent::Recalled { of }, now)
    }

    /// Begins those rollbacks anew that ended without a verdict and whose pause is over, where what
    /// they were to take back serves still.
    pub(super) fn return_again(&mut self, now: &Now) -> Result<(), EngineError> {
        if self.knowledge.halted.is_some() || self.is_too_old() {
            return Ok(());
        }
        let over = self.knowledge.unreturned.iter().filter(|(_, (_, pause))| pause.over(now));
        let due: Vec<_> = over.map(|(of, (by, _))| (*of, *by)).collect();
        for (of, by) in due {
            let Some(before) = self.recall(by)?.map(|one| one.created) else { continue };
            let key = (before.environment.clone(), before.service.clone());
            let serves = self.knowledge.serves.get(&key).map(|(_, serves)| *serves);
            let still =
                serves.is_some_and(|serves| self.brought_first(serves) == self.brought_first(of));
            if still && !self.is_returned(of) {
                let id = self.next_deployment()?;
                self.create(Created { id, retries: before.retries + 1, ..before }, now)?;
            }
            self.note(&EngineEvent::Recalled { of }, now)?;
        }
        Ok(())
    }

    /// Whether a rollback of a deployment is under way.
    fn is_returned(&self, of: DeploymentId) -> bool {
        self.deployments().any(|one| {
            matches!(one.created.kind, Kind::Rollback { of: its, .. } if its == of)
                && !one.at_rest()
        })
    }
}

/// What is to be remembered of a rollback that nothing speaks against and that did not come about.
pub(super) fn unreturned(deployment: &Deployment, now: &Now) -> Option<EngineEvent> {
    let Kind::Rollback { of, .. } = deployment.created.kind else { return None };
    let went_back = matches!(deployment.phase, Phase::RolledBack { .. } | Phase::Thawed { .. });
    let unjudged = deployment.cause().is_some_and(|cause| cause.retries() && !cause.condemns());
    let pause = Timer::start(now, retry_pause_ms(deployment.created.retries));
    (went_back && unjudged).then(|| EngineEvent::Unreturned { of, by: deployment.id(), pause })
}
