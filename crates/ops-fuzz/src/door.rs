//! HTTP through the door: whatever a client sends, the service gets only what can be read in one way.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use ops_core::{
    id::{Generation, OpId, Stamp},
    route::{Leg, Route},
};
use ops_edge::{Edge, EdgeConfig, EdgeDoor};
use ops_engine::ports::Door as _;

use crate::sockets::in_memory;

/// Longest wait for the end of a conversation; only one that hangs reaches it.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the service could not read in one way only.
static TWO_WAYS: Mutex<Option<String>> = Mutex::new(None);
/// Requests that the service was asked, and bytes that clients sent, over all tries: what one try began
/// may reach the service when its client is gone.
static ASKED: AtomicUsize = AtomicUsize::new(0);
static SENT: AtomicUsize = AtomicUsize::new(0);

/// Sends the bytes to the door as one client, and reads to the end.
pub fn edge_http(bytes: &[u8]) {
    let bytes = crate::cut(bytes);
    SENT.fetch_add(bytes.len(), Ordering::SeqCst);
    let mut client = TcpStream::connect(door()).expect("the door listens");
    client.set_read_timeout(Some(PATIENCE)).expect("an open socket");
    // A client whose first words are refused may be hung up on before it has said all.
    let _ = client.write_all(bytes).and_then(|()| client.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    match client.read_to_end(&mut answer) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            panic!("the door neither answered nor hung up");
        }
        _ => {}
    }
    let odd = TWO_WAYS.lock().unwrap_or_else(PoisonError::into_inner).take();
    assert!(odd.is_none(), "the service was sent {odd:?}");
    // A request has a line and an end of its header: 18 bytes and more in HTTP/1, 10 in HTTP/2.
    let (asked, sent) = (ASKED.load(Ordering::SeqCst), SENT.load(Ordering::SeqCst));
    assert!(asked <= sent / 10, "{asked} requests out of {sent} bytes");
    let h2 = bytes.starts_with(b"PRI * HTTP/2.0");
    let spoken = answer.starts_with(b"HTTP/1.") || h2 || answer.is_empty();
    assert!(spoken, "{:?}", String::from_utf8_lossy(&answer));
}

/// Where the door listens that serves all tries.
fn door() -> SocketAddr {
    static DOOR: OnceLock<SocketAddr> = OnceLock::new();
    *DOOR.get_or_init(|| {
        let service = service();
        let dir = in_memory();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || serve(dir.path(), &tell));
        let (address, door) = told.recv().expect("a door");
        let backends = vec![service.to_string()];
        let legs = vec![Leg { release: "shop-1".into(), weight: 100, backends }];
        let route = Route { legs, ..Route::new("shop".into(), None, "/") };
        let (deployment, op) = (1, OpId(1));
        let stamp = Stamp { generation: Generation(1), deployment, op };
        door.set_route(stamp, &route).expect("a route");
        address
    })
}

fn serve(dir: &Path, tell: &mpsc::Sender<(SocketAddr, EdgeDoor)>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut config = EdgeConfig::new(vec![SocketAddr::from(([127, 0, 0, 1], 0))], dir);
        config.max_header_bytes = 8_192;
        config.max_body_bytes = Some(1 << 20);
        let edge = Edge::bind(config).await.expect("a door");
        tell.send((edge.addresses()[0], EdgeDoor::new(dir))).expect("somebody waits");
        edge.serve(std::future::pending()).await;
    });
}

/// A service that answers whatever it can read in one way only, and remembers what it cannot.
fn service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || converse(&stream));
        }
    });
    address
}

fn converse(stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(read) = request(&mut reader) {
        ASKED.fetch_add(1, Ordering::SeqCst);
        if let Err(odd) = read {
            *TWO_WAYS.lock().unwrap_or_else(PoisonError::into_inner) = Some(odd);
            return;
        }
        if writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").is_err() {
            return;
        }
    }
}

/// A line without its end; `None` where the other side has ended, and the line if it has another end
/// than readers agree on.
fn line(reader: &mut BufReader<&TcpStream>) -> Option<Result<String, String>> {
    let mut bytes = Vec::new();
    reader.read_until(b'\n', &mut bytes).ok().filter(|read| *read > 0)?;
    let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
    if !bytes.ends_with(b"\n") {
        return None;
    }
    Some(match bytes.strip_suffix(b"\r\n") {
        Some(line) if !line.iter().any(|byte| matches!(byte, b'\r' | 0)) => Ok(text(line)),
        _ => Err(text(&bytes)),
    })
}

/// Reads one request, body and all; `None` at the end, or where it broke off.
fn request(reader: &mut BufReader<&TcpStream>) -> Option<Result<(), String>> {
    let first = match line(reader)? {
        Ok(first) => first,
        odd => return Some(odd.map(drop)),
    };
    let words: Vec<&str> = first.split(' ').collect();
    let [method, _, "HTTP/1.1"] = words[..] else { return Some(Err(first)) };
    let no_body = format!("{method} without a body");
    let (mut length, mut chunked, mut hosts) = (None, false, 0);
    loop {
        let line = match line(reader)? {
            Ok(line) if line.is_empty() => break,
            Ok(line) => line,
            odd => return Some(odd.map(drop)),
        };
        let Some((name, value)) = line.split_once(": ") else { return Some(Err(line)) };
        match name.to_ascii_lowercase().as_str() {
            "content-length" if length.is_none() => {
                let digits = value.bytes().all(|byte| byte.is_ascii_digit());
                length = value.parse::<u64>().ok().filter(|_| digits);
                if length.is_none() {
                    return Some(Err(line));
                }
            }
            "transfer-encoding" if value == "chunked" && !chunked => chunked = true,
            "content-length" | "transfer-encoding" => return Some(Err(line)),
            "host" => hosts += 1,
            _ => {}
        }
    }
    if (chunked && length.is_some()) || hosts > 1 {
        return Some(Err(format!("{no_body}: two lengths or {hosts} hosts")));
    }
    if chunked {
        return chunks(reader);
    }
    let length = length.unwrap_or(0);
    let read = io::copy(&mut reader.take(length), &mut io::sink()).ok()?;
    (read == length).then_some(Ok(()))
}

fn chunks(reader: &mut BufReader<&TcpStream>) -> Option<Result<(), String>> {
    loop {
        let size = match line(reader)? {
            Ok(size) => size,
            odd => return Some(odd.map(drop)),
        };
        let Ok(length) = u64::from_str_radix(&size, 16) else { return Some(Err(size)) };
        if length == 0 {
            break;
        }
        let read = io::copy(&mut reader.take(length), &mut io::sink()).ok()?;
        if read < length {
            return None;
        }
        match line(reader)? {
            Ok(end) if end.is_empty() => {}
            Ok(odd) | Err(odd) => return Some(Err(odd)),
        }
    }
    loop {
        match line(reader)? {
            Ok(end) if end.is_empty() => return Some(Ok(())),
            Ok(_) => {}
            odd => return Some(odd.map(drop)),
        }
    }
}
