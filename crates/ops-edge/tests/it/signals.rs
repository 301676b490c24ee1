//! What the door counts is what its clients saw.

use ops_core::signal::LATENCY_BUCKETS;
use tokio::task::JoinSet;

use crate::{
    backend::Backend,
    house::{House, leg, route, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_counts_are_exactly_what_clients_saw() {
    let house = House::open().await;
    let (old, new) = (Backend::start("old").await, Backend::start("new").await);
    house.set(1, &route(vec![leg("old", 60, &[&old]), leg("new", 40, &[&new])]));
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        let mut client = house.client().await;
        clients.spawn(async move {
            let mut seen = Vec::new();
            for path in ["/", "/empty", "/redirect", "/missing", "/error"].repeat(50) {
                let answer = client.get(path).await;
                seen.push((answer.release().to_owned(), answer.status));
            }
            seen
        });
    }
    let seen: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
    assert_eq!(seen.len(), 1000);
    for release in ["old", "new"] {
        let saw = |from: u16, to: u16| {
            let mine = seen.iter().filter(|(by, _)| by == release);
            mine.filter(|(_, status)| (from..to).contains(status)).count() as u64
        };
        let arm = house.arm_of(release, saw(200, 600)).await;
        assert_eq!(arm.requests, saw(200, 600));
        let classes = (arm.s2xx, arm.s3xx, arm.s4xx, arm.s5xx);
        assert_eq!(classes, (saw(200, 300), saw(300, 400), saw(400, 500), saw(500, 600)));
        assert_eq!((arm.connect, arm.timeout, arm.held), (0, 0, 0));
        assert_eq!(arm.latency.iter().map(|(_, count)| count).sum::<u64>(), arm.requests);
        assert!(arm.latency.iter().all(|(bucket, _)| usize::from(*bucket) < LATENCY_BUCKETS));
    }
    assert_eq!(house.refused(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_second_is_present_and_only_quiet_ones_have_weights() {
    let house = House::open().await;
    let (old, new) = (Backend::start("old").await, Backend::start("new").await);
    house.set(1, &route(vec![leg("old", 60, &[&old]), leg("new", 40, &[&new])]));
    until("three seconds are over", || house.seconds(0).len() >= 3).await;
    let seconds = house.seconds(0);
    let numbers: Vec<u64> = seconds.iter().map(|second| second.second).collect();
    let from = numbers[0];
    assert_eq!(numbers, (from..from + numbers.len() as u64).collect::<Vec<_>>());
    assert!(seconds[0].weights.is_empty(), "the route was set in this second");
    let known = [("old".into(), 60), ("new".into(), 40)];
    assert_eq!(seconds.last().unwrap().weights, known);
    let later = house.seconds(from + 1);
    assert_eq!(later[0].second, from + 2);
    // What was reported once is reported the same again.
    assert_eq!(house.seconds(0)[..seconds.len()], seconds);
}
