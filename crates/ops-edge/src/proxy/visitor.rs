//! Who is at the door: one client connection and what it holds.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use http::HeaderValue;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

use crate::state::Leaving;

/// One client connection. A tunnel keeps it for as long as it lasts, and with it the place among
/// the connections and the process itself.
pub(crate) struct Visitor {
    /// The address as `X-Forwarded-For` names it.
    pub(crate) forwarded_for: HeaderValue,
    /// What the client speaks: `http` or `https`.
    pub(crate) proto: &'static str,
    /// Whether the process ends.
    pub(crate) house: watch::Receiver<Option<Leaving>>,
    /// Whether the connection is to end after the next answer.
    last: AtomicBool,
    streams: AtomicUsize,
    served: AtomicUsize,
    _place: OwnedSemaphorePermit,
    _alive: mpsc::Sender<()>,
}

impl Visitor {
    pub(crate) fn new(
        address: IpAddr,
        proto: &'static str,
        house: watch::Receiver<Option<Leaving>>,
        place: OwnedSemaphorePermit,
        alive: mpsc::Sender<()>,
    ) -> Self {
        let address = address.to_canonical();
        let forwarded_for = HeaderValue::from_str(&address.to_string())
            .unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        Self {
            forwarded_for,
            proto,
            house,
            last: AtomicBool::new(false),
            streams: AtomicUsize::new(0),
            served: AtomicUsize::new(0),
            _place: place,
            _alive: alive,
        }
    }

    /// Lets the next answer say that it is the last one.
    pub(crate) fn end_with_next(&self) {
        self.last.store(true, Ordering::Relaxed);
    }

    /// Whether an answer that begins now is the last one.
    pub(crate) fn is_last(&self) -> bool {
        self.last.load(Ordering::Relaxed)
    }

    /// Counts a request of this connection until the answer is dropped.
    pub(crate) fn stream(self: &std::sync::Arc<Self>) -> Stream {
        self.streams.fetch_add(1, Ordering::Relaxed);
        self.served.fetch_add(1, Ordering::Relaxed);
        Stream(std::sync::Arc::clone(self))
    }

    /// Requests that are served now, and all that ever were.
    pub(crate) fn streams(&self) -> (usize, usize) {
        (self.streams.load(Ordering::Relaxed), self.served.load(Ordering::Relaxed))
    }
}

/// One request of a connection.
pub(crate) struct Stream(std::sync::Arc<Visitor>);

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}
