//! Routes by header, clients that stay with their release, and pauses.

use ops_core::route::{HeaderMatch, Manner, Pause, Route, Sticky};

use crate::{
    backend::Backend,
    house::{Answer, Client, House, held, leg, request, route, until},
};
use tokio::task::block_in_place;

fn sticky(by: Sticky, old: (&Backend, u8), new: (&Backend, u8)) -> Route {
    let legs = vec![leg("new", new.1, &[new.0]), leg("old", old.1, &[old.0])];
    Route { manner: Box::new(Manner { sticky: Some(by), ..Manner::default() }), ..route(legs) }
}

async fn with(client: &mut Client, name: &'static str, value: &str) -> Answer {
    let mut ask = request("GET", "/", "");
    ask.headers_mut().insert(name, value.parse().unwrap());
    client.send(ask).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_keeps_its_release_while_the_weights_move_up() {
    let house = House::open().await;
    let (old, new) = (Backend::start("old").await, Backend::start("new").await);
    let by = || Sticky::Cookie("door".to_owned());
    house.set(1, &sticky(by(), (&old, 80), (&new, 20)));
    let mut client = house.client().await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        let answer = client.get("/").await;
        let set = answer.headers["set-cookie"].to_str().unwrap().to_owned();
        assert!(set.contains("HttpOnly; SameSite=Lax") && !set.contains("Secure"), "{set}");
        clients.push((set.split(';').next().unwrap().to_owned(), answer.release().to_owned()));
    }
    for (op, share) in [(2, 20), (3, 50), (4, 90)] {
        house.set(op, &sticky(by(), (&old, 100 - share), (&new, share)));
        for (cookie, release) in &mut clients {
            let answer = with(&mut client, "cookie", cookie).await;
            assert!(!answer.headers.contains_key("set-cookie"));
            let stays = answer.release() == release;
            assert!(stays || (share > 20 && answer.release() == "new"), "{cookie} moved back");
            *release = answer.release().to_owned();
        }
    }
    let on_new = clients.iter().filter(|(_, release)| release == "new").count();
    assert!(on_new > 70, "{on_new} of 100 at 90 %");
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_count_the_clients() {
    let house = House::open().await;
    let (old, new) = (Backend::start("old").await, Backend::start("new").await);
    house.set(1, &sticky(Sticky::Header("x-client".to_owned()), (&old, 100), (&new, 0)));
    let mut client = house.client().await;
    // All requests must fall into one second for the count of clients to be exact.
    for name in ["ann", "ben", "ann", "ann"] {
        assert_eq!(with(&mut client, "x-client", name).await.release(), "old");
    }
    let mut failed = request("GET", "/error", "");
    failed.headers_mut().insert("x-client", "ben".parse().unwrap());
    assert_eq!(client.send(failed).await.status, 500);
    let arm = house.arm_of("old", 5).await;
    assert!((2..=4).contains(&arm.units), "{}", arm.units);
    assert_eq!(arm.unit_errors, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_route_that_asks_for_most_headers_wins() {
    let house = House::open().await;
    let (all, beta) = (Backend::start("all").await, Backend::start("beta").await);
    house.set(1, &route(vec![leg("all", 100, &[&all])]));
    let headers = vec![HeaderMatch { name: "X-Ring".to_owned(), value: "beta".to_owned() }];
    let to = Route {
        service: "beta".into(),
        manner: Box::new(Manner { headers, ..Manner::default() }),
        ..route(vec![leg("beta", 100, &[&beta])])
    };
    house.set(1, &to);
    let mut client = house.client().await;
    assert_eq!(client.get("/").await.release(), "all");
    assert_eq!(with(&mut client, "x-ring", "beta").await.release(), "beta");
    assert_eq!(with(&mut client, "x-ring", "Beta").await.release(), "all");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_turns_away_at_once() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    let pause = Some(Pause { retry_after_seconds: 7 });
    house.set(1, &Route { pause, ..route(vec![leg("a", 100, &[&a])]) });
    let answer = house.get("/").await;
    assert_eq!((answer.status, &answer.headers["retry-after"]), (503, &"7".parse().unwrap()));
    until("it is counted as refused", || house.refused() == 1).await;
    assert_eq!(a.arrived(), 0);
    house.set(2, &route(vec![leg("a", 100, &[&a])]));
    assert_eq!(house.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_lets_what_has_begun_end_and_turns_away_who_waits() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    let served = || route(vec![leg("a", 100, &[&a])]);
    let paused = || Route { pause: Some(Pause { retry_after_seconds: 7 }), ..served() };
    house.set(1, &served());
    let mut client = house.client().await;
    let begun = tokio::spawn(async move { client.get("/wait").await });
    until("it is in flight", || house.in_flight("a") == Some(1)).await;
    house.set(2, &paused());
    assert_eq!(house.get("/").await.status, 503);
    a.inside.go.open(1);
    assert_eq!(begun.await.unwrap().status, 200);
    // Who waits while requests are held is turned away by a pause that follows.
    house.set(3, &held(60_000, 10));
    let mut client = house.client().await;
    let waiting = tokio::spawn(async move { client.get("/").await });
    let status = || block_in_place(|| house.door.status()).unwrap();
    until("one request waits", || status().held.len() == 1).await;
    house.set(4, &paused());
    let answer = waiting.await.unwrap();
    assert_eq!((answer.status, &answer.headers["retry-after"]), (503, &"7".parse().unwrap()));
    until("both are counted as refused", || house.refused() == 2).await;
    assert_eq!(a.arrived(), 1);
}
