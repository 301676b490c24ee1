//! The journal in memory: fast, for simulations, with faults on order.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ops_core::{
    id::{DeploymentId, Digest, Generation},
    time::Now,
};
use ops_engine::ports::{
    Journal, JournalError, Lease, LeaseRefused, Record, Seq, Summary, Tampered,
};

use crate::{
    chain::{Head, Line, within_limit},
    grant::{Claim, grant},
};

/// A journal in memory, by the same rules and with the same chain as the one on disk.
///
/// A clone is another handle on the same journal: a simulation keeps one while the engine has the
/// other, drops the engine where it wants a crash, and starts the next one with the handle. What
/// an append wrote is there, what failed is not. [`Self::snapshot`] makes an independent copy.
#[derive(Debug, Clone)]
pub struct MemoryJournal {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Clone)]
struct Shared {
    kept: Kept,
    fault: Option<Fault>,
    writes: u64,
}

#[derive(Debug, Clone)]
struct Kept {
    records: Vec<Record>,
    streams: HashMap<Option<DeploymentId>, Vec<usize>>,
    head: Head,
    summaries: BTreeMap<DeploymentId, Summary>,
    next: DeploymentId,
    leases: BTreeMap<String, Lease>,
    generation: Generation,
}

/// What is to go wrong.
#[derive(Debug, Clone)]
enum Fault {
    /// The next write does nothing and fails.
    Next(JournalError),
    /// The next write does its work, but the caller gets an error.
    AnswerLost(JournalError),
    /// This many writes more succeed, then all fail.
    From(u64, JournalError),
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        let kept = Kept {
            records: Vec::new(),
            streams: HashMap::new(),
            head: Head::empty(),
            summaries: BTreeMap::new(),
            next: DeploymentId(1),
            leases: BTreeMap::new(),
            generation: Generation(0),
        };
        Self { shared: Arc::new(Mutex::new(Shared { kept, fault: None, writes: 0 })) }
    }

    /// An independent copy of what is kept, without the faults on order.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        let shared = Shared { kept: self.lock().kept.clone(), fault: None, writes: 0 };
        Self { shared: Arc::new(Mutex::new(shared)) }
    }

    /// The next call that writes does nothing and fails with this.
    pub fn fail_next(&self, error: JournalError) {
        self.lock().fault = Some(Fault::Next(error));
    }

    /// The next call that writes does its work, yet fails with this: as when a sync fails after
    /// the data reached the disk.
    pub fn lose_next_answer(&self, error: JournalError) {
        self.lock().fault = Some(Fault::AnswerLost(error));
    }

    /// After `writes` more calls that write, all of them fail with this until [`Self::heal`]: to
    /// stop a program at any chosen record.
    pub fn fail_after(&self, writes: u64, error: JournalError) {
        self.lock().fault = Some(Fault::From(writes, error));
    }

    /// Takes back all faults on order.
    pub fn heal(&self) {
        self.lock().fault = None;
    }

    /// Lets somebody read the records of one stream where they lie, without a copy of them.
    pub fn read<T>(
        &self,
        deployment: Option<DeploymentId>,
        read: impl FnOnce(&mut dyn Iterator<Item = &Record>) -> T,
    ) -> T {
        let shared = self.lock();
        let kept = &shared.kept;
        let places = kept.streams.get(&deployment).into_iter().flatten();
        read(&mut places.filter_map(|place| kept.records.get(*place)))
    }

    /// How many deployments have a summary.
    pub fn deployments(&self) -> usize {
        self.lock().kept.summaries.len()
    }

    /// How many calls have written so far: where [`Self::fail_after`] can stop a second run.
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A write changes nothing before it is sure to succeed, so what a panic left is whole.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Kept) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let mut shared = self.lock();
        let mut lost = None;
        match shared.fault.take() {
            None => {}
            Some(Fault::Next(error)) => return Err(error),
            Some(Fault::AnswerLost(error)) => lost = Some(error),
            Some(Fault::From(0, error)) => {
                shared.fault = Some(Fault::From(0, error.clone()));
                return Err(error);
            }
            Some(Fault::From(left, error)) => shared.fault = Some(Fault::From(left - 1, error)),
        }
        let done = work(&mut shared.kept)?;
        shared.writes += 1;
        lost.map_or(Ok(done), Err)
    }
}

impl Kept {
    fn append(
        &mut self,
        deployment: Option<DeploymentId>,
        at: &Now,
        bodies: &[(u32, serde_json::Value)],
        summary: Option<&Summary>,
    ) -> Result<Vec<Record>, JournalError> {
        for id in deployment.into_iter().chain(summary.map(|summary| summary.id)) {
            if id >= self.next {
                return Err(JournalError::Failed(format!(
                    "{id} was never given as a number; the next one is {}",
                    self.next
                )));
            }
        }
        if let Some(summary) = summary {
            within_limit(&summary.body.to_string())?;
        }
        let mut head = self.head.clone();
        let made: Vec<Record> =
            head.extend(deployment, at, bodies)?.into_iter().map(|(_, record)| record).collect();
        let first = self.records.len();
        self.streams.entry(deployment).or_default().extend(first..first + made.len());
        self.records.extend(made.iter().cloned());
        self.head = head;
        if let Some(summary) = summary {
            self.summaries.insert(summary.id, summary.clone());
        }
        Ok(made)
    }

    fn verify(&self) -> Result<(Seq, Digest), JournalError> {
        let mut head = Head::empty();
        for record in &self.records {
            head.follow(Line::of(record))?;
        }
        if head != self.head {
            let why = format!("the last append left record {} behind", self.head.seq);
            return Err(Tampered { seq: head.seq, why }.into());
        }
        Ok((head.seq, head.hash))
    }
}

