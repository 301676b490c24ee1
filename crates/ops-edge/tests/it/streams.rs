//! What streams: trailers, events, large bodies.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ops_core::route::{Manner, Route};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    backend::Backend,
    house::{House, leg, route, until},
    raw::{Server, connect, read_all, read_bytes, read_head},
};

fn to(server: &Server) -> Route {
    let mut to = route(vec![leg("a", 100, &[])]);
    to.legs[0].backends = vec![server.text()];
    to.manner = Box::new(Manner { drain_ms: Some(100), ..Manner::default() });
    to
}

/// Answers with the body that came, chunked, and the trailers that came as its own.
async fn return_trailers(mut stream: TcpStream) {
    let (head, mut body) = read_head(&mut stream).await;
    let mut piece = [0; 4096];
    while !body.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece).await {
            Ok(count @ 1..) => body.extend_from_slice(&piece[..count]),
            _ => return,
        }
    }
    assert!(head.contains("te: trailers\r\n"), "{head}");
    let answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n";
    let _ = stream.write_all(answer).await;
    let _ = stream.write_all(&body).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_pass_in_both_directions() {
    let house = House::open().await;
    let server = Server::start(return_trailers).await;
    house.set(1, &to(&server));
    let ask = b"POST / HTTP/1.1\r\nhost: x\r\nte: trailers\r\nconnection: te, close\r\n\
                trailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n\
                3\r\nabc\r\n0\r\nx-sum: 42\r\n\r\n";
    let mut client = connect(house.address, ask).await;
    let answer = String::from_utf8(read_all(&mut client).await).unwrap();
    assert!(answer.contains("3\r\nabc\r\n0\r\nx-sum: 42\r\n\r\n"), "{answer}");
}

/// Sends one event, then comments until the client has gone.
async fn send_events(mut stream: TcpStream) {
    read_head(&mut stream).await;
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                  transfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n";
    let _ = stream.write_all(answer.as_bytes()).await;
    let mut end = [0; 1];
    let _ = stream.read(&mut end).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_at_once_and_end_between_two_when_their_release_leaves() {
    let house = House::open().await;
    let server = Server::start(send_events).await;
    house.set(1, &to(&server));
    let mut client = connect(house.address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let (_, rest) = read_head(&mut client).await;
    let first = b"9\r\ndata: 1\n\n\r\n";
    let missing = first.len() - rest.len();
    read_bytes(&mut client, missing).await;
    assert_eq!(house.in_flight("a"), Some(1));
    let b = Backend::start("b").await;
    house.set(2, &Route { manner: to(&server).manner, ..route(vec![leg("b", 100, &[&b])]) });
    // The body ends as it should, and the connection can be used again.
    assert_eq!(read_bytes(&mut client, 5).await, b"0\r\n\r\n");
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let (head, _) = read_head(&mut client).await;
    assert!(head.contains("x-release: b"), "{head}");
    until("the old release is drained", || house.in_flight("a").is_none()).await;
    assert_eq!(house.arm("a").errors(), 0);
}

const MEGABYTE: usize = 1024 * 1024;

/// A service that answers with 64 MB, except to `/small`, and how much of them it could send.
pub(crate) async fn plenty() -> (Server, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let server = Server::start(move |mut stream| {
        let count = Arc::clone(&count);
        async move {
            while read_head(&mut stream).await.0.starts_with("GET /small ") {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            }
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 64 * MEGABYTE);
            let _ = stream.write_all(head.as_bytes()).await;
            let piece = vec![b'x'; MEGABYTE / 8];
            while stream.write_all(&piece).await.is_ok() {
                if count.fetch_add(piece.len(), Ordering::SeqCst) + piece.len() >= 64 * MEGABYTE {
                    return;
                }
            }
        }
    })
    .await;
    (server, sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_client_that_reads_no_more_lets_go_of_the_service() {
    let house = House::with(|config| config.stall_timeout = Duration::from_millis(300)).await;
    let (server, sent) = plenty().await;
    house.set(1, &to(&server));
    let mut client = connect(house.address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(read_head(&mut client).await.0.starts_with("HTTP/1.1 200"));
    until("the service is let go of", || house.in_flight("a") == Some(0)).await;
    assert!(sent.load(Ordering::SeqCst) < 64 * MEGABYTE, "everything was read");
    assert!(read_all(&mut client).await.len() < 64 * MEGABYTE, "the answer was ended");
    // It was the client's doing: the answer counts as it began.
    let arm = house.arm_of("a", 1).await;
    assert_eq!((arm.s2xx, arm.errors()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_large_bodies_wait_for_their_readers() {
    let house = House::open().await;
    let (server, sent) = plenty().await;
    house.set(1, &to(&server));
    let mut client = connect(house.address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // Nobody reads: what the service could send stands still, in the kernel's buffers and ours.
    let mut before = usize::MAX;
    until("the service waits", || {
        std::thread::sleep(Duration::from_millis(50));
        let now = sent.load(Ordering::SeqCst);
        std::mem::replace(&mut before, now) == now && now > 0
    })
    .await;
    assert!(before < 48 * MEGABYTE, "{before} bytes were taken from the service");
    let (_, rest) = read_head(&mut client).await;
    read_bytes(&mut client, 64 * MEGABYTE - rest.len()).await;
    assert_eq!(house.arm_of("a", 1).await.bytes_out, 64 * MEGABYTE as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_service_that_pauses_for_too_long_breaks_its_answer() {
    let house = House::with(|config| config.stall_timeout = Duration::from_millis(50)).await;
    let server = Server::start(|mut stream| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
        let mut end = [0; 1];
        let _ = stream.read(&mut end).await;
    })
    .await;
    house.set(1, &to(&server));
    let mut client = connect(house.address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let answer = String::from_utf8(read_all(&mut client).await).unwrap();
    assert!(answer.ends_with("half"), "{answer}");
    let arm = house.arm_of("a", 1).await;
    assert_eq!((arm.connect, arm.reset), (1, 1));
}
