//! The keeper's socket: non-blocking, few connections, short lines.

use std::{
    io::{self, Read as _, Write as _},
    os::{
        fd::AsFd as _,
        unix::{
            fs::PermissionsExt as _,
            net::{UnixListener, UnixStream},
        },
    },
    path::Path,
};

use rustix::event::{PollFd, PollFlags};

use crate::protocol::{Answer, MESSAGE_MAX, Request};

/// Connections held at once; others wait in the kernel's queue.
const CONNECTIONS: usize = 8;
/// Milliseconds after which a connection that says nothing is closed.
const SILENCE_MAX: u64 = 5_000;

pub(crate) struct Connection {
    stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    closes_at: u64,
    over: bool,
}

/// The listening socket and its connections.
pub(crate) struct Server {
    listener: UnixListener,
    connections: Vec<Connection>,
}

/// Where an answer goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplyTo(usize);

impl Server {
    /// Listens at a path, in place of a dead keeper's socket. Only its owner can connect.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, connections: Vec::new() })
    }

    /// Adds what to wait for.
    pub(crate) fn poll_on<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        if self.connections.len() < CONNECTIONS {
            fds.push(PollFd::from_borrowed_fd(self.listener.as_fd(), PollFlags::IN));
        }
        for connection in &self.connections {
            let wanted = if connection.output.is_empty() { PollFlags::IN } else { PollFlags::OUT };
            fds.push(PollFd::from_borrowed_fd(connection.stream.as_fd(), wanted));
        }
    }

    /// Whether somebody is connected.
    pub(crate) fn busy(&self) -> bool {
        !self.connections.is_empty()
    }

    /// Takes in connections and lines. A line that is no request is answered and ends its
    /// connection.
    pub(crate) fn receive(&mut self, now: u64) -> Vec<(ReplyTo, Request)> {
        while self.connections.len() < CONNECTIONS {
            let Ok((stream, _)) = self.listener.accept() else {
                break;
            };
            self.connections.extend(Connection::new(stream, now));
        }
        let mut requests = Vec::new();
        for (index, connection) in self.connections.iter_mut().enumerate() {
            connection.over |= connection.closes_at <= now;
            requests.extend(connection.request(now).map(|request| (ReplyTo(index), request)));
        }
        requests
    }

    /// Answers a request of the last [`Self::receive`].
    pub(crate) fn reply(&mut self, to: ReplyTo, answer: &Answer) {
        if let Some(connection) = self.connections.get_mut(to.0) {
            connection.say(answer);
        }
    }

    /// Sends what is waiting and lets go of connections that are over.
    pub(crate) fn send(&mut self) {
        for connection in &mut self.connections {
            connection.send();
        }
        self.connections.retain(|connection| !connection.over || !connection.output.is_empty());
    }
}

impl Connection {
    pub(crate) fn new(stream: UnixStream, now: u64) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let (input, output, closes_at) = (Vec::new(), Vec::new(), now + SILENCE_MAX);
        Ok(Self { stream, input, output, closes_at, over: false })
    }

    /// The next request, if a whole one is there. A line that is none is answered and ends the
    /// connection.
    pub(crate) fn request(&mut self, now: u64) -> Option<Request> {
        let line = self.line(now)?;
        match serde_json::from_slice(&line) {
            Ok(request) => Some(request),
            Err(error) => {
                // Told by place: the parser would repeat parts of the line.
                self.refuse(&format!("this is no request (column {})", error.column()));
                None
            }
        }
    }

    /// The next whole line, if there is one and nothing waits to be sent.
    fn line(&mut self, now: u64) -> Option<Vec<u8>> {
        if self.over || !self.output.is_empty() {
            return None;
        }
        let mut chunk = [0; 1024];
        while self.input.len() <= MESSAGE_MAX && !self.input.contains(&b'\n') {
            match self.stream.read(&mut chunk) {
                Ok(0) => self.over = true,
                Ok(length) => self.input.extend_from_slice(chunk.get(..length)?),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(_) => self.over = true,
            }
            if self.over {
                return None;
            }
        }
        let Some(end) = self.input.iter().position(|&byte| byte == b'\n') else {
            self.refuse(&format!("a request has at most {MESSAGE_MAX} bytes"));
            return None;
        };
        self.closes_at = now + SILENCE_MAX;
        let mut line: Vec<u8> = self.input.drain(..=end).collect();
        line.pop();
        Some(line)
    }

    fn refuse(&mut self, why: &str) {
        self.say(&Answer::Refused { why: why.to_owned() });
        self.over = true;
    }

    fn say(&mut self, answer: &Answer) {
        match serde_json::to_vec(answer) {
            Ok(mut line) => {
                line.push(b'\n');
                self.output.append(&mut line);
            }
            Err(_) => self.over = true,
        }
    }

    pub(crate) fn send(&mut self) {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(length) if length > 0 => drop(self.output.drain(..length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.over => return,
                _ => {
                    self.over = true;
                    self.output.clear();
                }
            }
        }
    }
}
