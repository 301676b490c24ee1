//! For tests: a server that treats connections in one way.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// A server for one connection or for all, until it is dropped.
pub(crate) struct Liar {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Liar {
    /// Takes one connection and hands it over, with the request that it sent.
    pub(crate) fn once(treat: impl FnOnce(TcpStream, String) + Send + 'static) -> Self {
        let mut treat = Some(treat);
        Self::start(move |stream, request| {
            if let Some(treat) = treat.take() {
                treat(stream, request);
            }
            false
        })
    }

    /// Takes one connection after the other, each with the request that it sent.
    pub(crate) fn each(mut treat: impl FnMut(TcpStream, String) + Send + 'static) -> Self {
        Self::start(move |stream, request| {
            treat(stream, request);
            true
        })
    }

    /// Takes connections as long as it is told to go on.
    fn start(mut treat: impl FnMut(TcpStream, String) -> bool + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let thread = thread::spawn(move || {
            loop {
                let (mut stream, _) = listener.accept().unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                let request = request(&mut stream);
                if ended.load(Ordering::SeqCst) || !treat(stream, request) {
                    break;
                }
            }
        });
        Self { address, over, thread: Some(thread) }
    }

    /// Answers with this and closes.
    pub(crate) fn answering(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::once(move |mut stream, _| drop(stream.write_all(text.as_bytes())))
    }

    /// Answers with a status and a body.
    pub(crate) fn with(status: &str, body: &str) -> Self {
        let length = body.len();
        Self::answering(format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}"))
    }

    /// Takes the request and says nothing until the other side is gone.
    pub(crate) fn silent() -> Self {
        Self::once(|mut stream, _| drop(stream.read(&mut [0])))
    }

    /// Begins like this, then sends a byte now and then for ever.
    pub(crate) fn dripping(begin: &'static str) -> Self {
        Self::once(move |mut stream, _| {
            let _ = stream.write_all(begin.as_bytes());
            stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
            // The wait between two bytes also tells when the other side has gone.
            while matches!(stream.read(&mut [0]), Err(e) if e.kind() == io::ErrorKind::WouldBlock)
                && stream.write_all(b" ").is_ok()
            {}
        })
    }

    /// Its address, such as `http://127.0.0.1:1234`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes it up in case nobody ever came, or nobody comes any more.
        drop(TcpStream::connect(self.address).map(|stream| stream.shutdown(Shutdown::Both)));
        let ended = self.thread.take().map(thread::JoinHandle::join);
        assert!(thread::panicking() || matches!(ended, Some(Ok(()))), "the server panicked");
    }
}

/// The head of a request, and a body as long as it says.
fn request(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        text.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&text).to_lowercase();
    let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).unwrap_or_default();
    text.extend(body);
    String::from_utf8(text).unwrap()
}

/// An address on which nobody listens.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
