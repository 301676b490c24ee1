//! From what is owed to jobs.

use std::sync::Arc;

use ops_core::{
    deploy::{Deployment, Effect, Input, Letter, LookOrder, Phase, Sense, To, effects},
    id::{DeploymentId, IncidentId, Stamp},
    mutation::{Mutation, on},
    plan::Kind,
    time::Now,
};

use super::{AGAIN_MS, Engine, EngineError, MENTIONS_MS, NEWS_MS, away::UNREAD_MS};
use crate::{
    jobs::{Job, JobKey, Known, Standing, Work},
    ports::Journal,
};

/// Rounds of owed effects that the engine itself can settle in one call.
const ROUNDS: usize = 8;

impl<J: Journal> Engine<J> {
    /// Does what the engine can do by itself and returns the jobs to start now.
    ///
    /// # Errors
    ///
    /// If the journal fails. Nothing is lost: the same is owed at the next call.
    pub fn run(&mut self, now: &Now) -> Result<Vec<Job>, EngineError> {
        let mut jobs = Vec::new();
        let ran = self.run_into(&mut jobs, now);
        if ran.is_err() {
            // Nobody begins them now, so nobody would ever say that they have ended.
            for job in &jobs {
                self.running.remove(&job.key);
            }
        }
        ran.map(|()| jobs)
    }

    fn run_into(&mut self, jobs: &mut Vec<Job>, now: &Now) -> Result<(), EngineError> {
        self.renew_leases(now)?;
        self.own_jobs(now, jobs)?;
        let ids: Vec<_> = self.deployments.keys().copied().collect();
        for id in &ids {
            self.feed(*id, &Input::Tick, now)?;
        }
        self.return_again(now)?;
        self.give_turns(now)?;
        for id in ids {
            self.settle(id, now, jobs)?;
        }
        self.send_posts(now, jobs);
        Ok(())
    }

