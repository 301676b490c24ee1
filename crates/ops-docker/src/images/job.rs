//! Work on an image that may take longer than a call may.

use std::{
    collections::HashMap,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ops_core::{id::Digest, world::Fault};
use ops_engine::ports::{Act, ActError};

use crate::engine::{Engine, left};

/// Work that goes on by itself.
#[derive(Debug, Default)]
pub(crate) struct Job {
    /// Bytes that are done.
    pub(super) done: AtomicU64,
    /// Bytes in all; 0 while that is not known.
    pub(super) total: AtomicU64,
    ended: Mutex<Option<Act>>,
    rung: Condvar,
}

/// Jobs under way, one per image, so that none is begun twice.
#[derive(Debug, Default)]
pub(crate) struct Jobs(Mutex<HashMap<Digest, Arc<Job>>>);

impl Jobs {
    /// Joins the job for an image or begins it, and waits a while for its end. `None`: it goes on,
    /// and the words say how far it is.
    pub(crate) fn join<Work>(
        &self,
        engine: &Engine,
        digest: &Digest,
        wait: Duration,
        work: impl FnOnce(Arc<Job>) -> Work,
    ) -> Result<Act, String>
    where
        Work: Future<Output = Act> + Send + 'static,
    {
        let job = self.begin(engine, digest, work);
        match job.wait(wait) {
            Some(ended) => {
                let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                // Another one may have begun since, for somebody else who waited.
                if jobs.get(digest).is_some_and(|other| Arc::ptr_eq(other, &job)) {
                    jobs.remove(digest);
                }
                Ok(ended)
            }
            None => Err(job.words()),
        }
    }

    fn begin<Work>(
        &self,
        engine: &Engine,
        digest: &Digest,
        work: impl FnOnce(Arc<Job>) -> Work,
    ) -> Arc<Job>
    where
        Work: Future<Output = Act> + Send + 'static,
    {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(job) = jobs.get(digest) {
            return Arc::clone(job);
        }
        let job = Arc::new(Job::default());
        jobs.insert(digest.clone(), Arc::clone(&job));
        let (work, bell) = (work(Arc::clone(&job)), Bell(Arc::clone(&job)));
        engine.spawn(async move {
            let act = work.await;
            bell.0.end(act);
        });
        job
    }
}

impl Job {
    /// Waits for its end, for a while.
    fn wait(&self, wait: Duration) -> Option<Act> {
        let until = Instant::now() + wait;
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        while ended.is_none() && !left(until).is_zero() {
            (ended, _) =
                self.rung.wait_timeout(ended, left(until)).unwrap_or_else(PoisonError::into_inner);
        }
        ended.clone()
    }

    /// How far it is.
    fn words(&self) -> String {
        let mib = |bytes: &AtomicU64| bytes.load(Ordering::Relaxed) / (1024 * 1024);
        match self.total.load(Ordering::Relaxed) {
            0 => "nothing can be said of how far it is".to_owned(),
            _ => format!("{} of {} MiB are here", mib(&self.done), mib(&self.total)),
        }
    }

    fn end(&self, act: Act) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(act);
        self.rung.notify_all();
    }
}

/// Ends the job even if its work should panic: whoever waits then learns that nothing is known.
struct Bell(Arc<Job>);

impl Drop for Bell {
    fn drop(&mut self) {
        let mut ended = self.0.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.is_none() {
            let next = "give the act again";
            let fault = Fault::new("the work ended without a word", "image store", next);
            *ended = Some(Err(ActError::Unknown(fault)));
        }
        self.0.rung.notify_all();
    }
}
