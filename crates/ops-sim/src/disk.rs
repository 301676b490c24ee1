//! The disk under the journal: it can be full, and the daemon can die at any write.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ops_core::{
    id::{DeploymentId, Digest, Generation},
    time::Now,
};
use ops_engine::{
    FORMAT,
    ports::{Journal, JournalError, Lease, LeaseRefused, Record, Seq, Summary},
};
use ops_store::MemoryJournal;

/// Writes that fit into the space set aside for a way back.
const RESERVED_WRITES: u64 = 2_000;

/// Of so many writes of a newer ops, one holds what older ones cannot read.
const NEWER_EVERY: u64 = 7;

/// Where the daemon dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Die {
    /// Right before the write with this number, counted from now.
    Before(u64),
    /// Right after it.
    After(u64),
}

#[derive(Debug, Default)]
struct State {
    full: bool,
    reserve_fails: bool,
    reserve: u64,
    die: Option<Die>,
    dead: bool,
    formats: Formats,
}

/// Which ops writes, and what it wrote.
#[derive(Debug, Default)]
struct Formats {
    newer: bool,
    /// Writes of a newer ops.
    writes: u64,
    /// Whether one of them holds what older ones cannot read.
    ahead: bool,
}

/// The handle that the scheduler keeps.
#[derive(Debug, Clone, Default)]
pub struct DiskHandle(Arc<Mutex<State>>);

impl DiskHandle {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk is full, or not any more.
    pub fn full(&self, full: bool) {
        self.state().full = full;
    }

    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        self.state().full
    }

    /// Little room is left: enough to write, too little to set anything aside.
    pub fn reserve_fails(&self, fails: bool) {
        self.state().reserve_fails = fails;
    }

    /// The daemon dies at a write to come.
    pub fn die(&self, at: Die) {
        self.state().die = Some(at);
    }

    /// Whether the daemon died at a write.
    pub fn died(&self) -> bool {
        self.state().dead
    }

    /// Which ops runs from its next start on: one that writes what this one cannot read, or this one.
    pub fn newer(&self, newer: bool) {
        self.state().formats.newer = newer;
    }

    fn is_newer(&self) -> bool {
        self.state().formats.newer
    }

    /// Whether the journal holds what the ops that runs cannot read.
    pub fn is_ahead(&self) -> bool {
        let state = self.state();
        !state.formats.newer && state.formats.ahead
    }

    /// The format of a record as the ops that runs sees it.
    fn seen(&self, mut records: Vec<Record>) -> Vec<Record> {
        if self.state().formats.newer {
            for record in &mut records {
                record.v = record.v.min(FORMAT);
            }
        }
        records
    }

    /// The format in which the ops that runs writes.
    fn written(&self, bodies: &[(u32, serde_json::Value)]) -> Vec<(u32, serde_json::Value)> {
        let mut state = self.state();
        state.formats.writes += 1;
        let newer = state.formats.newer && state.formats.writes.is_multiple_of(NEWER_EVERY);
        bodies.iter().map(|(v, body)| (v + u32::from(newer), body.clone())).collect()
    }

    /// A new daemon begins.
    pub fn revive(&self) {
        let mut state = self.state();
        state.dead = false;
        state.die = None;
    }
}

/// A journal on that disk.
pub struct Disk {
    journal: MemoryJournal,
    handle: DiskHandle,
}

impl Disk {
    /// Puts a journal on a disk.
    pub fn new(journal: MemoryJournal, handle: DiskHandle) -> Self {
        Self { journal, handle }
    }

    fn write<T>(
        &mut self,
        work: impl FnOnce(&mut MemoryJournal) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let died = || JournalError::Failed("the daemon died at this write".into());
        let dies_after = {
            let mut state = self.handle.state();
            if state.dead {
                return Err(died());
            }
            if state.full && state.reserve == 0 {
                return Err(JournalError::Full("the simulated disk".into()));
            }
            if state.full {
                state.reserve -= 1;
            }
            match state.die {
                Some(Die::Before(0)) => {
                    state.dead = true;
                    return Err(died());
                }
                Some(Die::After(0)) => {
                    state.dead = true;
                    true
                }
                Some(Die::Before(n)) => {
                    state.die = Some(Die::Before(n - 1));
                    false
                }
                Some(Die::After(n)) => {
                    state.die = Some(Die::After(n - 1));
                    false
                }
                None => false,
            }
        };
        let done = work(&mut self.journal)?;
        if dies_after { Err(died()) } else { Ok(done) }
    }
}

impl Journal for Disk {
    fn append(
        &mut self,
        deployment: Option<DeploymentId>,
        at: &Now,
        bodies: &[(u32, serde_json::Value)],
        summary: Option<&Summary>,
    ) -> Result<Vec<Record>, JournalError> {
        if !self.handle.is_newer() {
            return self.write(|journal| journal.append(deployment, at, bodies, summary));
        }
        let bodies = self.handle.written(bodies);
        let ahead = bodies.iter().any(|(v, _)| *v > FORMAT);
        let handle = self.handle.clone();
        self.write(|journal| {
            let written = journal.append(deployment, at, &bodies, summary)?;
            handle.state().formats.ahead |= ahead;
            Ok(written)
        })
    }

    fn stream(&self, deployment: Option<DeploymentId>) -> Result<Vec<Record>, JournalError> {
        self.journal.stream(deployment).map(|records| self.handle.seen(records))
    }

    fn after(&self, after: Seq, limit: usize) -> Result<Vec<Record>, JournalError> {
        self.journal.after(after, limit).map(|records| self.handle.seen(records))
    }

    fn head(&self) -> Result<(Seq, Digest), JournalError> {
        self.journal.head()
    }

    fn summaries(&self, open_only: bool, limit: usize) -> Result<Vec<Summary>, JournalError> {
        self.journal.summaries(open_only, limit)
    }

    fn summary(&self, id: DeploymentId) -> Result<Option<Summary>, JournalError> {
        self.journal.summary(id)
    }

    fn next_deployment(&mut self) -> Result<DeploymentId, JournalError> {
        self.write(Journal::next_deployment)
    }

    fn lease(
        &mut self,
        group: &str,
        holder: &str,
        above: Generation,
        now: &Now,
        length_ms: u64,
    ) -> Result<Lease, LeaseRefused> {
        let mut refused = None;
        let answer =
            self.write(|journal| match journal.lease(group, holder, above, now, length_ms) {
                Ok(lease) => Ok(Some(lease)),
                Err(LeaseRefused::Journal(why)) => Err(why),
                Err(held @ LeaseRefused::Held(_)) => {
                    refused = Some(held);
                    Ok(None)
                }
            })?;
        match (answer, refused) {
            (Some(lease), _) => Ok(lease),
            (None, Some(held)) => Err(held),
            (None, None) => Err(JournalError::Failed("no answer".into()).into()),
        }
    }

    fn release(&mut self, group: &str, holder: &str) -> Result<(), JournalError> {
        self.write(|journal| journal.release(group, holder))
    }

    fn reserve(&mut self) -> Result<(), JournalError> {
        let mut state = self.handle.state();
        if state.reserve < RESERVED_WRITES && (state.full || state.reserve_fails) {
            return Err(JournalError::Full("no room to set aside".into()));
        }
        state.reserve = RESERVED_WRITES;
        Ok(())
    }

    fn needs_format(&self) -> Result<u32, JournalError> {
        let needs = self.journal.needs_format()?;
        Ok(if self.handle.is_newer() { needs.min(FORMAT) } else { needs })
    }

    fn verify(&self) -> Result<(Seq, Digest), JournalError> {
        self.journal.verify()
    }
}
