//! The door: reverse proxy with weights, drain, hold and per-release signals.
//!
//! The edge runs in a process of its own and survives the daemon. Users reach services only
//! through it; the daemon tells it, over a unix socket, which release gets which share of a
//! service's requests, and reads back what it really serves and what users met.
//!
//! | part | holds |
//! |---|---|
//! | [`EdgeConfig`], [`Edge`], [`run`] | start, drain and stop of the process |
//! | `state` | routes: what may be set, what is on disk, what is served, what was seen |
//! | `proxy` | the way of one request: route, hold, release, backend, answer |
//! | `admin` | the socket through which the daemon acts and looks |
//! | [`EdgeDoor`] | the daemon's side of that socket: the engine's `Door` port |
//! | [`Doors`] | doors on several hosts as one: the same port |
//! | [`bridge()`] | the way of questions to that socket from a container's or a host's outside |
//!
//! **One whole route.** All routes stand in one immutable table. A request chooses its release and
//! enters that release's count of requests in flight under the same read lock that protects the
//! table's replacement. So once a change is acknowledged, no request of the old route is still on
//! its way to being counted: a drain that reads zero has reached zero.
//!
//! **Two protocols, two sides.** Clients speak HTTP/1.1 or HTTP/2, services one of both; each side is
//! read and written by itself, so that nobody's framing passes through. Other protocols pass through
//! tunnels after the service agreed to an upgrade.
//!
//! **What is deliberately absent.** No buffering of bodies, no change of them, no caching. CONNECT is
//! refused with 501. `docs/adr/0007-the-door.md` says why it is built so.

mod access_log;
mod admin;
mod bridge;
mod clock;
mod config;
mod door;
mod doors;
mod error;
mod handover;
mod metrics;
mod process;
mod proxy;
mod state;
mod targets;
mod tls;
#[doc(hidden)]
pub mod untrusted;

pub use admin::EdgeStatus;
pub use bridge::bridge;
pub use config::{CertificateFiles, EdgeConfig};
pub use door::{EdgeDoor, MAX_ANSWER_BYTES, Way};
pub use doors::{Doors, HostDoor};
pub use error::EdgeError;
pub use process::{Edge, Ended, run};
pub use tls::{CertificateStatus, TlsStatus};
