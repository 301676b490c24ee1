//! Bodies on their way through the door. They are passed on piece by piece, never collected.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::backend::{BackendUse, Connection};
use crate::state::Visit;

/// How far a client's body has got.
pub(crate) struct UploadProgress {
    began: Instant,
    /// Milliseconds from `began` to the last piece.
    moved_ms: AtomicU64,
    /// The backend asked for a piece and the client has not sent it yet.
    awaits_client: AtomicBool,
    broken: AtomicBool,
    done: AtomicBool,
}

impl UploadProgress {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            moved_ms: AtomicU64::new(0),
            awaits_client: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            done: AtomicBool::new(false),
        }
    }

    fn moved(&self) {
        self.moved_ms.store(self.began.elapsed().as_millis() as u64, Ordering::Relaxed);
        self.awaits_client.store(false, Ordering::Relaxed);
    }

    /// When the last piece passed.
    pub(crate) fn last_moved(&self) -> Instant {
        self.began + Duration::from_millis(self.moved_ms.load(Ordering::Relaxed))
    }

    /// Whether it is the client that everything waits for.
    pub(crate) fn awaits_client(&self) -> bool {
        self.awaits_client.load(Ordering::Relaxed) && !self.is_done()
    }

    /// Whether the client broke off.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Whether the whole body has passed.
    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }
}

/// A request's body on its way to a backend.
pub(crate) enum Upload {
    /// There is none.
    Empty,
    /// It comes from the client.
    Stream(Incoming, Arc<UploadProgress>),
}

impl Upload {
    pub(crate) fn new(body: Incoming) -> Self {
        if body.is_end_stream() {
            return Self::Empty;
        }
        Self::Stream(body, Arc::new(UploadProgress::new()))
    }

    pub(crate) fn progress(&self) -> Option<Arc<UploadProgress>> {
        match self {
            Self::Empty => None,
            Self::Stream(_, progress) => Some(Arc::clone(progress)),
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self::Stream(body, progress) = &mut *self else {
            return Poll::Ready(None);
        };
        let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) else {
            progress.awaits_client.store(true, Ordering::Relaxed);
            return Poll::Pending;
        };
        progress.moved();
        match &frame {
            Some(Err(_)) => progress.broken.store(true, Ordering::Relaxed),
            Some(Ok(_)) if !body.is_end_stream() => {}
            Some(Ok(_)) | None => progress.done.store(true, Ordering::Relaxed),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Stream(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Stream(body, _) => body.size_hint(),
        }
    }
}

/// A backend's answer on its way to the client, with all that ends when it does.
pub(crate) struct Relay {
    body: Incoming,
    under_way: Option<UnderWay>,
}

/// What lasts as long as an answer.
pub(crate) struct UnderWay {
    pub(crate) visit: Visit,
    pub(crate) backend: BackendUse,
    pub(crate) connection: Connection,
    pub(crate) upload: Option<Arc<UploadProgress>>,
    pub(crate) max_idle: usize,
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

impl Relay {
    pub(crate) fn new(body: Incoming, under_way: UnderWay) -> Self {
        let mut relay = Self { body, under_way: Some(under_way) };
        relay.complete_if_over();
        relay
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
}

/// What the door answers with.
pub(crate) enum DoorBody {
    /// Words of the door itself.
    Text(Option<Bytes>),
    /// A backend's answer.
    Relay(Relay),
}

impl Body for DoorBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let relay = match &mut *self {
            Self::Text(text) => return Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Relay(relay) => relay,
        };
        let frame = ready!(Pin::new(&mut relay.body).poll_frame(cx));
        match &frame {
            None => relay.complete(),
            Some(Ok(_)) => relay.complete_if_over(),
            Some(Err(_)) => {
                if let Some(mut under_way) = relay.under_way.take() {
                    under_way.visit.broke();
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Text(text) => text.is_none(),
            Self::Relay(relay) => relay.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Text(text) => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            Self::Relay(relay) => relay.body.size_hint(),
        }
    }
}
