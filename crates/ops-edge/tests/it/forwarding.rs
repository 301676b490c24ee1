//! What passes the door, and in what form.

use http_body_util::BodyExt as _;

use crate::{
    backend::Backend,
    house::{House, leg, request, route},
};

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_passed_on_piece_by_piece() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let mut client = house.client().await;
    let mut body = client.begin(request("GET", "/drip", "")).await.unwrap().into_body();
    // The backend sends the second piece only after the first one has arrived here.
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(&first[..], b"first ");
    assert_eq!(house.in_flight("a"), Some(1));
    a.inside.go.open(1);
    assert_eq!(&body.collect().await.unwrap().to_bytes()[..], b"second");
    assert_eq!(house.arm_of("a", 1).await.s2xx, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_passed_on_with_who_asked() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let mut ask = request("GET", "/some/headers?x=%20y", "");
    let headers = ask.headers_mut();
    headers.insert("host", "Shop.Example:81".parse().unwrap());
    headers.insert("connection", "x-mine".parse().unwrap());
    headers.insert("x-mine", "1".parse().unwrap());
    headers.insert("x-forwarded-for", "6.6.6.6".parse().unwrap());
    let seen = house.client().await.send(ask).await.text;
    assert!(seen.starts_with("/some/headers?x=%20y "), "{seen}");
    for part in [
        r#""host": "Shop.Example:81""#,
        r#""x-forwarded-host": "Shop.Example:81""#,
        r#""x-forwarded-for": "127.0.0.1""#,
        r#""x-forwarded-proto": "http""#,
    ] {
        assert!(seen.contains(part), "{part} is missing in {seen}");
    }
    assert!(!seen.contains("x-mine") && !seen.contains("6.6.6.6"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_pass_whole_in_both_directions() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let long: &'static str = Box::leak("0123456789abcdef".repeat(64 * 1024).into_boxed_str());
    let mut client = house.client().await;
    for body in ["", "x", long] {
        let answer = client.send(request("PUT", "/echo", body)).await;
        assert_eq!(answer.status, 200);
        assert!(answer.text == body, "{} of {} bytes", answer.text.len(), body.len());
    }
    let answer = client.send(request("HEAD", "/", "")).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    assert_eq!(house.arm_of("a", 4).await.s2xx, 4);
    assert_eq!(house.in_flight("a"), Some(0));
}
