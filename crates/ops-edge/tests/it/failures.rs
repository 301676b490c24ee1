//! Backends that fail, and clients that do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    backend::{Backend, Refusing},
    house::{Client, House, leg, request, route, until, with_one_gone},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_connection_counts_against_the_release_it_was_meant_for() {
    let house = House::open().await;
    let (good, gone) = (Backend::start("good").await, Backend::start("gone").await);
    house.set(1, &route(vec![leg("good", 50, &[&good]), leg("gone", 50, &[&gone])]));
    drop(gone);
    let mut client = house.client().await;
    let mut failed = 0;
    for _ in 0..60 {
        let answer = client.get("/").await;
        match answer.status {
            200 => assert_eq!(answer.release(), "good"),
            502 => failed += 1,
            other => panic!("{other}"),
        }
    }
    let arm = house.arm_of("gone", failed).await;
    assert_eq!((arm.requests, arm.connect, arm.errors()), (failed, failed, failed));
    let arm = house.arm_of("good", 60 - failed).await;
    assert_eq!((arm.s2xx, arm.errors()), (60 - failed, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_replica_of_the_same_release_takes_over_unnoticed() {
    let house = House::open().await;
    let (good, gone) = (Backend::start("good").await, Refusing::new());
    house.set(1, &with_one_gone(&good, &gone));
    let mut client = house.client().await;
    for body in ["", "some words"].repeat(10) {
        let answer = client.send(request("POST", "/echo", body)).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, body));
    }
    let arm = house.arm_of("a", 20).await;
    assert_eq!((arm.s2xx, arm.connect), (20, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_kept_and_a_closed_one_costs_nothing() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let mut client = house.client().await;
    for _ in 0..20 {
        assert_eq!(client.get("/").await.status, 200);
    }
    // An answer may be there a moment before its connection is free again.
    let kept = a.accepted();
    assert!(kept <= 10, "{kept} connections for 20 requests");
    for _ in 0..20 {
        a.cut_connections();
        assert_eq!(client.get("/").await.status, 200);
    }
    let arm = house.arm_of("a", 40).await;
    assert_eq!((arm.s2xx, arm.connect), (40, 0));
}

/// A server that answers the first request of each connection and closes it silently when the
/// second one comes: what an idle time-out looks like when it crosses a request. Counts the POST
/// requests that reach it.
async fn serve_once_per_connection(listener: TcpListener, posts: Arc<AtomicUsize>) {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            continue;
        };
        let posts = Arc::clone(&posts);
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            for answer in [&b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"[..], b""] {
                let Ok(count @ 1..) = stream.read(&mut buffer).await else {
                    return;
                };
                let is_post = buffer.get(..count).is_some_and(|text| text.starts_with(b"POST"));
                posts.fetch_add(usize::from(is_post), Ordering::SeqCst);
                let _ = stream.write_all(answer).await;
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotent_request_is_repeated_once_and_others_never() {
    let house = House::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut to = route(vec![leg("a", 100, &[])]);
    to.legs[0].backends = vec![listener.local_addr().unwrap().to_string()];
    let posts = Arc::new(AtomicUsize::new(0));
    let server = tokio::spawn(serve_once_per_connection(listener, Arc::clone(&posts)));
    house.set(1, &to);
    let mut client = house.client().await;
    let mut broken = 0;
    for sent in 1..=10 {
        // The second one meets the connection that is kept from the first.
        for _ in 0..2 {
            assert_eq!(client.get("/").await.status, 200);
        }
        // Another is kept from that one; if it is used, this request cannot be answered.
        let body = if sent % 2 == 0 { "pay" } else { "" };
        let status = client.send(request("POST", "/", body)).await.status;
        assert!(status == 200 || status == 502, "{status}");
        broken += u64::from(status == 502);
        assert_eq!(posts.load(Ordering::SeqCst), sent, "a payment was sent twice or not at all");
    }
    let arm = house.arm_of("a", 30).await;
    assert_eq!((arm.s2xx, arm.connect), (30 - broken, broken));
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_silent_backend_is_answered_504_and_counted() {
    let house = House::with(|config| config.response_timeout = Duration::from_millis(50)).await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let answer = house.get("/wait").await;
    assert_eq!(answer.status, 504);
    let arm = house.arm_of("a", 1).await;
    assert_eq!((arm.timeout, arm.connect, arm.s5xx), (1, 0, 0));
    until("nothing is in flight", || house.in_flight("a") == Some(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_counts_as_broken() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    a.inside.go.open(1);
    let seen = house.client().await.try_send(request("GET", "/break", "")).await;
    assert!(seen.is_err(), "{seen:?}");
    let arm = house.arm_of("a", 1).await;
    assert_eq!((arm.connect, arm.s2xx), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_before_the_answer_is_no_error() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let mut client = house.client().await;
    let left = tokio::spawn(async move { client.get("/wait").await });
    until("it is in flight", || house.in_flight("a") == Some(1)).await;
    left.abort();
    until("nothing is in flight", || house.in_flight("a") == Some(0)).await;
    house.get("/").await;
    let arm = house.arm_of("a", 1).await;
    assert_eq!((arm.requests, arm.errors()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_breaks_off_or_stalls_its_upload_is_no_error() {
    let house = House::with(|config| config.response_timeout = Duration::from_millis(100)).await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let head = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf";
    let mut stalled = TcpStream::connect(house.address).await.unwrap();
    stalled.write_all(head).await.unwrap();
    let mut answer = [0; 12];
    stalled.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    let mut broken = TcpStream::connect(house.address).await.unwrap();
    broken.write_all(head).await.unwrap();
    until("both arrived", || a.arrived() == 2).await;
    drop((broken, stalled));
    until("nothing is in flight", || house.in_flight("a") == Some(0)).await;
    house.get("/").await;
    let arm = house.arm_of("a", 1).await;
    assert_eq!((arm.requests, arm.errors()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_the_data_port_hurts_nobody() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(70_000));
    let garbage: [(&[u8], &str); 7] = [
        (b"\x16\x03\x01\x02\x00\x01\x00\xff\xfe\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", "400"),
        (b"GET / HTTP/1.1\r\nhost: a b\r\n\r\n", "400"),
        (b"GET http://u@h/ HTTP/1.1\r\nhost: h\r\ncontent-length: x\r\n\r\n", "400"),
        (b"CONNECT shop:443 HTTP/1.1\r\nhost: shop:443\r\n\r\n", "501"),
        (long.as_bytes(), "431"),
    ];
    for (bytes, status) in garbage {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        let text = String::from_utf8_lossy(&answer);
        assert!(text.ends_with(status), "{text} to {:?}", String::from_utf8_lossy(bytes).get(..40));
    }
    assert_eq!(a.inside.arrived.load(Ordering::SeqCst), 0);
    assert_eq!(house.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_client_that_dribbles_its_header_is_closed() {
    let house = House::with(|config| config.header_timeout = Duration::from_millis(50)).await;
    let mut slow = TcpStream::connect(house.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost: ").await.unwrap();
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_bound_of_connections_clients_wait() {
    let house = House::with(|config| config.max_connections = 1).await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let mut first = house.client().await;
    assert_eq!(first.get("/").await.status, 200);
    // The kernel accepts this one; the edge does not yet.
    let mut second = Client::connect(house.address).await;
    let answered = tokio::spawn(async move { second.get("/second").await.status });
    assert_eq!(first.get("/").await.status, 200);
    assert_eq!(a.arrived(), 2);
    drop(first);
    assert_eq!(answered.await.unwrap(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_body_that_is_too_large_is_refused_and_no_error_of_the_release() {
    let house = House::with(|config| config.max_body_bytes = Some(100)).await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let chunked = format!(
        "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n65\r\n{}\r\n0\r\n\r\n",
        "x".repeat(101)
    );
    let promised = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 101\r\n\r\n";
    for bytes in [chunked.as_bytes(), promised] {
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 413");
    }
    let fits: &'static str = Box::leak("x".repeat(100).into_boxed_str());
    assert_eq!(house.client().await.send(request("POST", "/echo", fits)).await.status, 200);
    let arm = house.arm_of("a", 1).await;
    assert_eq!((arm.requests, arm.errors()), (1, 0));
}
