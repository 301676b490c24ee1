//! Memory under connections that wait.
//!
//! Several crowds come and go. Each leaves gaps in the allocator's memory that the next one does not
//! fit into exactly, so the first ones need more and more. Memory is flat if that ends.

use std::{
    fmt::Write as _,
    io::{ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use serde::Serialize;

use super::{
    Told,
    backend::{BODY_BYTES, Backend},
    changes::folder,
    cores::Cores,
    peers::need,
    proxies::{Kind, Proxy},
};
use crate::{
    answer::{Goal, progress},
    ground::BenchError,
};

/// Crowds that come one after the other.
const CROWDS: u8 = 6;
/// The crowd by which the allocator has settled.
const SETTLED: usize = 3;
/// What the last crowd may need of what the settled one needed.
const GROWTH_MAX: f64 = 1.05;
/// Connections that a proxy may have beyond a crowd.
const MORE: u32 = 100;
/// Files beyond the connections: logs, connections to the backend, the program itself.
const SPARE: u64 = 200;
/// How long a proxy gets to see that a crowd has gone.
const GONE: Duration = Duration::from_secs(2);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// One crowd.
#[derive(Debug, Serialize)]
pub(crate) struct Crowd {
    /// Seconds until all were there and had been answered once.
    came_in_s: f64,
    /// Connections that were still open then.
    open: u32,
    with: u64,
    after: u64,
}

/// One proxy; memory is resident and in bytes.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    proxy: Kind,
    before: u64,
    crowds: Vec<Crowd>,
}

/// The figures.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    connections: u32,
    rows: Vec<Row>,
}

pub(crate) fn run(kinds: &[Kind], connections: u32) -> Result<Report, BenchError> {
    need(kinds, &[("taskset", "util-linux")])?;
    allow_files(u64::from(connections + MORE) + SPARE)?;
    let cores = Cores::take()?;
    let folder = folder()?;
    let backend = Backend::start("v1")?;
    let mut rows = Vec::new();
    for (street, &kind) in (1..).zip(kinds) {
        let proxy = Proxy::start(kind, folder.path(), cores, backend.address, connections + MORE)?;
        // What a first request allocates is not a crowd's.
        drop(Visitor::come(proxy.address, Ipv4Addr::LOCALHOST)?.asks()?);
        thread::sleep(GONE);
        let before = proxy.resident()?;
        let mut crowds = Vec::new();
        for number in 0..CROWDS {
            progress(&format!("  {}: crowd {} of {CROWDS}", kind.name(), number + 1));
            crowds.push(crowd(&proxy, [street, number + 1], connections)?);
        }
        rows.push(Row { proxy: kind, before, crowds });
    }
    Ok(Report { connections, rows })
}

/// Lets this process, and those that it starts, have this many files open.
fn allow_files(wanted: u64) -> Result<(), BenchError> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let maximum = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).map_err(|why| {
        BenchError::system("open enough connections", "the limit on open files", why.into())
    })
}

fn crowd(proxy: &Proxy, [street, house]: [u8; 2], connections: u32) -> Result<Crowd, BenchError> {
    let began = Instant::now();
    // Each crowd comes from an address of its own, also in the next run: ports of the last one are
    // not free yet, and the search for free ones would take longer than connections may be idle.
    let run = std::process::id().to_be_bytes()[3].clamp(1, 254);
    let from = Ipv4Addr::new(127, run, street, house);
    let mut visitors = Vec::new();
    for _ in 0..connections {
        visitors.push(Visitor::come(proxy.address, from)?.asks()?);
    }
    let came_in_s = began.elapsed().as_secs_f64();
    let open = visitors.iter_mut().filter_map(|one| one.is_open().then_some(())).count() as u32;
    let with = proxy.resident()?;
    drop(visitors);
    thread::sleep(GONE);
    Ok(Crowd { came_in_s, open, with, after: proxy.resident()? })
}

/// Who has asked once and stays.
struct Visitor(TcpStream);

impl Visitor {
    fn come(to: SocketAddr, from: Ipv4Addr) -> Result<Self, BenchError> {
        let connected = || -> rustix::io::Result<TcpStream> {
            let flags = SocketFlags::CLOEXEC;
            let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
            bind(&socket, &SocketAddrV4::new(from, 0))?;
            connect(&socket, &to)?;
            Ok(TcpStream::from(socket))
        };
        let refused = |why: std::io::Error| BenchError::system("visit", to.to_string(), why);
        let stream = connected().map_err(|why| refused(why.into()))?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(refused)?;
        Ok(Self(stream))
    }

    /// Asks once and reads the whole answer.
    fn asks(mut self) -> Result<Self, BenchError> {
        let refused = |why: std::io::Error| BenchError::system("ask", "the proxy", why);
        self.0.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n").map_err(refused)?;
        let mut came = Vec::new();
        let mut piece = [0; 4 * BODY_BYTES];
        loop {
            let count = self.0.read(&mut piece).map_err(refused)?;
            came.extend_from_slice(&piece[..count]);
            let head = came.windows(4).position(|window| window == b"\r\n\r\n");
            if head.is_some_and(|head| came.len() >= head + 4 + BODY_BYTES) {
                return Ok(self);
            }
            if count == 0 {
                return Err(refused(ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    fn is_open(&mut self) -> bool {
        let waits = self.0.set_nonblocking(true).and_then(|()| self.0.read(&mut [0]));
        waits.is_err_and(|why| why.kind() == ErrorKind::WouldBlock)
    }
}

fn mb(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

impl Row {
    /// What a crowd's connections needed, each, in bytes.
    fn each(&self, crowd: &Crowd) -> f64 {
        crowd.with.saturating_sub(self.before) as f64 / f64::from(crowd.open.max(1))
    }
}

impl Told for Report {
    fn table(&self) -> String {
        let mut out = format!(
            "{} idle connections, {CROWDS} times; resident memory\n{:<9} {:>10} {:>10} {:>10} {:>10}  {:>12}  {:>8} {:>8}\n",
            self.connections,
            "proxy",
            "before",
            "with",
            "after",
            "with, last",
            "after, last",
            "each",
            "came in"
        );
        for row in &self.rows {
            if let (Some(first), Some(last)) = (row.crowds.first(), row.crowds.last()) {
                let _ = writeln!(
                    out,
                    "{:<9} {:>10} {:>10} {:>10} {:>10}  {:>12}  {:>5.1} kB {:>6.1} s",
                    row.proxy.name(),
                    mb(row.before),
                    mb(first.with),
                    mb(first.after),
                    mb(last.with),
                    mb(last.after),
                    row.each(first) / 1e3,
                    first.came_in_s
                );
            }
        }
        out
    }

    fn goals(&self) -> Vec<Goal> {
        let Some(row) = self.rows.iter().find(|row| row.proxy == Kind::Ops) else {
            return Vec::new();
        };
        let Some(last) = row.crowds.last() else { return Vec::new() };
        let open = row.crowds.iter().map(|crowd| crowd.open).min().unwrap_or_default();
        let Some(settled) = row.crowds.get(SETTLED - 1) else {
            return Vec::new();
        };
        let growth = last.with as f64 / settled.with as f64;
        vec![
            Goal::new(
                format!("{} idle connections stay open", self.connections),
                format!("at least {open} of {}", self.connections),
                open == self.connections && open > 0,
            ),
            Goal::new(
                format!(
                    "memory is flat: crowd {CROWDS} needs at most {GROWTH_MAX} × what crowd {SETTLED} did"
                ),
                format!("{growth:.2} ({} to {})", mb(last.with), mb(settled.with)),
                growth <= GROWTH_MAX,
            ),
        ]
    }
}
