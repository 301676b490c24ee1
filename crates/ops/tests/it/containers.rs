//! Containers in whole deployments: what runs alone, works without a port, dies later, does not want to
//! leave.

use std::{fs, process::Command};

use crate::{
    customers::{Customers, fetch, visit},
    docker::{Harbour, docker},
    house::{Said, eventually, finish},
};

fn deploy(harbour: &Harbour, version: &str, reference: &str) -> Said {
    let ticket = harbour.site.ready_with(version, reference);
    finish(harbour.site.begin(&["deploy", &ticket]))
}

fn engine_has(image: &str) -> bool {
    let mut command = Command::new("docker");
    command.args(["image", "inspect", image]).output().unwrap().status.success()
}

/// A container and an image of somebody else, who also calls things `ops`.
struct Stranger {
    container: String,
    image: String,
}

impl Stranger {
    fn of(image: &str) -> Self {
        let name = format!("ops-strange-{}:1", std::process::id());
        docker(&["tag", image, &name]);
        let label = "ops.service=shop";
        let container = docker(&["run", "--detach", "--label", label, &name]);
        Self { container, image: name }
    }

    fn is_untouched(&self) -> bool {
        let state = docker(&["inspect", "--format", "{{.State.Running}}", &self.container]);
        docker(&["image", "inspect", "--format", "{{.Id}}", &self.image]);
        state == "true"
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rm", "--force", &self.container]).output();
        let _ = Command::new("docker").args(["rmi", "--force", &self.image]).output();
    }
}

#[test]
fn p6_what_dies_in_the_watch_goes_back_what_ignores_term_is_killed_and_nothing_else_is_touched() {
    let mut harbour = Harbour::with("port: 8080", |text| {
        let text = text.replace("replicas: 1", "replicas: 2");
        text.replace("services:", "retention: { releases: 2 }\nheartbeat: 10s\nservices:")
    });
    let first = harbour.push("v1", "");
    harbour.site.serve();
    let door = harbour.site.door();
    let customers = harbour.open(&first, &door);
    let (_, digest) = first.split_once("@sha256:").unwrap();
    let stranger = Stranger::of(&format!("ops.local/kept:{digest}"));

    let second = harbour.push("v2", "STUBBORN=yes");
    let said = deploy(&harbour, "v2", &second);
    assert_eq!(said.code, 0, "{}", said.whole());

    let served = customers.go_home();
    assert!(served.lost.is_empty(), "{served:?}");

    // Healthy, served for a while, then dying again and again: in the watch, where it is taken back.
    // Both its copies die at about the same time, so a visitor or two may find neither.
    let customers = Customers::come(&door);
    let third = harbour.push("v3", "DIES_AFTER=60");
    let said = deploy(&harbour, "v3", &third);
    assert_ne!(said.code, 0, "{}", said.whole());
    eventually("v2 serves alone", || (visit(&door).ok()? == "v2").then_some(()));
    let shown = harbour.site.ops(&["show", "D-3"]).whole();
    assert!(shown.contains("users were hurt (restarts)"), "{shown}");
    assert!(shown.contains("last with exit status 7"), "{shown}");
    assert!(shown.contains("Observed"), "it was healthy, and watched: {shown}");
    eventually("nothing of v3 is left", || (harbour.containers().len() == 2).then_some(()));

    let served = customers.go_home();
    assert!(served.lost.len() <= 5, "{served:?}");
    let customers = Customers::come(&door);

    // v2 does not want to leave: it is killed after its grace, and the deployment ends well.
    let fourth = harbour.push("v4", "");
    let said = deploy(&harbour, "v4", &fourth);
    assert_eq!(said.code, 0, "{}", said.whole());
    assert_eq!(visit(&door).unwrap(), "v4");
    eventually("it alone is there", || (harbour.containers().len() == 2).then_some(()));
    let served = customers.go_home();
    assert!(served.lost.is_empty(), "{served:?}");

    // Two releases are kept, and nothing else that ops made, on disk and in the engine.
    let hex = |image: &String| image.split_once("@sha256:").unwrap().1.to_owned();
    let (mut stay, gone) = ([hex(&second), hex(&fourth)], [hex(&first), hex(&third)]);
    stay.sort_unstable();
    eventually("what is not kept is gone", || {
        let known = |hex: &String| engine_has(&format!("ops.local/kept:{hex}"));
        (harbour.kept() == stay && !gone.iter().any(known)).then_some(())
    });
    assert!(stay.iter().all(|hex| engine_has(&format!("ops.local/kept:{hex}"))));
    assert!(stranger.is_untouched(), "its image is one that ops let go");
}

