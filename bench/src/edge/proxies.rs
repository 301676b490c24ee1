//! The proxies beside each other: found, configured alike, started on the proxy's core.
//!
//! Alike means: one worker, connections kept open on both sides, no access log, and the same work
//! per request: each tells the backend the client's address, the scheme and the host.

use std::{
    env, fs,
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

use super::cores::{Cores, children};
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
    fn debian(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Ops => None,
            Self::Haproxy => Some(("haproxy", "haproxy")),
            Self::Nginx => Some(("nginx", "nginx-light")),
            Self::Caddy => Some(("caddy", "caddy")),
        }
    }
}

/// Refuses unless all that a measurement needs is installed.
pub(crate) fn need(kinds: &[Kind], more: &[(&str, &str)]) -> Result<(), BenchError> {
    let wanted = kinds.iter().filter_map(|kind| kind.debian()).chain(more.iter().copied());
    let missing: Vec<_> =
        wanted.filter(|(program, _)| find(program).is_none()).map(|(_, package)| package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(" ");
    let why =
        format!("not installed: {missing}; run bench/edge/setup, or apt-get install {missing}");
    Err(BenchError::Odd(why))
}

/// A program of the search path, or of the folders of system programs, which users may not have
/// in theirs.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(system).map(|dir| dir.join(program)).find(|file| file.is_file())
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
            _ => peer_command(kind, &folder, cores, (address, backend, connections))?,
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
    Route {
        service: "shop".into(),
        host: None,
        path: "/".into(),
        legs: legs.iter().map(leg).collect(),
        hold: None,
    }
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

fn peer_command(
    kind: Kind,
    folder: &Path,
    cores: Cores,
    (address, backend, connections): (SocketAddr, SocketAddr, u32),
) -> Result<Command, BenchError> {
    let (name, _) = kind.debian().unwrap_or_default();
    let program = find(name).ok_or_else(|| BenchError::Odd(format!("{name} is not installed")))?;
    let mut command = cores.on_proxy_core(program);
    let (file, text) = match kind {
        Kind::Haproxy => ("haproxy.cfg", haproxy(address, backend, connections)),
        Kind::Nginx => ("nginx.conf", nginx(folder, address, backend, connections)),
        Kind::Caddy | Kind::Ops => ("Caddyfile", caddy(address, backend)),
    };
    let file = folder.join(file);
    fs::write(&file, text)
        .map_err(|why| BenchError::system("write", file.display().to_string(), why))?;
    match kind {
        Kind::Haproxy => command.arg("-f").arg(&file),
        Kind::Nginx => command.arg("-c").arg(&file).arg("-e").arg(folder.join("error.log")),
        Kind::Caddy | Kind::Ops => command
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(&file)
            .env("GOMAXPROCS", "1")
            .env("HOME", folder)
            .env("XDG_CONFIG_HOME", folder)
            .env("XDG_DATA_HOME", folder),
    };
    Ok(command)
}

/// It refuses to start if it may not open two files for each connection, unless told not to.
fn haproxy(address: SocketAddr, backend: SocketAddr, connections: u32) -> String {
    format!(
        "global
  nbthread 1
  no strict-limits
  maxconn {connections}
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 30s
  timeout http-keep-alive 60s
  option forwardfor
frontend door
  bind {address}
  maxconn {connections}
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  default_backend service
backend service
  http-reuse always
  server one {backend}
"
    )
}

fn nginx(folder: &Path, address: SocketAddr, backend: SocketAddr, connections: u32) -> String {
    let folder = folder.display();
    // Those to clients and to the backend are counted together.
    let files = 2 * connections;
    format!(
        "worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections {files}; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000000;
  upstream service {{ server {backend}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen {address};
    location / {{
      proxy_pass http://service;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
    }}
  }}
}}
"
    )
}

/// Caddy sends the three headers by itself.
fn caddy(address: SocketAddr, backend: SocketAddr) -> String {
    format!(
        "{{
  admin off
  auto_https off
}}
http://:{port} {{
  bind {ip}
  reverse_proxy {backend} {{
    transport http {{
      keepalive_idle_conns 256
      keepalive_idle_conns_per_host 256
    }}
  }}
}}
",
        port = address.port(),
        ip = address.ip()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_by_its_package() {
        let error = need(&[], &[("no-such-program", "its-package")]).unwrap_err().to_string();
        assert!(error.contains("apt-get install its-package"), "{error}");
        assert!(need(&[], &[("sh", "dash")]).is_ok());
    }
}
