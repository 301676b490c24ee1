//! Every loss has its name.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ops_demo::load::{self, LoadPlan, LoadReport, Losses, Schedule, Visit};
use tokio::{io::AsyncWriteExt, net::TcpListener, sync::Semaphore};

use crate::{
    servers::{GOOD, read_request, serve, serve_always},
    shop_process::{PATIENCE, eventually},
};

/// Six requests, one after the other over one connection.
fn six(target: SocketAddr) -> LoadPlan {
    LoadPlan {
        mix: vec![Visit::get("/", 1)],
        connections: 1,
        timeout: PATIENCE,
        ..LoadPlan::shop(target, Schedule::lasting(100.0, Duration::from_millis(60)))
    }
}

async fn all_six(plan: LoadPlan) -> LoadReport {
    let report = load::start(plan).unwrap().finish().await;
    assert!(report.is_complete());
    let total = report.total();
    assert_eq!(total.requests, 6);
    assert_eq!(total.answered + total.lost.total(), 6);
    report
}

#[tokio::test]
async fn nobody_listens() {
    // No other test listens on this address, so nobody takes the port once it is free again.
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let report = all_six(six(address)).await;
    assert_eq!(report.total().lost, Losses { connect: 6, ..Losses::default() });
    assert!(report.records().iter().all(|record| record.sent_us().is_none()));
}

#[tokio::test]
async fn the_connection_is_reset() {
    let address = serve(|mut stream| async move {
        read_request(&mut stream).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    let report = all_six(six(address)).await;
    assert_eq!(report.total().lost, Losses { reset: 6, ..Losses::default() });
    assert!(report.records().iter().all(|record| record.sent_us().is_some()));
}

#[tokio::test]
async fn the_answer_breaks_off() {
    let address = serve(|mut stream| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(GOOD.replace("length: 2", "length: 99").as_bytes()).await;
    })
    .await;
    let report = all_six(six(address)).await;
    assert_eq!(report.total().lost, Losses { reset: 6, ..Losses::default() });
}

#[tokio::test]
async fn a_used_connection_is_closed_under_the_request() {
    let address = serve(|mut stream| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(GOOD.as_bytes()).await;
        read_request(&mut stream).await;
    })
    .await;
    let report = all_six(six(address)).await;
    assert_eq!(report.total().answered, 3);
    assert_eq!(report.total().lost, Losses { stale: 3, ..Losses::default() });
}

#[tokio::test]
async fn p6_a_connection_that_ends_after_its_answer_loses_nothing() {
    let closing = GOOD.replace("\r\ncontent", "\r\nconnection: close\r\ncontent");
    let address = serve(move |mut stream| {
        let closing = closing.clone();
        async move {
            read_request(&mut stream).await;
            let _ = stream.write_all(closing.as_bytes()).await;
        }
    })
    .await;
    assert_eq!(all_six(six(address)).await.total().answered, 6);
}

#[tokio::test]
async fn no_answer_comes_in_time() {
    let address = serve(|mut stream| async move { while read_request(&mut stream).await {} }).await;
    let plan = LoadPlan { timeout: Duration::from_millis(30), ..six(address) };
    let report = all_six(plan).await;
    assert_eq!(report.total().lost, Losses { timeout: 6, ..Losses::default() });
    assert!(report.records().iter().all(|one| one.latency() >= Duration::from_millis(30)));
}

#[tokio::test]
async fn the_door_answers_in_the_services_place() {
    for (answer, status) in [
        ("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", 502),
        ("HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n", 503),
        ("HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 0\r\n\r\n", 504),
    ] {
        let report = all_six(six(serve_always(answer).await)).await;
        assert_eq!(report.total().lost, Losses { door: 6, ..Losses::default() });
        assert!(report.records().iter().all(|record| record.status() == Some(status)));
        assert_eq!(report.total().bad, 0);
    }
}

#[tokio::test]
async fn p8_an_answer_of_somebody_else_is_no_answer() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let report = all_six(six(serve_always(answer).await)).await;
    assert_eq!(report.total().lost, Losses { foreign: 6, ..Losses::default() });
}

#[tokio::test]
async fn a_503_of_the_service_itself_is_bad_but_not_lost() {
    let answer = "HTTP/1.1 503 Busy\r\nx-shop-version: v9\r\ncontent-length: 0\r\n\r\n";
    let report = all_six(six(serve_always(answer).await)).await;
    let total = report.total();
    assert_eq!((total.answered, total.bad, total.lost.total()), (6, 6, 0));
    assert_eq!(report.version("v9").unwrap().bad, 6);
}

#[tokio::test]
async fn what_comes_back_is_no_http() {
    let report = all_six(six(serve_always("what is it?\r\n\r\n").await)).await;
    assert_eq!(report.total().lost, Losses { garbled: 6, ..Losses::default() });
}

#[tokio::test]
async fn more_than_may_be_outstanding_is_lost_by_overflow() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let address = serve(move |mut stream| {
        let held = Arc::clone(&held);
        async move {
            while read_request(&mut stream).await {
                held.acquire().await.unwrap().forget();
                let _ = stream.write_all(GOOD.as_bytes()).await;
            }
        }
    })
    .await;
    let load = load::start(LoadPlan { outstanding: 2, ..six(address) }).unwrap();
    let waiting = tokio::task::spawn_blocking(move || {
        eventually("four overflow", || (load.snapshot().total.requests == 4).then_some(()));
        assert_eq!(load.snapshot().outstanding, 2);
        load
    });
    let load = waiting.await.unwrap();
    gate.add_permits(2);
    let report = load.finish().await;
    assert_eq!(report.total().answered, 2);
    assert_eq!(report.total().lost, Losses { overflow: 4, ..Losses::default() });
}
