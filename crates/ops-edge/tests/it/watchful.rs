//! What the door sees and does by itself: health, probes, copies, the return, what it writes down.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ops_core::{
    route::{Guard, HeaderMatch, Hold, Manner, Mirror, Route},
    signal::Arm,
    world::DoorView,
};
use ops_engine::ports::Door as _;
use tokio::{io::AsyncWriteExt as _, task::block_in_place};

use crate::{
    backend::{Backend, Refusing},
    house::{House, leg, request, route, stamp, until, with_one_gone},
    raw::{Server, connect, read_all, read_head},
};

fn view(house: &House) -> DoorView {
    block_in_place(|| house.door.look(&"shop".into())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_keeps_failing_is_left_out_and_never_the_last_one() {
    let house = House::open().await;
    let arrived = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&arrived);
    let bad = Server::start(move |mut stream| {
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            read_head(&mut stream).await;
            let _ = stream
                .write_all(b"HTTP/1.1 500 Oh\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
                .await;
        }
    })
    .await;
    let good = Backend::start("good").await;
    let mut to = route(vec![leg("a", 100, &[&good])]);
    to.legs[0].backends.push(bad.text());
    house.set(1, &to);
    let mut client = house.client().await;
    for _ in 0..40 {
        client.get("/").await;
    }
    assert_eq!(arrived.load(Ordering::SeqCst), 5, "five in a row, then no more");
    // With nobody else left it is asked again.
    to.legs[0].backends = vec![bad.text()];
    house.set(2, &to);
    assert_eq!(client.get("/").await.status, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_sent_again_are_counted_with_the_release_that_failed() {
    let house = House::open().await;
    let (good, gone) = (Backend::start("good").await, Refusing::new());
    house.set(1, &with_one_gone(&good, &gone));
    let mut client = house.client().await;
    for _ in 0..10 {
        assert_eq!(client.get("/").await.status, 200);
    }
    let arm = house.arm_of("a", 10).await;
    assert!((1..=5).contains(&arm.retried), "{}", arm.retried);
    assert_eq!(arm.errors(), 0);
}

/// Probes through the front: sent, and failed.
fn probed(house: &House, service: &str) -> (u64, u64) {
    let seconds = block_in_place(|| house.door.signals(&service.into(), 0)).unwrap();
    let add = |sum: (u64, u64), sent, failed| (sum.0 + sent, sum.1 + failed);
    seconds.iter().fold((0, 0), |sum, it| add(sum, it.probes.sent, it.probes.failed))
}

fn probing(path: &str) -> Box<Manner> {
    Box::new(Manner { probe_path: Some(path.to_owned()), ..Manner::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_is_watched_through_the_front() {
    let house = House::open().await;
    let (old, new) = (Backend::start("old").await, Refusing::new());
    house.set(1, &Route { manner: probing("/alive"), ..route(vec![leg("old", 100, &[&old])]) });
    until("probes were sent", || probed(&house, "shop").0 >= 2).await;
    assert_eq!(probed(&house, "shop").1, 0);
    assert!(old.arrived() >= 2);
    assert_eq!(house.arm("old").requests, 0, "no user sent them");
    let mut bad = route(vec![leg("new", 100, &[])]);
    bad.legs[0].backends = vec![new.address.to_string()];
    house.set(2, &Route { manner: probing("/alive"), ..bad });
    until("probes failed", || probed(&house, "shop").1 >= 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_is_watched_only_where_the_probe_leads_to_its_own_service() {
    let house = House::open().await;
    let (shop, beta, side) =
        (Backend::start("shop").await, Backend::start("beta").await, Backend::start("side").await);
    house.set(1, &route(vec![leg("shop", 100, &[&shop])]));
    // One service is asked for by a header, which the probe bears then; of the other one the path
    // leads to the shop.
    let header = HeaderMatch { name: "X-Ring".to_owned(), value: "beta".to_owned() };
    let manner = Box::new(Manner { headers: vec![header], ..*probing("/alive?deep") });
    let to_beta = Route { legs: vec![leg("beta", 100, &[&beta])], ..of("beta", "/") };
    house.set(1, &Route { manner, ..to_beta });
    let to_side = Route { legs: vec![leg("side", 100, &[&side])], ..of("side", "/side") };
    house.set(1, &Route { manner: probing("/alive"), ..to_side });
    until("probes were sent", || probed(&house, "beta").0 >= 5).await;
    assert_eq!((probed(&house, "beta").1, probed(&house, "side").0), (0, 0));
    assert!(beta.arrived() >= 5);
    assert_eq!((shop.arrived(), side.arrived()), (0, 0));
}

fn of(service: &str, path: &str) -> Route {
    Route::new(service.into(), None, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_asked_whether_they_live() {
    let house = House::open().await;
    let (one, two) = (Backend::start("one").await, Backend::start("two").await);
    let manner = probing("/alive");
    // While requests are held nobody comes through the front: what arrives are probes of replicas.
    let hold = Some(Hold { max_wait_ms: 1, max_requests: 1 });
    house.set(1, &Route { manner, hold, ..route(vec![leg("a", 100, &[&one, &two])]) });
    until("both were asked", || one.arrived() > 0 && two.arrived() > 0).await;
    assert_eq!(house.arm("a").requests, 0, "no user sent them");
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_safe_requests_are_counted_apart() {
    let house = House::open().await;
    let (a, b) = (Backend::start("a").await, Backend::start("b").await);
    let mirror =
        Some(Box::new(Mirror { release: "b".into(), backends: vec![b.text()], percent: 100 }));
    house.set(1, &Route { mirror, ..route(vec![leg("a", 100, &[&a])]) });
    let mut client = house.client().await;
    for (method, path, body) in
        [("GET", "/", ""), ("GET", "/missing", ""), ("POST", "/", ""), ("PUT", "/", "words")]
    {
        assert_eq!(client.send(request(method, path, body)).await.release(), "a");
    }
    let mirrored = || {
        let seconds = house.seconds(0);
        let arms = seconds.iter().flat_map(|second| &second.mirrored);
        arms.map(|(id, arm)| (id.to_string(), arm.s2xx, arm.s4xx)).collect::<Vec<_>>()
    };
    let both = |all: &[(String, u64, u64)]| {
        all.iter().fold((0, 0), |sum, it| (sum.0 + it.1, sum.1 + it.2)) == (1, 1)
    };
    until("both copies were counted", || both(&mirrored())).await;
    assert!(mirrored().iter().all(|(id, ..)| id == "b"));
    assert_eq!(b.arrived(), 2, "POST and PUT were not copied");
    assert_eq!(house.arm("b").requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_fails_or_stands_still_costs_users_nothing() {
    let house = House::with(|config| config.response_timeout = Duration::from_millis(200)).await;
    let (a, gone, still) = (
        Backend::start("a").await,
        Refusing::new(),
        // Takes what comes and answers nothing.
        Server::start(|mut stream| async move {
            read_head(&mut stream).await;
            read_all(&mut stream).await;
        })
        .await,
    );
    let to = |backend: String| {
        let mirror = Mirror { release: "b".into(), backends: vec![backend], percent: 100 };
        Route { mirror: Some(Box::new(mirror)), ..route(vec![leg("a", 100, &[&a])]) }
    };
    let mirrored = |house: &House| {
        let mut sum = Arm::default();
        for (_, arm) in house.seconds(0).iter().flat_map(|second| &second.mirrored) {
            sum.add(arm);
        }
        sum
    };
    house.set(1, &to(gone.address.to_string()));
    assert_eq!(house.get("/").await.release(), "a");
    until("it was refused", || mirrored(&house).connect == 1).await;
    house.set(2, &to(still.text()));
    // More than may be copied at a time: the rest is served without.
    let mut client = house.client().await;
    for _ in 0..100 {
        assert_eq!(client.get("/").await.release(), "a");
    }
    until("copies were given up", || mirrored(&house).timeout >= 64).await;
    let arm = house.arm_of("a", 101).await;
    assert_eq!((arm.requests, arm.s2xx), (101, 101));
    // Its failures are its own, not those of the release that serves.
    house.set(3, &route(vec![leg("a", 100, &[&a])]));
    assert_eq!(house.get("/").await.status, 200);
    assert_eq!(house.arm("b").requests, 0);
}

fn guarded(old: &Backend, new: &Backend, silent_ms: u64) -> Route {
    let guard = Guard {
        to: "old".into(),
        stamp: stamp(1, 100),
        max_errors_permille: 200,
        min_requests: 10,
        over_seconds: 30,
        silent_ms,
    };
    let legs = vec![leg("new", 50, &[new]), leg("old", 50, &[old])];
    Route { guard: Some(Box::new(guard)), ..route(legs) }
}

#[tokio::test(flavor = "multi_thread")]
async fn s20_without_a_daemon_a_canary_beyond_its_limits_is_taken_back() {
    let house = House::open().await;
    let (old, new) = (Backend::start("old").await, Backend::start("new").await);
    house.set(1, &guarded(&old, &new, 1000));
    let mut client = house.client().await;
    for _ in 0..60 {
        client.get("/error").await;
    }
    // Nobody asks the door for anything meanwhile but users.
    let mut in_a_row = 0;
    until_async(async || {
        let release = client.get("/").await.release().to_owned();
        in_a_row = if release == "old" { in_a_row + 1 } else { 0 };
        in_a_row > 40
    })
    .await;
    let view = view(&house);
    let served = view.served.unwrap();
    assert_eq!(served.stamp, stamp(1, 100));
    assert_eq!((served.route.weight_of(&"old".into()), served.route.guard), (100, None));
    let returned = view.returned.unwrap();
    assert_eq!((returned.to.as_str(), returned.because.as_str()), ("old", "new"));
    assert!(returned.seen.1 >= 10, "{:?}", returned.seen);
    // It is durable, and whoever comes late with less is refused.
    let text = fs::read_to_string(house.dir().join("routes.json")).unwrap();
    assert!(text.contains("returned"));
    assert!(house.try_set(stamp(1, 2), &guarded(&old, &new, 1000)).is_err());
    house.try_set(stamp(2, 1), &route(vec![leg("old", 100, &[&old])])).unwrap();
    assert!(block_in_place(|| house.door.look(&"shop".into())).unwrap().returned.is_none());
}

/// Waits until something asynchronous is so.
async fn until_async(mut so: impl AsyncFnMut() -> bool) {
    let waited = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waited).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_daemon_the_door_does_nothing_by_itself() {
    let house = House::open().await;
    let (old, new) = (Backend::start("old").await, Backend::start("new").await);
    house.set(1, &guarded(&old, &new, 60_000));
    let mut client = house.client().await;
    for _ in 0..60 {
        client.get("/error").await;
    }
    until("three seconds are over", || house.seconds(0).len() >= 3).await;
    assert_eq!(house.served("shop").unwrap().stamp, stamp(1, 1));
    let mut stray = guarded(&old, &new, 1000);
    if let Some(guard) = &mut stray.guard {
        guard.stamp = stamp(2, 100);
    }
    assert!(house.try_set(stamp(1, 2), &stray).is_err(), "a guard of another generation");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_read_on_loopback_and_through_the_socket() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let house = House::with(|config| config.metrics = Some(address)).await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let mut client = house.client().await;
    for path in ["/carts/17/missing", "/carts/18/missing", "/empty", "/error"] {
        client.get(path).await;
    }
    house.arm_of("a", 4).await;
    let mut reader = connect(address, b"GET /metrics HTTP/1.0\r\n\r\n").await;
    let page = String::from_utf8(read_all(&mut reader).await).unwrap();
    let socket = block_in_place(|| house.door.metrics()).unwrap();
    for text in [page, socket] {
        for line in [
            r#"ops_edge_requests_total{service="shop",release="a",outcome="4xx"} 2"#,
            r#"ops_edge_client_errors_total{service="shop",release="a",status="404"} 2"#,
            r#"ops_edge_template_requests_total{service="shop",release="a",template="/carts/{}/missing"} 2"#,
            r#"ops_edge_template_errors_total{service="shop",release="a",template="/error"} 1"#,
            r#"ops_edge_latency_seconds_count{service="shop",release="a"} 4"#,
        ] {
            assert!(text.contains(line), "{line} is missing in {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p13_the_access_log_names_templates_and_nobody() {
    let house = House::with(|config| config.access_log_percent = Some(100)).await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let mut ask = request("GET", "/users/ann@example.org/error?token=secret", "");
    ask.headers_mut().insert("cookie", "session=secret".parse().unwrap());
    assert_eq!(house.client().await.send(ask).await.status, 500);
    let path = house.dir().join("access.log");
    let read = || fs::read_to_string(&path).unwrap_or_default();
    until("a line is written", || read().ends_with('\n')).await;
    let line: serde_json::Value = serde_json::from_str(&read()).unwrap();
    assert_eq!(line["template"], "/users/{}/error");
    assert_eq!((&line["outcome"], &line["method"]), (&"500".into(), &"GET".into()));
    assert!(!read().contains("secret") && !read().contains("ann"), "{}", read());
}
