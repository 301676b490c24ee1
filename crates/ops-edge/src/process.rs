//! Start, service and stop of the edge.

mod client_io;
mod connections;
mod entrances;
mod front;
mod metrics_page;
mod pace;
mod probes;
mod speak;
mod succession;
mod upkeep;

use std::{future::Future, io, net::SocketAddr, path::Path, sync::Arc};

use serde::Serialize;
use tokio::{net::UnixListener, sync::mpsc, task::JoinSet};

use crate::{
    access_log::AccessLog,
    admin::{self, Desk},
    config::{EdgeConfig, MIN_HEADER_BYTES},
    error::EdgeError,
    handover::{Estate, Heir, Link},
    proxy::{Marker, Proxy},
    state::{Control, Disk as _, FileSystem, SharedTable, StateDir, StateLock, Unwritten},
    tls::Tls,
};
use connections::Entrance;
use entrances::{Entrances, open_entrances, tls_of};
use front::Front;
use succession::{Succession, until_handed};
use upkeep::Upkeep;

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

/// How an edge ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop: nobody serves any more.
    Stopped,
    /// Another edge serves in its place.
    Replaced,
}

/// An edge that has its addresses and its routes, and does not serve yet.
pub struct Edge {
    config: Arc<EdgeConfig>,
    table: SharedTable,
    desk: Arc<Desk>,
    entrances: Vec<Entrance>,
    tls: Option<Arc<Tls>>,
    metrics: Option<SocketAddr>,
    log: Option<Arc<AccessLog>>,
    marker: Arc<Marker>,
    instance: String,
    links: Links,
    addresses: Vec<SocketAddr>,
    /// Let go of last, when nothing of this edge is left.
    _lock: Arc<StateLock>,
}

/// Over what this edge is reached, or will be.
enum Links {
    Admin(UnixListener),
    /// It takes over first.
    Old(Link),
}

