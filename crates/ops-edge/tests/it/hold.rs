//! Requests that wait at the door (S7).

use tokio::task::{JoinSet, block_in_place};

use crate::{
    backend::Backend,
    house::{House, held, leg, request, route, until},
};

fn waiting(house: &House) -> u32 {
    let held = block_in_place(|| house.door.status()).unwrap().held;
    held.first().map_or(0, |(_, count)| *count)
}

#[tokio::test(flavor = "multi_thread")]
async fn s7_held_requests_wait_and_proceed_by_the_new_route() {
    let house = House::open().await;
    let (old, new) = (Backend::start("old").await, Backend::start("new").await);
    house.set(1, &route(vec![leg("old", 100, &[&old])]));
    house.set(2, &held(60_000, 10));
    let mut clients = JoinSet::new();
    for _ in 0..5 {
        let mut client = house.client().await;
        clients.spawn(async move { client.send(request("POST", "/echo", "kept")).await });
    }
    until("five requests wait", || waiting(&house) == 5).await;
    assert_eq!((old.arrived(), new.arrived()), (0, 0));
    house.set(3, &route(vec![leg("new", 100, &[&new])]));
    while let Some(answer) = clients.join_next().await {
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.release(), answer.text.as_str()), (200, "new", "kept"));
    }
    assert_eq!(waiting(&house), 0);
    let arm = house.arm_of("new", 5).await;
    assert_eq!((arm.held, arm.s2xx, arm.errors()), (5, 5, 0));
    assert_eq!(house.refused(), 0);
    assert_eq!(house.get("/").await.status, 200);
    assert_eq!(house.arm_of("new", 6).await.held, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn s7_over_the_bounds_the_answer_is_503_with_retry_after() {
    let house = House::open().await;
    let new = Backend::start("new").await;
    house.set(1, &held(60_000, 1));
    let mut client = house.client().await;
    let first = tokio::spawn(async move { client.get("/").await });
    until("one request waits", || waiting(&house) == 1).await;
    let second = house.get("/").await;
    assert_eq!(second.status, 503);
    assert!(second.headers.contains_key("retry-after"));
    until("it is counted as refused", || house.refused() == 1).await;
    // A shorter hold applies to those who wait already.
    house.set(2, &held(1, 1));
    assert_eq!(first.await.unwrap().status, 503);
    until("both are counted", || house.refused() == 2).await;
    house.set(3, &route(vec![leg("new", 100, &[&new])]));
    assert_eq!(house.get("/").await.status, 200);
    assert_eq!(house.arm_of("new", 1).await.held, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s7_a_client_that_leaves_gives_its_place_back() {
    let house = House::open().await;
    house.set(1, &held(60_000, 1));
    let mut client = house.client().await;
    let first = tokio::spawn(async move { client.get("/").await });
    until("one request waits", || waiting(&house) == 1).await;
    first.abort();
    until("its place is free", || waiting(&house) == 0).await;
    assert_eq!(house.refused(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s7_a_route_that_is_removed_lets_go_of_its_held_requests() {
    let house = House::open().await;
    house.set(1, &held(60_000, 1));
    let mut client = house.client().await;
    let first = tokio::spawn(async move { client.get("/").await });
    until("one request waits", || waiting(&house) == 1).await;
    house.remove(2, "shop").unwrap();
    assert_eq!(first.await.unwrap().status, 503);
    until("it is counted", || house.refused() == 1).await;
}
