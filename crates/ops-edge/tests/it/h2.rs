//! HTTP/2 towards clients and towards services.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    client::conn::http2::{self, SendRequest},
    server::conn::http2 as server,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use ops_core::route::{Manner, Protocol, Route};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::{
    backend::Backend,
    house::{House, leg, route, until},
    raw::{Server, connect, read_all, read_head},
    streams::plenty,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const NO_SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

async fn client(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let io = TokioIo::new(stream);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn ask(method: &str, path: &str, body: &'static str) -> Request<Full<Bytes>> {
    let builder = Request::builder().method(method).uri(format!("http://shop.example{path}"));
    builder.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
}

async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8_lossy(&body).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_share_one_connection_of_a_client() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let sender = client(house.address).await;
    let mut asked = JoinSet::new();
    for number in 0..50 {
        let mut sender = sender.clone();
        asked.spawn(async move {
            let body = if number % 2 == 0 { "some words" } else { "" };
            let response = sender.send_request(ask("POST", "/echo", body)).await.unwrap();
            assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_2));
            assert_eq!(text(response).await, body);
        });
    }
    asked.join_all().await;
    assert_eq!(house.arm_of("a", 50).await.s2xx, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_http_2_says_otherwise_reaches_the_service_as_http_1_1_says_it() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let mut sender = client(house.address).await;
    let mut request = ask("GET", "/x/headers?q=1", "");
    let headers = request.headers_mut();
    headers.append("cookie", "a=1".parse().unwrap());
    headers.append("cookie", "b=2".parse().unwrap());
    headers.insert("te", "trailers".parse().unwrap());
    let seen = text(sender.send_request(request).await.unwrap()).await;
    assert!(seen.starts_with("/x/headers?q=1 "), "{seen}");
    for part in [
        r#""host": "shop.example""#,
        r#""cookie": "a=1; b=2""#,
        r#""te": "trailers""#,
        r#""x-forwarded-host": "shop.example""#,
    ] {
        assert!(seen.contains(part), "{part} is missing in {seen}");
    }
    let mut request = ask("GET", "/", "");
    request.headers_mut().insert("host", "other.example".parse().unwrap());
    assert_eq!(sender.send_request(request).await.unwrap().status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn tunnels_are_refused_cleanly() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let mut sender = client(house.address).await;
    let connect = Request::builder().method("CONNECT").uri("shop.example:443");
    let refused = sender.send_request(connect.body(Full::default()).unwrap()).await;
    assert!(refused.is_err() || refused.is_ok_and(|answer| answer.status() == 501));
    assert_eq!(sender.send_request(ask("GET", "/", "")).await.unwrap().status(), 200);
    assert_eq!(a.arrived(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_client_that_opens_and_resets_streams_is_sent_away() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let mut bytes = PREFACE.to_vec();
    bytes.extend(NO_SETTINGS);
    for stream in (1..4001_u32).step_by(2) {
        // GET http://a/wait, then RST_STREAM (CANCEL).
        let block = [0x82, 0x86, 0x04, 0x05, b'/', b'w', b'a', b'i', b't', 0x01, 0x01, b'a'];
        bytes.extend([0, 0, block.len() as u8, 1, 5]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(block);
        bytes.extend([0, 0, 4, 3, 0]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend([0, 0, 0, 8]);
    }
    let mut attacker = TcpStream::connect(house.address).await.unwrap();
    // The edge may close in the middle of it.
    let _ = attacker.write_all(&bytes).await;
    let seen = read_all(&mut attacker).await;
    let goaway = seen.windows(9).any(|frame| frame[3] == 7 && frame[5..] == [0; 4]);
    assert!(goaway || seen.is_empty(), "the connection was not ended");
    until("nothing is in flight", || house.in_flight("a") == Some(0)).await;
    assert!(a.arrived() < 1000, "{} requests went through", a.arrived());
    assert_eq!(house.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_too_long_headers_are_refused() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let mut sender = client(house.address).await;
    let mut request = ask("GET", "/", "");
    for number in 0..20 {
        let name: http::HeaderName = format!("x-{number}").parse().unwrap();
        request.headers_mut().insert(name, "y".repeat(8000).parse().unwrap());
    }
    let refused = sender.send_request(request).await;
    assert!(refused.is_err() || refused.is_ok_and(|answer| answer.status() == 431));
    assert_eq!(a.arrived(), 0);
    assert_eq!(house.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_an_answer_that_is_not_read_is_ended_alone() {
    let house = House::with(|config| config.stall_timeout = Duration::from_millis(500)).await;
    let (server, sent) = plenty().await;
    let mut to = route(vec![leg("a", 100, &[])]);
    to.legs[0].backends = vec![server.text()];
    house.set(1, &to);
    let mut sender = client(house.address).await;
    let unread = sender.send_request(ask("GET", "/", "")).await.unwrap();
    assert_eq!(unread.status(), 200);
    until("it is in flight", || house.in_flight("a") == Some(1)).await;
    // The connection lives: nothing but this one answer stands still.
    let mut small = 0;
    while house.in_flight("a") != Some(0) {
        let answer = sender.send_request(ask("GET", "/small", "")).await.unwrap();
        assert_eq!(text(answer).await, "ok");
        small += 1;
    }
    assert!(small > 0);
    assert_eq!(text(sender.send_request(ask("GET", "/small", "")).await.unwrap()).await, "ok");
    assert!(sent.load(Ordering::SeqCst) < 64 << 20, "the service sent all of it");
    // What was already there is followed by a reset, never by an end.
    assert!(unread.into_body().collect().await.is_err());
    let arm = house.arm_of("a", small + 2).await;
    assert_eq!((arm.requests, arm.s2xx), (small + 2, small + 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_client_that_begins_and_says_no_more_is_closed() {
    let house = House::with(|config| config.header_timeout = Duration::from_millis(100)).await;
    for beginning in [&b""[..], b"PRI * HTT", PREFACE] {
        let mut slow = connect(house.address, beginning).await;
        read_all(&mut slow).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_ends_says_so_and_serves_what_has_begun() {
    let mut house = House::open().await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let mut sender = client(house.address).await;
    let begun = tokio::spawn({
        let mut sender = sender.clone();
        async move { sender.send_request(ask("GET", "/wait", "")).await.unwrap().status() }
    });
    until("it is in flight", || house.in_flight("a") == Some(1)).await;
    house.ask_to_stop();
    // After GOAWAY the client opens no more streams; its connection ends with the last answer.
    let closed = async { while sender.send_request(ask("GET", "/", "")).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(20), closed).await.expect("GOAWAY in time");
    a.inside.go.open(1);
    assert_eq!(begun.await.unwrap(), 200);
    house.stopped().await;
}

/// A service that speaks only HTTP/2. `/trailers` answers with trailers; else with the request.
async fn serve_h2(stream: TcpStream, accepted: Arc<AtomicUsize>) {
    accepted.fetch_add(1, Ordering::SeqCst);
    let service = service_fn(async |request: Request<Incoming>| {
        let seen = format!("{} {} {:?}", request.method(), request.uri(), request.headers());
        let body = request.into_body().collect().await?.to_bytes();
        let mut frames = vec![Ok::<_, hyper::Error>(Frame::data(Bytes::from(seen)))];
        frames.push(Ok(Frame::data(body)));
        let mut trailers = http::HeaderMap::new();
        trailers.insert("x-sum", "7".parse().unwrap());
        frames.push(Ok(Frame::trailers(trailers)));
        let frames = StreamBody::new(Frames(frames.into_iter()));
        Ok::<_, hyper::Error>(Response::new(frames))
    });
    let builder = server::Builder::new(TokioExecutor::new());
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

/// Frames that are all there already.
struct Frames<I>(I);

impl<I: Iterator + Unpin> futures_core::Stream for Frames<I> {
    type Item = I::Item;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<I::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}

async fn h2_service() -> (Server, Arc<AtomicUsize>) {
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    let server = Server::start(move |stream| serve_h2(stream, Arc::clone(&count))).await;
    (server, accepted)
}

fn to_h2(address: String) -> Route {
    let mut to = route(vec![leg("a", 100, &[])]);
    to.legs[0].backends = vec![address];
    Route { manner: Box::new(Manner { protocol: Protocol::H2, ..Manner::default() }), ..to }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_a_service_share_one_http_2_connection() {
    let house = House::open().await;
    let (service, accepted) = h2_service().await;
    house.set(1, &to_h2(service.text()));
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        let mut client = house.client().await;
        clients.spawn(async move {
            for _ in 0..5 {
                let answer = client.send(crate::house::request("POST", "/p?q", "words")).await;
                assert_eq!(answer.status, 200);
                let whole = answer.text.starts_with("POST http://any.example/p?q ");
                assert!(whole && answer.text.ends_with("words"), "{}", answer.text);
            }
        });
    }
    clients.join_all().await;
    assert_eq!(accepted.load(Ordering::SeqCst), 1);
    assert_eq!(house.arm_of("a", 40).await.s2xx, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_pass_from_http_2_to_http_2() {
    let house = House::open().await;
    let (service, _) = h2_service().await;
    house.set(1, &to_h2(service.text()));
    let mut sender = client(house.address).await;
    let mut request = ask("POST", "/rpc", "x");
    request.headers_mut().insert("te", "trailers".parse().unwrap());
    let whole = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(whole.trailers().unwrap()["x-sum"], "7");
    let seen = String::from_utf8_lossy(&whole.to_bytes()).into_owned();
    assert!(seen.contains(r#""te": "trailers""#) && !seen.contains("\"host\""), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_gone_or_speaks_otherwise_is_a_failure() {
    let house = House::open().await;
    let odd = Server::start(|mut stream| async move {
        let _ = read_head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        let mut end = [0; 1];
        let _ = stream.read(&mut end).await;
    })
    .await;
    house.set(1, &to_h2(odd.text()));
    assert_eq!(house.get("/").await.status, 502);
    let (service, _) = h2_service().await;
    house.set(2, &to_h2(service.text()));
    assert_eq!(house.get("/").await.status, 200);
    let arm = house.arm_of("a", 2).await;
    assert_eq!((arm.s2xx, arm.connect), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_events_ends_by_itself_when_its_release_leaves_and_the_connection_stays() {
    let house = House::open().await;
    let events = Server::start(|mut stream| async move {
        read_head(&mut stream).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\r\n";
        let _ = stream.write_all(format!("{head}data: 1\r\n\r\n").as_bytes()).await;
        let mut end = [0; 1];
        let _ = stream.read(&mut end).await;
    })
    .await;
    let manner = || Box::new(Manner { drain_ms: Some(100), ..Manner::default() });
    let mut to = Route { manner: manner(), ..route(vec![leg("old", 100, &[])]) };
    to.legs[0].backends = vec![events.text()];
    house.set(1, &to);
    let mut sender = client(house.address).await;
    let answer = sender.send_request(ask("GET", "/", "")).await.unwrap();
    let mut body = answer.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(&first[..], b"data: 1\r\n\r\n");
    let new = Backend::start("new").await;
    house.set(2, &Route { manner: manner(), ..route(vec![leg("new", 100, &[&new])]) });
    let rest = body.collect().await.expect("the stream ends as it should").to_bytes();
    assert!(rest.is_empty(), "{rest:?}");
    assert_eq!(sender.send_request(ask("GET", "/", "")).await.unwrap().status(), 200);
    until("the old release is drained", || house.in_flight("old").is_none()).await;
    assert_eq!(house.arm("old").errors(), 0);
}
