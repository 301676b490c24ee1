//! Bringing keepers back after a reboot or after they died.

use std::time::{Duration, Instant};

use ops_core::world::Fault;
use ops_engine::ports::Look;
use ops_keeper::{Desired, State};

use super::{
    ProcessTarget,
    layout::{Known, unreadable},
    orders::{try_lock, wait_for_keeper},
};

/// How long all new keepers together may take to answer.
const RESTORE_WAIT: Duration = Duration::from_secs(5);

/// What a restore found and did, by the names of replicas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// Their keeper was at work already.
    pub kept: Vec<String>,
    /// They have a keeper again.
    pub restored: Vec<String>,
    /// They have stopped and need none.
    pub resting: Vec<String>,
    /// They should have a keeper and have none that answers.
    pub failed: Vec<(String, Fault)>,
}

impl ProcessTarget {
    pub(super) fn restore_keepers(&self) -> Look<Restored> {
        self.collect_children();
        let mut done = Restored::default();
        let mut started: Vec<Known> = Vec::new();
        for replica in self.all_known()? {
            let id = replica.spec.id.clone();
            let Some(lock) = try_lock(&replica)? else {
                done.kept.push(id);
                continue;
            };
            let status = ops_keeper::read_status(&replica.folder)
                .map_err(|error| unreadable(&replica.folder, &error))?;
            if status.desired == Desired::Stopped && status.state == State::Stopped {
                done.resting.push(id);
                continue;
            }
            // The keeper needs the lock.
            drop(lock);
            match self.spawn_keeper(&replica.folder, &replica.spec) {
                Ok(()) => started.push(replica),
                Err(fault) => done.failed.push((id, fault)),
            }
        }
        let until = Instant::now() + RESTORE_WAIT;
        for replica in started {
            match wait_for_keeper(&replica, until) {
                Ok(()) => done.restored.push(replica.spec.id),
                Err(fault) => done.failed.push((replica.spec.id, fault)),
            }
        }
        Ok(done)
    }
}
