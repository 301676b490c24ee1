//! The engine: inputs in, durable events, jobs out. Synchronous; it owns the journal and nothing
//! else, so a crash loses only what the journal does not have.

mod adoptions;
mod away;
mod dispatch;
mod judgements;
mod leases;
mod outcome;
mod posts;
mod recover;
mod reports;
mod returns;
mod rotations;
mod stages;
mod upkeep;

pub use recover::replay;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ops_core::{
    deploy::{Deployment, Event, Health, Input, Phase, Rejection, decided, wake_at},
    id::{DeploymentId, Generation, Identity, IncidentId, TicketId},
    mutation::{Mutation, on},
    notes::NotesFound,
    settings::{Role, Settings},
    ticket::Message,
    time::{BootMs, Now},
};

use crate::{
    chat::{Patience, Sight},
    jobs::{Done, Job, JobKey, QueueRead},
    knowledge::{EngineEvent, Knowledge},
    notebook::Notebook,
    ports::{Journal, JournalError, Lease, Summary},
};

/// The version of the event format that this program writes and reads.
pub const FORMAT: u32 = 1;
/// How long a lease lasts, and how often it is renewed (DESIGN §6).
const LEASE_MS: u64 = 30_000;
const RENEW_MS: u64 = 10_000;
/// Pause before something that failed for a passing reason is tried again.
const AGAIN_MS: u64 = 1_000;
/// Pause between two readings of the queue while boards tell of news: what happened is with the
/// checks within a second.
const NEWS_MS: u64 = 500;
/// So much longer nobody asks for a ticket or a letter that could not be looked at.
const SILENT_MS: u64 = 9_000;
/// An answer that did not stand in its channel may come late: so long it is not given again.
const UNSURE_MS: u64 = 30_000;
/// Pause between two readings of mentions.
const MENTIONS_MS: u64 = 2_000;

/// What can go wrong in the engine itself.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The journal failed. Nothing happened; the same will be tried again.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal holds an event that this program cannot read.
    #[error(
        "record {seq} of the journal cannot be read by this ops ({why}); use the ops that wrote it"
    )]
    Unreadable {
        /// The record.
        seq: u64,
        /// Why.
        why: String,
    },
    /// The request does not fit.
    #[error(transparent)]
    Rejected(#[from] Rejection),
}

/// The engine.
pub struct Engine<J: Journal> {
    journal: J,
    /// Deployments that have not ended, whole.
    deployments: BTreeMap<DeploymentId, Deployment>,
    knowledge: Knowledge,
    /// Health per replica, counted over looks; starts from nothing after a restart.
    health: BTreeMap<String, (Health, BootMs)>,
    running: BTreeSet<JobKey>,
    /// How many acts of a deployment have ended since the start.
    acts_ended: BTreeMap<DeploymentId, u32>,
    /// The same when the look under way began: what began before the last act ended does not read
    /// it back (P7).
    looking: BTreeMap<DeploymentId, u32>,
    /// When a repeated job last ended.
    last: BTreeMap<JobKey, BootMs>,
    /// Deployments that changed since their last look: the next one is due at once.
    stirred: BTreeSet<DeploymentId>,
    leases: BTreeMap<DeploymentId, (Lease, BootMs)>,
    highest: Generation,
    queue: Option<QueueRead>,
    /// What tickets of that queue say that they fix, as far as it was asked: notes are read once.
    fixes: RefCell<BTreeMap<TicketId, Vec<String>>>,
    /// What notes said when they were read before.
    pub(crate) notebook: Arc<Notebook>,
    governing: Option<Arc<Settings>>,
    heartbeat_ms: u64,
    /// The queue shall be read as soon as possible.
    nudged: bool,
    mentions: Vec<Message>,
    mentions_after: Option<String>,
    /// What was seen last, for answers.
    sight: Sight,
    /// Until when an answer of which nobody knows whether it stands is not given again.
    unsure: BTreeMap<String, BootMs>,
    pub(crate) patience: Patience,
    /// Posts that wait for others of their kind, and since when.
    gathering: BTreeMap<(DeploymentId, u32), BootMs>,
    /// What the team shall be told, by name; lost in a crash, since it only sums up.
    digests: BTreeMap<String, upkeep::Digest>,
    /// Set while the queue cannot be read.
    away: Option<away::Away>,
    /// Kept for tests and the simulation: every decision as (phase, input, phase after).
    watcher: Option<Watcher>,
    /// Set when the journal was written by a newer ops: nothing forward is done (S19).
    too_new: Option<u32>,
}

/// Is told of every decision.
pub type Watcher = Box<dyn FnMut(&Deployment, &Input, &Deployment) + Send>;

