//! A backend and its idle connections.
//!
//! Connections belong to one release's backend, never to an address alone: a port that passes from
//! one release to another does not pass its connections on.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::body::Upload;
use crate::config::EdgeConfig;

/// One replica of a release.
pub(crate) struct Backend {
    address: SocketAddr,
    in_flight: AtomicU64,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

/// A connection to a backend, free for one exchange.
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<Upload>,
    bytes_read: Arc<AtomicU64>,
}

impl Connection {
    /// Bytes received so far: tells an answer that broke from one that never began.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Acquire)
    }
}

impl Backend {
    pub(crate) fn new(address: SocketAddr) -> Arc<Self> {
        Arc::new(Self { address, in_flight: AtomicU64::new(0), idle: Mutex::new(Vec::new()) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests in flight on this replica now.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts a request as in flight until the answer is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> BackendUse {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        BackendUse(Arc::clone(self))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the connection that was used last, if it is not idle for longer than `max_age`.
    /// Connections that are just ending their last exchange are left for later.
    pub(crate) fn take(&self, max_age: Duration) -> Option<Connection> {
        let mut idle = self.idle();
        idle.retain(|entry| !entry.connection.sender.is_closed());
        let ready = idle.iter().rposition(|entry| entry.connection.sender.is_ready())?;
        let young = idle.get(ready).is_some_and(|entry| entry.since.elapsed() <= max_age);
        young.then(|| idle.remove(ready).connection)
    }

    /// Keeps a connection whose exchange is over, unless `max_idle` are kept already.
    pub(crate) fn keep(&self, connection: Connection, max_idle: usize) {
        let mut idle = self.idle();
        if idle.len() < max_idle && !connection.sender.is_closed() {
            idle.push(Idle { connection, since: Instant::now() });
        }
    }

    /// Ends connections that are idle for longer than `max_age`.
    pub(crate) fn sweep(&self, max_age: Duration) {
        self.idle().retain(|entry| {
            !entry.connection.sender.is_closed() && entry.since.elapsed() <= max_age
        });
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self, config: &EdgeConfig) -> io::Result<Connection> {
        let connecting = TcpStream::connect(self.address);
        let stream = tokio::time::timeout(config.connect_timeout, connecting)
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        let bytes_read = Arc::new(AtomicU64::new(0));
        let counted = Counted { stream, bytes_read: Arc::clone(&bytes_read) };
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(config.max_header_bytes)
            .max_header_size(config.max_header_bytes)
            .handshake(TokioIo::new(counted))
            .await
            .map_err(io::Error::other)?;
        let address = self.address;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%address, %error, "a connection to a backend broke");
            }
        });
        Ok(Connection { sender, bytes_read })
    }
}

/// One request in flight on a backend.
pub(crate) struct BackendUse(Arc<Backend>);

impl BackendUse {
    pub(crate) fn backend(&self) -> &Arc<Backend> {
        &self.0
    }
}

impl Drop for BackendUse {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream that counts what it receives.
struct Counted {
    stream: TcpStream,
    bytes_read: Arc<AtomicU64>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let read = buf.filled().len() - before;
        self.bytes_read.fetch_add(read as u64, Ordering::Release);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