/// What `edge.json` says: enough to find this edge without asking it.
#[derive(Serialize)]
struct About<'a> {
    instance: &'a str,
    pid: u32,
    /// Plain addresses, as they were taken.
    listen: &'a [SocketAddr],
    /// Those with TLS.
    tls: &'a [SocketAddr],
    certificates: Vec<[&'a Path; 2]>,
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
    pub async fn bind(config: EdgeConfig) -> Result<Self, EdgeError> {
        Self::build(config, None).await
    }

    /// Like [`Edge::bind`], but takes the place of the edge that runs on the state folder, if one
    /// does: its listening sockets and the lock. The old one serves until this one does
    /// ([`Edge::serve`]), and then ends by itself; nothing is dropped.
    ///
    /// # Errors
    ///
    /// As [`Edge::bind`], and if the running edge does not hand over. It goes on then.
    pub async fn take_over(config: EdgeConfig) -> Result<Self, EdgeError> {
        let (state_dir, socket) = (config.state_dir.clone(), config.state_dir.join(SOCKET_FILE));
        let asked = tokio::task::spawn_blocking(move || Heir::ask(&socket)).await;
        let heir = asked
            .map_err(io::Error::other)
            .flatten()
            .map_err(|source| EdgeError::NotHandedOver { state_dir, source })?;
        Self::build(config, heir).await
    }

    async fn build(mut config: EdgeConfig, mut heir: Option<Heir>) -> Result<Self, EdgeError> {
        if config.listen.is_empty() && config.tls_listen.is_empty() {
            return Err(EdgeError::NoAddress);
        }
        let tls = tls_of(&config)?;
        config.max_header_bytes = config.max_header_bytes.max(MIN_HEADER_BYTES);
        let failed = |doing| {
            let path = config.state_dir.clone();
            move |source| EdgeError::State { doing, path, source }
        };
        let (dir, lock) = match &heir {
            Some(heir) => {
                let shared = heir.lock.try_clone().map_err(failed("keeping the lock of"))?;
                StateDir::inherit(&config.state_dir, shared)
            }
            None => StateDir::open(&config.state_dir)?,
        };
        let control = Control::restore(dir)?;
        let Entrances { all: entrances, addresses, sockets } =
            open_entrances(&config, tls.as_ref(), heir.as_mut()).await?;
        let metrics = config.metrics;
        if let Some(address) = metrics.filter(|address| !address.ip().is_loopback()) {
            return Err(EdgeError::MetricsForAll { address });
        }
        let log = log_of(&config)?;
        let marker = heir.as_mut().and_then(|heir| heir.marker.take());
        let marker = Arc::new(marker.unwrap_or_else(Marker::new));
        let instance = format!("{:016x}", fastrand::u64(..));
        let links = match heir {
            Some(heir) => Links::Old(heir.into_link().map_err(failed("keeping the old edge of"))?),
            None => Links::Admin(open_admin(&config, &instance, &addresses)?),
        };
        let lock = Arc::new(lock);
        let (watched, known) = (Arc::downgrade(&lock), Arc::clone(&marker));
        let estate = Estate { sockets, marker: known, lock: watched };
        let table = control.table();
        let names = (instance.clone(), config.build.clone());
        let desk = Desk::new(control, names, addresses.clone(), tls.clone(), estate);
        let config = Arc::new(config);
        Ok(Self {
            config,
            table,
            desk,
            instance,
            entrances,
            tls,
            metrics,
            log,
            marker,
            links,
            addresses,
            _lock: lock,
        })
    }

    /// The addresses on which users are served.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves until `shutdown` is ready. Then accepts no more connections, lets requests in flight
    /// end for at most [`EdgeConfig::drain_timeout`], and breaks what is left. The admin socket
    /// answers to the end. If another edge takes over, this one ends when it is empty.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Ended {
        let (table, config) = (self.table.clone(), Arc::clone(&self.config));
        let proxy = Arc::new(Proxy::new(table, config, Arc::clone(&self.marker), self.log));
        let mut tasks = JoinSet::new();
        // Sent on if the edge that was to be followed goes on.
        let (supersede, mut superseded) = mpsc::channel(1);
        match self.links {
            Links::Admin(admin) => {
                tasks.spawn(admin::listen(admin, Arc::clone(&self.desk)));
            }
            Links::Old(link) => {
                let succession = Succession {
                    link,
                    desk: Arc::clone(&self.desk),
                    config: Arc::clone(&self.config),
                    instance: self.instance,
                    addresses: self.addresses.clone(),
                };
                tasks.spawn(succession.run(supersede.clone()));
            }
        }
        if let Some(address) = self.metrics {
            let answering = metrics_page::serve(address, Arc::clone(&self.desk));
            tasks.spawn(until_handed(Arc::clone(&self.desk), answering));
        }
        tasks.spawn(probes::ask_replicas(self.table.clone()));
        if let Some(front) = Front::of(&self.entrances, &self.addresses) {
            let asking = probes::ask_the_front(self.table.clone(), Arc::new(front), self.marker);
            tasks.spawn(until_handed(Arc::clone(&self.desk), asking));
        }
        let upkeep = Upkeep {
            table: self.table.clone(),
            desk: Arc::clone(&self.desk),
            config: Arc::clone(&self.config),
            tls: self.tls,
        };
        tasks.spawn(upkeep.keep());
        upkeep::probe_restored(&self.table, &self.config, &mut tasks);
        let stop = async {
            tokio::select! {
                () = shutdown => {}
                _ = superseded.recv() => {}
            }
        };
        connections::serve(self.entrances, &proxy, &self.config, &self.desk, stop).await;
        drop(supersede);
        let handed = succession::say_goodbye(&self.desk).await;
        tasks.shutdown().await;
        if handed || !succession::owns(&self.config, &self.desk) {
            return Ended::Replaced;
        }
        // Both are leftovers from here on; the next edge replaces what could not be removed.
        for name in [SOCKET_FILE, ABOUT_FILE] {
            if let Err(error) = std::fs::remove_file(self.config.state_dir.join(name)) {
                tracing::debug!(%error, "{name} could not be removed");
            }
        }
        Ended::Stopped
    }
}

/// Takes the admin socket and says where this edge is found.
fn open_admin(
    config: &EdgeConfig,
    instance: &str,
    addresses: &[SocketAddr],
) -> Result<UnixListener, EdgeError> {
    let socket = config.state_dir.join(SOCKET_FILE);
    let admin = admin::bind(&socket).map_err(|source| EdgeError::State {
        doing: "binding the admin socket",
        path: socket,
        source,
    })?;
    write_about(config, instance, addresses)?;
    Ok(admin)
}

fn log_of(config: &EdgeConfig) -> Result<Option<Arc<AccessLog>>, EdgeError> {
    let Some(percent) = config.access_log_percent else { return Ok(None) };
    AccessLog::begin(&config.state_dir, percent).map(Some).map_err(|source| EdgeError::State {
        doing: "opening the access log in",
        path: config.state_dir.clone(),
        source,
    })
}

fn write_about(
    config: &EdgeConfig,
    instance: &str,
    listen: &[SocketAddr],
) -> Result<(), EdgeError> {
    let (listen, tls) = listen.split_at(config.listen.len().min(listen.len()));
    let certificates =
        config.certificates.iter().map(|it| [it.chain.as_path(), it.key.as_path()]).collect();
    let about = About { instance, pid: std::process::id(), listen, tls, certificates };
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