impl Journal for MemoryJournal {
    fn append(
        &mut self,
        deployment: Option<DeploymentId>,
        at: &Now,
        bodies: &[(u32, serde_json::Value)],
        summary: Option<&Summary>,
    ) -> Result<Vec<Record>, JournalError> {
        if bodies.is_empty() && summary.is_none() {
            return Ok(Vec::new());
        }
        self.write(|kept| kept.append(deployment, at, bodies, summary))
    }

    fn stream(&self, deployment: Option<DeploymentId>) -> Result<Vec<Record>, JournalError> {
        let shared = self.lock();
        let kept = &shared.kept;
        let places = kept.streams.get(&deployment).into_iter().flatten();
        Ok(places.filter_map(|place| kept.records.get(*place)).cloned().collect())
    }

    fn after(&self, after: Seq, limit: usize) -> Result<Vec<Record>, JournalError> {
        let skip = usize::try_from(after).unwrap_or(usize::MAX);
        Ok(self.lock().kept.records.iter().skip(skip).take(limit).cloned().collect())
    }

    fn head(&self) -> Result<(Seq, Digest), JournalError> {
        let shared = self.lock();
        Ok((shared.kept.head.seq, shared.kept.head.hash.clone()))
    }

    fn summaries(&self, open_only: bool, limit: usize) -> Result<Vec<Summary>, JournalError> {
        let shared = self.lock();
        let newest_first = shared.kept.summaries.values().rev();
        Ok(newest_first
            .filter(|summary| !(open_only && summary.ended))
            .take(limit)
            .cloned()
            .collect())
    }

    fn summary(&self, id: DeploymentId) -> Result<Option<Summary>, JournalError> {
        Ok(self.lock().kept.summaries.get(&id).cloned())
    }

    fn next_deployment(&mut self) -> Result<DeploymentId, JournalError> {
        self.write(|kept| {
            let next = kept.next;
            kept.next = DeploymentId(next.0 + 1);
            Ok(next)
        })
    }

    fn lease(
        &mut self,
        group: &str,
        holder: &str,
        above: Generation,
        now: &Now,
        length_ms: u64,
    ) -> Result<Lease, LeaseRefused> {
        let claim = Claim { group, holder, above, now, length_ms };
        self.write(|kept| {
            let granted = grant(kept.leases.get(group), kept.generation, &claim);
            if let Ok(lease) = &granted {
                kept.generation = kept.generation.max(lease.generation);
                kept.leases.insert(group.to_owned(), lease.clone());
            }
            Ok(granted)
        })?
    }

    fn release(&mut self, group: &str, holder: &str) -> Result<(), JournalError> {
        self.write(|kept| {
            if kept.leases.get(group).is_some_and(|lease| lease.holder == holder) {
                kept.leases.remove(group);
            }
            Ok(())
        })
    }

    fn reserve(&mut self) -> Result<(), JournalError> {
        self.write(|_| Ok(()))
    }

    fn needs_format(&self) -> Result<u32, JournalError> {
        Ok(self.lock().kept.records.iter().map(|record| record.v).max().unwrap_or(0))
    }

    fn verify(&self) -> Result<(Seq, Digest), JournalError> {
        self.lock().kept.verify()
    }
}

#[cfg(test)]
mod tests {
    use ops_core::time::BootId;
    use serde_json::json;

    use super::*;
    use crate::conformance::CASES;

    #[test]
    fn it_passes_the_conformance_suite() {
        for case in CASES {
            let journal = MemoryJournal::new();
            (case.run)(&|| Box::new(journal.clone()));
        }
    }

    fn now() -> Now {
        Now { boot: BootId("b".into()), ms: 5, wall: jiff::Timestamp::UNIX_EPOCH }
    }

    fn error() -> JournalError {
        JournalError::Failed("on order".into())
    }

    #[test]
    fn p5_faults_come_as_ordered() {
        let handle = MemoryJournal::new();
        let mut journal = handle.clone();
        let mut append = || journal.append(None, &now(), &[(1, json!("x"))], None);

        handle.fail_next(error());
        assert!(append().is_err());
        assert_eq!(handle.head().unwrap().0, 0, "nothing was written");
        append().unwrap();

        handle.lose_next_answer(error());
        assert!(append().is_err());
        assert_eq!(handle.head().unwrap().0, 2, "it was written all the same");

        handle.fail_after(1, error());
        append().unwrap();
        assert!(append().is_err());
        assert!(append().is_err(), "it stays so");
        handle.heal();
        append().unwrap();
        assert_eq!(handle.writes(), 4);
        assert_eq!(handle.verify().unwrap().0, 4);
    }

    #[test]
    fn a_snapshot_goes_its_own_way() {
        let mut journal = MemoryJournal::new();
        journal.append(None, &now(), &[(3, json!(1))], None).unwrap();
        journal.fail_next(error());
        let mut snapshot = journal.snapshot();
        snapshot.append(None, &now(), &[(1, json!(2))], None).unwrap();
        assert_eq!(journal.head().unwrap().0, 1);
        assert_eq!(snapshot.head().unwrap().0, 2);
        assert_eq!(snapshot.needs_format().unwrap(), 3);
    }

    #[test]
    fn p14_an_edit_in_memory_is_found() {
        let mut journal = MemoryJournal::new();
        journal.append(None, &now(), &[(1, json!(1)), (1, json!(2))], None).unwrap();
        journal.lock().kept.records[0].body = Arc::new(json!(3));
        assert!(matches!(journal.verify(), Err(JournalError::Tampered(Tampered { seq: 1, .. }))));
    }
}
