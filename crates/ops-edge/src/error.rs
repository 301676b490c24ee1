//! Why an edge could not start.

use std::{io, net::SocketAddr, path::PathBuf};

/// Why an edge could not start. It serves nothing then, and has changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// The configuration names no address.
    #[error("the edge has no address to listen on; name at least one, such as 127.0.0.1:8080")]
    NoAddress,
    /// Somebody else listens on the address.
    #[error(
        "{address} is in use by another program; stop that program (`ss -ltnp` names it) or \
         let the edge listen elsewhere"
    )]
    AddressInUse {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}; it must be an address of this machine, and a port below \
         1024 needs the right to bind it"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Another edge runs on the same state folder.
    #[error(
        "another edge runs on {}; use that one, or give this one a state folder of its own",
        state_dir.display()
    )]
    AlreadyRunning {
        /// The state folder.
        state_dir: PathBuf,
    },
    /// The state folder cannot be used.
    #[error(
        "cannot use the state folder: {doing} {} failed; it must be writable by the edge's user",
        path.display()
    )]
    State {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A certificate or its key cannot be used.
    #[error("{} cannot be used: {why}; put a certificate and its own key in place", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Metrics would be read by everybody.
    #[error("{address}, for metrics, is no loopback address; use one such as 127.0.0.1:9180")]
    MetricsForAll {
        /// The address.
        address: SocketAddr,
    },
    /// The running edge did not hand over.
    #[error(
        "the edge that runs on {} did not hand over: {source}; it goes on as before",
        state_dir.display()
    )]
    NotHandedOver {
        /// The state folder.
        state_dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// TLS cannot be offered.
    #[error("TLS cannot be offered: {why}; name a certificate and its key, or no address for TLS")]
    Tls {
        /// Why.
        why: String,
    },
    /// The stored routes cannot be read. Starting without them would drop all traffic.
    #[error(
        "the stored routes in {} cannot be used: {why}; restore the file, or move it away to \
         start without routes and let the daemon set them again",
        path.display()
    )]
    Routes {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}
