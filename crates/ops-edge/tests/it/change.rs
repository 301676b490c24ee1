//! Changes of route under traffic.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use ops_core::id::ReleaseId;
use ops_engine::ports::{ActError, Door as _};
use tokio::task::JoinSet;

use crate::{
    backend::Backend,
    house::{Client, House, leg, request, route, stamp, until},
};

/// Sends GET and POST in turn, without pause, until told to stop. Every request must succeed.
async fn send_on(mut client: Client, stop: Arc<AtomicBool>, sent: Arc<AtomicU64>) {
    while !stop.load(Ordering::SeqCst) {
        for (method, body) in [("GET", ""), ("POST", "some words")] {
            let answer = client.send(request(method, "/work", body)).await;
            assert_eq!(answer.status, 200, "{method} was lost: {}", answer.text);
            sent.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Each round starts a new replica, moves traffic to it in two steps, waits until the old one is
/// drained, and stops that. A request that reached a stopped replica would be lost.
#[tokio::test(flavor = "multi_thread")]
async fn p6_no_request_is_lost_to_60_changes_with_replicas_that_go() {
    const ROUNDS: u32 = 30;
    let house = House::open().await;
    let mut old = Backend::start("r").await;
    let mut old_name = "r0".to_owned();
    house.set(1, &route(vec![leg(&old_name, 100, &[&old])]));
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        clients.spawn(send_on(house.client().await, Arc::clone(&stop), Arc::clone(&sent)));
    }
    for round in 1..=ROUNDS {
        let (new, new_name) = (Backend::start("r").await, format!("r{round}"));
        let before = sent.load(Ordering::SeqCst);
        house
            .set(round * 2, &route(vec![leg(&old_name, 50, &[&old]), leg(&new_name, 50, &[&new])]));
        until("traffic on both", || sent.load(Ordering::SeqCst) > before + 40).await;
        house.set(round * 2 + 1, &route(vec![leg(&new_name, 100, &[&new])]));
        until("the old one is drained", || house.in_flight(&old_name).is_none()).await;
        let arrived = old.arrived();
        let at_last = std::mem::replace(&mut old, new);
        assert_eq!(at_last.arrived(), arrived, "a request came after the drain");
        old_name = new_name;
    }
    stop.store(true, Ordering::SeqCst);
    while let Some(ended) = clients.join_next().await {
        ended.expect("every request succeeds");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_are_reported_until_a_release_is_drained() {
    let house = House::open().await;
    let (old, new) = (Backend::start("old").await, Backend::start("new").await);
    house.set(1, &route(vec![leg("old", 100, &[&old])]));
    assert_eq!(house.in_flight("old"), Some(0));
    let mut client = house.client().await;
    let waiting = tokio::spawn(async move { client.get("/wait").await });
    until("the request is in flight", || house.in_flight("old") == Some(1)).await;
    house.set(2, &route(vec![leg("new", 100, &[&new])]));
    assert_eq!((house.in_flight("old"), house.in_flight("new")), (Some(1), Some(0)));
    old.inside.go.open(1);
    assert_eq!(waiting.await.unwrap().release(), "old");
    until("the old release is gone", || house.in_flight("old").is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_route_drains_visibly_and_answers_404() {
    let house = House::open().await;
    let old = Backend::start("old").await;
    house.set(1, &route(vec![leg("old", 100, &[&old])]));
    let mut client = house.client().await;
    let waiting = tokio::spawn(async move { client.get("/wait").await });
    until("the request is in flight", || house.in_flight("old") == Some(1)).await;
    house.remove(2, "shop").unwrap();
    assert_eq!(house.served("shop"), None);
    assert_eq!(house.get("/").await.status, 404);
    let unrouted = || tokio::task::block_in_place(|| house.door.status()).unwrap().unrouted;
    assert_eq!(unrouted(), [("shop".into(), vec![(ReleaseId::from("old"), 1)])]);
    old.inside.go.open(1);
    assert_eq!(waiting.await.unwrap().status, 200);
    until("nothing is left of it", || unrouted().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_requests_in_flight_end() {
    let mut house = House::open().await;
    let old = Backend::start("old").await;
    house.set(1, &route(vec![leg("old", 100, &[&old])]));
    let mut client = house.client().await;
    let waiting = tokio::spawn(async move { client.get("/wait").await });
    until("the request is in flight", || old.arrived() == 1).await;
    let (address, dir) = (house.address, house.dir().to_owned());
    house.ask_to_stop();
    until("no connection is accepted", || std::net::TcpStream::connect(address).is_err()).await;
    old.inside.go.open(1);
    assert_eq!(waiting.await.unwrap().status, 200);
    house.stopped().await;
    assert!(!dir.join("edge.sock").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn p9_a_stop_does_not_wait_for_ever() {
    let mut house = House::with(|config| config.drain_timeout = Duration::from_millis(50)).await;
    let old = Backend::start("old").await;
    house.set(1, &route(vec![leg("old", 100, &[&old])]));
    let mut client = house.client().await;
    let waiting = tokio::spawn(async move { client.try_send(request("GET", "/wait", "")).await });
    until("the request is in flight", || old.arrived() == 1).await;
    house.ask_to_stop();
    house.stopped().await;
    assert!(waiting.await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_stale_generation_is_refused_and_a_repeat_is_not() {
    let house = House::open().await;
    let (a, b) = (Backend::start("a").await, Backend::start("b").await);
    let (to_a, to_b) = (route(vec![leg("a", 100, &[&a])]), route(vec![leg("b", 100, &[&b])]));
    house.try_set(stamp(7, 3), &to_a).unwrap();
    house.try_set(stamp(7, 3), &to_a).unwrap();
    for stale in [stamp(6, 9), stamp(7, 2), stamp(0, 0)] {
        let refused = house.try_set(stale, &to_b).unwrap_err();
        assert!(matches!(refused, ActError::Stale(_)), "{refused}");
        let refused =
            tokio::task::block_in_place(|| house.door.remove_route(stale, &"shop".into()));
        assert!(matches!(refused, Err(ActError::Stale(_))), "{refused:?}");
    }
    let refused = house.try_set(stamp(7, 3), &to_b).unwrap_err();
    assert!(matches!(refused, ActError::NotApplied(_)), "{refused}");
    let served = house.served("shop").unwrap();
    assert_eq!((served.route, served.stamp, served.probed), (to_a, stamp(7, 3), true));
    assert_eq!(house.get("/").await.release(), "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_removal_keeps_its_stamp() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    let to_a = route(vec![leg("a", 100, &[&a])]);
    // There is no route yet; the removal is remembered all the same.
    house.remove(5, "shop").unwrap();
    house.remove(5, "shop").unwrap();
    let refused = house.try_set(stamp(1, 4), &to_a).unwrap_err();
    assert!(matches!(refused, ActError::Stale(_)), "{refused}");
    house.try_set(stamp(1, 6), &to_a).unwrap();
    assert_eq!(house.get("/").await.release(), "a");
}
