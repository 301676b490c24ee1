//! Probes of real sockets, most of them held by liars.

use std::{
    net::{Ipv4Addr, Shutdown, TcpListener},
    thread,
};

use super::*;

/// A service that treats every connection in one way, until it is dropped.
struct Service {
    address: SocketAddr,
    thread: Option<thread::JoinHandle<()>>,
}

impl Service {
    /// Takes one connection and hands it over, with the request that it sent.
    fn once(treat: impl FnOnce(TcpStream, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                request.push(byte[0]);
            }
            treat(stream, String::from_utf8(request).unwrap());
        });
        Self { address, thread: Some(thread) }
    }

    fn answering(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::once(move |mut stream, _| drop(stream.write_all(text.as_bytes())))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Wakes it up in case nobody ever came.
        drop(TcpStream::connect(self.address).map(|stream| stream.shutdown(Shutdown::Both)));
        let ended = self.thread.take().map(thread::JoinHandle::join);
        assert!(thread::panicking() || matches!(ended, Some(Ok(()))), "the service panicked");
    }
}

/// Keeps a connection open, silent, until the other side is gone.
fn until_gone(mut stream: TcpStream) {
    let _ = stream.read(&mut [0]);
}

fn http() -> ProbeKind {
    ProbeKind::Http {
        method: "GET".into(),
        host: None,
        path: "/health".into(),
        status: (200, 399),
        contains: None,
    }
}

fn probe(address: SocketAddr, kind: ProbeKind, timeout_ms: u64) -> Look<Option<String>> {
    HttpProber::new().probe(&Probe { address: address.to_string(), kind, timeout_ms })
}

/// What an answer was judged to be, with plenty of time.
fn judged(service: &Service) -> Option<String> {
    probe(service.address, http(), 5_000).unwrap()
}

/// Asserts that the probe ends as too late, not much after its time.
fn late(service: &Service, kind: ProbeKind) {
    let begin = Instant::now();
    let told = probe(service.address, kind, 150).unwrap();
    assert_eq!(told.as_deref(), Some("did not answer within 150 ms"));
    // Generous, for slow machines; a probe without a total bound would take 20 s and more.
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

fn free_port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

#[test]
fn a_healthy_service_is_healthy() {
    let service = Service::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(judged(&service), None);
    let service = Service::answering("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n");
    assert_eq!(judged(&service), None);
}

#[test]
fn what_is_sent_is_what_was_asked_for() {
    let (tell, told) = std::sync::mpsc::channel();
    let service = Service::once(move |mut stream, request| {
        tell.send(request).unwrap();
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    });
    let kind = ProbeKind::Http {
        method: "OPTIONS".into(),
        host: Some("shop.example".into()),
        path: "/a?b=%20c".into(),
        status: (204, 204),
        contains: None,
    };
    assert_eq!(probe(service.address, kind, 5_000).unwrap(), None);
    let request = told.recv().unwrap();
    assert!(
        request.starts_with("OPTIONS /a?b=%20c HTTP/1.1\r\nHost: shop.example\r\n"),
        "{request}"
    );
    assert!(request.contains("\r\nConnection: close\r\n"));

    let (tell, told) = std::sync::mpsc::channel();
    let service = Service::once(move |mut stream, request| {
        tell.send(request).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    });
    assert_eq!(judged(&service), None);
    assert!(told.recv().unwrap().contains(&format!("\r\nHost: {}\r\n", service.address)));
}

#[test]
fn p8_a_wrong_status_or_text_is_no_pass() {
    let service = Service::answering("HTTP/1.1 503 Service Unavailable\r\n\r\n");
    assert_eq!(judged(&service).as_deref(), Some("answered 503, not 200 to 399"));

    let expecting = |text: &str| ProbeKind::Http {
        method: "GET".into(),
        host: None,
        path: "/".into(),
        status: (200, 200),
        contains: Some(text.into()),
    };
    let body =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nrea\r\n2\r\ndy\r\n0\r\n\r\n";
    let service = Service::answering(body);
    assert_eq!(probe(service.address, expecting("ready"), 5_000).unwrap(), None);
    let service = Service::answering(body);
    let told = probe(service.address, expecting("steady"), 5_000).unwrap().unwrap();
    assert!(told.contains("expected text") && !told.contains("ready"), "{told}");

    let far = format!("HTTP/1.1 200 OK\r\n\r\n{}needle", "x".repeat(BODY_LIMIT - 3));
    let service = Service::answering(far);
    let told = probe(service.address, expecting("needle"), 5_000).unwrap();
    assert!(told.is_some(), "text beyond the first 64 kB does not count");
}

#[test]
fn p8_liars_are_unhealthy() {
    for (answer, why) in [
        ("", "without an answer"),
        ("SSH-2.0-OpenSSH_9.6\r\n", "not answer in HTTP/1"),
        ("\0\u{1}\u{2}\u{3}\n\n\n", "not answer in HTTP/1"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort", "middle of the body"),
        ("HTTP/1.1 200 OK\r\nContent-Le", "middle of the answer's head"),
    ] {
        let service = Service::answering(answer);
        let told = judged(&service).unwrap();
        assert!(told.contains(why), "{answer:?}: {told}");
    }
}

#[test]
fn p9_silence_ends_with_the_time_out() {
    late(&Service::once(|stream, _| until_gone(stream)), http());
    // It closed its side for writing only after half of the head.
    let half = Service::once(|mut stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab").unwrap();
        until_gone(stream);
    });
    late(&half, http());
}

#[test]
fn p9_a_slow_drip_does_not_stretch_the_time() {
    // A byte at a time: each single read is quick, the whole would never end.
    for head in ["", "HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"] {
        let service = Service::once(move |mut stream, _| {
            let _ = stream.write_all(head.as_bytes());
            stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
            loop {
                // The wait between two bytes also tells when the prober has gone.
                match stream.read(&mut [0]) {
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                    _ => return,
                }
                if stream.write_all(b"x").is_err() {
                    return;
                }
            }
        });
        late(&service, http());
    }
}

#[test]
fn p9_an_endless_body_is_read_only_to_its_limit() {
    for head in ["", "Content-Length: 18446744073709551615\r\n"] {
        let service = Service::once(move |mut stream, _| {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\n{head}\r\n");
            while stream.write_all(&[b'x'; 4096]).is_ok() {}
        });
        assert_eq!(judged(&service), None, "the status is right, and the rest is not looked at");
    }
    let service = Service::once(|mut stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"Header: and no end of them\r\n").is_ok() {}
    });
    assert!(judged(&service).unwrap().contains("no end"));
}

