//! A connection that changed its protocol: bytes both ways until one side ends it, or until its
//! release leaves.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split},
    select,
    sync::watch,
    time::timeout,
};

use super::{
    backend::BackendUse,
    frames::{Frames, GOING_AWAY, GOING_AWAY_MASKED},
    moved::Moved,
    visitor::Visitor,
};
use crate::state::Visit;

/// Least and most room of one direction, in bytes. It grows while pieces fill it, so that thousands
/// of quiet tunnels cost little.
const BUFFER: (usize, usize) = (1024, 32 * 1024);

/// How long a tunnel may be silent in both directions.
const MAX_SILENCE: Duration = Duration::from_hours(1);

/// How long a leaving tunnel may take to come to a boundary of frames, and to end after that.
const CLOSE_WAIT: Duration = Duration::from_secs(3);

/// A tunnel about to begin.
pub(super) struct Tunnel {
    pub(super) visit: Visit,
    pub(super) backend: BackendUse,
    pub(super) visitor: Arc<Visitor>,
    pub(super) client: OnUpgrade,
    pub(super) service: OnUpgrade,
    /// Whether it is a WebSocket: then it has frames.
    pub(super) framed: bool,
}

/// How a direction ended, if nothing broke.
enum Ended {
    /// The sender has no more to say.
    Finished,
    /// The tunnel is to close, and the direction is at a boundary.
    Left,
}

/// What both directions share.
struct Shared {
    moved: Moved,
    leave: watch::Receiver<bool>,
}

/// One direction.
struct Direction<R, W> {
    from: R,
    to: W,
    frames: Option<Frames>,
    farewell: &'static [u8],
    passed: u64,
}

impl Tunnel {
    /// Passes bytes until the tunnel ends.
    pub(super) async fn run(self) {
        let Self { mut visit, backend, visitor, client, service, framed } = self;
        visit.lasts();
        let (client, service) = match tokio::try_join!(client, service) {
            Ok(both) => both,
            Err(error) => {
                tracing::debug!(%error, "a tunnel did not begin");
                return;
            }
        };
        let (tell, leave) = watch::channel(false);
        let moment = Arc::clone(visit.release()).moment_to_close(visitor.house.clone());
        let shared = Shared { moved: Moved::begin(), leave };
        let (from_client, to_client) = split(TokioIo::new(client));
        let (from_service, to_service) = split(TokioIo::new(service));
        let frames = || framed.then(Frames::default);
        let mut down = Direction::new(from_service, to_client, frames(), &GOING_AWAY);
        let mut up = Direction::new(from_client, to_service, frames(), &GOING_AWAY_MASKED);
        {
            let mut both =
                Box::pin(async { tokio::try_join!(down.pass(&shared), up.pass(&shared)) });
            let ended = select! {
                ended = both.as_mut() => ended,
                () = moment => {
                    tell.send_replace(true);
                    close_in_time(both.as_mut()).await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a tunnel broke");
            }
        }
        visit.download(down.passed);
        visit.uploads(Arc::new(AtomicU64::new(up.passed)));
        drop(backend);
    }
}

async fn close_in_time<T>(both: Pin<&mut impl Future<Output = io::Result<T>>>) -> io::Result<T> {
    timeout(CLOSE_WAIT, both).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Direction<R, W> {
    fn new(from: R, to: W, frames: Option<Frames>, farewell: &'static [u8]) -> Self {
        Self { from, to, frames, farewell, passed: 0 }
    }

    /// Passes bytes until the sender ends, or the tunnel is to close; then says goodbye.
    async fn pass(&mut self, shared: &Shared) -> io::Result<()> {
        let ended = self.pass_bytes(shared).await?;
        if matches!(ended, Ended::Left) && self.frames.is_some() {
            self.to.write_all(self.farewell).await?;
            self.to.flush().await?;
            // The other side may still answer it, and then ends the connection (RFC 6455 §7.1.1).
            self.discard().await?;
        }
        self.to.shutdown().await
    }

    async fn pass_bytes(&mut self, shared: &Shared) -> io::Result<Ended> {
        let mut leave = shared.leave.clone();
        let mut buffer = vec![0; BUFFER.0];
        loop {
            let may_leave = self.frames.as_ref().is_none_or(Frames::may_close);
            let closed = self.frames.as_ref().is_some_and(Frames::closed);
            let read = select! {
                read = timeout(MAX_SILENCE, self.from.read(&mut buffer)) => read,
                _ = leave.wait_for(|leave| *leave), if may_leave && !closed => {
                    return Ok(Ended::Left);
                }
            };
            let count = match read {
                Ok(read) => read?,
                Err(_) if shared.moved.last().elapsed() < MAX_SILENCE => continue,
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            };
            if count == 0 {
                return Ok(Ended::Finished);
            }
            let piece = buffer.get(..count).unwrap_or_default();
            self.to.write_all(piece).await?;
            self.to.flush().await?;
            if let Some(frames) = &mut self.frames {
                frames.pass(piece);
            }
            self.passed += count as u64;
            shared.moved.now();
            if count == buffer.len() && count < BUFFER.1 {
                buffer.resize(count * 2, 0);
            }
        }
    }

    /// Reads what still comes and forgets it, so that the sender is not reset in mid-word.
    async fn discard(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER.0];
        while self.from.read(&mut buffer).await? > 0 {}
        Ok(())
    }
}
