//! What the engine does beside deployments: it counts requests for budgets, takes fingerprints as
//! soon as a ticket is known, and tells people whom the boards do not reach.

use std::collections::BTreeMap;

use ops_core::{
    checks::{Fingerprint, Tally, qa_verdict},
    deploy::{Deployment, Outcome, Phase},
    id::{DeploymentId, EnvironmentName, ServiceName},
    mutation::{Mutation, on},
    record::{self, Notice},
    signal::SignalSecond,
    time::Now,
    world::Fault,
};

use super::{Engine, EngineError};
use crate::{
    jobs::{Draft, Job, JobKey, Work},
    knowledge::EngineEvent,
    ports::Journal,
};

/// Longest pause between two counts: the door remembers half an hour.
const COUNT_MS: u64 = 10 * 60_000;
const HOUR_SECONDS: i64 = 3_600;
/// Loosened gates that a post names.
const GATES_MAX: usize = 10;
/// Pause before a notice that did not arrive is tried again.
const TELL_AGAIN_MS: u64 = 30_000;

type Counted = (EnvironmentName, ServiceName, Result<Vec<SignalSecond>, Fault>);

/// Where `DevTeam` wants to hear of a board that is away.
const AD_HOC: &str = "ad-hoc";
/// Where post-mortems are posted.
const RETROSPECTIVE: &str = "retrospective";

/// Something that the team is told once.
#[derive(Debug, Clone)]
pub(super) struct Digest {
    pub(super) place: Place,
    text: String,
}

/// Where the team is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the team's channel.
    Team,
    /// That a board is away: on `DevTeam`'s boards it has a channel of its own.
    AdHoc,
    /// Post-mortems, which a model drafts.
    Retrospective,
}

impl<J: Journal> Engine<J> {
    /// Reads what the door counted of services that have a budget.
    pub(super) fn count_job(&mut self, now: &Now, jobs: &mut Vec<Job>) {
        let Some(settings) = self.settings().cloned() else { return };
        let budgets = settings.services.values().filter(|service| service.budget.is_some());
        let mut services = Vec::new();
        for (service, stage) in budgets.flat_map(|one| one.stages.iter().map(move |s| (one, s))) {
            let Some(here) = service.in_stage(&stage.environment) else { continue };
            let key = (stage.environment.clone(), here.name);
            let counted = self.knowledge.tallies.get(&key);
            let after = match counted.and_then(|counted| counted.last.as_ref()) {
                Some((boot, last)) if *boot == now.boot => *last,
                _ => 0,
            };
            services.push((key.0, key.1, after));
        }
        if !services.is_empty() && self.due(&JobKey::Count, COUNT_MS.min(self.heartbeat_ms), now) {
            self.start(Job { key: JobKey::Count, work: Work::Count { services } }, jobs);
        }
    }

    pub(super) fn counted(&mut self, counted: Vec<Counted>, now: &Now) -> Result<(), EngineError> {
        for (environment, service, seconds) in counted {
            // What could not be read now is read next time, as long as the door remembers it.
            let Ok(seconds) = seconds else { continue };
            let Some(last) = seconds.iter().map(|second| second.second).max() else { continue };
            let mut tally = Tally { seconds: seconds.len() as u64, ..Tally::default() };
            for arm in seconds.iter().flat_map(|second| second.arms.iter().map(|(_, arm)| arm)) {
                tally.requests += arm.requests;
                tally.failed += arm.errors();
            }
            let hour = now.wall.as_second().div_euclid(HOUR_SECONDS);
            let boot = now.boot.clone();
            let event = EngineEvent::Counted { environment, service, last, boot, hour, tally };
            self.note(&event, now)?;
        }
        Ok(())
    }

