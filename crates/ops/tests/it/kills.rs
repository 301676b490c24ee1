//! The real daemon dies by `kill -9` right after every record of its journal, and is started again.
//! Users, services, the door and the boards must not notice; each deployment must end as it would
//! have without.

use std::{
    collections::BTreeMap,
    fs,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use ops_demo::shop::ShopConfig;
use rustix::process::Signal;

use crate::{
    compose,
    customers::{Customers, open_shop, visit},
    docker::Harbour,
    house::{Site, eventually},
};

/// The variable by which a debug build dies after so many records.
const DIES_AFTER: &str = "OPS_DEBUG_DIE_AFTER_RECORDS";
/// Lives of a daemon until a deployment must have ended.
const LIVES_MAX: usize = 400;
/// A daemon that lives for so long has nothing to write: the deployment may have ended.
const QUIET: Duration = Duration::from_secs(4);
/// The longest life, in records. Each life begins with up to three of its own (restarted, lease taken,
/// space set aside), and one that ends after an intent does not act: longer ones must come between.
const LONGEST: usize = 9;

/// After which record a life ended, if it did.
fn life(site: &Site, records: usize) -> Option<(u64, String)> {
    let path = site.path().join("lives.log");
    let log = fs::File::create(&path).unwrap();
    let mut command = site.command(&["serve"]);
    command.env(DIES_AFTER, records.to_string()).stdout(Stdio::null()).stderr(log);
    let mut child = command.spawn().unwrap();
    let ended = within(&mut child, QUIET);
    let said = fs::read_to_string(&path).unwrap();
    if !ended {
        child.kill().unwrap();
        child.wait().unwrap();
        return None;
    }
    let line = said.lines().find_map(|line| line.strip_prefix("died after record "));
    let (seq, event) = line.and_then(|line| line.split_once(' ')).expect(&said);
    Some((seq.parse().unwrap(), event.to_owned()))
}

/// Whether it ends by itself in time.
fn within(child: &mut Child, time: Duration) -> bool {
    let until = Instant::now() + time;
    while Instant::now() < until {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

fn phase(site: &Site, deployment: &str) -> String {
    let said = site.ops(&["show", deployment, "--output", "json"]);
    if said.code != 0 {
        return String::new();
    }
    said.json()["phase"].as_str().unwrap_or_default().to_owned()
}

/// Lets daemons die after every record until a deployment has ended; how often after each kind.
fn die_through(site: &Site, deployment: &str, ends: &str) -> BTreeMap<String, usize> {
    let mut deaths = BTreeMap::new();
    for records in (1..=LONGEST).cycle().take(LIVES_MAX) {
        if let Some((_, event)) = life(site, records) {
            *deaths.entry(event).or_default() += 1;
        } else if phase(site, deployment) == ends {
            return deaths;
        }
    }
    panic!("{deployment} is {} after {LIVES_MAX} lives: {deaths:?}", phase(site, deployment));
}

fn records_on(site: &Site, ticket: &str, title: &str) -> usize {
    let found = site.as_member("dev").show(ticket).unwrap();
    found.comments.iter().filter(|one| one.text.contains(title)).count()
}

#[test]
fn p5_p6_p10_a_daemon_that_dies_after_every_record_ships_and_takes_back_as_it_must() {
    let mut site = Site::shop();
    let (door, customers) = open_shop(&mut site);

    let good = site.ready("v2", &site.build("v2"));
    site.end_daemon(Signal::KILL);
    let deaths = die_through(&site, "D-2", "closed");
    println!("while v2 shipped: {deaths:?}");
    let visits = customers.go_home();
    assert_eq!(visits.lost, Vec::<String>::new(), "of {}", visits.served);
    assert_eq!(visit(&door).unwrap(), "v2");

    site.serve();
    assert_eq!(records_on(&site, &good, "## Deployment Complete"), 1);
    assert_eq!(site.as_member("dev").show(&good).unwrap().status, "closed");
    let customers = Customers::come(&door);
    let bad = site.build("v3");
    let trouble = ShopConfig { error_share: 0.6, onset_seconds: 2.0, ..ShopConfig::healthy("v3") };
    fs::write(bad.join("shop.json"), serde_json::to_vec(&trouble).unwrap()).unwrap();
    let bad = site.ready("v3", &bad);
    site.end_daemon(Signal::KILL);
    let deaths = die_through(&site, "D-3", "rolled-back");
    println!("while v3 went back: {deaths:?}");
    drop(customers.go_home());
    assert_eq!(visit(&door).unwrap(), "v2");
    site.serve();
    eventually("its record is written", || {
        (records_on(&site, &bad, "## Deployment Failed") > 0).then_some(())
    });
    assert_eq!(records_on(&site, &bad, "## Deployment Failed"), 1);
    assert_eq!(site.as_member("dev").show(&bad).unwrap().status, "rfp");
    assert_eq!(site.ops(&["audit", "verify"]).code, 0);
    site.assert_clean();
}

#[test]
fn p5_p6_a_daemon_that_dies_after_every_record_finds_its_containers_each_time() {
    let mut harbour = Harbour::new();
    let (door, second, customers) = harbour.opened();

    harbour.site.ready_with("v2", &second);
    harbour.site.end_daemon(Signal::KILL);
    let deaths = die_through(&harbour.site, "D-2", "closed");
    println!("while v2 shipped: {deaths:?}");
    let visits = customers.go_home();
    assert_eq!(visits.lost, Vec::<String>::new(), "of {}", visits.served);
    assert_eq!(visit(&door).unwrap(), "v2");
    assert_eq!(harbour.containers().len(), 2, "nothing of v1 is left");
    harbour.site.serve();
    assert_eq!(harbour.site.ops(&["audit", "verify"]).code, 0);
}

/// A project whose second version ends so, whenever a daemon dies: the front, its worker, which
/// changes with it, and the database, which does not. What is under way when a daemon dies is
/// often a run of Compose.
fn die_through_a_project(of_web: &str, ends: &str, serves: &str) -> BTreeMap<String, usize> {
    let mut harbour = compose::Harbour::new("v2");
    let (door, customers) = harbour.open(&harbour.images("v1", ""));
    let database = harbour.seen("db").unwrap();

    harbour.ticket("v2", &harbour.images("v2", of_web));
    harbour.site.end_daemon(Signal::KILL);
    let deaths = die_through(&harbour.site, "D-2", ends);
    let visits = customers.go_home();
    if of_web.is_empty() {
        assert_eq!(visits.lost, Vec::<String>::new(), "of {}", visits.served);
    }
    assert_eq!(visit(&door).unwrap(), serves);
    assert_eq!(harbour.seen("worker").unwrap().1, serves);
    assert_eq!(harbour.seen("db").unwrap(), database, "what did not change was not touched");
    assert_eq!(harbour.containers(), 3, "nothing else is left, and nothing is there twice");
    harbour.site.serve();
    assert_eq!(harbour.site.ops(&["audit", "verify"]).code, 0);
    deaths
}

#[test]
fn p5_p6_a_daemon_that_dies_after_every_record_ships_a_project() {
    println!("while v2 shipped: {:?}", die_through_a_project("", "closed", "v2"));
}

#[test]
fn p2_p5_a_daemon_that_dies_after_every_record_takes_a_project_back_whole() {
    let deaths = die_through_a_project("FAILS=40", "rolled-back", "v1");
    println!("while v2 went back: {deaths:?}");
}
