//! Start, service and stop of the edge.

mod connections;
mod upkeep;

use std::{future::Future, io, net::SocketAddr, sync::Arc};

use serde::Serialize;
use tokio::{
    net::{TcpListener, UnixListener},
    task::JoinSet,
};

use crate::{
    admin::{self, Desk},
    config::{EdgeConfig, MIN_HEADER_BYTES},
    error::EdgeError,
    proxy::Proxy,
    state::{Control, Disk as _, FileSystem, SharedTable, StateDir, StateLock, Unwritten},
};

const SOCKET_FILE: &str = "edge.sock";
const ABOUT_FILE: &str = "edge.json";

/// Binds an edge and serves until `shutdown` is ready, then lets requests in flight end.
///
/// # Errors
///
/// What [`Edge::bind`] reports. Once it serves, it does not fail.
pub async fn run(config: EdgeConfig, shutdown: impl Future<Output = ()>) -> Result<(), EdgeError> {
    Edge::bind(config).await?.serve(shutdown).await;
    Ok(())
}

/// An edge that has its addresses and its routes, and does not serve yet.
pub struct Edge {
    config: Arc<EdgeConfig>,
    table: SharedTable,
    desk: Arc<Desk>,
    listeners: Vec<TcpListener>,
    admin: UnixListener,
    addresses: Vec<SocketAddr>,
    /// Let go of last, when nothing of this edge is left.
    _lock: StateLock,
}

/// What `edge.json` says: enough to find this edge without asking it.
#[derive(Serialize)]
struct About<'a> {
    instance: &'a str,
    pid: u32,
    listen: &'a [SocketAddr],
}

impl Edge {
    /// Locks the state folder, restores the routes, binds the addresses and the admin socket, and
    /// writes `edge.json`. Connections are accepted by the kernel from here on, and answered once
    /// [`Edge::serve`] runs.
    ///
    /// # Errors
    ///
    /// If another edge has the state folder, an address is taken, or the folder or the stored
    /// routes cannot be used.
    pub async fn bind(mut config: EdgeConfig) -> Result<Self, EdgeError> {
        if config.listen.is_empty() {
            return Err(EdgeError::NoAddress);
        }
        config.max_header_bytes = config.max_header_bytes.max(MIN_HEADER_BYTES);
        let (dir, lock) = StateDir::open(&config.state_dir)?;
        let control = Control::restore(dir)?;
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for &address in &config.listen {
            let listener = listen(address).await?;
            addresses.push(listener.local_addr().map_err(|e| refused(address, e))?);
            listeners.push(listener);
        }
        let socket = control.dir().file(SOCKET_FILE);
        let admin = admin::bind(&socket).map_err(|source| EdgeError::State {
            doing: "binding the admin socket",
            path: socket.clone(),
            source,
        })?;
        let instance = format!("{:016x}", fastrand::u64(..));
        write_about(&config, &instance, &addresses)?;
        let table = control.table();
        let desk = Desk::new(control, instance, addresses.clone());
        let config = Arc::new(config);
        Ok(Self { config, table, desk, listeners, admin, addresses, _lock: lock })
    }

    /// The addresses on which users are served.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves until `shutdown` is ready. Then accepts no more connections, lets requests in flight
    /// end for at most [`EdgeConfig::drain_timeout`], and breaks what is left. The admin socket
    /// answers to the end.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let proxy = Arc::new(Proxy::new(self.table.clone(), Arc::clone(&self.config)));
        let mut tasks = JoinSet::new();
        tasks.spawn(admin::listen(self.admin, Arc::clone(&self.desk)));
        tasks.spawn(upkeep::keep(self.table.clone(), self.desk, Arc::clone(&self.config)));
        upkeep::probe_restored(&self.table, &self.config, &mut tasks);
        connections::serve(self.listeners, &proxy, &self.config, shutdown).await;
        tasks.shutdown().await;
        // Both are leftovers from here on; the next edge replaces what could not be removed.
        for name in [SOCKET_FILE, ABOUT_FILE] {
            if let Err(error) = std::fs::remove_file(self.config.state_dir.join(name)) {
                tracing::debug!(%error, "{name} could not be removed");
            }
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, EdgeError> {
    TcpListener::bind(address).await.map_err(|error| refused(address, error))
}

fn refused(address: SocketAddr, source: io::Error) -> EdgeError {
    match source.kind() {
        io::ErrorKind::AddrInUse => EdgeError::AddressInUse { address },
        _ => EdgeError::Listen { address, source },
    }
}

fn write_about(
    config: &EdgeConfig,
    instance: &str,
    listen: &[SocketAddr],
) -> Result<(), EdgeError> {
    let about = About { instance, pid: std::process::id(), listen };
    let failed = |source| EdgeError::State {
        doing: "writing",
        path: config.state_dir.join(ABOUT_FILE),
        source,
    };
    let content = serde_json::to_vec(&about).map_err(|e| failed(io::Error::other(e)))?;
    match FileSystem.replace(&config.state_dir, ABOUT_FILE, &content) {
        Ok(()) => Ok(()),
        // Traffic comes first: a full disk must not keep the door shut (S20). Whoever needs the
        // addresses can ask the admin socket.
        Err(Unwritten::Untouched(error) | Unwritten::Unsure(error)) => match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                tracing::warn!(%error, "{ABOUT_FILE} could not be written");
                let _ = std::fs::remove_file(config.state_dir.join(ABOUT_FILE));
                Ok(())
            }
            _ => Err(failed(error)),
        },
    }
}
