//! An open-loop load generator: the customers of the shop.
//!
//! Departures are fixed in advance. A target that stalls does not make its customers wait with
//! their next request, and latency counts from the *intended* departure, so a stall shows in every
//! request that fell into it (no coordinated omission). What the service itself did not answer is
//! lost, and each loss has a name. A load goes only to the machine that it runs on.

mod drive;
mod exchange;
mod plan;
mod pool;
mod record;
mod report;
mod schedule;
mod spread;
mod tally;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    thread,
};

use ops_core::time::BootMs;
use serde::Serialize;
use tokio::{runtime, sync::oneshot};

use self::pool::{Pool, lock};
pub use self::{
    plan::{
        CONNECTIONS_MAX, LoadPlan, OUTSTANDING_MAX, RATE_MAX, RECORDS_MAX, TIMEOUT_MAX, VISITS_MAX,
        Visit,
    },
    record::{Loss, Record},
    report::{LoadReport, OTHERS, VersionSeen},
    schedule::{STAGES_MAX, Schedule, Stage},
    spread::Spread,
    tally::{Losses, Tally},
};
use crate::{
    alarm::Alarm,
    clock::{boot_us, to_ms},
};

/// From the start of a load to its first departure, in microseconds: its thread must be there.
const LEAD_US: u64 = 5_000;
/// How far back a snapshot's latency looks, in microseconds.
const RECENT_US: u64 = 5_000_000;
/// At most this many requests are in a snapshot's latency.
const RECENT_MAX: usize = 20_000;
/// Tasks between two looks at the timer: a departure waits for few others.
const TASKS_PER_LOOK: u32 = 8;

/// Why a load did not start.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The target is not this machine.
    #[error("{0} is not this machine; a load goes only to a loopback address, such as 127.0.0.1")]
    Foreign(SocketAddr),
    /// The plan says something that cannot be.
    #[error("the load's plan cannot be followed: {0}; correct the plan")]
    Plan(String),
    /// The system gave no thread or timer.
    #[error("the load cannot start: {0}; check the limits on threads and file descriptors")]
    Start(#[from] io::Error),
}

/// How a load stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    /// When it was taken, in milliseconds since boot.
    pub at: BootMs,
    /// Whether the load still sends or waits for answers.
    pub running: bool,
    /// Everything that has ended so far.
    pub total: Tally,
    /// Requests that have departed and not ended.
    pub outstanding: u64,
    /// Every version that answered, in the order of their first answers.
    pub versions: Vec<VersionSeen>,
    /// Latency of what was answered in the last five seconds, at most the newest 20 000.
    pub recent: Option<Spread>,
}

/// A running load. Dropping it stops the load and forgets what it saw.
#[derive(Debug)]
pub struct LoadHandle {
    report: Arc<Mutex<LoadReport>>,
    /// Dropped to stop the load.
    stop: oneshot::Sender<()>,
    /// Its other end is dropped when the load's thread ends.
    ended: oneshot::Receiver<()>,
    pool: Arc<Pool>,
}

impl LoadHandle {
    /// How the load stands.
    pub fn snapshot(&self) -> Snapshot {
        let now_us = boot_us();
        let outstanding = self.pool.outstanding();
        let report = lock(&self.report);
        Snapshot {
            at: to_ms(now_us),
            running: report.ended().is_none(),
            total: report.total(),
            outstanding,
            versions: report.versions().to_vec(),
            recent: report.newest(now_us.saturating_sub(RECENT_US), RECENT_MAX),
        }
    }

    /// What the load saw so far. It copies 24 bytes per request, for which the load stands
    /// still; for a display take [`snapshot`](Self::snapshot).
    pub fn so_far(&self) -> LoadReport {
        let outstanding = self.pool.outstanding();
        lock(&self.report).with_outstanding(outstanding)
    }

    /// Stops sending, waits for the outstanding requests (at most the plan's timeout and two
    /// seconds) and reports.
    pub async fn stop(self) -> LoadReport {
        let Self { report, stop, ended, pool } = self;
        drop(stop);
        finished(&report, ended, &pool).await
    }

    /// Waits for the end of the schedule and reports. A schedule without an end goes on for ever.
    pub async fn finish(self) -> LoadReport {
        let Self { report, stop, ended, pool } = self;
        let report = finished(&report, ended, &pool).await;
        drop(stop);
        report
    }
}

async fn finished(
    report: &Mutex<LoadReport>,
    ended: oneshot::Receiver<()>,
    pool: &Pool,
) -> LoadReport {
    // Nothing is ever sent: the thread drops its end, in order or not. The report says which.
    let _ = ended.await;
    let outstanding = pool.outstanding();
    lock(report).with_outstanding(outstanding)
}

/// Starts a load on a thread of its own, so that nothing of the caller delays its departures.
pub fn start(plan: LoadPlan) -> Result<LoadHandle, LoadError> {
    plan.check()?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .event_interval(TASKS_PER_LOOK)
        .build()?;
    let alarm = {
        let _inside = runtime.enter();
        Alarm::new()?
    };
    let started_us = boot_us() + LEAD_US;
    let report = Arc::new(Mutex::new(LoadReport::new(started_us, plan.records)));
    let pool = Arc::new(Pool::new(&plan, Arc::clone(&report))?);
    let (stop, stopped) = oneshot::channel();
    let (ends, ended) = oneshot::channel::<()>();
    let handle = LoadHandle { report: Arc::clone(&report), stop, ended, pool: Arc::clone(&pool) };
    thread::Builder::new().name("load".into()).spawn(move || {
        let driven = runtime.block_on(drive::drive(&plan, &pool, &alarm, started_us, stopped));
        // A report without an end says that the load broke.
        if driven.is_ok() {
            lock(&report).ended_us = Some(boot_us());
        }
        drop(alarm);
        drop(ends);
    })?;
    Ok(handle)
}
