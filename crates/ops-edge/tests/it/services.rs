//! Services that break the rules: each in its way, with a defined status and a counted signal.

use std::time::Duration;

use ops_core::{route::Route, signal::Arm};
use ops_edge::{Edge, EdgeError};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    backend::Backend,
    house::{Client, House, config, leg, request, route},
    raw::{Server, connect, read_all, read_head},
};

/// What a service does when the header of a request has come.
#[derive(Clone, Copy)]
enum Does {
    /// Sends this and ends the connection.
    Sends(&'static [u8]),
    /// Sends this and resets the connection.
    Resets(&'static [u8]),
    /// Sends this and is silent.
    Stalls(&'static [u8]),
}

async fn misbehave(mut stream: TcpStream, does: Does) {
    read_head(&mut stream).await;
    let (Does::Sends(bytes) | Does::Resets(bytes) | Does::Stalls(bytes)) = does;
    let _ = stream.write_all(bytes).await;
    match does {
        Does::Sends(_) => {}
        Does::Resets(_) => {
            // Closed with bytes unread, or with a linger of nothing, it is reset.
            let _ = stream.set_zero_linger();
        }
        Does::Stalls(_) => {
            let mut end = [0; 1];
            while stream.read(&mut end).await.is_ok_and(|count| count > 0) {}
        }
    }
}

/// Which count a case must be found in.
#[derive(Debug, PartialEq, Eq)]
enum Counted {
    Good,
    Reset,
    Timeout,
}

fn counted(arm: &Arm) -> Counted {
    match (arm.reset, arm.timeout) {
        (0, 0) => Counted::Good,
        (_, 0) => Counted::Reset,
        _ => Counted::Timeout,
    }
}

fn to(server: &Server) -> Route {
    let mut to = route(vec![leg("a", 100, &[])]);
    to.legs[0].backends = vec![server.text()];
    to
}

/// A header of more than the limit.
fn endless() -> &'static [u8] {
    let text = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    Box::leak(text.into_bytes().into_boxed_slice())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_break_the_rules_has_a_status_and_a_count() {
    use Counted::{Good, Reset, Timeout};
    use Does::{Resets, Sends, Stalls};
    let cases: &[(Does, u16, bool, Counted)] = &[
        (Sends(b""), 502, true, Reset),
        (Resets(b""), 502, true, Reset),
        (Stalls(b""), 504, true, Timeout),
        (Stalls(b"HTTP/1.1 200 OK\r\ncontent-le"), 504, true, Timeout),
        (Sends(b"HTTP/1.1 200 OK\r\n"), 502, true, Reset),
        (Sends(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"), 200, false, Reset),
        (Resets(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"), 200, false, Reset),
        (Stalls(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"), 200, false, Reset),
        (Sends(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nha"), 200, false, Reset),
        (
            Sends(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\nhalf"),
            200,
            false,
            Reset,
        ),
        (Sends(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok and more"), 200, true, Good),
        (Sends(b"HTTP/1.1 200 OK\r\n\r\nuntil the end"), 200, true, Good),
        (Sends(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\nok"), 502, true, Reset),
        (Sends(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nok"), 502, true, Reset),
        (
            Sends(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nok"),
            502,
            true,
            Reset,
        ),
        (Sends(b"HTTP/1.1 200 OK\r\nbad header: x\r\n\r\n"), 502, true, Reset),
        (Sends(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), 502, true, Reset),
        (Sends(b"HTTP/1.1 200 OK\r\nx: a\x00b\r\n\r\n"), 502, true, Reset),
        (Sends(b"HTTP/1.1 20 OK\r\n\r\n"), 502, true, Reset),
        (Sends(b"HTTP/1.1 2000 OK\r\n\r\n"), 502, true, Reset),
        (Sends(b"HTTP/2.0 200 OK\r\n\r\n"), 502, true, Reset),
        (Sends(b"SSH-2.0-OpenSSH\r\n"), 502, true, Reset),
        (Sends(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"), 502, true, Reset),
        (Sends(endless()), 502, true, Reset),
        (Sends(b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 204 None\r\n\r\n"), 204, true, Good),
        (Stalls(b"HTTP/1.1 100 Continue\r\n\r\n"), 504, true, Timeout),
        (
            Sends(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
            502,
            true,
            Reset,
        ),
    ];
    for (number, (does, status, whole, count)) in cases.iter().enumerate() {
        let house = House::with(|config| {
            config.response_timeout = Duration::from_millis(150);
            config.stall_timeout = Duration::from_millis(150);
        })
        .await;
        let does = *does;
        let server = Server::start(move |stream| misbehave(stream, does)).await;
        house.set(1, &to(&server));
        // Not repeatable, so that each case is one attempt.
        let ask = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let mut client = connect(house.address, ask).await;
        let text = String::from_utf8_lossy(&read_all(&mut client).await).into_owned();
        // An answer that breaks with its first byte may never begin for its client.
        let began = text.starts_with(&format!("HTTP/1.1 {status}"));
        assert!(began || (!whole && text.is_empty()), "case {number}: {text}");
        let cut = text.ends_with("half") || text.ends_with("ha") || !text.contains("\r\n0\r\n\r\n");
        assert!(*whole || cut, "case {number}: {text}");
        let arm = house.arm_of("a", 1).await;
        assert_eq!(&counted(&arm), count, "case {number}: {arm:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_answer_is_nobodys() {
    let house = House::open().await;
    let two = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst\
                HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond";
    let server = Server::start(|stream| misbehave(stream, Does::Stalls(two))).await;
    house.set(1, &to(&server));
    let mut one = house.client().await;
    let mut other = house.client().await;
    for _ in 0..5 {
        for client in [&mut one, &mut other] {
            assert_eq!(client.get("/").await.text, "first");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_before_the_body_reaches_its_client() {
    let house = House::open().await;
    let early = b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let server = Server::start(|stream| misbehave(stream, Does::Stalls(early))).await;
    house.set(1, &to(&server));
    let ask = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nbeginning";
    let mut client = connect(house.address, ask).await;
    assert!(read_head(&mut client).await.0.starts_with("HTTP/1.1 413"));
    drop(client);
    let arm = house.arm_of("a", 1).await;
    assert_eq!((arm.s4xx, arm.kinds.as_slice()), (1, &[(413, 1)][..]));
    let good = Backend::start("good").await;
    house.set(2, &route(vec![leg("a", 100, &[&good])]));
    let mut client = Client::connect(house.address).await;
    assert_eq!(client.send(request("POST", "/echo", "words")).await.text, "words");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_file_that_was_cut_is_never_taken_for_a_shorter_one() {
    let temp = TempDir::new().unwrap();
    let house = House::on(config(temp.path())).await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    house.crash().await;
    let path = temp.path().join("routes.json");
    let whole = std::fs::read(&path).unwrap();
    for cut in (1..whole.len()).step_by(7) {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let error = Edge::bind(config(temp.path())).await.err().unwrap();
        assert!(matches!(error, EdgeError::Routes { .. }), "cut at {cut}: {error}");
    }
}
