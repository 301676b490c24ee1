//! The proxies beside each other: found, configured alike, started on the proxy's core.
//!
//! Alike means: one worker, connections kept open on both sides, no access log, and the same work
//! per request: each tells the backend the client's address, the scheme and the host.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use ops_core::{
    id::{Generation, OpId, Stamp},
    route::{Leg, Route},
};
use ops_edge::EdgeDoor;
use ops_engine::ports::Door as _;
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use super::{
    cores::{Cores, children},
    peers,
};
use crate::{
    ground::{BenchError, program},
    processes::Memory,
};

/// How long a proxy may take to answer, and to end.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);
/// Client connections that a proxy may have where nobody needs more.
pub(crate) const CONNECTIONS: u32 = 4_000;

/// Whose proxy it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// `ops edge`
    Ops,
    /// `HAProxy`
    Haproxy,
    /// nginx
    Nginx,
    /// Caddy
    Caddy,
}

impl Kind {
    /// As tables name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ops => "ops edge",
            Self::Haproxy => "HAProxy",
            Self::Nginx => "nginx",
            Self::Caddy => "Caddy",
        }
    }

    /// Its program, and Debian's package that has it; ops is built here.
    pub(super) fn debian(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Ops => None,
            Self::Haproxy => Some(("haproxy", "haproxy")),
            Self::Nginx => Some(("nginx", "nginx-light")),
            Self::Caddy => Some(("caddy", "caddy")),
        }
    }
}

/// A running proxy; ends when dropped.
pub(crate) struct Proxy {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    process: Running,
    log: PathBuf,
}

impl Proxy {
    /// Starts a proxy with a folder of its own below `folder`, before a backend, and waits until it
    /// listens. It may have this many client connections.
    pub(crate) fn start(
        kind: Kind,
        folder: &Path,
        cores: Cores,
        backend: SocketAddr,
        connections: u32,
    ) -> Result<Self, BenchError> {
        let folder = folder.join(kind.name().replace(' ', "-"));
        let log = folder.join("words.log");
        let address = free_address()?;
        let made = |why| BenchError::system("prepare a proxy", folder.display().to_string(), why);
        fs::create_dir_all(&folder).map_err(made)?;
        let mut command = match kind {
            Kind::Ops => edge_command(&folder, cores, address)?,
            _ => peers::command(kind, &folder, cores, (address, backend, connections))?,
        };
        let words = fs::File::create(&log).map_err(made)?;
        let again = words.try_clone().map_err(made)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(words)
            .stderr(again)
            .spawn()
            .map_err(|why| BenchError::system("start", kind.name(), why))?;
        let mut proxy = Self { kind, address, process: Running(child), log };
        proxy.await_listening()?;
        if kind == Kind::Ops {
            let door = EdgeDoor::new(edge_state(&folder));
            let stamp = Stamp { generation: Generation(1), deployment: 1, op: OpId(1) };
            let route = route(&[("v1", 100, backend)]);
            door.set_route(stamp, &route)
                .map_err(|why| BenchError::Odd(format!("the edge refused its route: {why}")))?;
        }
        Ok(proxy)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Resident memory of all its processes, in bytes.
    pub(crate) fn resident(&self) -> Result<u64, BenchError> {
        let own = Memory::of(self.pid())?.rss;
        let others = children(self.pid()).into_iter().map(Memory::of);
        Ok(own + others.filter_map(Result::ok).map(|memory| memory.rss).sum::<u64>())
    }

    /// The process itself.
    pub(crate) fn into_process(self) -> Running {
        self.process
    }

    fn await_listening(&mut self) -> Result<(), BenchError> {
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).is_err() {
            let gone = self.process.0.try_wait().ok().flatten().is_some();
            if gone || Instant::now() > end {
                let words = fs::read_to_string(&self.log).unwrap_or_default();
                let name = self.kind.name();
                return Err(BenchError::Odd(format!("{name} does not listen: {}", words.trim())));
            }
            thread::sleep(POLL);
        }
        Ok(())
    }
}

/// A process that ends when dropped.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// Ends a process and its children: politely, which a master needs to end its workers, then not.
fn end(child: &mut Child) {
    let mut all = children(child.id());
    all.push(child.id());
    signal(child.id(), Signal::TERM);
    let until = Instant::now() + Duration::from_secs(3);
    while child.try_wait().is_ok_and(|status| status.is_none()) && Instant::now() < until {
        thread::sleep(POLL);
    }
    if child.try_wait().is_ok_and(|status| status.is_none()) {
        for pid in all {
            signal(pid, Signal::KILL);
        }
        // It is dead: this only takes its status.
        let _ = child.wait();
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // One that has ended needs no signal.
        let _ = kill_process(pid, signal);
    }
}

/// An address that is free now.
pub(crate) fn free_address() -> Result<SocketAddr, BenchError> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|why| BenchError::system("find a free port", "127.0.0.1", why))
}

/// The state folder of an edge that was started on a folder.
pub(crate) fn edge_state(folder: &Path) -> PathBuf {
    folder.join(".ops").join("edge")
}

/// A route of the service `shop` on every host, with legs of release, weight and backend.
pub(crate) fn route(legs: &[(&str, u8, SocketAddr)]) -> Route {
    let leg = |(release, weight, backend): &(&str, u8, SocketAddr)| Leg {
        release: (*release).into(),
        weight: *weight,
        backends: vec![backend.to_string()],
    };
    let mut route = Route::new("shop".into(), None, "/");
    route.legs = legs.iter().map(leg).collect();
    route
}

/// `ops edge` with one worker on the proxy's core, on a folder that it writes an `ops.yaml` into.
pub(crate) fn edge_command(
    folder: &Path,
    cores: Cores,
    address: SocketAddr,
) -> Result<Command, BenchError> {
    let file = folder.join("ops.yaml");
    let text = format!(
        "version: 1\nproject: shop\nedge: {{ listen: [\"{address}\"] }}\npeople:\n  \
         pia@example.org: po\n  dan@example.org: dev\n  cleo@example.org: cq\n  \
         quinn@example.org: qa\nservices:\n  shop:\n    command: [bin/shop, --port, \"{{port}}\"]\n    \
         route: {{ path: / }}\n"
    );
    fs::write(&file, text)
        .map_err(|why| BenchError::system("write", file.display().to_string(), why))?;
    let mut command = cores.on_proxy_core(program()?);
    command
        .arg("--config")
        .arg(folder)
        .arg("--state")
        .arg(folder.join(".ops"))
        .arg("edge")
        .env("TOKIO_WORKER_THREADS", "1");
    Ok(command)
}
