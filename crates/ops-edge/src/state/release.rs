//! One release's requests in flight, and how its long-lived connections learn that it leaves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ops_core::id::ReleaseId;
use tokio::{select, sync::watch, time::sleep_until};

/// Something ends, and what lasts is to be closed within a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leaving {
    pub(crate) from: Instant,
    pub(crate) over: Duration,
    /// Whether somebody else goes on at the same address: connections without a request may
    /// still send one.
    pub(crate) gently: bool,
}

/// Of the time of a drain, the part in which what lasts is told to close; the rest is for it to end.
const PACED_PART: f64 = 0.8;

impl Leaving {
    /// From now on; the last of what lasts has ended after `limit`.
    pub(crate) fn within(limit: Duration, gently: bool) -> Self {
        Self { from: Instant::now(), over: limit.mul_f64(PACED_PART), gently }
    }
}

/// How many requests of one release are in flight.
pub(crate) struct ReleaseLoad {
    id: ReleaseId,
    in_flight: AtomicU64,
    /// Of these, tunnels and streams of events.
    lasting: AtomicU64,
    /// In flight in the process that this one took over from.
    elsewhere: AtomicU64,
    leaving: watch::Sender<Option<Leaving>>,
}

impl ReleaseLoad {
    pub(crate) fn new(id: ReleaseId) -> Arc<Self> {
        Arc::new(Self {
            id,
            in_flight: AtomicU64::new(0),
            lasting: AtomicU64::new(0),
            elsewhere: AtomicU64::new(0),
            leaving: watch::Sender::new(None),
        })
    }

    /// The release.
    pub(crate) fn id(&self) -> &ReleaseId {
        &self.id
    }

    /// Requests in flight now, those in the process before this one included.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::SeqCst) + self.elsewhere.load(Ordering::SeqCst)
    }

    /// Tunnels and streams of events now.
    pub(crate) fn lasting(&self) -> u64 {
        self.lasting.load(Ordering::SeqCst)
    }

    pub(super) fn enter(&self) {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn exit(&self) {
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
    }

    pub(super) fn begin_lasting(&self) {
        self.lasting.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn end_lasting(&self) {
        self.lasting.fetch_sub(1, Ordering::SeqCst);
    }

    /// Notes what the process before this one has in flight still.
    pub(crate) fn set_elsewhere(&self, count: u64) {
        self.elsewhere.store(count, Ordering::SeqCst);
    }

    /// The release gets no more requests: what lasts has ended after `limit`.
    pub(super) fn leave(&self, limit: Duration) {
        self.leaving.send_if_modified(|leaving| {
            let begins = leaving.is_none();
            if begins {
                *leaving = Some(Leaving::within(limit, true));
            }
            begins
        });
    }

    /// The release gets requests (again).
    pub(super) fn stay(&self) {
        self.leaving.send_if_modified(|leaving| leaving.take().is_some());
    }

    /// Ends at the moment at which something that lasts must close: drawn evenly over the time in
    /// which its release leaves, or the whole house does.
    pub(crate) async fn moment_to_close(
        self: Arc<Self>,
        mut house: watch::Receiver<Option<Leaving>>,
    ) {
        let mut release = self.leaving.subscribe();
        let share = fastrand::f64();
        loop {
            let leavings = [*release.borrow_and_update(), *house.borrow_and_update()];
            let moments = leavings.iter().flatten().map(|it| it.from + it.over.mul_f64(share));
            let moment = moments.min();
            let waited = async {
                match moment {
                    Some(moment) => sleep_until(moment.into()).await,
                    None => std::future::pending().await,
                }
            };
            select! {
                () = waited => return,
                // The sender lives as long as `self`.
                _ = release.changed() => {}
                told = house.changed() => if told.is_err() { return },
            }
        }
    }
}
