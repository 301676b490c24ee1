//! What belongs to a service and outlives each of its routes: its signals, its requests in
//! flight, its places to wait.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use ops_core::{
    id::{ReleaseId, ServiceName},
    signal::{Arm, SignalSecond, TemplateCount},
};

use super::{
    release::ReleaseLoad,
    ring::{Ring, Weights},
    tally::Completed,
    templates::Templates,
};
use crate::clock::boot_second;

/// A service as the door sees it, over all its routes.
pub(crate) struct ServiceState {
    name: ServiceName,
    ring: Mutex<Ring>,
    waiting: AtomicU32,
    /// Releases of the present route, and earlier ones that still have requests in flight.
    releases: Mutex<Vec<Arc<ReleaseLoad>>>,
    templates: Templates,
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
            templates: Templates::new(),
        })
    }

    /// The service's name.
    pub(crate) fn name(&self) -> &ServiceName {
        &self.name
    }

    /// The load of a release; the same one for as long as the release is routed or has requests.
    pub(crate) fn release(&self, id: &ReleaseId) -> Arc<ReleaseLoad> {
        let mut releases = lock(&self.releases);
        if let Some(known) = releases.iter().find(|release| release.id() == id) {
            return Arc::clone(known);
        }
        let new = ReleaseLoad::new(id.clone());
        releases.push(Arc::clone(&new));
        new
    }

    /// Templates of the paths of its requests.
    pub(crate) fn templates(&self) -> &Templates {
        &self.templates
    }

    /// Tells the long-lived connections of each release whether it stays or leaves within `limit`.
    pub(crate) fn tell_leaving(&self, routed: impl Fn(&ReleaseId) -> bool, limit: Duration) {
        for release in lock(&self.releases).iter() {
            if routed(release.id()) { release.stay() } else { release.leave(limit) }
        }
    }

    /// Long-lived connections per release; releases without any are absent.
    pub(crate) fn long_lived(&self) -> Vec<(ReleaseId, u64)> {
        let releases = lock(&self.releases);
        let counts = releases.iter().map(|release| (release.id().clone(), release.lasting()));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// Forgets releases that left the route and are empty. Only whoever replaces routes may call
    /// it, after the replacement: then nothing can enter a release that left.
    pub(crate) fn forget_drained(&self, routed: impl Fn(&ReleaseId) -> bool) {
        lock(&self.releases).retain(|release| routed(release.id()) || release.in_flight() > 0);
    }

    /// Requests in flight per release: of routed releases always, of others until they are empty.
    pub(crate) fn in_flight(&self, routed: impl Fn(&ReleaseId) -> bool) -> Vec<(ReleaseId, u64)> {
        let releases = lock(&self.releases);
        let counts = releases.iter().map(|release| (release.id().clone(), release.in_flight()));
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
        let names = self.templates.names();
        over.iter().map(|sealed| sealed.report(&names)).collect()
    }

    /// Sums since the start per release, and the requests that none could be given.
    pub(crate) fn totals(&self) -> (Vec<(ReleaseId, Arm)>, u64) {
        let mut ring = lock(&self.ring);
        ring.totals(boot_second())
    }

    /// Sums since the start, per release and template.
    pub(crate) fn template_totals(&self) -> Vec<TemplateCount> {
        let names = self.templates.names();
        let mut ring = lock(&self.ring);
        ring.template_totals(boot_second(), &names)
    }

    /// Counts the answer to a copy of a request.
    pub(crate) fn count_mirrored(&self, release: &ReleaseId, done: Completed) {
        let mut ring = lock(&self.ring);
        ring.count_mirrored(boot_second(), release, done);
    }

    /// Counts a request that the door sent itself.
    pub(crate) fn count_probe(&self, failed: bool) {
        let mut ring = lock(&self.ring);
        ring.count_probe(boot_second(), failed);
    }

    /// Takes over what another process counted in seconds that are over.
    pub(crate) fn inherit(&self, seconds: &[SignalSecond]) {
        let mut ring = lock(&self.ring);
        ring.inherit(boot_second(), seconds, &self.templates);
    }

    /// Adds what another process counted to the second that is going on.
    pub(crate) fn add(&self, second: &SignalSecond) {
        let mut ring = lock(&self.ring);
        ring.advance(boot_second());
        ring.add(second, &self.templates);
    }

    /// Requests of a release, and those of them that failed, in the last `seconds`.
    pub(crate) fn lately(&self, release: &ReleaseId, seconds: u32) -> (u64, u64) {
        let mut ring = lock(&self.ring);
        ring.lately(boot_second(), release, seconds)
    }

    /// Counts a request that no release could be given.
    pub(crate) fn refuse(&self) {
        let mut ring = lock(&self.ring);
        ring.refuse(boot_second());
    }

    pub(super) fn count(&self, release: &ReleaseId, done: Completed) {
        let mut ring = lock(&self.ring);
        ring.count(boot_second(), release, done);
    }

    pub(super) fn count_retry(&self, release: &ReleaseId) {
        let mut ring = lock(&self.ring);
        ring.count_retry(boot_second(), release);
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