    /// Looks at what a waiting deployment leans on as soon as it is known, long before its turn.
    pub(super) fn first_looks(&mut self, now: &Now, jobs: &mut Vec<Job>) {
        let fresh: Vec<Job> = self
            .deployments
            .values()
            .filter(|one| matches!(one.phase, Phase::Queued { .. }) && one.checklist.is_none())
            .filter(|one| {
                let known = |ticket| self.knowledge.fingerprints.contains_key(ticket);
                !one.created.tickets.first().is_none_or(known)
            })
            .filter(|one| self.due(&JobKey::First(one.id()), self.heartbeat_ms, now))
            .map(|one| Job { key: JobKey::First(one.id()), work: self.gather(one, now) })
            .collect();
        for job in fresh {
            self.start(job, jobs);
        }
    }

    /// Notes what the service leans on, once per verdict of QA, and lets the facts compare with it.
    pub(super) fn fingerprint(
        &mut self,
        id: DeploymentId,
        facts: &mut ops_core::checks::Facts,
        now: &Now,
    ) -> Result<(), EngineError> {
        let Some(created) = self.deployments.get(&id).map(|one| one.created.clone()) else {
            return Ok(());
        };
        let (Some(ticket), Some(verdict)) = (created.tickets.first(), qa_verdict(&created, facts))
        else {
            return Ok(());
        };
        let seen = self.knowledge.fingerprints.get(ticket);
        let unread = facts.now.values().any(|trace| trace.state.is_none());
        if seen.is_none_or(|seen| seen.verdict != verdict) && !unread {
            let (at, items) = (now.wall.to_string(), facts.now.clone());
            let fingerprint = Fingerprint { verdict, at, items };
            facts.then = Some(fingerprint.clone());
            let ticket = ticket.clone();
            return self.note(&EngineEvent::Fingerprinted { ticket, fingerprint }, now);
        }
        facts.then = seen.filter(|seen| seen.verdict == verdict).cloned();
        Ok(())
    }

    /// Tells those whom `notify` lists of everything that froze, until somebody acknowledges.
    pub(super) fn notices(&mut self, now: &Now, jobs: &mut Vec<Job>) {
        let Some(settings) = self.settings().cloned() else { return };
        let mut due = Vec::new();
        for deployment in self.deployments.values() {
            let Phase::Frozen { acknowledged, since, .. } = &deployment.phase else {
                continue;
            };
            let noted = acknowledged.is_some() && !on(Mutation::NeverStopTelling);
            if noted || on(Mutation::TellNobody) {
                continue;
            }
            for who in &settings.notify {
                let key = JobKey::Tell(deployment.id(), who.name.clone());
                let told = self.knowledge.told.get(&(deployment.id(), who.name.clone()));
                let told = told.copied().unwrap_or(0);
                let pause = if told == 0 { TELL_AGAIN_MS } else { who.every_seconds * 1_000 };
                let waited = since.passed(now) >= who.after_seconds * 1_000;
                if waited && self.due(&key, pause, now) {
                    let notice = notice(deployment, &settings.project, told);
                    let (who, notice) = (Box::new(who.clone()), Box::new(notice));
                    due.push(Job { key, work: Work::Tell { who, notice } });
                }
            }
        }
        for job in due {
            self.start(job, jobs);
        }
    }

    /// Has the team told something that only sums up.
    pub(crate) fn digest(&mut self, name: String, text: String) {
        self.digest_in(Place::Team, name, text);
    }

    /// The same, in a place of its own.
    pub(super) fn digest_in(&mut self, place: Place, name: String, text: String) {
        if !self.knowledge.announced.contains(&name) {
            self.digests.insert(name, Digest { place, text });
        }
    }

    /// The channel of a place; `None` as long as `ops.yaml` was not read.
    fn channel(&self, place: Place) -> Option<String> {
        let boards = &self.settings()?.boards;
        Some(match place {
            Place::Retrospective => RETROSPECTIVE.to_owned(),
            Place::AdHoc if boards.devteam.is_some() => AD_HOC.to_owned(),
            Place::AdHoc | Place::Team => boards.channel.clone(),
        })
    }

