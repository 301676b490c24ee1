//! Which release a request reaches.

use ops_core::route::Route;

use crate::{
    backend::Backend,
    house::{House, leg, request, route},
};

#[tokio::test(flavor = "multi_thread")]
async fn host_first_then_the_longest_path() {
    let house = House::open().await;
    let (shop, api, host) =
        (Backend::start("shop").await, Backend::start("api").await, Backend::start("host").await);
    house.set(1, &route(vec![leg("shop", 100, &[&shop])]));
    let api_route = Route {
        service: "api".into(),
        path: "/api".to_owned(),
        ..route(vec![leg("api", 100, &[&api])])
    };
    house.set(1, &api_route);
    let host_route = Route {
        service: "host".into(),
        host: Some("Admin.Example".to_owned()),
        path: "/only".to_owned(),
        ..route(vec![leg("host", 100, &[&host])])
    };
    house.set(1, &host_route);
    let mut client = house.client().await;
    for (name, path, reached) in [
        ("x", "/", "shop"),
        ("x", "/api", "api"),
        ("x", "/api?x=/", "api"),
        ("x", "/api/v1", "api"),
        ("x", "/apix", "shop"),
        ("x", "/only", "shop"),
        ("admin.EXAMPLE:81", "/only/me", "host"),
        ("admin.example", "/api", "api"),
    ] {
        let mut request = request("GET", path, "");
        request.headers_mut().insert("host", name.parse().unwrap());
        assert_eq!(client.send(request).await.release(), reached, "{name}{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_route_the_answer_is_404() {
    let house = House::open().await;
    let answer = house.get("/").await;
    assert_eq!(answer.status, 404);
    assert!(answer.text.contains("No service"));
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_are_kept_by_independent_draws() {
    const REQUESTS: u32 = 4000;
    let house = House::open().await;
    let (old, new) = (Backend::start("old").await, Backend::start("new").await);
    house.set(1, &route(vec![leg("old", 75, &[&old]), leg("new", 25, &[&new])]));
    let mut client = house.client().await;
    let (mut count, mut changes, mut before) = (0_u32, 0_u32, None);
    for _ in 0..REQUESTS {
        let is_new = client.get("/").await.release() == "new";
        count += u32::from(is_new);
        changes += u32::from(before.replace(is_new).is_some_and(|before| before != is_new));
    }
    let within = |count: u32, share: f64, sigmas: f64| {
        let n = f64::from(REQUESTS);
        (f64::from(count) - n * share).abs() <= sigmas * (n * share * (1.0 - share)).sqrt()
    };
    assert!(within(count, 0.25, 5.0), "{count} of {REQUESTS}");
    // Draws that depend on each other, such as turns, would change sides more or less often than
    // 2 · 0.75 · 0.25 of the time. Neighbouring changes share a draw, which makes the deviation 1.18
    // times that of independent ones: 6 of these are 5 of those.
    assert!(within(changes, 0.375, 6.0), "{changes} changes of side in {REQUESTS}");
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_of_a_release_share_its_requests() {
    let house = House::open().await;
    let (one, two) = (Backend::start("one").await, Backend::start("two").await);
    house.set(1, &route(vec![leg("a", 100, &[&one, &two])]));
    let mut client = house.client().await;
    for _ in 0..20 {
        assert_eq!(client.get("/").await.status, 200);
    }
    assert_eq!((one.arrived(), two.arrived()), (10, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_least_loaded_replica_is_chosen() {
    let house = House::open().await;
    let (one, two) = (Backend::start("one").await, Backend::start("two").await);
    house.set(1, &route(vec![leg("a", 100, &[&one, &two])]));
    let mut waiting = house.client().await;
    let stuck = tokio::spawn(async move { waiting.get("/wait").await });
    crate::house::until("one replica is busy", || one.arrived() + two.arrived() == 1).await;
    let (busy, free) = if one.arrived() == 1 { (&one, &two) } else { (&two, &one) };
    let mut client = house.client().await;
    for _ in 0..10 {
        client.get("/").await;
    }
    assert_eq!((busy.arrived(), free.arrived()), (1, 10));
    busy.inside.go.open(1);
    assert_eq!(stuck.await.unwrap().status, 200);
}
