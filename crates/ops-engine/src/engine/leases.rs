//! Leases with generations (P4), and the space that a way back needs (S20).

use ops_core::{
    deploy::{Deployment, Input, LeaseAnswer, Phase},
    id::{DeploymentId, Generation},
    mutation::{Mutation, on},
    time::Now,
    world::Fault,
};

use super::{Engine, EngineError, LEASE_MS, RENEW_MS};
use crate::ports::{Journal, JournalError, LeaseRefused};

fn holder(id: DeploymentId) -> String {
    id.to_string()
}

impl<J: Journal> Engine<J> {
    /// Takes the lease of a deployment's group, above everything that the world has seen.
    pub(super) fn take_lease(
        &mut self,
        id: DeploymentId,
        highest: Result<Generation, Fault>,
        now: &Now,
    ) -> Result<(), EngineError> {
        let Some(deployment) = self.deployments.get(&id) else {
            return Ok(());
        };
        let group = deployment.created.group.clone();
        // What froze lends its place to the ticket that mends it, after all other checks have
        // passed. It stays frozen until that ticket's watch has passed: whatever becomes of the
        // mending, somebody answers for what froze. Its last act is not read back any more: what was
        // accepted and comes about late does so within the time of a lease.
        let mended: Vec<_> = self
            .deployments
            .values()
            .filter(|other| other.created.group == group && self.mends(deployment, other))
            .collect();
        if mended.iter().any(|other| other.busy() || other.acted_within(LEASE_MS, now)) {
            let words = "an act of what froze is under way, or may still land".to_owned();
            return self.feed(id, &Input::Lease(LeaseAnswer::Failed(words)), now);
        }
        let mended: Vec<_> = mended.into_iter().map(Deployment::id).collect();
        for other in mended.into_iter().filter(|_| highest.is_ok()) {
            // What froze still wants it: it is lost to the one that mends it, not given back.
            self.journal.release(&group, &holder(other))?;
            self.lose_lease(other, &format!("lent to {id}, which mends it"), now)?;
        }
        let answer = match highest {
            Err(fault) => LeaseAnswer::Failed(fault.to_string()),
            Ok(highest) => {
                self.highest = self.highest.max(highest);
                self.ask_lease(id, &group, now)?
            }
        };
        self.feed(id, &Input::Lease(answer), now)
    }

    /// Whether what froze rests because the ticket that mends it wants its lease: an act of its own
    /// would only put that off.
    pub(super) fn gives_way(&self, frozen: &Deployment) -> bool {
        let wants = |other: &Deployment| {
            matches!(other.phase, Phase::Planned { failed: None, .. })
                && other.lease.is_none()
                && other.created.group == frozen.created.group
                && self.mends(other, frozen)
        };
        matches!(frozen.phase, Phase::Frozen { .. }) && self.deployments.values().any(wants)
    }

    /// Whether what froze has lent its lease to the ticket that mends it: it takes it back, also
    /// after a restart, only when that one has ended.
    pub(super) fn lent(&self, frozen: &Deployment) -> bool {
        let Some(left) = frozen.plan.as_ref().map(|plan| &plan.new.spec.release) else {
            return false;
        };
        let mends = |other: &Deployment| {
            let plan = other.plan.as_ref().and_then(|plan| plan.frozen.as_ref());
            other.blocks_group() && plan.is_some_and(|its| its.release == *left)
        };
        matches!(frozen.phase, Phase::Frozen { .. }) && self.deployments.values().any(mends)
    }

    fn ask_lease(
        &mut self,
        id: DeploymentId,
        group: &str,
        now: &Now,
    ) -> Result<LeaseAnswer, EngineError> {
        let above = self.highest;
        // A lease is asked for only where none is known. What the journal may still have for this
        // deployment was lost to something with a higher generation: to renew it would be to be
        // refused as stale for ever.
        let given_back = self.journal.release(group, &holder(id)).map_err(LeaseRefused::Journal);
        let answer =
            given_back.and_then(|()| self.journal.lease(group, &holder(id), above, now, LEASE_MS));
        match answer {
            Ok(lease) => {
                let generation = lease.generation;
                self.highest = self.highest.max(generation);
                self.leases.insert(id, (lease, now.ms));
                Ok(LeaseAnswer::Taken(generation))
            }
            Err(LeaseRefused::Held(_)) if on(Mutation::IgnoreLease) => {
                Ok(LeaseAnswer::Taken(self.highest))
            }
            Err(LeaseRefused::Held(by)) => Ok(LeaseAnswer::HeldBy(by)),
            Err(LeaseRefused::Journal(JournalError::Full(why))) => Ok(LeaseAnswer::Failed(why)),
            Err(LeaseRefused::Journal(why)) => Err(why.into()),
        }
    }

    pub(super) fn renew_leases(&mut self, now: &Now) -> Result<(), EngineError> {
        let due: Vec<_> = self
            .leases
            .iter()
            .filter(|(_, (lease, renewed))| {
                lease.until.boot != now.boot || now.ms >= renewed + RENEW_MS
            })
            .map(|(id, (lease, _))| (*id, lease.clone()))
            .collect();
        for (id, lease) in due {
            let holds = self.deployments.get(&id).and_then(|deployment| deployment.lease);
            if holds.is_none() {
                self.leases.remove(&id);
                continue;
            }
            let answer =
                self.journal.lease(&lease.group, &holder(id), Generation::default(), now, LEASE_MS);
            match answer {
                Ok(renewed) if Some(renewed.generation) == holds => {
                    self.leases.insert(id, (renewed, now.ms));
                }
                Ok(_) => self.lose_lease(id, "it had run out", now)?,
                Err(LeaseRefused::Held(by)) => {
                    self.lose_lease(id, &format!("{by} holds it"), now)?;
                }
                // A journal without room for a renewal must not end a deployment: the lease is
                // tried again until it has run out.
                Err(LeaseRefused::Journal(why)) => {
                    tracing::warn!(%why, "a lease could not be renewed");
                    if lease.until.over(now) {
                        self.leases.remove(&id);
                    }
                }
            }
        }
        Ok(())
    }

    fn lose_lease(&mut self, id: DeploymentId, words: &str, now: &Now) -> Result<(), EngineError> {
        self.leases.remove(&id);
        self.feed(id, &Input::Lease(LeaseAnswer::Lost(words.to_owned())), now)
    }

    pub(super) fn give_lease(&mut self, id: DeploymentId, now: &Now) -> Result<bool, EngineError> {
        let Some(deployment) = self.deployments.get(&id) else {
            return Ok(false);
        };
        let group = deployment.created.group.clone();
        self.journal.release(&group, &holder(id))?;
        self.leases.remove(&id);
        self.feed(id, &Input::Lease(LeaseAnswer::Released), now)?;
        Ok(true)
    }

    pub(super) fn reserve(&mut self, id: DeploymentId, now: &Now) -> Result<bool, EngineError> {
        let answer = self.journal.reserve().map_err(|why| why.to_string());
        let acted = self.deployments.get(&id).is_some_and(Deployment::on_the_way);
        if answer.is_err() && acted {
            // The room was there when it began; the way must not end for lack of it now.
            return Ok(false);
        }
        let took = answer.is_ok();
        self.feed(id, &Input::Reserved(answer), now)?;
        Ok(took)
    }

    /// Gives back the leases of a daemon that died: its process lock is ours now.
    pub(super) fn forget_leases(&mut self) -> Result<(), EngineError> {
        for (id, deployment) in &self.deployments {
            self.journal.release(&deployment.created.group, &holder(*id))?;
        }
        Ok(())
    }
}
