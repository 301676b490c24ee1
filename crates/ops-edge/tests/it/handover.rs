//! An edge that takes the place of another one.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use ops_core::route::{Manner, Route};
use ops_engine::ports::ActError;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
    task::{JoinSet, block_in_place},
};

use crate::{
    backend::Backend,
    house::{Client, House, config, held, leg, request, route, stamp, until},
    raw::{Server, agree_and_echo, connect, read_all, read_bytes, read_head},
};

fn instance(house: &House) -> String {
    block_in_place(|| house.door.status()).unwrap().instance
}

/// Sends without pause until told to stop, on a connection that is opened again when the edge says
/// that it ends. Every request must succeed.
async fn send_on(house: std::net::SocketAddr, stop: Arc<AtomicBool>, sent: Arc<AtomicU64>) {
    while !stop.load(Ordering::SeqCst) {
        let mut client = Client::connect(house).await;
        loop {
            let answer = client.send(request("POST", "/work", "some words")).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            sent.fetch_add(1, Ordering::SeqCst);
            let last = answer.headers.get("connection").is_some_and(|value| value == "close");
            if last || stop.load(Ordering::SeqCst) {
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_five_replacements_under_load_lose_no_request_and_no_count() {
    let temp = TempDir::new().unwrap();
    let mut house = House::on(config(temp.path())).await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        clients.spawn(send_on(house.address, Arc::clone(&stop), Arc::clone(&sent)));
    }
    for round in 0..5 {
        let before = sent.load(Ordering::SeqCst);
        until("traffic flows", || sent.load(Ordering::SeqCst) > before + 40).await;
        let old = instance(&house);
        let next = house.successor(|_| {}).await;
        assert_eq!(next.address, house.address);
        until("the new one answers", || instance(&next) != old).await;
        house.ended().await;
        house = next;
        assert_eq!(house.served("shop").unwrap().stamp, stamp(1, 1 + round));
        house.set(2 + round, &route(vec![leg("a", 100, &[&a])]));
    }
    stop.store(true, Ordering::SeqCst);
    while let Some(ended) = clients.join_next().await {
        ended.expect("every request succeeds");
    }
    let sent = sent.load(Ordering::SeqCst);
    let arm = house.arm_of("a", sent).await;
    assert_eq!((arm.requests, arm.s2xx), (sent, sent));
}

/// Requests and errors per template, of all seconds that are over.
fn by_template(house: &House) -> BTreeMap<String, (u64, u64)> {
    let mut sums = BTreeMap::new();
    for count in house.seconds(0).into_iter().flat_map(|second| second.templates) {
        let sum: &mut (u64, u64) = sums.entry(count.template).or_default();
        *sum = (sum.0 + count.requests, sum.1 + count.errors);
    }
    sums
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_old_edge_counted_by_template_is_told_by_the_new_one() {
    let temp = TempDir::new().unwrap();
    let old = House::on(config(temp.path())).await;
    let a = Backend::start("a").await;
    old.set(1, &route(vec![leg("a", 100, &[&a])]));
    let mut client = old.client().await;
    for path in ["/carts/1", "/carts/2", "/carts/3/error"] {
        client.get(path).await;
    }
    // These two end only in the old process, after the new one serves.
    let mut waiting = JoinSet::new();
    for path in ["/carts/4/wait", "/carts/5/wait"] {
        let mut client = old.client().await;
        waiting.spawn(async move { client.get(path).await.status });
    }
    until("both are in flight", || old.in_flight("a") == Some(2)).await;
    let before = instance(&old);
    let new = old.successor(|_| {}).await;
    until("the new one answers", || instance(&new) != before).await;
    // The new one meets the templates in another order.
    assert_eq!(new.get("/pay").await.status, 200);
    assert_eq!(new.get("/carts/6").await.status, 200);
    a.inside.go.open(2);
    while let Some(status) = waiting.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    drop(client);
    old.ended().await;
    new.arm_of("a", 7).await;
    let told = by_template(&new);
    let wanted = [
        ("/carts/{}", (3, 0)),
        ("/carts/{}/error", (1, 1)),
        ("/carts/{}/wait", (2, 0)),
        ("/pay", (1, 0)),
    ];
    assert_eq!(told, wanted.map(|(name, sum)| (name.to_owned(), sum)).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_of_an_edge_that_goes_are_not_taken_for_users() {
    let temp = TempDir::new().unwrap();
    let mut house = House::on(config(temp.path())).await;
    let a = Backend::start("a").await;
    let manner = || Box::new(Manner { probe_path: Some("/alive".to_owned()), ..Manner::default() });
    for round in 1..=3 {
        // The switch is young when the next edge takes over.
        house.set(round, &Route { manner: manner(), ..route(vec![leg("a", 100, &[&a])]) });
        let before = a.arrived();
        until("the front is asked", || a.arrived() > before).await;
        let old = instance(&house);
        let next = house.successor(|_| {}).await;
        until("the new one answers", || instance(&next) != old).await;
        house.ended().await;
        house = next;
    }
    assert_eq!(house.get("/").await.status, 200);
    let arm = house.arm_of("a", 1).await;
    assert_eq!(arm.requests, 1, "{arm:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_what_the_old_edge_has_in_flight_counts_until_it_ends() {
    let temp = TempDir::new().unwrap();
    let old = House::on(config(temp.path())).await;
    let server = Server::start(agree_and_echo).await;
    let mut to = route(vec![leg("a", 100, &[])]);
    to.legs[0].backends = vec![server.text()];
    old.set(1, &to);
    let ask = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    let mut tunnel = connect(old.address, ask).await;
    assert!(read_head(&mut tunnel).await.0.starts_with("HTTP/1.1 101"));
    let before = instance(&old);
    let new = old.successor(|_| {}).await;
    until("the new one answers", || instance(&new) != before).await;
    // It lives on in the old process, and the new one tells of it.
    tunnel.write_all(&[0x82, 0x01, b'x']).await.unwrap();
    assert_eq!(read_bytes(&mut tunnel, 3).await, [0x82, 0x01, b'x']);
    until("it is told", || new.in_flight("a") == Some(1)).await;
    // When its release leaves, the old process closes it.
    let b = Backend::start("b").await;
    let mut next = route(vec![leg("b", 100, &[&b])]);
    next.manner.drain_ms = Some(50);
    new.set(2, &next);
    assert_eq!(read_all(&mut tunnel).await, [0x88, 0x02, 0x03, 0xe9]);
    old.ended().await;
    until("nothing is in flight", || new.in_flight("a").is_none_or(|count| count == 0)).await;
    assert_eq!(new.arm_of("a", 1).await.s2xx, 1);
    assert_eq!(new.get("/").await.release(), "b");
}

#[tokio::test(flavor = "multi_thread")]
async fn s7_requests_held_by_the_old_edge_proceed_by_the_route_of_the_new_one() {
    let temp = TempDir::new().unwrap();
    let old = House::on(config(temp.path())).await;
    let a = Backend::start("a").await;
    old.set(1, &held(60_000, 10));
    let mut client = old.client().await;
    let waiting = tokio::spawn(async move { client.send(request("POST", "/echo", "kept")).await });
    let held_there = || {
        let status = block_in_place(|| old.door.status()).unwrap();
        status.held.first().map_or(0, |(_, count)| *count)
    };
    until("one request waits", || held_there() == 1).await;
    let before = instance(&old);
    let new = old.successor(|_| {}).await;
    until("the new one answers", || instance(&new) != before).await;
    new.set(2, &route(vec![leg("a", 100, &[&a])]));
    let answer = waiting.await.unwrap();
    assert_eq!((answer.status, answer.text.as_str()), (200, "kept"));
    old.ended().await;
    assert_eq!(new.arm_of("a", 1).await.held, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_heir_that_dies_before_it_is_ready_changes_nothing() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let mut heir = UnixStream::connect(house.dir().join("edge.sock")).await.unwrap();
    heir.write_all(b"{\"ask\":\"hand_over\"}\n").await.unwrap();
    let mut heir = BufReader::new(heir);
    let mut bequest = String::new();
    heir.read_line(&mut bequest).await.unwrap();
    assert!(bequest.contains("sockets"), "{bequest}");
    let refused = house.try_set(stamp(1, 2), &route(vec![leg("a", 100, &[&a])])).unwrap_err();
    assert!(matches!(refused, ActError::NotApplied(_)), "{refused}");
    assert_eq!(house.get("/").await.status, 200);
    drop(heir);
    let to = route(vec![leg("a", 100, &[&a])]);
    until("acts are taken again", || house.try_set(stamp(1, 3), &to).is_ok()).await;
    assert_eq!(house.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_running_edge_taking_over_is_starting() {
    let temp = TempDir::new().unwrap();
    let edge = ops_edge::Edge::take_over(config(temp.path())).await.unwrap();
    drop(edge);
    let mut wrong = config(temp.path());
    wrong.drain_timeout = Duration::from_secs(1);
    let house = House::on(wrong).await;
    assert_eq!(house.get("/").await.status, 404);
}
