//! From the journal to an engine: load, mark what was under way as unknown, go on. There is no
//! other recovery.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ops_core::{
    deploy::{Created, Deployment, Event, Input},
    evidence::{Pulled, pulled_back},
    id::{DeploymentId, Generation, TicketId},
    plan::KnownRelease,
    ticket::Ticket,
    time::Now,
};

use super::{Engine, EngineError, FORMAT, stages::same_candidate};
use crate::{
    chat::{Patience, Sight},
    knowledge::{End, EngineEvent, Knowledge},
    ports::{Journal, JournalError, Record},
};

/// Heartbeat until the settings are read.
const FIRST_HEARTBEAT_MS: u64 = 60_000;
/// So many releases in a row by one ticket are looked past.
const TRIES_OF_A_TICKET: usize = 32;

impl<J: Journal> Engine<J> {
    /// Loads everything from the journal and marks what was under way as unknown.
    ///
    /// # Errors
    ///
    /// If the journal fails or holds something that cannot be read.
    pub fn open(journal: J, now: &Now) -> Result<Self, EngineError> {
        Self::open_seen(journal, now, |_| ())
    }

    /// The same; somebody sees the engine as the journal tells it, before anything is marked.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn open_seen(
        journal: J,
        now: &Now,
        see: impl FnOnce(&mut Self),
    ) -> Result<Self, EngineError> {
        let mut engine = Self {
            journal,
            deployments: BTreeMap::new(),
            knowledge: Knowledge::default(),
            health: BTreeMap::new(),
            running: BTreeSet::new(),
            acts_ended: BTreeMap::new(),
            looking: BTreeMap::new(),
            last: BTreeMap::new(),
            stirred: BTreeSet::new(),
            leases: BTreeMap::new(),
            highest: Generation::default(),
            queue: None,
            fixes: RefCell::default(),
            notebook: Arc::default(),
            governing: None,
            heartbeat_ms: FIRST_HEARTBEAT_MS,
            nudged: true,
            mentions: Vec::new(),
            mentions_after: None,
            sight: Sight::default(),
            gathering: BTreeMap::new(),
            digests: BTreeMap::new(),
            unsure: BTreeMap::new(),
            patience: Patience::default(),
            away: None,
            watcher: None,
            too_new: None,
        };
        engine.load(now)?;
        see(&mut engine);
        engine.forget_leases()?;
        let ids: Vec<_> = engine.deployments.keys().copied().collect();
        for id in ids {
            engine.feed(id, &Input::Restarted, now)?;
            engine.learn(id, now)?;
        }
        Ok(engine)
    }

    fn load(&mut self, now: &Now) -> Result<(), EngineError> {
        let needs = self.journal.needs_format()?;
        if needs > FORMAT {
            self.too_new = Some(needs);
        }
        for record in self.journal.stream(None)? {
            if record.v > FORMAT {
                continue;
            }
            let event: EngineEvent = read(&record)?;
            self.knowledge.apply(&event);
        }
        for tried in self.knowledge.tried.values_mut() {
            tried.pause.rearm(now);
        }
        for (_, pause) in self.knowledge.unreturned.values_mut() {
            pause.rearm(now);
        }
        for summary in self.journal.summaries(true, usize::MAX)? {
            let records = self.journal.stream(Some(summary.id))?;
            if records.iter().any(|record| record.v > FORMAT) {
                continue;
            }
            if let Some(deployment) = replay(&records)? {
                self.deployments.insert(summary.id, deployment);
            }
        }
        Ok(())
    }

    /// A deployment as the journal tells it, also one that has ended.
    ///
    /// # Errors
    ///
    /// If the journal fails or holds something that cannot be read.
    pub fn recall(&self, id: DeploymentId) -> Result<Option<Deployment>, EngineError> {
        if let Some(deployment) = self.deployments.get(&id) {
            return Ok(Some(deployment.clone()));
        }
        replay(&self.journal.stream(Some(id))?)
    }

    /// What served before a deployment.
    pub(crate) fn before(&self, id: DeploymentId) -> Option<KnownRelease> {
        let deployment = self.recall(self.brought_first(id)).ok().flatten()?;
        deployment.plan?.old.clone()
    }

    /// What served before a deployment whose ticket was pulled back or condemned later: nothing that
    /// the same ticket brought, nothing that was judged bad since, and nothing whose own ticket was
    /// pulled back since, in whichever of its rounds (S12, P15).
    pub(super) fn before_its_ticket(&self, id: DeploymentId) -> Option<KnownRelease> {
        let taken = self.recall(id).ok().flatten()?;
        let mut left: Vec<TicketId> = taken.created.tickets.first().cloned().into_iter().collect();
        let mut old = self.before(id)?;
        for _ in 0..TRIES_OF_A_TICKET {
            let brought = self.recall(self.brought_first(old.by)).ok().flatten()?;
            let ticket = brought.created.tickets.first();
            let same = ticket.is_some_and(|ticket| left.contains(ticket));
            let bad = self.knowledge.guards().any(|guard| {
                guard.artifact == old.candidate.artifact && guard.service == old.candidate.service
            });
            let pulled_back = self.pulled_back_since(&brought);
            if !same && !bad && !pulled_back {
                break;
            }
            left.extend(ticket.filter(|_| pulled_back).cloned());
            let Some(before) = brought.plan?.old.clone() else {
                // What came first stays, or comes back: nothing better is known.
                let first = taken.plan.as_ref().map(|plan| &plan.new.candidate);
                let is_it = first.is_some_and(|first| same_candidate(first, &old.candidate));
                return (!is_it && !bad).then_some(old);
            };
            old = before;
        }
        Some(old)
    }

    /// Whether what a deployment brought was taken back since, or its ticket left the queue although
    /// nothing of it was shipped to the last stage. Nobody looks at it any more where another one took
    /// its place, or where it goes on to the next stage.
    fn pulled_back_since(&self, brought: &Deployment) -> bool {
        let (Some(queue), Some(ticket)) = (self.queue(), brought.created.tickets.first()) else {
            return false;
        };
        let waiting = queue.tickets.iter().find(|one| one.id == *ticket);
        // It may wait again although it was pulled back, or its verdict taken back, meanwhile.
        let pulled = |now: &Ticket| {
            let before = brought.ticket.as_deref();
            before.is_none_or(|before| {
                let seen = pulled_back(before, Some(now), &queue.settings.people);
                matches!(seen, Pulled::StatusChanged { .. } | Pulled::Revoked { .. })
            })
        };
        let tried = self.knowledge.tried.get(ticket);
        let shipped = tried.is_none_or(|tried| tried.end == End::Shipped);
        let taken = self.knowledge.recalled.contains(&brought.id());
        taken || !shipped && waiting.is_none_or(pulled)
    }

    pub(crate) fn create(&mut self, created: Created, now: &Now) -> Result<(), EngineError> {
        let id = created.id;
        let deployment = Deployment::begin(created.clone(), now);
        let summary = super::outcome::summary(&deployment);
        self.append(id, &[Event::Created(Box::new(created))], Some(&summary), now)?;
        self.deployments.insert(id, deployment);
        self.stirred.insert(id);
        Ok(())
    }
}

/// Rebuilds a deployment from its records.
///
/// # Errors
///
/// If a record cannot be read.
pub fn replay<'a>(
    records: impl IntoIterator<Item = &'a Record>,
) -> Result<Option<Deployment>, EngineError> {
    let mut deployment = None;
    for record in records {
        let event: Event = read(record)?;
        match (&mut deployment, event) {
            (None, Event::Created(created)) => {
                deployment = Some(Deployment::begin(*created, &record.at));
            }
            (Some(deployment), event) => deployment.apply(&event, &record.at),
            (None, _) => {
                let why = JournalError::Failed(format!(
                    "record {} belongs to a deployment that was never created",
                    record.seq
                ));
                return Err(why.into());
            }
        }
    }
    Ok(deployment)
}

fn read<T: serde::de::DeserializeOwned>(record: &Record) -> Result<T, EngineError> {
    T::deserialize(&*record.body)
        .map_err(|why| EngineError::Unreadable { seq: record.seq, why: why.to_string() })
}
