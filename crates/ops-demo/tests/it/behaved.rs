//! What the shop does, seen from outside.

use std::{
    net::TcpStream,
    process::{Command, Output},
    time::{Duration, Instant},
};

use ops_demo::shop::ShopConfig;

use crate::shop_process::{ShopProcess, eventually, program};

fn quick(version: &str) -> ShopConfig {
    ShopConfig { base_latency_ms: 0.1, ..ShopConfig::healthy(version) }
}

#[test]
fn the_shop_sells() {
    let shop = ShopProcess::start(&quick("v2"));
    let mut customer = shop.connect();
    let greeting = customer.get("/");
    assert_eq!((greeting.status, greeting.json()["version"].as_str()), (200, Some("v2")));
    assert!(greeting.head.contains("x-shop-version: v2"), "{}", greeting.head);
    let products = customer.get("/products").json();
    let third = customer.get("/products/3").json();
    assert_eq!(products["products"][2], third);
    let cart = customer.post("/cart", r#"{"product":3,"quantity":2}"#).json();
    assert_eq!(cart["total_cents"].as_u64(), third["cents"].as_u64().map(|cents| 2 * cents));
    let id = cart["cart"].as_str().unwrap();
    let more = customer.post("/cart", &format!(r#"{{"cart":"{id}","product":1}}"#)).json();
    assert_eq!(more["lines"].as_array().unwrap().len(), 2);
    assert_eq!(customer.get(&format!("/cart/{id}")).json(), more);
}

#[test]
fn what_the_shop_cannot_do_it_says_itself() {
    let shop = ShopProcess::start(&quick("v2"));
    let mut customer = shop.connect();
    let refused = [
        (customer.get("/nothing"), 404),
        (customer.get("/products/99"), 404),
        (customer.get("/products/"), 404),
        (customer.get("/cart/0000000000000000"), 404),
        (customer.get("/cart"), 405),
        (customer.post("/products", ""), 405),
        (customer.post("/healthz", ""), 405),
        (customer.post("/cart", "no json"), 400),
        (customer.post("/cart", r#"{"product":1,"quantity":1000}"#), 409),
        (shop.connect().post("/cart", &" ".repeat(5_000)), 413),
    ];
    for (answer, status) in refused {
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.head.contains("x-shop-version: v2"), "{}", answer.head);
        assert!(answer.json()["error"].is_string(), "{}", answer.body);
    }
}

#[test]
fn trouble_begins_at_the_onset_after_the_first_user_and_spares_health() {
    let onset = Duration::from_millis(400);
    let config = ShopConfig { error_share: 1.0, onset_seconds: onset.as_secs_f64(), ..quick("v3") };
    let shop = ShopProcess::start(&config);
    let mut customer = shop.connect();
    let probed = Instant::now();
    eventually("health probes for longer than the onset", || {
        assert_eq!(customer.get("/healthz").status, 200);
        (probed.elapsed() > onset).then_some(())
    });
    let first = Instant::now();
    assert_eq!(customer.get("/").status, 200, "health probes started the clock");
    eventually("the trouble", || (customer.get("/products").status == 500).then_some(()));
    assert!(first.elapsed() >= onset, "the trouble began after {:?}", first.elapsed());
    let failed = customer.post("/cart", r#"{"product":1}"#);
    assert_eq!(failed.status, 500);
    assert!(failed.head.contains("x-shop-version: v3"), "{}", failed.head);
    assert_eq!(customer.get("/healthz").status, 200);
}

#[test]
fn p6_term_finishes_what_is_in_flight_and_takes_nothing_new() {
    let mut shop = ShopProcess::start(&quick("v1"));
    let mut idle = shop.connect();
    assert_eq!(idle.get("/").status, 200);
    let mut buyer = shop.connect();
    let wish = r#"{"product":2}"#;
    let length = wish.len();
    buyer.say(&format!(
        "POST /cart HTTP/1.1\r\nhost: shop\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
    ));
    // The shop asks for the body: the request is in flight now, until we send it.
    assert_eq!(buyer.hear().status, 100);
    shop.term();
    eventually("new customers are refused", || TcpStream::connect(shop.address).err());
    assert!(idle.is_closed());
    assert!(shop.ended().is_none(), "it went with a request in flight");
    buyer.say(wish);
    let sold = buyer.hear();
    assert_eq!((sold.status, sold.json()["total_cents"].as_u64()), (200, Some(1_490)));
    assert!(sold.head.contains("connection: close"), "{}", sold.head);
    assert!(buyer.is_closed());
    let status = eventually("the shop ends", || shop.ended());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_silent_connection_does_not_keep_the_shop() {
    let mut shop = ShopProcess::start(&quick("v1"));
    let _silent = shop.connect();
    let mut half = shop.connect();
    half.say("GET / HT");
    shop.term();
    let status = eventually("the shop ends", || shop.ended());
    assert_eq!(status.code(), Some(0));
}

fn run(args: &[&str]) -> Output {
    Command::new(program()).args(args).output().unwrap()
}

#[test]
fn a_shop_that_cannot_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("shop.json");
    let output = run(&["--port", "0", "--config", missing.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("shop.json") && complaint.contains("--config"), "{complaint}");
    let output = run(&["--port", "many"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("shop.json");
    std::fs::write(&config, r#"{ "version": "v1" }"#).unwrap();
    let output = run(&["--port", &port, "--config", config.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains(&port) && complaint.contains("--port"), "{complaint}");
}
