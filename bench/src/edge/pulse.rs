//! An open-loop load that costs little: what it and the backend need must fit on one core beside a
//! proxy at half of its most. Departures are fixed in advance and latency counts from the
//! *intended* departure, so a stall shows in every request that fell into it.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use rustix::{
    event::{Timespec, epoll},
    io::Errno,
};

use super::backend::watch;
use crate::ground::BenchError;

/// Most events that are taken at once.
const EVENTS: usize = 256;
/// Most bytes of an answer.
const ANSWER_BYTES: usize = 16 * 1_024;
/// How long answers may take after the last departure.
const DRAIN: Duration = Duration::from_secs(2);

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pulse {
    pub(crate) target: SocketAddr,
    /// Requests per second.
    pub(crate) rate: f64,
    pub(crate) lasts: Duration,
    /// Connections; what finds none free waits for one, and its time runs.
    pub(crate) connections: usize,
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beat {
    /// Requests answered 200 with the whole body.
    pub(crate) answered: u64,
    /// All others.
    pub(crate) failed: u64,
    /// From intended departure to the whole answer, in microseconds, sorted.
    latencies: Vec<u64>,
    /// How late departures were that found a free connection, in microseconds, sorted: the
    /// generator's own delay.
    delays: Vec<u64>,
}

impl Beat {
    /// A quantile of the latency in microseconds, by nearest rank.
    pub(crate) fn latency_us(&self, per_mille: usize) -> u64 {
        rank(&self.latencies, per_mille)
    }

    /// The same of the generator's own delay.
    pub(crate) fn delay_us(&self, per_mille: usize) -> u64 {
        rank(&self.delays, per_mille)
    }
}

fn rank(sorted: &[u64], per_mille: usize) -> u64 {
    let at = (sorted.len() * per_mille).div_ceil(1_000).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

impl Pulse {
    /// Sends it all, and waits for the answers.
    pub(crate) fn send(self) -> Result<Beat, BenchError> {
        let place = self.target.to_string();
        let refused = |why| BenchError::system("send a load", place, why);
        let mut heart = Heart::open(self).map_err(refused)?;
        heart.beats().map_err(|why| BenchError::system("send a load", "epoll", why.into()))?;
        let mut beat = heart.beat;
        beat.latencies.sort_unstable();
        beat.delays.sort_unstable();
        Ok(beat)
    }
}

struct Heart {
    pulse: Pulse,
    request: Vec<u8>,
    epoll: OwnedFd,
    lines: Vec<Line>,
    /// Lines without a request, the one that was used last at the end.
    idle: Vec<usize>,
    /// Intended departures that wait for a line.
    waiting: VecDeque<Instant>,
    in_flight: usize,
    beat: Beat,
}

/// A connection.
struct Line {
    stream: TcpStream,
    /// Intended departure of the request that it carries.
    intended: Option<Instant>,
    came: Vec<u8>,
}

impl Heart {
    fn open(pulse: Pulse) -> std::io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut lines = Vec::new();
        for number in 0..pulse.connections {
            let stream = TcpStream::connect(pulse.target)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            watch(&epoll, &stream, number as u64)?;
            lines.push(Line { stream, intended: None, came: Vec::new() });
        }
        Ok(Self {
            pulse,
            request: format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", pulse.target).into_bytes(),
            epoll,
            idle: (0..lines.len()).collect(),
            lines,
            waiting: VecDeque::new(),
            in_flight: 0,
            beat: Beat::default(),
        })
    }

    fn beats(&mut self) -> rustix::io::Result<()> {
        let began = Instant::now();
        let rate = self.pulse.rate;
        let count = (rate * self.pulse.lasts.as_secs_f64()) as u64;
        let departure = |number: u64| began + Duration::from_secs_f64(number as f64 / rate);
        let end = departure(count) + DRAIN;
        let mut events = Vec::with_capacity(EVENTS);
        let mut number = 0;
        while number < count || self.in_flight > 0 || !self.waiting.is_empty() {
            let now = Instant::now();
            if now > end {
                break;
            }
            if number < count && departure(number) <= now {
                let intended = departure(number);
                number += 1;
                self.depart(intended);
                continue;
            }
            let next = if number < count { departure(number) } else { end };
            self.wait(&mut events, next.saturating_duration_since(now))?;
        }
        self.beat.failed += (self.in_flight + self.waiting.len()) as u64 + (count - number);
        Ok(())
    }

    fn wait(&mut self, events: &mut Vec<epoll::Event>, most: Duration) -> rustix::io::Result<()> {
        let most = Timespec { tv_sec: most.as_secs() as i64, tv_nsec: most.subsec_nanos().into() };
        events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), Some(&most)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(why) => return Err(why),
        }
        for event in events {
            self.hear(event.data.u64() as usize);
        }
        Ok(())
    }

    fn depart(&mut self, intended: Instant) {
        match self.idle.pop() {
            Some(line) => {
                self.beat.delays.push(micros_since(intended));
                self.say(line, intended);
            }
            None => self.waiting.push_back(intended),
        }
    }

    fn say(&mut self, at: usize, intended: Instant) {
        let line = &mut self.lines[at];
        if line.stream.write(&self.request).is_ok_and(|count| count == self.request.len()) {
            line.intended = Some(intended);
            self.in_flight += 1;
        } else {
            self.fail(at);
        }
    }

    /// A request is lost, and its line with it. What was lost so is not tried again.
    fn fail(&mut self, at: usize) {
        self.beat.failed += 1;
        let fresh = TcpStream::connect(self.pulse.target).and_then(|stream| {
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            watch(&self.epoll, &stream, at as u64)?;
            Ok(stream)
        });
        // Without a fresh line there is one less; what then waits too long counts as failed.
        if let Ok(stream) = fresh {
            self.lines[at] = Line { stream, intended: None, came: Vec::new() };
            self.idle.push(at);
        }
    }

    fn hear(&mut self, at: usize) {
        let line = &mut self.lines[at];
        let mut piece = [0; ANSWER_BYTES];
        let over = match line.stream.read(&mut piece) {
            Ok(0) => true,
            Ok(count) => {
                line.came.extend_from_slice(&piece[..count]);
                false
            }
            Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return;
            }
            Err(_) => true,
        };
        let complete = answer_length(&line.came).map(|length| line.came.len() >= length);
        match (line.intended, complete) {
            (Some(intended), Ok(true)) => {
                line.came.clear();
                line.intended = None;
                self.in_flight -= 1;
                self.beat.answered += 1;
                self.beat.latencies.push(micros_since(intended));
                match self.waiting.pop_front() {
                    Some(next) => self.say(at, next),
                    None => self.idle.push(at),
                }
            }
            (Some(_), Err(Unready::Begun) | Ok(false)) if !over => {}
            (Some(_), _) => {
                line.intended = None;
                self.in_flight -= 1;
                self.fail(at);
            }
            // Closed while nothing was asked: whoever uses it next finds out.
            (None, _) => {}
        }
    }
}

