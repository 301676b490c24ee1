//! Asking services for their health, over plain TCP and HTTP/1.1.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use ops_core::world::Fault;
use ops_engine::ports::{Look, Probe, ProbeKind, Prober};

use crate::answer::{BODY_LIMIT, Reader, Source, Trouble};

/// A probe takes at most this many milliseconds, whatever it asks for: a call of a port must end
/// well within a lease.
pub const PROBE_LIMIT_MS: u64 = 8_000;

/// Longest method, host or path that is sent, in bytes.
const PART_LIMIT: usize = 4 << 10;

/// Asks over a connection of its own each time, so that no answer is left over from an earlier
/// question.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpProber;

impl HttpProber {
    /// A prober. It keeps nothing between probes.
    pub fn new() -> Self {
        Self
    }
}

/// Probes that are asked at the same time; the rest wait for these.
const AT_ONCE: usize = 32;

impl Prober for HttpProber {
    fn probe_all(&self, probes: &[Probe]) -> Vec<Look<Option<String>>> {
        if let [one] = probes {
            return vec![self.probe(one)];
        }
        let mut answers = Vec::with_capacity(probes.len());
        for chunk in probes.chunks(AT_ONCE) {
            std::thread::scope(|scope| {
                let asked: Vec<_> =
                    chunk.iter().map(|probe| scope.spawn(|| self.probe(probe))).collect();
                answers.extend(asked.into_iter().map(|thread| {
                    thread.join().unwrap_or_else(|_| {
                        Err(Fault::new(
                            "a probe ended without an answer",
                            "this ops",
                            "report it: a probe must never panic",
                        ))
                    })
                }));
            });
        }
        answers
    }

    fn probe(&self, probe: &Probe) -> Look<Option<String>> {
        let address = probe.address.parse().map_err(|_| {
            let what = "the address of a probe is not `ip:port`";
            Fault::new(what, &probe.address, "give the address on which the replica listens")
        })?;
        let limit = Duration::from_millis(probe.timeout_ms.clamp(1, PROBE_LIMIT_MS));
        let deadline = Deadline { end: Instant::now() + limit };
        let answer = match &probe.kind {
            ProbeKind::Connect => connect(address, deadline)?.map(|_| None),
            ProbeKind::Http { method, host, path, status, contains } => {
                let request = request(method, host.as_deref().unwrap_or(&probe.address), path)
                    .map_err(|what| {
                        let place = format!("probe of {}", probe.address);
                        Fault::new(what, place, "correct it in ops.yaml")
                    })?;
                match connect(address, deadline)? {
                    Err(trouble) => Err(trouble),
                    Ok(stream) => {
                        let wire = Wire { stream, deadline };
                        ask(wire, method, &request, *status, contains.as_deref())
                    }
                }
            }
        };
        Ok(answer.unwrap_or_else(|trouble| {
            Some(match trouble {
                Trouble::Late => format!("did not answer within {} ms", limit.as_millis()),
                other => other.to_string(),
            })
        }))
    }
}

/// The instant at which an answer is too late.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    end: Instant,
}

impl Deadline {
    fn left(self) -> Result<Duration, Trouble> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Trouble::Late) } else { Ok(left) }
    }
}

/// Connects. The outer error says that we could not even ask, the inner one that nobody is there.
fn connect(address: SocketAddr, deadline: Deadline) -> Look<Result<TcpStream, Trouble>> {
    let refused = Trouble::Broken(io::ErrorKind::ConnectionRefused);
    let left = match deadline.left() {
        Ok(left) => left,
        Err(late) => return Ok(Err(late)),
    };
    match TcpStream::connect_timeout(&address, left) {
        Ok(stream) if connected_to_itself(&stream) => Ok(Err(refused)),
        Ok(stream) => Ok(Ok(stream)),
        Err(e) => match e.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Ok(Err(Trouble::Late)),
            kind @ (io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::HostUnreachable) => Ok(Err(Trouble::Broken(kind))),
            // No sockets left, no route, not permitted: that is our trouble, not the service's.
            _ => Err(Fault::new(
                format!("a probe could not be sent: {e}"),
                address.to_string(),
                "see what this machine has run out of, or what keeps ops from connecting",
            )),
        },
    }
}

/// Whether TCP's simultaneous open has connected a socket with itself. It happens when nobody
/// listens on a port from which the kernel also takes ports for outgoing connections, and would
/// make a dead service look alive.
fn connected_to_itself(stream: &TcpStream) -> bool {
    match (stream.local_addr(), stream.peer_addr()) {
        (Ok(here), Ok(there)) => here == there,
        _ => false,
    }
}

/// The request as it is sent, or what is wrong with it.
fn request(method: &str, host: &str, path: &str) -> Result<String, &'static str> {
    let fits = |text: &str| {
        !text.is_empty() && text.len() <= PART_LIMIT && text.bytes().all(|b| b.is_ascii_graphic())
    };
    if !fits(method) || !method.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err("the method of a probe is not a word in upper case");
    }
    if !fits(host) || host.contains('/') {
        return Err("the host of a probe is not a host name");
    }
    if !fits(path) || !path.starts_with('/') {
        return Err("the path of a probe does not start with `/` or has characters that must be \
                    written as %XX");
    }
    let length = match method {
        "GET" | "HEAD" | "OPTIONS" => "",
        _ => "Content-Length: 0\r\n",
    };
    Ok(format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: ops-probe\r\nAccept: */*\r\n\
         Accept-Encoding: identity\r\n{length}Connection: close\r\n\r\n"
    ))
}

/// Sends a request and judges the answer: `None` is healthy.
fn ask(
    mut wire: Wire,
    method: &str,
    request: &str,
    (first, last): (u16, u16),
    contains: Option<&str>,
) -> Result<Option<String>, Trouble> {
    wire.send(request.as_bytes())?;
    let mut reader = Reader::new(wire);
    let head = reader.head(method)?;
    if !(first..=last).contains(&head.status) {
        let wanted = if first == last { first.to_string() } else { format!("{first} to {last}") };
        return Ok(Some(format!("answered {}, not {wanted}", head.status)));
    }
    let body = reader.body(&head)?;
    let found = contains.is_none_or(|text| {
        text.is_empty() || body.windows(text.len()).any(|window| window == text.as_bytes())
    });
    Ok((!found).then(|| {
        format!(
            "answered {}, but the first {} kB do not contain the expected text",
            head.status,
            BODY_LIMIT >> 10
        )
    }))
}

/// A connection whose every call ends by the deadline.
struct Wire {
    stream: TcpStream,
    deadline: Deadline,
}

impl Wire {
    fn send(&mut self, mut bytes: &[u8]) -> Result<(), Trouble> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(self.deadline.left()?)).map_err(|e| trouble(&e))?;
            match self.stream.write(bytes) {
                Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(trouble(&e)),
            }
        }
        Ok(())
    }
}

impl Source for Wire {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Trouble> {
        loop {
            self.stream.set_read_timeout(Some(self.deadline.left()?)).map_err(|e| trouble(&e))?;
            match self.stream.read(into) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map_err(|e| trouble(&e)),
            }
        }
    }
}

fn trouble(error: &io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Trouble::Late,
        kind => Trouble::Broken(kind),
    }
}

#[cfg(test)]
mod tests;
