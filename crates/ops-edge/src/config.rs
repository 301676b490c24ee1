//! What an edge is started with.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// How an edge is started. [`EdgeConfig::new`] fills in the defaults.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// Addresses on which users are served. Port 0 takes a free one; [`crate::Edge::addresses`],
    /// `edge.json` in the state folder and the status of the admin socket tell which.
    pub listen: Vec<SocketAddr>,
    /// Addresses on which users are served over TLS. Needs certificates.
    pub tls_listen: Vec<SocketAddr>,
    /// Certificates and keys. The first one is shown to clients that name no host that any bears.
    pub certificates: Vec<CertificateFiles>,
    /// Folder of the routes, the admin socket and the lock. Made if missing, for its owner only.
    pub state_dir: PathBuf,
    /// How long one attempt to connect to a backend may take. Default 1 s.
    pub connect_timeout: Duration,
    /// How long a backend may take from the last progress of the request to the header of its
    /// answer. Default 30 s.
    pub response_timeout: Duration,
    /// How long a service may pause in the middle of an answer (streams of events excepted), and a
    /// client may leave a piece of an answer unread, each answer by itself. Default 5 min.
    pub stall_timeout: Duration,
    /// How long a client may take to send the header of a request. It bounds the idle time between
    /// two requests on one connection too. Default 10 s.
    pub header_timeout: Duration,
    /// How long requests in flight may take to end after the edge was told to stop. Default 30 s.
    pub drain_timeout: Duration,
    /// How long requests and tunnels may take to end after another edge took over. Default 1 h.
    pub handover_timeout: Duration,
    /// Largest header of a request or an answer, in bytes. At least 8192. Default 64 KiB.
    pub max_header_bytes: usize,
    /// Largest body of a request, in bytes; a larger one is answered 413. Default: no limit, as
    /// bodies are never collected.
    pub max_body_bytes: Option<u64>,
    /// What tells this program from another version of it; told in the status. Default: the
    /// version of the crate.
    pub build: String,
    /// Most client connections at a time; further ones wait in the kernel's queue. Default 10,000.
    pub max_connections: usize,
    /// Loopback address on which metrics are read at `/metrics`; `None`: only through the admin
    /// socket.
    pub metrics: Option<SocketAddr>,
    /// Share of requests that are written to `access.log` in the state folder, in percent; those
    /// that fail are all written. `None`: there is no log.
    pub access_log_percent: Option<u8>,
    /// Most requests at a time on one HTTP/2 connection of a client. Default 128.
    pub max_streams: u32,
    /// Most idle connections kept per backend. Default 512: a burst that needed more than are kept
    /// would open them anew each time, which shows in the slowest hundredth of all requests.
    pub max_idle_per_backend: usize,
    /// How long an idle connection to a backend is kept. Default 10 s, below the keep-alive time
    /// of most servers, so that the edge, not the backend, ends most idle connections.
    pub idle_timeout: Duration,
    /// Whether `X-Forwarded-*` and `Forwarded` headers of clients are kept and added to. Only
    /// right behind another proxy that sets them; otherwise clients could invent their address.
    /// Default false: they are replaced.
    pub trust_forwarded: bool,
}

impl EdgeConfig {
    /// The defaults for these addresses and this state folder.
    pub fn new(listen: Vec<SocketAddr>, state_dir: impl Into<PathBuf>) -> Self {
        Self {
            listen,
            tls_listen: Vec::new(),
            certificates: Vec::new(),
            state_dir: state_dir.into(),
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_mins(5),
            header_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(30),
            handover_timeout: Duration::from_hours(1),
            max_header_bytes: MIN_HEADER_BYTES * 8,
            max_body_bytes: None,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            max_connections: 10_000,
            metrics: None,
            access_log_percent: None,
            max_streams: 128,
            max_idle_per_backend: 512,
            idle_timeout: Duration::from_secs(10),
            trust_forwarded: false,
        }
    }
}

/// A certificate and its key, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, then those that lead to its root.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The smallest header limit that the HTTP library accepts, in bytes.
pub(crate) const MIN_HEADER_BYTES: usize = 8192;
