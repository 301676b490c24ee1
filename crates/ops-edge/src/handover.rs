//! A new edge takes the place of a running one, and no request is lost.
//!
//! Over a connection of the admin socket:
//!
//! 1. The new one asks `hand_over`. The old one refuses changes of routes from here on, and sends
//!    its listening sockets and the lock of the state folder as descriptors.
//! 2. The new one reads the routes, accepts, and says `ready`. If it does not, or not in time, the
//!    old one goes on as if nothing had been asked.
//! 3. The old one stops accepting. Until it is empty it tells what it counted and what it has in
//!    flight, and is told the routes in turn: whoever waits there goes on by the new route, and
//!    its tunnels leave when their release does.

mod heir;
mod line;
mod testator;

use std::net::SocketAddr;

use ops_core::{
    id::{ReleaseId, ServiceName},
    signal::SignalSecond,
};
use serde::{Deserialize, Serialize};

use crate::{proxy::Marker, state::Entries};

pub(crate) use heir::{Heir, Link};
pub(crate) use testator::{Estate, Farewell, bequeath};

/// Most descriptors that are handed over: listening sockets and the lock.
const MAX_DESCRIPTORS: usize = 64;

/// What the new edge says when it serves.
const READY: &str = "ready";

/// A listening socket, in the order of the descriptors; the lock comes after the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Socket {
    /// As the configuration names it.
    pub(crate) wanted: SocketAddr,
    /// Whether clients speak TLS there.
    pub(crate) tls: bool,
}

/// What comes with the descriptors.
#[derive(Serialize, Deserialize)]
struct Bequest {
    sockets: Vec<Socket>,
    /// By what the old one's own requests are known, which the new one may meet.
    #[serde(default)]
    marker: Option<Marker>,
}

/// What the old edge tells, again and again until it is empty.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Testament {
    /// Seconds that were not told before.
    seconds: Vec<(ServiceName, Vec<SignalSecond>)>,
    in_flight: Vec<(ServiceName, Vec<(ReleaseId, u64)>)>,
    /// Whether nothing more comes.
    last: bool,
}

/// What the new edge answers: its routes, if they are others than it last said. The old one serves
/// by them whoever waits there still, and closes what lasts when its release leaves.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Routes(Option<Entries>);
