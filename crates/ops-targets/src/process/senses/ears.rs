//! What replicas write, listened to from one reading to the next.
//!
//! Lines stay on this machine: what is told of them are counts of their shapes (P13).

use std::{collections::BTreeMap, path::PathBuf, sync::PoisonError};

use ops_core::{
    id::{ReleaseId, ServiceName},
    logs::{Miner, Tally},
    reading::LogReading,
    time::{BootMs, Now},
};
use ops_engine::ports::Look;

use super::{segments::Unread, tail::Tail};
use crate::process::{
    ProcessTarget,
    layout::{Known, unreadable},
};

/// Bytes of one service that are read at once, shared out among its replicas that have any.
const BYTES_MAX: usize = 4 << 20;
/// Lines of one service that are looked at in one reading.
const LINES_MAX: u64 = 10_000;
/// Bytes and lines of each replica at least.
const SHARE_MIN: (usize, u64) = (16 << 10, 40);
/// Milliseconds without a reading after which what was written meanwhile is no news any more.
const PAUSE_MAX: BootMs = 60_000;

/// What is remembered of the logs of each service.
#[derive(Debug, Default)]
pub(in crate::process) struct Ears(BTreeMap<ServiceName, Ear>);

#[derive(Debug)]
struct Ear {
    miner: Miner,
    /// By replica.
    tails: BTreeMap<String, Tail>,
    /// When it was read last, in milliseconds since boot.
    read_at: BootMs,
}

/// A replica that has something to read.
struct Speaker<'a> {
    replica: &'a Known,
    tail: Tail,
    unread: Unread,
}

impl ProcessTarget {
    pub(super) fn listen(&self, service: &ServiceName, now: &Now) -> Look<LogReading> {
        let known = self.known(service)?;
        let mut ears = self.ears.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(ear) = ears.0.get_mut(service) else {
            ears.0.insert(service.clone(), Ear::begin(&known, now)?);
            return Ok(reading(now, Tally::default(), 0));
        };
        ear.tails.retain(|id, _| known.iter().any(|replica| replica.spec.id == *id));
        let late = now.ms.saturating_sub(ear.read_at) > PAUSE_MAX;
        let speakers = ear.speakers(&known)?;
        ear.miner.next_reading();
        let (tally, dropped) = ear.hear(speakers, late)?;
        ear.read_at = now.ms;
        Ok(reading(now, tally, dropped))
    }
}

fn reading(now: &Now, tally: Tally, dropped: u64) -> LogReading {
    LogReading { second: now.ms / 1000, counts: tally.counts(), dropped, ..LogReading::default() }
}

impl Ear {
    /// Begins to listen: what was written before is not heard.
    fn begin(known: &[Known], now: &Now) -> Look<Self> {
        let mut tails = BTreeMap::new();
        for replica in known {
            let logs = logs(replica);
            let tail = Tail::at_end(&logs).map_err(|error| unreadable(&logs, &error))?;
            tails.insert(replica.spec.id.clone(), tail);
        }
        Ok(Self { miner: Miner::new(), tails, read_at: now.ms })
    }

    /// Replicas with something to read. One that is new is heard from its first line on.
    fn speakers<'a>(&self, known: &'a [Known]) -> Look<Vec<Speaker<'a>>> {
        let mut speakers = Vec::new();
        for replica in known {
            let tail = self.tails.get(&replica.spec.id).cloned().unwrap_or_default();
            let logs = logs(replica);
            let unread = tail.unread(&logs).map_err(|error| unreadable(&logs, &error))?;
            if unread.bytes() > 0 || unread.lost {
                speakers.push(Speaker { replica, tail, unread });
            }
        }
        Ok(speakers)
    }

    /// Counts what was written, each replica up to its share; if it comes too late, nothing of it.
    /// Nothing is taken in before everything was read, so that a failed reading loses nothing.
    fn hear(&mut self, speakers: Vec<Speaker<'_>>, late: bool) -> Look<(Tally, u64)> {
        let count = speakers.len().max(1);
        let bytes = (BYTES_MAX / count).max(SHARE_MIN.0);
        let lines = (LINES_MAX / count as u64).max(SHARE_MIN.1);
        let mut read = Vec::new();
        for Speaker { replica, tail, unread } in speakers {
            let batch = if late { unread.skip() } else { unread.read(bytes) };
            let batch = batch.map_err(|error| unreadable(&logs(replica), &error))?;
            read.push((replica, tail, batch));
        }
        let (mut tally, mut dropped) = (Tally::default(), 0);
        for (replica, mut tail, batch) in read {
            let release = ReleaseId::new(&replica.spec.release);
            dropped += tail.take(batch, lines, |stream, line| {
                if let Some(named) = self.miner.line(stream, line) {
                    tally.add(&release, named);
                }
            });
            self.tails.insert(replica.spec.id.clone(), tail);
        }
        Ok((tally, dropped))
    }
}

fn logs(replica: &Known) -> PathBuf {
    replica.folder.join("logs")
}
