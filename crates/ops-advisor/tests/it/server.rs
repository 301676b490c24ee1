//! A model's server that does as it is told, connection by connection.

use std::{
    fmt::Write as _,
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

/// What it does with a connection.
pub(crate) type Play = Box<dyn Fn(&mut TcpStream) + Send>;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Value,
}

/// The server, until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<Request>>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Plays one after the other; the last one is repeated.
    pub(crate) fn playing(plays: Vec<Play>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (ended, heard) = (Arc::clone(&over), Arc::clone(&asked));
        let thread = thread::spawn(move || {
            for n in 0.. {
                let (mut stream, _) = listener.accept().unwrap();
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                stream.set_nodelay(true).unwrap();
                stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
                if let Some(request) = request(&mut stream) {
                    heard.lock().unwrap().push(request);
                    plays[n.min(plays.len() - 1)](&mut stream);
                } else {
                    let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
                }
                // What was written must arrive although not all was read.
                let _ = stream.shutdown(Shutdown::Write);
            }
        });
        Self { address, over, asked, thread: Some(thread) }
    }

    /// The same thing each time.
    pub(crate) fn always(play: Play) -> Self {
        Self::playing(vec![play])
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        let ended = self.thread.take().map(thread::JoinHandle::join);
        assert!(thread::panicking() || matches!(ended, Some(Ok(()))), "the server panicked");
    }
}

/// `None` where the other side says something else, such as TLS.
fn request(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 || byte[0] > 127 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    Some(Request { head, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}

/// Writes these bytes.
pub(crate) fn bytes(all: impl Into<Vec<u8>>) -> Play {
    let all = all.into();
    Box::new(move |stream| drop(stream.write_all(&all)))
}

/// An answer with this status, type and body, and more of a head.
pub(crate) fn answer(status: &str, kind: &str, more: &str, body: &str) -> Play {
    let length = body.len();
    bytes(format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}\r\n{body}"
    ))
}

/// A refusal of a parameter.
pub(crate) fn refusal(body: &Value) -> Play {
    answer("400 Bad Request", "application/json", "", &body.to_string())
}

/// Says nothing until the other side has gone.
pub(crate) fn silence() -> Play {
    Box::new(|stream| drop(stream.read(&mut [0])))
}

/// Begins like this, then sends these bytes again and again until the other side has gone.
pub(crate) fn dripping(begin: &str, drop: &'static str) -> Play {
    let begin = begin.to_owned();
    Box::new(move |stream| {
        let _ = stream.write_all(begin.as_bytes());
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        // The wait between two drops also tells when the other side has gone.
        while matches!(stream.read(&mut [0]), Err(e) if e.kind() == io::ErrorKind::WouldBlock)
            && stream.write_all(drop.as_bytes()).is_ok()
        {}
    })
}

/// The head of a stream of events that ends with the connection.
pub(crate) const EVENTS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

/// An event with a piece of an answer.
pub(crate) fn piece(delta: &Value, finish: Option<&str>) -> String {
    let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
    format!("data: {}\n\n", json!({ "object": "chat.completion.chunk", "choices": [choice] }))
}

/// The events of a whole answer, a few letters at a time, as servers write them.
pub(crate) fn said(text: &str) -> String {
    let mut out = piece(&json!({ "role": "assistant", "content": null }), None);
    let letters: Vec<char> = text.chars().collect();
    for some in letters.chunks(5) {
        out.push_str(&piece(&json!({ "content": String::from_iter(some) }), None));
    }
    out.push_str(&piece(&json!({}), Some("stop")));
    let usage = json!({ "prompt_tokens": 41, "completion_tokens": 7, "total_tokens": 48 });
    let _ = write!(out, "data: {}\n\n", json!({ "choices": [], "usage": usage }));
    out.push_str("data: [DONE]\n\n");
    out
}

/// An honest server.
pub(crate) fn good(text: &str) -> Play {
    bytes(format!("{EVENTS}{}", said(text)))
}