    /// Has something said in a channel, once, by its name.
    pub(super) fn announce(
        &mut self,
        name: String,
        channel: String,
        text: &str,
        draft: Option<Draft>,
        jobs: &mut Vec<Job>,
    ) {
        let marker = format!("<!-- ops:told:{name} -->");
        let text = format!("{text}\n\n{marker}");
        let work = Work::Announce { channel, text, marker, draft };
        self.start(Job { key: JobKey::Announce(name), work }, jobs);
    }

    /// Tells the team what concerns no single deployment, once.
    pub(super) fn announcements(&mut self, now: &Now, jobs: &mut Vec<Job>) {
        let may = |name: &str| {
            let key = JobKey::Announce(name.to_owned());
            !self.knowledge.announced.contains(name) && self.due(&key, TELL_AGAIN_MS, now)
        };
        let mut owed: BTreeMap<String, Digest> = BTreeMap::new();
        for (name, digest) in self.digests.iter().filter(|(name, _)| may(name)) {
            owed.insert(name.clone(), digest.clone());
        }
        let waits = self.knowledge.waits.as_ref();
        let waits = waits.map(|waits| (format!("waits-{}", waits.0), waits));
        if let Some((name, (commit, loosens))) = waits.filter(|(name, _)| may(name)) {
            let gates: Vec<_> = loosens.iter().take(GATES_MAX).map(ToString::to_string).collect();
            let text = format!(
                "OPS: ops.yaml at {commit} loosens gates and does not govern: {}. The one before \
                 goes on. Next: a ticket whose notes are the one line `settings: {commit}` passes \
                 CQ and QA, or a commit takes it back.",
                record::quoted(&gates.join("; "), 1_000)
            );
            owed.insert(name, Digest { place: Place::Team, text });
        }
        for (name, Digest { place, text }) in owed {
            let Some(channel) = self.channel(place) else { return };
            let draft = (place == Place::Retrospective).then(|| {
                self.draft("Draft a post-mortem: what happened, what to mend.", &text, now)
            });
            self.announce(name, channel, &text, draft.flatten(), jobs);
        }
    }

    pub(super) fn announced(
        &mut self,
        name: &str,
        answer: Result<(), Fault>,
        now: &Now,
    ) -> Result<(), EngineError> {
        match answer {
            Ok(()) => {
                self.digests.remove(name);
                self.note(&EngineEvent::Announced { name: name.to_owned() }, now)
            }
            Err(fault) => {
                tracing::warn!(%fault, name, "the team could not be told");
                Ok(())
            }
        }
    }

    pub(super) fn told(
        &mut self,
        deployment: DeploymentId,
        name: &str,
        outcome: &Outcome,
        now: &Now,
    ) -> Result<(), EngineError> {
        match outcome {
            Outcome::Applied => {
                let name = name.to_owned();
                self.note(&EngineEvent::Told { deployment, name }, now)
            }
            Outcome::NotApplied { fault }
            | Outcome::Unknown { fault }
            | Outcome::Stale { fault } => {
                tracing::warn!(%deployment, name, %fault, "a notice may not have arrived");
                Ok(())
            }
        }
    }
}

fn notice(deployment: &Deployment, project: &str, told: u32) -> Notice {
    let id = deployment.id();
    let cause = deployment.cause().map_or_else(String::new, ops_core::deploy::Cause::words);
    Notice {
        version: Notice::VERSION,
        kind: "frozen".into(),
        project: project.into(),
        deployment: Some(id.to_string()),
        service: Some(deployment.created.service.to_string()),
        environment: Some(deployment.created.environment.to_string()),
        tickets: deployment.created.tickets.iter().map(ToString::to_string).collect(),
        what: format!("{id} froze: its way back failed. It went back because of this: {cause}"),
        next: format!(
            "See `ops explain {id}`. `ops acknowledge {id}` stops these notices; it ends by itself \
             once one version is healthy again, or by a ticket with `fixes: {id}`."
        ),
        told,
    }
}
