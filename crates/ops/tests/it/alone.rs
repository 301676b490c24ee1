//! The daemon dies while a bad canary serves, and nobody brings it back for minutes (DESIGN §4).

use std::fs;

use ops_demo::shop::ShopConfig;
use rustix::process::Signal;

use crate::{
    customers::{open_shop, visit},
    house::{Site, eventually},
};

/// Visits in a row that one version must answer until it counts as the only one.
const VISITS: usize = 60;

#[test]
fn s20_without_a_daemon_the_door_goes_back_by_itself_and_the_next_daemon_tells() {
    let mut site = Site::shop();
    let (door, customers) = open_shop(&mut site);

    let bad = site.build("v2");
    let trouble = ShopConfig { error_share: 0.5, onset_seconds: 12.0, ..ShopConfig::healthy("v2") };
    fs::write(bad.join("shop.json"), serde_json::to_vec(&trouble).unwrap()).unwrap();
    let second = site.ready("v2", &bad);
    let mut deploy = site.begin(&["deploy", &second]);
    eventually("v2 is on traffic", || visit(&door).ok().filter(|version| version == "v2"));
    site.end_daemon(Signal::KILL);
    let _ = deploy.kill();
    let _ = deploy.wait();
    eventually("v2 fails", || visit(&door).err());

    let all_v1 = || (0..VISITS).all(|_| visit(&door).is_ok_and(|version| version == "v1"));
    eventually("the door went back", || all_v1().then_some(()));
    site.serve();
    let show = || site.ops(&["show", "D-2"]).out;
    eventually("it is rolled back", || show().contains("rolled-back").then_some(()));
    assert!(show().contains("the door went back to the old one by itself"), "{}", show());
    assert_eq!(visit(&door).unwrap(), "v1");
    assert_eq!(site.as_member("dev").show(&second).unwrap().status, "rfp");
    drop(customers.go_home());
    site.assert_clean();
}