fn micros_since(moment: Instant) -> u64 {
    moment.elapsed().as_micros() as u64
}

/// Why the length of an answer is not known.
#[derive(Debug, PartialEq, Eq)]
enum Unready {
    /// Its header has not come whole.
    Begun,
    /// It is none that the backend gave.
    Wrong,
}

/// Bytes of the whole answer that begins here.
fn answer_length(bytes: &[u8]) -> Result<usize, Unready> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let Some(end) = end else {
        return Err(if bytes.len() > ANSWER_BYTES { Unready::Wrong } else { Unready::Begun });
    };
    let mut lines = bytes[..end].split(|byte| *byte == b'\n');
    if !lines.next().is_some_and(|status| status.starts_with(b"HTTP/1.1 200")) {
        return Err(Unready::Wrong);
    }
    let length = lines.find_map(|line| {
        let (name, value) = line.split_at_checked(b"content-length:".len())?;
        name.eq_ignore_ascii_case(b"content-length:").then_some(value)
    });
    let length =
        length.and_then(|value| std::str::from_utf8(value).ok()?.trim().parse::<usize>().ok());
    length.map(|length| end + 4 + length).ok_or(Unready::Wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::backend::Backend;

    #[test]
    fn an_answer_tells_its_length() {
        let head = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 3\r\n\r\n";
        assert_eq!(answer_length(head), Ok(head.len() + 3));
        assert_eq!(answer_length(&head[..20]), Err(Unready::Begun));
        assert_eq!(answer_length(b"HTTP/1.1 502 Bad\r\n\r\n"), Err(Unready::Wrong));
        assert_eq!(answer_length(b"HTTP/1.1 200 OK\r\n\r\n"), Err(Unready::Wrong));
    }

    #[test]
    fn every_departure_is_counted() {
        let backend = Backend::start("v1").unwrap();
        let lasts = Duration::from_millis(200);
        let pulse = Pulse { target: backend.address, rate: 500.0, lasts, connections: 4 };
        let beat = pulse.send().unwrap();
        assert_eq!((beat.answered, beat.failed), (100, 0));
        assert!(beat.latency_us(500) <= beat.latency_us(1_000));
    }
}