impl<J: Journal> Engine<J> {
    /// The journal, for reading.
    pub fn journal(&self) -> &J {
        &self.journal
    }

    /// What is known beside the deployments.
    pub fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// Deployments that have not ended.
    pub fn deployments(&self) -> impl Iterator<Item = &Deployment> {
        self.deployments.values()
    }

    /// One that has not ended.
    pub fn deployment(&self, id: DeploymentId) -> Option<&Deployment> {
        self.deployments.get(&id)
    }

    /// The queue as it was last read.
    pub fn queue(&self) -> Option<&QueueRead> {
        self.queue.as_ref()
    }

    /// The settings as they were last read.
    pub(crate) fn settings(&self) -> Option<&Arc<Settings>> {
        self.governing.as_ref()
    }

    /// Whether a newer ops has written what this one cannot read: it begins nothing, and acts only
    /// where it takes back what it began (S19).
    pub fn is_too_old(&self) -> bool {
        self.too_new.is_some() && !on(Mutation::ActOnNewer)
    }

    /// Tells a watcher of every decision from now on.
    pub fn watch_decisions(&mut self, watcher: Watcher) {
        self.watcher = Some(watcher);
    }

    /// Something changed on a board: the queue is read as soon as possible.
    pub fn nudge(&mut self) {
        self.nudged = true;
    }

    /// Lets a deployment take an input: decides, makes the events durable, applies them.
    pub(crate) fn feed(
        &mut self,
        id: DeploymentId,
        input: &Input,
        now: &Now,
    ) -> Result<(), EngineError> {
        let Some(before) = self.deployments.get(&id) else {
            return Ok(());
        };
        let (events, after) = decided(before, input, now)?;
        let Some(after) = after else {
            self.seen_by_watcher(id, input, None);
            return Ok(());
        };
        let material =
            events.iter().any(|event| !matches!(event, Event::Seen { .. } | Event::Beat));
        // Of a second that was seen nothing stands in lists that the next step would not bring.
        let summary = material.then(|| outcome::summary(&after));
        self.append(id, &events, summary.as_ref(), now)?;
        if material {
            self.stirred.insert(id);
        }
        let previous = self.deployments.insert(id, after);
        self.seen_by_watcher(id, input, previous.as_ref());
        self.learn(id, now)?;
        self.retire_ended(id);
        Ok(())
    }

    fn seen_by_watcher(&mut self, id: DeploymentId, input: &Input, before: Option<&Deployment>) {
        if let (Some(watcher), Some(after)) = (&mut self.watcher, self.deployments.get(&id)) {
            watcher(before.unwrap_or(after), input, after);
        }
    }

    fn append(
        &mut self,
        id: DeploymentId,
        events: &[Event],
        summary: Option<&Summary>,
        now: &Now,
    ) -> Result<(), EngineError> {
        let forgotten = |event: &Event| {
            on(Mutation::ActWithoutIntent) && matches!(event, Event::OpIntended { .. })
        };
        let bodies = events
            .iter()
            .filter(|event| !forgotten(event))
            .map(|event| Ok((FORMAT, serde_json::to_value(event)?)))
            .collect::<Result<Vec<_>, serde_json::Error>>()
            .map_err(|why| JournalError::Failed(why.to_string()))?;
        self.journal.append(Some(id), now, &bodies, summary)?;
        Ok(())
    }

    pub(crate) fn note(&mut self, event: &EngineEvent, now: &Now) -> Result<(), EngineError> {
        let body =
            serde_json::to_value(event).map_err(|why| JournalError::Failed(why.to_string()))?;
        self.journal.append(None, now, &[(FORMAT, body)], None)?;
        self.knowledge.apply(event);
        Ok(())
    }

    /// Drops a deployment from memory once nothing more will happen to it.
    fn retire_ended(&mut self, id: DeploymentId) {
        if self.deployments.get(&id).is_some_and(Deployment::ended) {
            self.deployments.remove(&id);
            self.stirred.remove(&id);
            self.looking.remove(&id);
            self.acts_ended.remove(&id);
            self.nudged = true;
        }
    }

    /// The boot time at which [`Self::run`] has something to do again, at the latest.
    pub fn wake_at(&self, now: &Now) -> BootMs {
        let own = now.ms + AGAIN_MS;
        self.deployments
            .values()
            .filter_map(|deployment| wake_at(deployment, now))
            .map(|at| at.max(now.ms))
            .chain([own])
            .min()
            .unwrap_or(own)
    }

