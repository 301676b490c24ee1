//! A backend's answer on its way to the client, with all that ends when it does.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use super::{
    backend::{BackendUse, Connection},
    body::UploadProgress,
    visitor::{Stream, Visitor},
};
use crate::state::Visit;

/// A backend's answer on its way to the client.
pub(crate) struct Relay {
    body: Incoming,
    under_way: Option<Box<UnderWay>>,
    /// Set for streams of events, which last.
    events: Option<Events>,
    stall_limit: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

/// What lasts as long as an answer.
pub(crate) struct UnderWay {
    pub(crate) visit: Visit,
    pub(crate) backend: BackendUse,
    pub(crate) connection: Connection,
    pub(crate) upload: Option<Arc<UploadProgress>>,
    pub(crate) max_idle: usize,
    pub(crate) _stream: Stream,
}

/// A stream of events, which ends between two events when its release leaves.
struct Events {
    moment: Pin<Box<dyn Future<Output = ()> + Send>>,
    leaves: bool,
    /// The last bytes that passed.
    tail: [u8; 4],
}

impl UnderWay {
    /// The answer has passed whole: the connection may serve another request, unless the client
    /// still sends the body of this one.
    fn complete(self) {
        if self.upload.is_none_or(|upload| upload.is_done()) {
            self.backend.backend().keep(self.connection, self.max_idle);
        }
    }
}

impl Events {
    fn pass(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().skip(bytes.len().saturating_sub(4)) {
            self.tail.rotate_left(1);
            self.tail[3] = *byte;
        }
    }

    /// An empty line ends an event (WHATWG HTML §9.2.5).
    fn at_boundary(&self) -> bool {
        self.tail == [0; 4]
            || self.tail.ends_with(b"\n\n")
            || self.tail.ends_with(b"\r\r")
            || self.tail == *b"\r\n\r\n"
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> bool {
        self.leaves = self.leaves || self.moment.as_mut().poll(cx).is_ready();
        self.leaves && self.at_boundary()
    }
}

impl Relay {
    /// An answer whose body may be silent for at most `stall_limit`.
    pub(crate) fn new(body: Incoming, under_way: UnderWay, stall_limit: Duration) -> Self {
        let under_way = Some(Box::new(under_way));
        let mut relay = Self { body, under_way, events: None, stall_limit, stalled: None };
        relay.complete_if_over();
        relay
    }

    /// Lets it last as a stream of events, until its release leaves.
    pub(crate) fn lasting(mut self, visitor: &Visitor) -> Self {
        // A promised length cannot be cut short.
        if let (Some(under_way), None) = (&mut self.under_way, self.body.size_hint().exact()) {
            under_way.visit.lasts();
            let release = Arc::clone(under_way.visit.release());
            let moment = Box::pin(release.moment_to_close(visitor.house.clone()));
            self.events = Some(Events { moment, leaves: false, tail: [0; 4] });
        }
        self
    }

    fn complete_if_over(&mut self) {
        if self.body.is_end_stream() {
            self.complete();
        }
    }

    fn complete(&mut self) {
        if let Some(under_way) = self.under_way.take() {
            under_way.complete();
        }
    }

    fn broke(&mut self) {
        if let Some(mut under_way) = self.under_way.take() {
            under_way.visit.broke();
        }
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.events.as_mut().is_some_and(|events| events.poll_end(cx)) {
            // The service's side is closed, not kept: it has more to say.
            self.under_way = None;
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            return self.poll_stall(cx);
        };
        self.stalled = None;
        match &frame {
            None => self.complete(),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.pass(data);
                }
                self.complete_if_over();
            }
            Some(Err(_)) => self.broke(),
        }
        Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)))
    }

    fn pass(&mut self, data: &Bytes) {
        if let Some(under_way) = &mut self.under_way {
            under_way.visit.download(data.len() as u64);
        }
        if let Some(events) = &mut self.events {
            events.pass(data);
        }
    }

    /// Ends an answer whose service stays silent in the middle of it.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.events.is_some() || self.under_way.is_none() {
            return Poll::Pending;
        }
        let limit = self.stall_limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        self.broke();
        Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())))
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
