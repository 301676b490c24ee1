//! Connections that change their protocol.

use std::time::Duration;

use ops_core::route::{Manner, Route};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::block_in_place};

use crate::{
    backend::Backend,
    house::{House, leg, request, route, until},
    raw::{Server, agree_and_echo, connect, read_all, read_bytes, read_head},
};

fn to(server: &Server, release: &str) -> Route {
    let mut to = route(vec![leg(release, 100, &[])]);
    to.legs[0].backends = vec![server.text()];
    to.manner = Box::new(Manner { drain_ms: Some(200), ..Manner::default() });
    to
}

async fn upgrade(house: &House, protocol: &str) -> TcpStream {
    let ask = format!(
        "GET /chat HTTP/1.1\r\nhost: x\r\nconnection: keep-alive, Upgrade\r\nupgrade: {protocol}\r\n\
         sec-websocket-key: k\r\n\r\n"
    );
    let mut stream = connect(house.address, ask.as_bytes()).await;
    let (head, rest) = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let lower = head.to_ascii_lowercase();
    assert!(lower.contains(&format!("upgrade: {protocol}\r\n")), "{head}");
    assert!(lower.contains("connection: upgrade\r\n"), "{head}");
    assert!(lower.contains("sec-websocket-accept: yes"), "{head}");
    assert!(rest.is_empty());
    stream
}

fn long_lived(house: &House) -> u64 {
    let view = block_in_place(|| ops_engine::ports::Door::look(&house.door, &"shop".into()));
    view.unwrap().long_lived.iter().map(|(_, count)| count).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_passes_bytes_both_ways_and_counts_as_long_lived() {
    let house = House::open().await;
    let server = Server::start(agree_and_echo).await;
    house.set(1, &to(&server, "a"));
    let mut client = upgrade(&house, "mine/1").await;
    for size in [1, 100, 100_000] {
        let bytes = vec![b'x'; size];
        let (mut read, mut write) = client.split();
        let sent = async { write.write_all(&bytes).await };
        let back = async {
            let mut back = vec![0; size];
            tokio::io::AsyncReadExt::read_exact(&mut read, &mut back).await.map(|_| back)
        };
        let (sent, back) = tokio::join!(sent, back);
        sent.unwrap();
        assert!(back.unwrap() == bytes);
    }
    assert_eq!((house.in_flight("a"), long_lived(&house)), (Some(1), 1));
    drop(client);
    until("nothing is in flight", || house.in_flight("a") == Some(0)).await;
    assert_eq!(long_lived(&house), 0);
    let arm = house.arm_of("a", 1).await;
    assert_eq!((arm.s2xx, arm.bytes_in, arm.bytes_out), (1, 100_101, 100_101));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_ends_a_tunnel_ends_it_for_the_client() {
    let house = House::open().await;
    let server = Server::start(|mut stream| async move {
        read_head(&mut stream).await;
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\
                       upgrade: x\r\nsec-websocket-accept: yes\r\n\r\nbye";
        let _ = stream.write_all(answer).await;
    })
    .await;
    house.set(1, &to(&server, "a"));
    let ask = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
    let mut client = connect(house.address, ask).await;
    let (head, mut rest) = read_head(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 101"));
    rest.extend(read_all(&mut client).await);
    assert_eq!(rest, b"bye");
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_websockets_of_a_release_that_leaves_are_told_to_go() {
    let house = House::open().await;
    let server = Server::start(agree_and_echo).await;
    let new = Backend::start("new").await;
    house.set(1, &to(&server, "old"));
    let mut clients = Vec::new();
    for _ in 0..5 {
        let mut client = upgrade(&house, "websocket").await;
        client.write_all(&[0x82, 0x02, b'h', b'i']).await.unwrap();
        assert_eq!(read_bytes(&mut client, 4).await, [0x82, 0x02, b'h', b'i']);
        clients.push(client);
    }
    let manner = to(&server, "old").manner;
    house.set(2, &Route { manner, ..route(vec![leg("new", 100, &[&new])]) });
    for client in &mut clients {
        let farewell = read_all(client).await;
        assert_eq!(farewell, [0x88, 0x02, 0x03, 0xe9], "a close frame 1001, and nothing after it");
    }
    until("the old release is drained", || house.in_flight("old").is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_frame_is_cut_when_a_websocket_is_told_to_go() {
    let house = House::open().await;
    let server = Server::start(agree_and_echo).await;
    house.set(1, &to(&server, "old"));
    let mut client = upgrade(&house, "websocket").await;
    // Half of a frame is on its way when the release leaves.
    client.write_all(&[0x82, 0x04, b'h', b'a']).await.unwrap();
    assert_eq!(read_bytes(&mut client, 4).await, [0x82, 0x04, b'h', b'a']);
    house.remove(2, "shop").unwrap();
    let mut none = [0];
    let early = tokio::time::timeout(Duration::from_millis(300), client.peek(&mut none)).await;
    assert!(early.is_err(), "a close frame came in the middle of a frame");
    client.write_all(b"lf").await.unwrap();
    assert_eq!(read_all(&mut client).await, [b'l', b'f', 0x88, 0x02, 0x03, 0xe9]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tunnels_end_in_time_when_the_edge_does() {
    let mut house = House::with(|config| config.drain_timeout = Duration::from_millis(500)).await;
    let server = Server::start(agree_and_echo).await;
    house.set(1, &to(&server, "a"));
    let mut client = upgrade(&house, "websocket").await;
    house.ask_to_stop();
    assert_eq!(read_all(&mut client).await, [0x88, 0x02, 0x03, 0xe9]);
    house.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_may_decline_another_protocol() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let mut client = house.client().await;
    let mut ask = request("GET", "/", "");
    ask.headers_mut().insert("connection", "upgrade".parse().unwrap());
    ask.headers_mut().insert("upgrade", "websocket".parse().unwrap());
    assert_eq!(client.send(ask).await.status, 200);
    assert_eq!(client.get("/").await.status, 200);
    until("nothing is in flight", || house.in_flight("a") == Some(0)).await;
    assert_eq!(long_lived(&house), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_protocol_that_nobody_asked_for_is_a_failure() {
    let house = House::open().await;
    let server = Server::start(agree_and_echo).await;
    house.set(1, &to(&server, "a"));
    assert_eq!(house.get("/").await.status, 502);
    let arm = house.arm_of("a", 1).await;
    assert_eq!((arm.connect, arm.reset), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_0_knows_no_change_of_protocol() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let ask = b"GET /headers HTTP/1.0\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
    let mut client = connect(house.address, ask).await;
    let answer = String::from_utf8(read_all(&mut client).await).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    assert!(!answer.contains("upgrade"), "{answer}");
}