    /// Takes the result of a job.
    pub fn done(&mut self, key: &JobKey, done: Done, now: &Now) -> Result<(), EngineError> {
        self.running.remove(key);
        self.last.insert(key.clone(), now.ms);
        match (key, done) {
            (JobKey::Gather(id), Done::Gathered(mut facts)) => {
                if let Some(one) = self.deployments.get(id) {
                    self.sight.gathered(&one.created, &facts, now.ms);
                }
                self.fingerprint(*id, &mut facts, now)?;
                self.seen_outside(*id, &facts, now)?;
                self.feed(*id, &Input::Facts(facts), now)
            }
            (JobKey::First(id), Done::Gathered(mut facts)) => {
                self.fingerprint(*id, &mut facts, now)
            }
            (JobKey::Judge(id), Done::Judged(dossier, exchange)) => {
                self.judged(*id, &dossier, &exchange, now)
            }
            (JobKey::Count, Done::Counted(counted)) => self.counted(counted, now),
            (JobKey::Secrets, Done::Secrets(found)) => self.secrets_read(&found, now),
            (JobKey::Tell(id, name), Done::Ended(outcome)) => self.told(*id, name, &outcome, now),
            (JobKey::Act(id, op), Done::Ended(outcome)) => {
                *self.acts_ended.entry(*id).or_default() += 1;
                self.feed(*id, &Input::OpEnded { op: *op, outcome }, now)
            }
            (JobKey::Letter(id, n), Done::Ended(outcome)) => {
                self.feed(*id, &Input::LetterEnded { n: *n, outcome }, now)
            }
            (JobKey::Posts(letters), Done::Ended(outcome)) => {
                self.posts_ended(letters, &outcome, now)
            }
            (JobKey::Letter(id, n), Done::Found(found)) => {
                if found.is_err() {
                    self.last.insert(key.clone(), now.ms + SILENT_MS);
                }
                self.feed(*id, &Input::LetterLooked { n: *n, found }, now)
            }
            (JobKey::Ticket(id), Done::Ticket(answer)) => {
                if answer.is_err() {
                    // Some are read every second: not from a board that does not answer.
                    self.last.insert(key.clone(), now.ms + SILENT_MS);
                }
                self.feed(*id, &Input::TicketRead(answer), now)
            }
            (JobKey::Look(id), Done::Looked(looked)) => self.looked(*id, *looked, now),
            (JobKey::Sense(id, _), Done::Sensed(sensed)) => {
                self.feed(*id, &Input::Sensed(sensed), now)
            }
            (JobKey::Highest(id), Done::Highest(answer)) => self.take_lease(*id, answer, now),
            (JobKey::Queue, Done::Queue(answer)) => self.queue_read(answer, now),
            (JobKey::Mentions, Done::Mentions(answer)) => {
                self.mentions_read(answer);
                Ok(())
            }
            (JobKey::Prune, Done::Pruned(answer)) => {
                if let Err(why) = answer {
                    tracing::warn!(%why, "the artifact store could not be cleared");
                }
                Ok(())
            }
            (key @ (JobKey::Answer(_) | JobKey::Announce(_)), done) => self.said(key, done, now),
            (key, _) => {
                tracing::error!(?key, "a job ended with an answer of another kind");
                Ok(())
            }
        }
    }

    /// Something was said in a channel, perhaps with a model's words beside it.
    fn said(&mut self, key: &JobKey, done: Done, now: &Now) -> Result<(), EngineError> {
        match (key, done) {
            (JobKey::Answer(message), Done::Answered(answer)) => {
                self.answered(message, answer, now)
            }
            (JobKey::Answer(message), Done::Drafted { asked, exchange, answer }) => {
                self.consulted(None, "for an answer", Some(asked), &exchange, now)?;
                self.answered(message, answer, now)
            }
            (JobKey::Announce(name), Done::Answered(answer)) => self.announced(name, answer, now),
            (JobKey::Announce(name), Done::Drafted { asked, exchange, answer }) => {
                self.consulted(None, name, Some(asked), &exchange, now)?;
                self.announced(name, answer, now)
            }
            (key, _) => {
                tracing::error!(?key, "something was said and nobody tells how that ended");
                Ok(())
            }
        }
    }

    /// Everyone who may steer, as last read.
    pub(crate) fn may_steer(&self, who: &Identity) -> bool {
        self.settings().is_some_and(|settings| settings.people.may_steer(who))
    }
}

impl<J: Journal> Engine<J> {
    pub(crate) fn heartbeat_is(&mut self, ms: u64) {
        self.heartbeat_ms = ms;
    }

    pub(crate) fn remember_settings(&mut self, settings: Arc<Settings>) {
        self.governing = Some(settings);
    }