#[test]
fn a_port_on_which_nobody_listens_is_unhealthy() {
    for kind in [ProbeKind::Connect, http()] {
        let told = probe(free_port(), kind, 5_000).unwrap().unwrap();
        assert!(told.contains("refused"), "{told}");
    }
}

#[test]
fn a_connection_is_enough_where_no_more_was_asked() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(probe(address, ProbeKind::Connect, 5_000).unwrap(), None);
}

#[test]
fn a_socket_that_met_itself_does_not_count() {
    use rustix::net::{AddressFamily, SocketType, bind, connect, getsockname, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = SocketAddr::try_from(getsockname(&socket).unwrap()).unwrap();
    connect(&socket, &address).unwrap();
    assert!(connected_to_itself(&TcpStream::from(socket)));
}

#[test]
fn p8_a_question_that_cannot_be_asked_is_an_error() {
    let kind = |method: &str, host: Option<&str>, path: &str| ProbeKind::Http {
        method: method.into(),
        host: host.map(Into::into),
        path: path.into(),
        status: (200, 200),
        contains: None,
    };
    for wrong in [
        kind("GET", None, "no/slash"),
        kind("GET", None, "/a b"),
        kind("GET", None, "/a\r\nX: y"),
        kind("GET", Some("a\r\nX: y"), "/"),
        kind("GET", Some(""), "/"),
        kind("get", None, "/"),
        kind("GET / HTTP/1.1\r\n", None, "/"),
        kind("GET", None, &format!("/{}", "x".repeat(PART_LIMIT))),
    ] {
        let told = probe(free_port(), wrong.clone(), 100);
        assert!(told.is_err(), "{wrong:?}: {told:?}");
    }
    let named = Probe { address: "localhost:80".into(), kind: http(), timeout_ms: 100 };
    assert!(HttpProber::new().probe(&named).is_err(), "names are not looked up");
}
