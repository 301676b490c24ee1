//! What an edge finds again, and what it refuses to start on.

use ops_edge::{Edge, EdgeError};
use tempfile::TempDir;

use crate::{
    backend::{Backend, Refusing},
    house::{House, config, leg, route, stamp, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn p5_routes_are_restored_after_a_crash_and_probed_again() {
    let temp = TempDir::new().unwrap();
    let house = House::on(config(temp.path())).await;
    let (a, b) = (Backend::start("a").await, Refusing::new());
    let mut to = route(vec![leg("a", 50, &[&a]), leg("b", 50, &[])]);
    to.legs[1].backends = vec![b.address.to_string()];
    house.try_set(stamp(4, 2), &to).unwrap();
    house.remove(9, "other").unwrap();
    house.crash().await;

    let house = House::on(config(temp.path())).await;
    let served = house.served("shop").unwrap();
    assert_eq!((&served.route, served.stamp), (&to, stamp(4, 2)));
    assert!(!served.probed, "one backend does not listen");
    // Requests are served meanwhile, by whatever answers.
    let mut client = house.client().await;
    let mut served_by_a = false;
    for _ in 0..40 {
        served_by_a |= client.get("/").await.release() == "a";
    }
    assert!(served_by_a);
    assert!(house.try_set(stamp(3, 9), &to).is_err(), "the stamp was forgotten");
    assert!(
        house
            .try_set(
                stamp(1, 8),
                &ops_core::route::Route {
                    service: "other".into(),
                    path: "/other".to_owned(),
                    ..to.clone()
                }
            )
            .is_err(),
        "the stamp of a removed route was forgotten"
    );
    let address = b.address;
    drop(b);
    let _b = Backend::start_at(address, "b").await;
    until("all backends were probed", || house.served("shop").unwrap().probed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_edge_on_the_same_folder_is_refused() {
    let house = House::open().await;
    let error = Edge::bind(config(house.dir())).await.err().unwrap();
    assert!(matches!(error, EdgeError::AlreadyRunning { .. }), "{error}");
    assert!(error.to_string().contains("another edge runs on"));
    // The first one was not disturbed.
    assert!(house.served("shop").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named() {
    let house = House::open().await;
    let temp = TempDir::new().unwrap();
    let mut other = config(temp.path());
    other.listen = vec![house.address];
    let error = Edge::bind(other).await.err().unwrap();
    assert!(matches!(error, EdgeError::AddressInUse { address } if address == house.address));
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_routes_are_not_taken_for_no_routes() {
    let temp = TempDir::new().unwrap();
    for content in ["{", r#"{"format":2,"services":{}}"#, r#"{"format":1,"services":{},"x":1}"#] {
        std::fs::write(temp.path().join("routes.json"), content).unwrap();
        let error = Edge::bind(config(temp.path())).await.err().unwrap();
        assert!(matches!(error, EdgeError::Routes { .. }), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_edge_says_of_itself_is_true() {
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};

    let temp = TempDir::new().unwrap();
    let socket = temp.path().join("edge.sock");
    // What a killed edge leaves behind.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let house = House::on(config(temp.path())).await;
    let status = tokio::task::block_in_place(|| house.door.status()).unwrap();
    assert_eq!(status.listen, [house.address]);
    let about = std::fs::read(temp.path().join("edge.json")).unwrap();
    let about: serde_json::Value = serde_json::from_slice(&about).unwrap();
    assert_eq!(about["instance"], status.instance.as_str());
    assert_eq!(about["listen"][0], house.address.to_string());
    let meta = std::fs::metadata(&socket).unwrap();
    assert!(meta.file_type().is_socket());
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
}
