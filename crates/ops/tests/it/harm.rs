//! A version that hurts users, from the first bad answer to what is told of it.

use std::fs;

use ops_demo::shop::ShopConfig;

use crate::{
    customers::open_shop,
    house::{Site, eventually, finish},
};

#[test]
fn p13_what_hurt_is_told_with_detector_time_counts_routes_and_statuses() {
    let mut site = Site::shop();
    let (_, customers) = open_shop(&mut site);

    let bad = site.build("v2");
    let trouble = ShopConfig { error_share: 0.5, onset_seconds: 2.0, ..ShopConfig::healthy("v2") };
    fs::write(bad.join("shop.json"), serde_json::to_vec(&trouble).unwrap()).unwrap();
    let second = site.ready("v2", &bad);
    let said = finish(site.begin(&["deploy", &second]));
    assert_ne!(said.code, 0, "{}", said.whole());

    let page = site.ops(&["show", "D-2"]).out;
    let template = "something broke after <*> us";
    for words in [
        "users were hurt (errors)",
        "Detector     errors",
        "the first failed request",
        "requests to the new version",
        "× 5xx",
        "Routes       ",
        "× /",
        template,
        "failed %     new",
        "taken back after",
    ] {
        assert!(page.contains(words), "{words} is missing:\n{page}");
    }
    let comments = site.as_member("dev").show(&second).unwrap().comments;
    let record = comments.iter().find(|one| one.text.contains("## Deployment Failed")).unwrap();
    for words in ["beside each other:", "kinds of answers", "routes with failures", template] {
        assert!(record.text.contains(words), "{words} is missing:\n{}", record.text);
    }
    let chart = site.state().join("charts/D-2.svg");
    eventually("the chart is drawn", || chart.exists().then_some(()));
    assert!(fs::read_to_string(chart).unwrap().contains("taken back"));
    let watched = site.ops(&["watch", "D-2"]);
    assert!(watched.out.contains("rolled-back"), "{}", watched.whole());
    drop(customers.go_home());
    site.assert_clean();
}
