//! One request on its way through one release.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use http::{Method, Version};

use super::{
    release::ReleaseLoad,
    service::ServiceState,
    tally::{Completed, Outcome},
    templates::TemplateId,
};
use crate::access_log::AccessLog;

/// One request on its way through one release. It is accounted once, when this is dropped: at the
/// end of the answer's body, or when the client has gone.
///
/// A client that goes before the answer began leaves no trace in the signals; one that goes in the
/// middle of the body is counted with the status that it was given.
pub(crate) struct Visit {
    service: Arc<ServiceState>,
    release: Arc<ReleaseLoad>,
    about: About,
    answer: Option<(Outcome, u64)>,
    lasting: bool,
    uploaded: Option<Arc<AtomicU64>>,
    downloaded: u64,
    /// A request of the door itself is counted by whoever sent it.
    own: bool,
    log: Option<(Arc<AccessLog>, Method, Version)>,
}

/// What is known of a request when it enters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About {
    pub(crate) arrived: Instant,
    /// Whether it waited at the door.
    pub(crate) held: bool,
    /// Hash of the client, where the route knows its clients again.
    pub(crate) unit: Option<u64>,
    pub(crate) template: TemplateId,
}

impl Visit {
    /// Enters a release. Must be called under the table's read lock (see the crate's notes).
    pub(crate) fn enter(
        service: &Arc<ServiceState>,
        release: &Arc<ReleaseLoad>,
        about: About,
    ) -> Self {
        release.enter();
        Self {
            service: Arc::clone(service),
            release: Arc::clone(release),
            about,
            answer: None,
            lasting: false,
            uploaded: None,
            downloaded: 0,
            own: false,
            log: None,
        }
    }

    /// The release that it entered.
    pub(crate) fn release(&self) -> &Arc<ReleaseLoad> {
        &self.release
    }

    /// What was known when it entered.
    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    /// Notes how the request is answered, at the moment when the answer begins.
    pub(crate) fn answered(&mut self, outcome: Outcome) {
        let micros = u64::try_from(self.about.arrived.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.answer = Some((outcome, micros));
    }

    /// Notes that the answer broke in the middle of its body.
    pub(crate) fn broke(&mut self) {
        if let Some((outcome, _)) = &mut self.answer {
            *outcome = Outcome::Reset;
        }
    }

    /// Notes that the request was sent again because its release failed it.
    pub(crate) fn retried(&self) {
        self.service.count_retry(self.release.id());
    }

    /// Notes that the door itself sent this one.
    pub(crate) fn is_own(&mut self) {
        self.own = true;
    }

    /// Notes where this one is written down when it is over.
    pub(crate) fn logs(&mut self, log: &Arc<AccessLog>, method: &Method, version: Version) {
        self.log = Some((Arc::clone(log), method.clone(), version));
    }

    /// Notes that this one lasts: it counts as a long-lived connection of its release.
    pub(crate) fn lasts(&mut self) {
        if !std::mem::replace(&mut self.lasting, true) {
            self.release.begin_lasting();
        }
    }

    /// Where the bytes of the request's body are counted.
    pub(crate) fn uploads(&mut self, bytes: Arc<AtomicU64>) {
        self.uploaded = Some(bytes);
    }

    /// Counts bytes to the client.
    pub(crate) fn download(&mut self, bytes: u64) {
        self.downloaded += bytes;
    }

    fn account(&self, outcome: Outcome, latency_micros: u64) {
        let up = self.uploaded.as_ref().map_or(0, |bytes| bytes.load(Ordering::Relaxed));
        let About { held, unit, template, .. } = self.about;
        let bytes = (up, self.downloaded);
        let done = Completed { outcome, latency_micros, held, bytes, unit, template };
        if let Some((log, method, version)) = &self.log {
            log.note(&self.service, self.release.id(), method, *version, &done);
        }
        self.service.count(self.release.id(), done);
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        // Counted first, so that whoever sees the release empty finds all its requests counted.
        if let Some((outcome, latency_micros)) = self.answer.filter(|_| !self.own) {
            self.account(outcome, latency_micros);
        }
        if self.lasting {
            self.release.end_lasting();
        }
        self.release.exit();
    }
}
