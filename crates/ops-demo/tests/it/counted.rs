//! What a load counts, and from which moment it measures.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ops_demo::{
    load::{self, LoadError, LoadPlan, Schedule, Stage, Visit},
    shop::ShopConfig,
    versions::BadVersions,
};
use tokio::{io::AsyncWriteExt, time::sleep};

use crate::{
    servers::{GOOD, read_request, serve},
    shop_process::{PATIENCE, ShopProcess, eventually},
};

#[tokio::test]
async fn every_departure_is_counted_at_its_intended_time() {
    let shop = ShopProcess::start(&ShopConfig::healthy("v2"));
    let stages = [(200.0, 400), (0.0, 100), (500.0, 300)];
    let schedule = Schedule::stages(
        stages
            .map(|(per_second, ms)| Stage { per_second, lasts: Duration::from_millis(ms) })
            .to_vec(),
    );
    let plan = LoadPlan { timeout: PATIENCE, ..LoadPlan::shop(shop.address, schedule.clone()) };
    let mix = plan.mix.len();
    let report = load::start(plan).unwrap().finish().await;
    assert!(report.is_complete());
    let total = report.total();
    assert_eq!((total.requests, total.answered, total.lost.total()), (230, 230, 0), "{total:?}");
    assert_eq!(report.version("v2").unwrap().answered, 230);
    let mut intended: Vec<u64> = report.records().iter().map(load::Record::intended_us).collect();
    intended.sort_unstable();
    let departures: Vec<u64> = schedule.departures().map(|offset| intended[0] + offset).collect();
    assert_eq!(intended, departures);
    for record in report.records() {
        assert!(record.sent_us().unwrap() >= record.intended_us());
        assert_eq!((record.status(), report.version_of(record)), (Some(200), Some("v2")));
    }
    let visited = |visit| report.records().iter().any(|record| record.visit() == visit);
    assert!((0..mix).all(visited));
    let pause = report.started() + 401..report.started() + 499;
    assert_eq!(report.tally(pause).requests, 0);
}

#[tokio::test]
async fn a_bad_version_is_seen_with_its_first_bad_answer() {
    let bad = BadVersions { v3_error_share: 1.0, ..BadVersions::default() };
    let shop = ShopProcess::start(&bad.v3());
    let schedule = Schedule::lasting(200.0, Duration::from_millis(100));
    let plan = LoadPlan { timeout: PATIENCE, ..LoadPlan::shop(shop.address, schedule) };
    let report = load::start(plan).unwrap().finish().await;
    let total = report.total();
    assert_eq!((total.answered, total.bad, total.lost.total()), (20, 20, 0));
    let v3 = report.version("v3").unwrap();
    let first_bad = v3.first_bad.unwrap();
    assert_eq!((v3.bad, first_bad), (20, v3.first_answer));
    assert!(first_bad >= report.started() && first_bad <= report.ended().unwrap());
    assert_eq!(report.bad_until(first_bad - 1, None), 0);
    assert!(report.bad_until(first_bad, None) >= 1);
    assert_eq!(report.bad_until(report.ended().unwrap(), Some("v3")), 20);
}

#[tokio::test]
async fn a_load_can_be_read_while_it_runs_and_stopped() {
    let shop = ShopProcess::start(&ShopConfig::healthy("v1"));
    let plan =
        LoadPlan { timeout: PATIENCE, ..LoadPlan::shop(shop.address, Schedule::constant(300.0)) };
    let load = load::start(plan).unwrap();
    let reading = tokio::task::spawn_blocking(move || {
        eventually("thirty answers", || (load.snapshot().total.answered >= 30).then_some(()));
        let snapshot = load.snapshot();
        assert!(snapshot.running);
        assert_eq!(snapshot.versions[0].version, "v1");
        assert!(snapshot.recent.unwrap().p50_ms > 0.0);
        let so_far = load.so_far();
        assert!(so_far.ended().is_none() && !so_far.is_complete());
        assert!(so_far.total().answered >= snapshot.total.answered);
        load
    });
    let report = reading.await.unwrap().stop().await;
    assert!(report.is_complete());
    assert_eq!((report.total().lost.total(), report.outstanding()), (0, 0));
    assert_eq!(report.tally(..), report.total());
}

#[tokio::test]
async fn a_stall_shows_in_every_request_that_was_to_depart_in_it() {
    const STALL: Duration = Duration::from_millis(300);
    let stalled = Arc::new(AtomicBool::new(false));
    let address = serve(move |mut stream| {
        let stalled = Arc::clone(&stalled);
        async move {
            while read_request(&mut stream).await {
                if !stalled.swap(true, Ordering::SeqCst) {
                    sleep(STALL).await;
                }
                let _ = stream.write_all(GOOD.as_bytes()).await;
            }
        }
    })
    .await;
    let plan = LoadPlan {
        mix: vec![Visit::get("/", 1)],
        connections: 1,
        timeout: PATIENCE,
        ..LoadPlan::shop(address, Schedule::lasting(100.0, Duration::from_millis(400)))
    };
    let report = load::start(plan).unwrap().finish().await;
    assert_eq!((report.total().requests, report.total().answered), (40, 40));
    let first = report.records().iter().map(load::Record::intended_us).min().unwrap();
    for record in report.records() {
        let offset = Duration::from_micros(record.intended_us() - first);
        let least = STALL.saturating_sub(offset);
        assert!(record.latency() >= least, "{offset:?}: {:?} < {least:?}", record.latency());
    }
    // A closed loop would have one slow request; here every departure of the stall is slow.
    let spread = report.latency(.., None).unwrap();
    assert!(spread.p50_ms >= 50.0, "{spread:?}");
    assert!(report.lateness(..).unwrap().p50_ms >= 50.0);
}

#[test]
fn a_load_goes_nowhere_but_here() {
    for foreign in ["192.0.2.1:80", "10.1.2.3:8080", "0.0.0.0:80", "[2001:db8::7]:443"] {
        let plan = LoadPlan::shop(foreign.parse().unwrap(), Schedule::constant(1.0));
        let error = load::start(plan).unwrap_err();
        assert!(matches!(error, LoadError::Foreign(_)), "{error}");
        assert!(error.to_string().contains("loopback"), "{error}");
    }
}
