//! Bodies on their way through the door. They are passed on piece by piece, never collected.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::{moved::Moved, relay::Relay};

/// How far a client's body has got.
pub(crate) struct UploadProgress {
    moved: Moved,
    bytes: Arc<AtomicU64>,
    limit: u64,
    too_large: AtomicBool,
    /// The backend asked for a piece and the client has not sent it yet.
    awaits_client: AtomicBool,
    broken: AtomicBool,
    done: AtomicBool,
}

impl UploadProgress {
    fn new(limit: u64) -> Self {
        Self {
            moved: Moved::begin(),
            bytes: Arc::default(),
            limit,
            too_large: AtomicBool::new(false),
            awaits_client: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            done: AtomicBool::new(false),
        }
    }

    fn moved(&self) {
        self.moved.now();
        self.awaits_client.store(false, Ordering::Relaxed);
    }

    /// Where its bytes are counted.
    pub(crate) fn bytes(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes)
    }

    /// When the last piece passed.
    pub(crate) fn last_moved(&self) -> Instant {
        self.moved.last()
    }

    /// Whether it is the client that everything waits for.
    pub(crate) fn awaits_client(&self) -> bool {
        self.awaits_client.load(Ordering::Relaxed) && !self.is_done()
    }

    /// Whether the body was larger than it may be.
    pub(crate) fn is_too_large(&self) -> bool {
        self.too_large.load(Ordering::Relaxed)
    }

    /// Counts bytes that pass; false if that is too many.
    fn count(&self, bytes: u64) -> bool {
        let all = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if all > self.limit {
            self.too_large.store(true, Ordering::Relaxed);
        }
        all <= self.limit
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
    /// A body of at most `limit` bytes.
    pub(crate) fn new(body: Incoming, limit: u64) -> Self {
        if body.is_end_stream() {
            return Self::Empty;
        }
        Self::Stream(body, Arc::new(UploadProgress::new(limit)))
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
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
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
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                if !progress.count(bytes) {
                    return Poll::Ready(Some(Err(io::ErrorKind::FileTooLarge.into())));
                }
                if body.is_end_stream() {
                    progress.done.store(true, Ordering::Relaxed);
                }
            }
            None => progress.done.store(true, Ordering::Relaxed),
        }
        Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)))
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

/// What the door answers with.
pub(crate) enum DoorBody {
    /// Words of the door itself.
    Text(Option<Bytes>),
    /// A backend's answer.
    Relay(Relay),
}

impl Body for DoorBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Text(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Relay(relay) => relay.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Text(text) => text.is_none(),
            Self::Relay(relay) => relay.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Text(text) => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            Self::Relay(relay) => relay.size_hint(),
        }
    }
}