#[test]
fn s7_a_container_that_runs_alone_is_exchanged_within_its_gap_and_comes_back_within_it() {
    let folder = tempfile::tempdir().unwrap();
    let volume =
        format!("port: 8080, memory: 64MB, volumes: [\"{}:/flags\"]", folder.path().display());
    let mut harbour = Harbour::with(&volume, |text| {
        let canary = "strategy: { canary: { steps: [50%], dwell: 1s, min_requests: 5 } }";
        assert!(text.contains(canary));
        text.replace(canary, "runs_twice: false\n    strategy: { recreate: { gap_limit: 15s } }")
    });
    let (first, second) = (harbour.push("v1", ""), harbour.push("v2", ""));
    harbour.site.serve();
    let door = harbour.site.door();
    let customers = harbour.open(&first, &door);

    let said = deploy(&harbour, "v2", &second);
    assert_eq!(said.code, 0, "{}", said.whole());
    assert_eq!(visit(&door).unwrap(), "v2");
    assert_eq!(harbour.containers().len(), 1);
    let (call, token) = (["board", "show", "MNS-2"], harbour.site.token("po"));
    let told = harbour.site.ops_with(&call, "OPS_BOARD_TOKEN", &token).whole();
    let gap =
        told.split("requests waited at the door for ").nth(1).unwrap_or_else(|| panic!("{told}"));
    let words: Vec<&str> = gap.split_whitespace().take(2).collect();
    let each = match words[1] {
        "ms" => 1,
        "s" => 1_000,
        unit => panic!("{unit} is no unit of a gap: {gap}"),
    };
    let lasted = words[0].parse::<u64>().unwrap() * each;
    assert!((1..=15_000).contains(&lasted), "{gap}");

    // A version that is never healthy: the old copy is back before the gap is over.
    fs::write(folder.path().join("sick-v3"), "").unwrap();
    let bad = harbour.push("v3", "");
    let said = deploy(&harbour, "v3", &bad);
    assert_ne!(said.code, 0, "{}", said.whole());
    assert_eq!(eventually("v2 is back", || visit(&door).ok()), "v2");
    let served = customers.go_home();
    assert!(served.lost.is_empty(), "who came waited at the door: {served:?}");
    assert_eq!(fetch(&door, "/env/VERSION").unwrap(), "v2");
    eventually("it alone is there", || (harbour.containers().len() == 1).then_some(()));
}

#[test]
fn s22_a_worker_finishes_the_job_in_hand_before_it_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let volume = format!("memory: 64MB, volumes: [\"{}:/jobs\"]", folder.path().display());
    let mut harbour = Harbour::with(&volume, |text| {
        let unrouted = text.lines().filter(|line| {
            let line = line.trim();
            !["route:", "smoke:", "health:", "strategy:", "watch:"]
                .iter()
                .any(|key| line.starts_with(key))
        });
        let text: Vec<&str> = unrouted.collect();
        text.join("\n") + "\n    strategy: blue-green\n    watch: { for: 30s, last_stretch: 5s }\n"
    });
    let check = "HEALTHCHECK --interval=1s --retries=2 CMD [\"/service\", \"check\"]";
    let first = harbour.push_with("v1", "JOBS=/jobs", check);
    let second = harbour.push_with("v2", "JOBS=/jobs", check);
    harbour.site.serve();
    let said = deploy(&harbour, "v1", &first);
    assert_eq!(said.code, 0, "{}", said.whole());
    let said = deploy(&harbour, "v2", &second);
    assert_eq!(said.code, 0, "{}", said.whole());
    let is_there = |name: &str| folder.path().join(name).exists();
    assert!(is_there("v1.left"), "it left by itself");
    let files = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name());
    let names: Vec<String> = files.map(|name| name.into_string().unwrap()).collect();
    let begun = names.iter().filter_map(|name| name.strip_suffix(".begun"));
    let of_the_first: Vec<&str> = begun.filter(|name| name.starts_with("v1-")).collect();
    assert!(!of_the_first.is_empty());
    for job in of_the_first {
        assert!(is_there(&format!("{job}.done")), "{job} was begun and never done");
    }
    assert!(names.iter().any(|name| name.starts_with("v2-")), "v2 works");
    assert_eq!(harbour.containers().len(), 1);
}
