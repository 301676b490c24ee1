//! The disk under the journal: it can be full, and the daemon can die at any write.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ops_core::{
    id::{DeploymentId, Digest, Generation},
    time::Now,
};
use ops_engine::ports::{Journal, JournalError, Lease, LeaseRefused, Record, Seq, Summary};
use ops_store::MemoryJournal;

/// Writes that fit into the space set aside for a way back.
const RESERVED_WRITES: u64 = 2_000;

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
        self.write(|journal| journal.append(deployment, at, bodies, summary))
    }

    fn stream(&self, deployment: Option<DeploymentId>) -> Result<Vec<Record>, JournalError> {
        self.journal.stream(deployment)
    }

    fn after(&self, after: Seq, limit: usize) -> Result<Vec<Record>, JournalError> {
        self.journal.after(after, limit)
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

    fn verify(&self) -> Result<(Seq, Digest), JournalError> {
        self.journal.verify()
    }
}
