//! The admin socket and the daemon's side of it.

use std::path::Path;

use ops_core::{id::Generation, route::Route};
use ops_edge::EdgeDoor;
use ops_engine::ports::{ActError, Door as _};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    task::block_in_place,
};

use crate::{
    backend::Backend,
    house::{House, leg, route, stamp},
};

/// Sends bytes and gives back the lines that come before the edge closes the connection or
/// `lines` have come.
async fn say(dir: &Path, bytes: &[u8], lines: usize) -> Vec<String> {
    let mut stream = BufReader::new(UnixStream::connect(dir.join("edge.sock")).await.unwrap());
    // The edge may close in the middle of a line that is too long.
    let _ = stream.get_mut().write_all(bytes).await;
    let mut answers = Vec::new();
    let mut answer = String::new();
    while answers.len() < lines && stream.read_line(&mut answer).await.is_ok_and(|n| n > 0) {
        answers.push(std::mem::take(&mut answer));
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_the_admin_socket_hurts_nobody() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    for line in ["hello\n", "{}\n", "\n", "\u{0}\u{1}\n", "{\"ask\":\"look\"}\n", "[[[[[[\n"] {
        let answers = say(house.dir(), line.as_bytes(), 1).await;
        assert!(answers[0].contains("malformed"), "{line:?}: {answers:?}");
    }
    // Broken bytes, then a good question on the same connection.
    let answers = say(house.dir(), b"\xff\xfe\n{\"ask\":\"status\"}\n", 2).await;
    assert!(answers[0].contains("malformed") && answers[1].contains("instance"), "{answers:?}");
    let too_long = vec![b'x'; 2 * 1024 * 1024];
    let answers = say(house.dir(), &too_long, 1).await;
    assert!(answers.first().is_none_or(|answer| answer.contains("more than")), "{answers:?}");
    assert_eq!(house.served("shop").unwrap().stamp, stamp(1, 1));
    assert_eq!(house.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_line_has_no_effect() {
    let house = House::open().await;
    let half = br#"{"ask":"remove_route","stamp":{"generation":9,"deployment":1,"op":1},"service":"shop"}"#;
    let mut stream = UnixStream::connect(house.dir().join("edge.sock")).await.unwrap();
    stream.write_all(half).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = String::new();
    BufReader::new(stream).read_line(&mut rest).await.unwrap();
    assert_eq!(rest, "");
    let status = block_in_place(|| house.door.status()).unwrap();
    assert_eq!(status.highest, Generation(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_edge_nothing_is_applied_and_the_next_step_is_named() {
    let temp = TempDir::new().unwrap();
    let door = EdgeDoor::new(temp.path());
    let to = route(Vec::new());
    let told = |error: ActError| match error {
        ActError::NotApplied(fault) => fault.next,
        other => panic!("{other}"),
    };
    assert!(told(door.set_route(stamp(1, 1), &to).unwrap_err()).contains("ops edge"));
    drop(UnixListener::bind(temp.path().join("edge.sock")).unwrap());
    assert!(told(door.remove_route(stamp(1, 1), &"shop".into()).unwrap_err()).contains("ops edge"));
    assert!(door.look(&"shop".into()).unwrap_err().next.contains("ops edge"));
    assert!(door.signals(&"shop".into(), 0).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn p8_an_edge_that_breaks_off_or_stays_silent_leaves_the_effect_unknown() {
    let temp = TempDir::new().unwrap();
    let door = EdgeDoor::new(temp.path());
    let listener = UnixListener::bind(temp.path().join("edge.sock")).unwrap();
    let server = tokio::spawn(async move {
        let (first, _) = listener.accept().await.unwrap();
        drop(first);
        // The second visitor is never answered.
        let _second = listener.accept().await.unwrap();
        std::future::pending::<()>().await;
    });
    for _ in 0..2 {
        let error = block_in_place(|| door.set_route(stamp(1, 1), &route(Vec::new()))).unwrap_err();
        assert!(matches!(error, ActError::Unknown(_)), "{error}");
    }
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn faulty_routes_change_nothing() {
    let house = House::open().await;
    let a = Backend::start("a").await;
    house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let other = Route { service: "other".into(), ..route(vec![leg("b", 100, &[&a])]) };
    for (op, bad) in [(2, route(vec![leg("a", 99, &[&a])])), (1, other)] {
        let error = house.try_set(stamp(1, op), &bad).unwrap_err();
        assert!(matches!(error, ActError::NotApplied(_)), "{error}");
    }
    assert_eq!(house.served("shop").unwrap().stamp, stamp(1, 1));
    assert!(house.served("other").is_none());
}
