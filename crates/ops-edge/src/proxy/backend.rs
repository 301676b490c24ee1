//! A backend and its idle connections.
//!
//! Connections belong to one release's backend, never to an address alone: a port that passes from
//! one release to another does not pass its connections on.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::{TrySendError, http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::{body::Upload, counted::Counted, health::Health};
use crate::config::EdgeConfig;

/// How often an HTTP/2 connection to a service is asked whether it lives, and how long that may
/// take.
const H2_PING: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5));

/// Bytes that a service may send on one HTTP/2 stream, and on one connection, ahead of the client.
const H2_WINDOW: (u32, u32) = (256 * 1024, 4 * 1024 * 1024);

/// One replica of a release.
pub(crate) struct Backend {
    address: SocketAddr,
    in_flight: AtomicU64,
    health: Health,
    idle: Mutex<Vec<Idle>>,
    /// The one HTTP/2 connection, if the service speaks that.
    shared: Mutex<Option<http2::SendRequest<Upload>>>,
    /// Held while that is opened, so that it is opened once.
    opening: tokio::sync::Mutex<()>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

/// A connection to a backend, free for one exchange.
pub(crate) struct Connection {
    sender: Sender,
    bytes_read: Arc<AtomicU64>,
}

enum Sender {
    Http1(http1::SendRequest<Upload>),
    /// One of many that share the connection.
    Http2(http2::SendRequest<Upload>),
}

impl Connection {
    /// Bytes received so far: tells an answer that broke from one that never began. `None` where
    /// others share the connection.
    pub(crate) fn bytes_read(&self) -> Option<u64> {
        match self.sender {
            Sender::Http1(_) => Some(self.bytes_read.load(Ordering::Acquire)),
            Sender::Http2(_) => None,
        }
    }

    /// Whether it speaks HTTP/2.
    pub(crate) fn is_h2(&self) -> bool {
        matches!(self.sender, Sender::Http2(_))
    }

    /// Sends a request; gives it back if it was not sent.
    pub(crate) async fn send(
        &mut self,
        request: Request<Upload>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Upload>>> {
        match &mut self.sender {
            Sender::Http1(sender) => sender.try_send_request(request).await,
            Sender::Http2(sender) => sender.try_send_request(request).await,
        }
    }

    fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    fn is_ready(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_ready(),
            Sender::Http2(sender) => sender.is_ready(),
        }
    }
}

impl Backend {
    pub(crate) fn new(address: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            address,
            in_flight: AtomicU64::new(0),
            health: Health::default(),
            idle: Mutex::new(Vec::new()),
            shared: Mutex::new(None),
            opening: tokio::sync::Mutex::new(()),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests in flight on this replica now.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Whether it failed so often that others are asked first.
    pub(crate) fn is_out(&self) -> bool {
        self.health.is_out()
    }

    /// Notes that it did its work, or did not.
    pub(crate) fn note(&self, good: bool) {
        if good {
            self.health.succeeded();
        } else if self.health.failed() {
            tracing::warn!(address = %self.address, "a replica keeps failing: it is left out");
        }
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
        // Those below the last one that closed are let go of by `sweep`.
        while idle.last().is_some_and(|entry| entry.connection.is_closed()) {
            idle.pop();
        }
        let ready = idle.iter().rposition(|entry| entry.connection.is_ready())?;
        let young = idle.get(ready).is_some_and(|entry| entry.since.elapsed() <= max_age);
        young.then(|| idle.remove(ready).connection)
    }

    /// Keeps a connection whose exchange is over, unless `max_idle` are kept already.
    pub(crate) fn keep(&self, connection: Connection, max_idle: usize) {
        if connection.is_h2() {
            return;
        }
        let mut idle = self.idle();
        if idle.len() < max_idle && !connection.is_closed() {
            idle.push(Idle { connection, since: Instant::now() });
        }
    }

    /// Ends connections that are idle for longer than `max_age`.
    pub(crate) fn sweep(&self, max_age: Duration) {
        self.idle()
            .retain(|entry| !entry.connection.is_closed() && entry.since.elapsed() <= max_age);
    }

    /// Opens a connection that speaks HTTP/1.1.
    pub(crate) async fn connect(&self, config: &EdgeConfig) -> io::Result<Connection> {
        let stream = self.dial(config).await?;
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
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%address, %error, "a connection to a backend broke");
            }
        });
        Ok(Connection { sender: Sender::Http1(sender), bytes_read })
    }

    /// The connection that speaks HTTP/2; opened if there is none. True if it was there before.
    pub(crate) async fn share(&self, config: &EdgeConfig) -> io::Result<(Connection, bool)> {
        if let Some(connection) = self.shared() {
            return Ok((connection, true));
        }
        let _one_at_a_time = self.opening.lock().await;
        if let Some(connection) = self.shared() {
            return Ok((connection, true));
        }
        let stream = self.dial(config).await?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(H2_WINDOW.0)
            .initial_connection_window_size(H2_WINDOW.1)
            .max_header_list_size(config.max_header_bytes as u32)
            .keep_alive_interval(H2_PING.0)
            .keep_alive_timeout(H2_PING.1)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        let address = self.address;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%address, %error, "a connection to a backend broke");
            }
        });
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender.clone());
        Ok((Connection::of(sender), false))
    }

    fn shared(&self) -> Option<Connection> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.as_ref().is_some_and(http2::SendRequest::is_closed) {
            *shared = None;
        }
        shared.clone().map(Connection::of)
    }

    /// Makes the next one to ask open a new HTTP/2 connection.
    pub(crate) fn forget_shared(&self) {
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn dial(&self, config: &EdgeConfig) -> io::Result<TcpStream> {
        let connecting = TcpStream::connect(self.address);
        let stream = tokio::time::timeout(config.connect_timeout, connecting)
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Connection {
    fn of(sender: http2::SendRequest<Upload>) -> Self {
        Self { sender: Sender::Http2(sender), bytes_read: Arc::default() }
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
