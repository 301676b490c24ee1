//! The backend of all proxies: the cheapest server that still speaks HTTP/1.1 with keep-alive. What
//! it does not use of its core is left to the load generator beside it.

use std::{
    collections::HashMap,
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use ops_demo::shop::VERSION_HEADER;
use rustix::{
    event::{Timespec, epoll},
    io::Errno,
};

use crate::ground::BenchError;

/// Bytes of an answer's body.
pub(crate) const BODY_BYTES: usize = 1_024;
/// Most bytes of a request's header.
const HEADER_BYTES: usize = 16 * 1_024;
/// Most events that are taken at once.
const EVENTS: usize = 256;
/// Longest wait between two looks at the order to stop.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
/// The token of the listener; connections count from there.
const LISTENER: u64 = 0;
const HEADER_END: &[u8] = b"\r\n\r\n";

/// A running backend; ends when dropped.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Backend {
    /// Starts a backend that answers every request without a body with 1 kB, in the name of a
    /// version.
    pub(crate) fn start(version: &str) -> Result<Self, BenchError> {
        let refused = |why| BenchError::system("start the backend", "127.0.0.1", why);
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut house =
            House::open(listener, answer(version)).map_err(|why| refused(why.into()))?;
        let told = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("backend".into())
            // An error leaves the clients without answers, which they count as lost.
            .spawn(move || {
                let mut events = Vec::with_capacity(EVENTS);
                while !told.load(Ordering::Relaxed) && house.turn(&mut events).is_ok() {}
            })
            .map_err(refused)?;
        Ok(Self { address, stop, thread: Some(thread) })
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to report.
            let _ = thread.join();
        }
    }
}

fn answer(version: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {BODY_BYTES}\r\n\
         {VERSION_HEADER}: {version}\r\n\r\n"
    );
    let mut answer = head.into_bytes();
    answer.resize(answer.len() + BODY_BYTES, b'x');
    answer
}

struct House {
    epoll: OwnedFd,
    listener: TcpListener,
    answer: Vec<u8>,
    guests: HashMap<u64, Guest>,
    next: u64,
}

/// A connection, and what it has sent of its next request.
struct Guest {
    stream: TcpStream,
    begun: Vec<u8>,
}

impl House {
    fn open(listener: TcpListener, answer: Vec<u8>) -> rustix::io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        watch(&epoll, &listener, LISTENER)?;
        Ok(Self { epoll, listener, answer, guests: HashMap::new(), next: LISTENER + 1 })
    }

    /// Waits once, and serves whoever is there.
    fn turn(&mut self, events: &mut Vec<epoll::Event>) -> rustix::io::Result<()> {
        events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), Some(&LOOK)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(why) => return Err(why),
        }
        for event in events {
            match event.data.u64() {
                LISTENER => self.welcome()?,
                token => self.serve(token),
            }
        }
        Ok(())
    }

    fn welcome(&mut self) -> rustix::io::Result<()> {
        // Whoever was gone before being accepted has lost nothing.
        while let Ok((stream, _)) = self.listener.accept() {
            let ready = stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true));
            if ready.is_ok() {
                let token = self.next;
                self.next += 1;
                watch(&self.epoll, &stream, token)?;
                self.guests.insert(token, Guest { stream, begun: Vec::new() });
            }
        }
        Ok(())
    }

    fn serve(&mut self, token: u64) {
        let Some(guest) = self.guests.get_mut(&token) else { return };
        if !guest.is_served(&self.answer) {
            // Closing takes it out of the epoll set too.
            self.guests.remove(&token);
        }
    }
}

impl Guest {
    /// Reads what came and answers what is complete; false if the connection is over.
    fn is_served(&mut self, answer: &[u8]) -> bool {
        let mut piece = [0; HEADER_BYTES];
        let count = match self.stream.read(&mut piece) {
            Ok(0) => return false,
            Ok(count) => count,
            Err(why) => {
                return matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
            }
        };
        let mut came = &piece[..count];
        // Nearly always a request comes whole and alone.
        if self.begun.is_empty() && came.ends_with(HEADER_END) && ends(came).count() == 1 {
            return self.answer(answer);
        }
        self.begun.extend_from_slice(came);
        let whole = std::mem::take(&mut self.begun);
        came = &whole;
        while let Some(end) = ends(came).next() {
            if !self.answer(answer) {
                return false;
            }
            came = &came[end..];
        }
        self.begun.extend_from_slice(came);
        self.begun.len() <= HEADER_BYTES
    }

    /// An answer always fits into an empty socket buffer; a client that reads none gets no more.
    fn answer(&mut self, answer: &[u8]) -> bool {
        self.stream.write(answer).is_ok_and(|count| count == answer.len())
    }
}

/// Where the headers in these bytes end.
fn ends(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let windows = bytes.windows(HEADER_END.len()).enumerate();
    windows.filter(|(_, window)| *window == HEADER_END).map(|(at, _)| at + HEADER_END.len())
}

/// Adds a socket to an epoll set.
pub(crate) fn watch(epoll: &OwnedFd, socket: &impl AsFd, token: u64) -> rustix::io::Result<()> {
    epoll::add(epoll, socket, epoll::EventData::new_u64(token), epoll::EventFlags::IN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(pieces: &[&str], answers: usize) {
        let backend = Backend::start("v1").unwrap();
        let mut client = TcpStream::connect(backend.address).unwrap();
        for piece in pieces {
            client.write_all(piece.as_bytes()).unwrap();
        }
        let mut expected = answer("v1").repeat(answers);
        let mut came = vec![0; expected.len()];
        client.read_exact(&mut came).unwrap();
        assert_eq!(came, expected);
        expected.clear();
    }

    #[test]
    fn requests_are_answered_whole_in_pieces_and_together() {
        talk(&["GET / HTTP/1.1\r\nhost: a\r\n\r\n"], 1);
        talk(&["GET / HTTP/1.1\r\nho", "st: a\r\n\r", "\nGET /", " HTTP/1.1\r\n\r\n"], 2);
        talk(&["GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"], 2);
    }
}