    pub(crate) fn remember_queue(&mut self, queue: QueueRead) {
        self.remember_settings(Arc::clone(&queue.settings));
        self.queue = Some(queue);
        self.fixes.get_mut().clear();
    }

    pub(crate) fn next_deployment(&mut self) -> Result<DeploymentId, EngineError> {
        Ok(self.journal.next_deployment()?)
    }

    /// Whether another deployment keeps this one out of its lock group.
    pub(crate) fn group_taken(&self, deployment: &Deployment) -> bool {
        let ignored = on(Mutation::IgnoreLease);
        self.deployments.values().any(|other| {
            !ignored
                && other.id() != deployment.id()
                && other.created.group == deployment.created.group
                && other.blocks_group()
                && !self.mends(deployment, other)
        })
    }

    /// Whether a deployment's ticket says that it fixes another one that froze (S11). Its checks
    /// decide whether that counts.
    pub(crate) fn mends(&self, deployment: &Deployment, frozen: &Deployment) -> bool {
        if !matches!(frozen.phase, Phase::Frozen { .. }) {
            return false;
        }
        let incident = |name: &str| {
            let id = IncidentId::read(name)?;
            let open = self.open_incidents().find(|one| one.incident.id == id)?;
            open.incident.deployment
        };
        let frozen = frozen.id();
        self.fixed_by(deployment).iter().any(|name| {
            name.eq_ignore_ascii_case(&frozen.to_string()) || incident(name) == Some(frozen)
        })
    }

    /// What a deployment's ticket says that it fixes.
    pub(crate) fn fixed_by(&self, deployment: &Deployment) -> Vec<String> {
        let (Some(queue), Some(id)) = (&self.queue, deployment.created.tickets.first()) else {
            return Vec::new();
        };
        let Some(ticket) = queue.tickets.iter().find(|one| one.id == *id) else {
            return Vec::new();
        };
        let read = || {
            let people = &queue.settings.people;
            match self.notebook.find(ticket, |who| people.is(who, Role::Dev)) {
                NotesFound::Found(found) => found.notes.fixes,
                NotesFound::Missing | NotesFound::Invalid { .. } => Vec::new(),
            }
        };
        self.fixes.borrow_mut().entry(id.clone()).or_insert_with(read).clone()
    }

    /// What was seen last.
    pub(crate) fn sight(&self) -> &Sight {
        &self.sight
    }

    pub(crate) fn sight_mut(&mut self) -> &mut Sight {
        &mut self.sight
    }

    /// Boot time at which the queue was read last.
    pub(crate) fn read_queue_at(&self) -> Option<BootMs> {
        self.last.get(&JobKey::Queue).copied()
    }

    /// Whether the checks of what waits may run now.
    pub(crate) fn may_check(&self, id: DeploymentId) -> bool {
        // An artifact that is being imported must not be cleared away at the same time.
        let clearing = self.running.contains(&JobKey::Prune);
        let stands = self.knowledge.halted.is_some() || self.is_too_old() || clearing;
        !stands && self.deployments.get(&id).is_some_and(|one| !self.group_taken(one))
    }

    /// Secrets are looked at as soon as possible.
    pub(crate) fn look_at_secrets(&mut self) {
        self.last.remove(&JobKey::Secrets);
    }

    pub(crate) fn waiting(&self) -> &[Message] {
        &self.mentions
    }

    pub(crate) fn wait_for_answer(&mut self, message: Message) {
        self.mentions.push(message);
    }

    pub(crate) fn read_up_to(&mut self, message: &str) {
        self.mentions_after = Some(message.to_owned());
    }

    /// Mentions are read from the first again; those that were answered are known.
    pub(crate) fn read_mentions_anew(&mut self) {
        self.mentions_after = None;
    }

    /// The mentions that may be answered now. Those wait on whose answer a slow board may still
    /// write: given again, it would stand there twice.
    pub(crate) fn take_unanswered(&mut self, now: &Now) -> Vec<Message> {
        self.unsure.retain(|_, until| now.ms < *until);
        let unsure = |message: &Message| self.unsure.contains_key(&message.id);
        let (later, due) = std::mem::take(&mut self.mentions).into_iter().partition(unsure);
        self.mentions = later;
        due
    }

    pub(crate) fn answer_is_unsure(&mut self, message: &str, now: &Now) {
        self.unsure.insert(message.to_owned(), now.ms + UNSURE_MS);
    }

    pub(crate) fn start_own(&mut self, job: Job, jobs: &mut Vec<Job>) {
        self.start(job, jobs);
    }
}
