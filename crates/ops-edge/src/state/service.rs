//! What belongs to a service and outlives each of its routes: its signals, its requests in
//! flight, its places to wait.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Instant,
};

use ops_core::{
    id::{ReleaseId, ServiceName},
    signal::SignalSecond,
};

use super::ring::{Completed, Outcome, Ring, Weights};
use crate::clock::boot_second;

/// How many requests of one release are in flight.
pub(crate) struct ReleaseLoad {
    id: ReleaseId,
    in_flight: AtomicU64,
}

impl ReleaseLoad {
    /// Requests in flight now.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// The release.
    pub(crate) fn id(&self) -> &ReleaseId {
        &self.id
    }
}

/// A service as the door sees it, over all its routes.
pub(crate) struct ServiceState {
    name: ServiceName,
    ring: Mutex<Ring>,
    waiting: AtomicU32,
    /// Releases of the present route, and earlier ones that still have requests in flight.
    releases: Mutex<Vec<Arc<ReleaseLoad>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counts stay usable if a thread panicked while it held the lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ServiceState {
    /// A service that is seen for the first time.
    pub(crate) fn new(name: ServiceName) -> Arc<Self> {
        Arc::new(Self {
            name,
            ring: Mutex::new(Ring::new(boot_second())),
            waiting: AtomicU32::new(0),
            releases: Mutex::new(Vec::new()),
        })
    }

    /// The service's name.
    pub(crate) fn name(&self) -> &ServiceName {
        &self.name
    }

    /// The load of a release; the same one for as long as the release is routed or has requests.
    pub(crate) fn release(&self, id: &ReleaseId) -> Arc<ReleaseLoad> {
        let mut releases = lock(&self.releases);
        if let Some(known) = releases.iter().find(|release| &release.id == id) {
            return Arc::clone(known);
        }
        let new = Arc::new(ReleaseLoad { id: id.clone(), in_flight: AtomicU64::new(0) });
        releases.push(Arc::clone(&new));
        new
    }

    /// Forgets releases that left the route and are empty. Only whoever replaces routes may call
    /// it, after the replacement: then nothing can enter a release that left.
    pub(crate) fn forget_drained(&self, routed: impl Fn(&ReleaseId) -> bool) {
        lock(&self.releases).retain(|release| routed(&release.id) || release.in_flight() > 0);
    }

    /// Requests in flight per release: of routed releases always, of others until they are empty.
    pub(crate) fn in_flight(&self, routed: impl Fn(&ReleaseId) -> bool) -> Vec<(ReleaseId, u64)> {
        let releases = lock(&self.releases);
        let counts = releases.iter().map(|release| (release.id.clone(), release.in_flight()));
        counts.filter(|(id, count)| *count > 0 || routed(id)).collect()
    }

    /// Lets time go on in the signals.
    pub(crate) fn tick(&self) {
        lock(&self.ring).advance(boot_second());
    }

    /// Notes a change of route in the signals.
    pub(crate) fn note_change(&self, weights: &Weights) {
        // The clock is read under the lock, here and below: a second that was reported as over
        // must not change any more.
        let mut ring = lock(&self.ring);
        ring.change(boot_second(), weights);
    }

    /// The seconds after `after` that are over.
    pub(crate) fn signals(&self, after: u64) -> Vec<SignalSecond> {
        let over = {
            let mut ring = lock(&self.ring);
            ring.since(after, boot_second())
        };
        over.iter().map(|sealed| sealed.report()).collect()
    }

    /// Counts a request that no release could be given.
    pub(crate) fn refuse(&self) {
        let mut ring = lock(&self.ring);
        ring.refuse(boot_second());
    }

    fn count(&self, release: &ReleaseId, done: Completed) {
        let mut ring = lock(&self.ring);
        ring.count(boot_second(), release, done);
    }

    /// Takes one of `places` to wait; `None` if all are taken.
    pub(crate) fn wait_here(self: &Arc<Self>, places: u32) -> Option<WaitingPlace> {
        self.waiting
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |taken| {
                (taken < places).then_some(taken + 1)
            })
            .ok()
            .map(|_| WaitingPlace(Arc::clone(self)))
    }

    /// Requests that wait at the door now.
    pub(crate) fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::SeqCst)
    }
}

/// A place of a request that waits at the door; free again when dropped.
pub(crate) struct WaitingPlace(Arc<ServiceState>);

impl Drop for WaitingPlace {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// One request on its way through one release. It is accounted once, when this is dropped: at the
/// end of the answer's body, or when the client has gone.
///
/// A client that goes before the answer began leaves no trace in the signals; one that goes in the
/// middle of the body is counted with the status that it was given.
pub(crate) struct Visit {
    service: Arc<ServiceState>,
    release: Arc<ReleaseLoad>,
    arrived: Instant,
    held: bool,
    answer: Option<(Outcome, u64)>,
}

impl Visit {
    /// Enters a release. Must be called under the table's read lock (see the crate's notes).
    pub(crate) fn enter(
        service: &Arc<ServiceState>,
        release: &Arc<ReleaseLoad>,
        arrived: Instant,
        held: bool,
    ) -> Self {
        release.in_flight.fetch_add(1, Ordering::SeqCst);
        Self {
            service: Arc::clone(service),
            release: Arc::clone(release),
            arrived,
            held,
            answer: None,
        }
    }

    /// Notes how the request is answered, at the moment when the answer begins.
    pub(crate) fn answered(&mut self, outcome: Outcome) {
        let micros = u64::try_from(self.arrived.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.answer = Some((outcome, micros));
    }

    /// Notes that the answer broke in the middle of its body.
    pub(crate) fn broke(&mut self) {
        if let Some((outcome, _)) = &mut self.answer {
            *outcome = Outcome::Broken;
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        // Counted first, so that whoever sees the release empty finds all its requests counted.
        if let Some((outcome, latency_micros)) = self.answer {
            let done = Completed { outcome, latency_micros, held: self.held };
            self.service.count(&self.release.id, done);
        }
        self.release.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}