    fn settle(
        &mut self,
        id: DeploymentId,
        now: &Now,
        jobs: &mut Vec<Job>,
    ) -> Result<(), EngineError> {
        for _ in 0..ROUNDS {
            let Some(deployment) = self.deployments.get(&id) else {
                return Ok(());
            };
            let mut changed = false;
            for effect in effects(deployment, now) {
                changed |= self.effect(id, effect, now, jobs)?;
            }
            if !changed {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Starts one effect. True if the engine settled it itself, so that more may be owed now.
    fn effect(
        &mut self,
        id: DeploymentId,
        effect: Effect,
        now: &Now,
        jobs: &mut Vec<Job>,
    ) -> Result<bool, EngineError> {
        let Some(deployment) = self.deployments.get(&id) else {
            return Ok(false);
        };
        match effect {
            Effect::AwaitTurn => {}
            // What a newer ops has begun is not seen here: no check may pass for that (P8, S19).
            Effect::Gather if self.is_too_old() => {}
            Effect::Gather => {
                let key = JobKey::Gather(id);
                if self.due(&key, AGAIN_MS, now) {
                    let work = self.gather(deployment, now);
                    self.start(Job { key, work }, jobs);
                }
            }
            Effect::TakeLease if self.lent(deployment) => {}
            Effect::TakeLease => {
                let key = JobKey::Highest(id);
                let again = if self.stirred.contains(&id) { 0 } else { AGAIN_MS };
                if self.due(&key, again, now) {
                    self.start(Job { key, work: Work::Highest }, jobs);
                }
            }
            Effect::GiveLease => return self.give_lease(id, now),
            Effect::Reserve => return self.reserve(id, now),
            Effect::Act { op, act } => {
                let key = JobKey::Act(id, op);
                // Of what froze nobody knows here to whom it has lent its place.
                let back =
                    deployment.goes_back() && !matches!(deployment.phase, Phase::Frozen { .. });
                let may = !self.is_too_old() || back;
                if let (Some(generation), true) = (deployment.lease, may) {
                    let stamp = Stamp { generation, deployment: id.0, op };
                    self.start(Job { key, work: Work::Act { stamp, act } }, jobs);
                }
            }
            Effect::Look(order) if !self.gives_way(deployment) => self.look(id, order, now, jobs),
            Effect::Look(_) => {}
            Effect::Sense(sense) => self.sense(id, sense, now, jobs),
            Effect::Judge(dossier) => return self.judge(id, &dossier, now, jobs),
            Effect::ReadTicket { every_ms } => {
                let key = JobKey::Ticket(id);
                let ticket = deployment.created.tickets.first().cloned();
                if let (true, Some(ticket)) = (self.due(&key, every_ms, now), ticket) {
                    let waits =
                        matches!(deployment.phase, Phase::Queued { .. } | Phase::Held { .. });
                    let work = Work::ReadTicket { id: ticket, waits };
                    self.start(Job { key, work }, jobs);
                }
            }
            Effect::Deliver { n } => self.letter(id, n, true, now, jobs)?,
            Effect::FindLetter { n } => self.letter(id, n, false, now, jobs)?,
        }
        Ok(false)
    }

    /// Sends a letter, or looks for it. A post that may be told with others waits for them first.
    fn letter(
        &mut self,
        id: DeploymentId,
        n: u32,
        deliver: bool,
        now: &Now,
        jobs: &mut Vec<Job>,
    ) -> Result<(), EngineError> {
        let outbox = self.deployments.get(&id).map(|deployment| &deployment.outbox);
        let letter = outbox.and_then(|outbox| outbox.iter().find(|letter| letter.n == n));
        let Some(mut letter) = letter.cloned().map(Box::new) else { return Ok(()) };
        if deliver && letter.gathers() {
            self.gathering.entry((id, n)).or_insert(now.ms);
            return Ok(());
        }
        if matches!(letter.to, To::Comment { .. }) {
            letter.body.push_str(&self.anchor()?);
        }
        let marker = Letter::marker(id, n);
        let key = JobKey::Letter(id, n);
        if deliver {
            self.start(Job { key, work: Work::Deliver { letter, marker } }, jobs);
        } else if self.due(&key, if self.stirred.contains(&id) { 0 } else { AGAIN_MS }, now) {
            self.start(Job { key, work: Work::Find { letter, marker } }, jobs);
        }
        Ok(())
    }

    fn look(&mut self, id: DeploymentId, order: LookOrder, now: &Now, jobs: &mut Vec<Job>) {
        let key = JobKey::Look(id);
        let at_once = self.stirred.contains(&id);
        let plan = self.deployments.get(&id).and_then(|deployment| deployment.plan.clone());
        let (Some(plan), false) = (plan, self.running.contains(&key)) else {
            return;
        };
        if at_once || self.due(&key, order.every_ms, now) {
            self.stirred.remove(&id);
            self.looking.insert(id, self.acts_ended(id));
            self.start(Job { key, work: Work::Look { plan, order } }, jobs);
        }
    }

    fn sense(&mut self, id: DeploymentId, sense: Sense, now: &Now, jobs: &mut Vec<Job>) {
        let plan = self.deployments.get(&id).and_then(|deployment| deployment.plan.clone());
        let key = JobKey::Sense(id, sense.name());
        if let (Some(plan), true) = (plan, self.due(&key, sense.every_ms(), now)) {
            let work = Work::Sense { plan, sense: Box::new(sense), now: now.clone() };
            self.start(Job { key, work }, jobs);
        }
    }

    /// How many acts of a deployment have ended.
    pub(super) fn acts_ended(&self, id: DeploymentId) -> u32 {
        self.acts_ended.get(&id).copied().unwrap_or(0)
    }

    /// Facts for the checks, with all that ops knows.
    pub(super) fn gather(&self, deployment: &Deployment, now: &Now) -> Work {
        let created = &deployment.created;
        let undo = match created.kind {
            Kind::Release | Kind::Settings { .. } | Kind::Adoption => None,
            Kind::Rotation { of } => self.serves_good(of),
            Kind::Rollback { of, ref by } if *by == created.me => self.before_its_ticket(of),
            Kind::Rollback { of, .. } => self.before(of),
        };
        let in_group = |other: &&Deployment| {
            other.id() != deployment.id() && other.created.group == created.group
        };
        let blocking =
            self.deployments.values().filter(in_group).filter(|other| other.blocks_group());
        let knowledge = &self.knowledge;
        let known = Known {
            at: now.wall,
            now: now.clone(),
            governs: knowledge.governs.clone(),
            serving: knowledge.serving_all(),
            shipped: knowledge
                .tried
                .iter()
                .map(|(ticket, tried)| (tried.by, ticket.clone()))
                .collect(),
            undo,
            promoted: self.promoted(deployment),
            seen: self
                .knowledge
                .seen_outside
                .get(&(created.environment.clone(), created.service.clone()))
                .cloned(),
            conflicts: blocking.map(Deployment::id).collect(),
            condemned: knowledge.guards().cloned().collect(),
            answered: created.tickets.iter().any(|ticket| knowledge.again.contains(ticket)),
            then: created
                .tickets
                .first()
                .and_then(|ticket| knowledge.fingerprints.get(ticket))
                .cloned(),
            tallies: knowledge.tallies.clone(),
            standing: self.standing(deployment),
            only_candidate: false,
            soaked: created
                .tickets
                .first()
                .and_then(|ticket| knowledge.tried.get(ticket))
                .and_then(crate::knowledge::Tried::comes_next),
            notebook: Arc::clone(&self.notebook),
        };
        Work::Gather { created: Box::new(created.clone()), known: Box::new(known) }
    }

    /// What a ticket may say that it fixes (S11): what froze in its lock group, and what serves of
    /// its service, with the checks that were green before. What froze stands although it gave way
    /// to this very ticket, until something newer serves.
    fn standing(&self, deployment: &Deployment) -> Vec<Standing> {
        let created = &deployment.created;
        let key = (created.environment.clone(), created.service.clone());
        let serves = self.knowledge.serves.get(&key).map(|(_, by)| *by);
        let serves = serves.map(|by| self.brought_first(by));
        // What an incident is about: the deployment that it was attached to, or what serves since.
        let of_incident = |id: IncidentId| {
            let open = self.open_incidents().find(|one| one.incident.id == id)?;
            let known = &open.incident;
            let here = known.environment == created.environment && known.service == created.service;
            here.then(|| known.deployment.into_iter().chain(serves).collect::<Vec<_>>())
        };
        let standing = |named: &str, id: DeploymentId| {
            // To recall it is to read its whole story: only for those who ask.
            let one = self.recall(id).ok()??;
            let froze = matches!(one.phase, Phase::Frozen { .. } | Phase::Thawed { .. })
                && one.created.group == created.group
                && serves.is_none_or(|by| by < id);
            if !froze && serves != Some(id) {
                return None;
            }
            let checks = one.checklist?;
            let passed = checks.checks.iter().filter(|check| check.verdict.lets_pass());
            let green = passed.map(|check| check.id.clone()).collect();
            let left = one.plan.filter(|_| froze).map(|plan| plan.new.spec.clone());
            Some(Standing { named: named.to_owned(), id, green, left })
        };
        let named = |name: &String| {
            let name = name.to_ascii_uppercase();
            if let Some(incident) = IncidentId::read(&name) {
                return of_incident(incident)?.into_iter().find_map(|id| standing(&name, id));
            }
            let number = name.strip_prefix("D-")?.parse().ok()?;
            standing(&name, DeploymentId(number))
        };
        self.fixed_by(deployment).iter().filter_map(named).collect()
    }

    /// The journal's head, for a comment: an edit of anything before it is found by comparing
    /// (P14).
    pub(super) fn anchor(&self) -> Result<String, EngineError> {
        if on(Mutation::DropAnchor) {
            return Ok(String::new());
        }
        let (seq, hash) = self.journal.head()?;
        Ok(format!("\n<!-- ops:journal:{seq}:{hash} -->"))
    }

    /// Whether a repeated job may run again.
    pub(super) fn due(&self, key: &JobKey, every_ms: u64, now: &Now) -> bool {
        let rested = self.last.get(key).is_none_or(|last| now.ms >= last.saturating_add(every_ms));
        rested && !self.running.contains(key)
    }

    pub(super) fn start(&mut self, job: Job, jobs: &mut Vec<Job>) {
        if self.running.insert(job.key.clone()) {
            jobs.push(job);
        }
    }

    /// The queue, mentions, answers.
    fn own_jobs(&mut self, now: &Now, jobs: &mut Vec<Job>) -> Result<(), EngineError> {
        let every = match &self.away {
            _ if self.nudged => NEWS_MS,
            _ if self.queue.is_none() => AGAIN_MS,
            Some(_) => self.heartbeat_ms.min(UNREAD_MS),
            None => self.heartbeat_ms,
        };
        if self.due(&JobKey::Queue, every, now) {
            self.nudged = false;
            let governs = self.knowledge.governs.clone();
            self.start(Job { key: JobKey::Queue, work: Work::Queue { governs } }, jobs);
        }
        if self.due(&JobKey::Mentions, MENTIONS_MS, now) {
            let after = self.mentions_after.clone();
            self.start(Job { key: JobKey::Mentions, work: Work::Mentions { after } }, jobs);
        }
        self.answer_jobs(now, jobs)?;
        self.prune_job(now, jobs);
        self.count_job(now, jobs);
        self.secrets_job(now, jobs);
        self.notices(now, jobs);
        self.reports(now, jobs)?;
        self.announcements(now, jobs);
        self.first_looks(now, jobs);
        Ok(())
    }

    /// Clears artifacts that no way back needs, while nothing is under way.
    fn prune_job(&mut self, now: &Now, jobs: &mut Vec<Job>) {
        let Some(settings) = self.settings().cloned() else { return };
        if self.is_too_old() {
            // What a newer ops needs for its ways back is not known here.
            return;
        }
        let idle = !self.deployments.values().any(Deployment::blocks_group);
        if idle && self.due(&JobKey::Prune, self.heartbeat_ms, now) {
            let mut keep = self.knowledge.kept_artifacts(settings.retention.releases as usize);
            keep.extend(self.to_be_adopted());
            self.start(Job { key: JobKey::Prune, work: Work::Prune { keep } }, jobs);
        }
    }

    /// The first of each free lock group may check; a person's halt of everything stops that.
    fn give_turns(&mut self, now: &Now) -> Result<(), EngineError> {
        let waiting: Vec<_> = self
            .deployments
            .values()
            .filter(|one| matches!(one.phase, Phase::Queued { .. } | Phase::Held { .. }))
            .filter(|deployment| effects(deployment, now).contains(&Effect::AwaitTurn))
            .map(Deployment::id)
            .collect();
        for id in waiting {
            if self.may_check(id) {
                self.feed(id, &Input::Turn, now)?;
            }
        }
        Ok(())
    }
}
