//! The disk under everything fills up, and then takes no writes at all, in the middle of a watch. The
//! test runs again in a mount namespace of its own, with a small disk that goes away with it.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::Signal;

use crate::{
    customers::{open_shop, visit},
    house::{Site, eventually, finish, read_until},
};

/// Set where the test runs for the second time: the disk.
const DISK: &str = "OPS_TEST_DISK";
/// Its size in bytes: what a deployment needs, what is set aside for the way back, and little more.
const SIZE: u64 = 400 << 20;

/// Runs one test of this file again, in a mount namespace with a disk of its own.
fn on_a_small_disk(test: &str) {
    let folder = tempfile::tempdir().unwrap();
    let root = rustix::process::geteuid().is_root();
    let script = "mount -t tmpfs -o size=\"$2\",mode=700 small \"$1\" && shift 2 && exec \"$@\"";
    let status = Command::new("unshare")
        .args(if root { &["--mount"][..] } else { &["--mount", "--map-root-user"] })
        .args(["sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(SIZE.to_string())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "--test-threads=1", test])
        .env(DISK, folder.path())
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .status()
        .expect("unshare, of util-linux, makes the namespace");
    assert!(status.success(), "{test} on a small disk: {status}");
}

fn disk() -> Option<PathBuf> {
    std::env::var_os(DISK).map(PathBuf::from)
}

/// Fills what is left of a disk, to the last byte.
fn fill(disk: &Path) -> PathBuf {
    let path = disk.join("ballast");
    let mut file = File::create(&path).unwrap();
    for size in [1 << 20, 1 << 12, 1] {
        while file.write_all(&vec![7; size]).is_ok() {}
    }
    let more = File::create(disk.join("more")).and_then(|mut file| file.write_all(&[7; 8192]));
    assert!(more.is_err(), "the disk is full");
    path
}

fn mount(options: &[&str], paths: &[&Path]) {
    let status = Command::new("mount").args(options).args(paths).status().unwrap();
    assert!(status.success(), "mount {options:?}");
}

fn phase(site: &Site, deployment: &str) -> String {
    let said = site.ops(&["show", deployment, "--output", "json"]);
    if said.code == 0 {
        said.json()["phase"].as_str().unwrap_or_default().into()
    } else {
        String::new()
    }
}

fn watching(site: &Site, version: &str) -> (String, Child) {
    let ticket = site.ready(version, &site.build(version));
    let mut deploy = site.begin(&["deploy", &ticket]);
    read_until(&mut deploy, "watching");
    (ticket, deploy)
}

#[test]
fn s20_a_disk_that_fills_up_in_the_watch_hurts_nobody() {
    let Some(disk) = disk() else {
        return on_a_small_disk("disks::s20_a_disk_that_fills_up_in_the_watch_hurts_nobody");
    };
    let mut site = Site::shop();
    let customers = open_shop(&mut site).1;
    let (_, deploy) = watching(&site, "v2");
    let ballast = fill(&disk);
    let said = finish(deploy);
    let ended = phase(&site, "D-2");
    assert!(["closed", "rolled-back"].contains(&ended.as_str()), "{ended}: {}", said.whole());
    // Whether it is still full depends on what the version that left has given back.
    fs::remove_file(ballast).unwrap();
    let serving = if ended == "closed" { "v2" } else { "v1" };
    assert_eq!(visit(&site.door()).unwrap(), serving);
    let visits = customers.go_home();
    assert_eq!(visits.lost, Vec::<String>::new(), "of {}", visits.served);
    assert_eq!(site.ops(&["audit", "verify"]).code, 0);
    site.assert_clean();
}

#[test]
fn s20_a_state_folder_that_takes_no_writes_starts_no_daemon_and_hurts_nobody() {
    if disk().is_none() {
        return on_a_small_disk(
            "disks::s20_a_state_folder_that_takes_no_writes_starts_no_daemon_and_hurts_nobody",
        );
    }
    let mut site = Site::shop();
    let customers = open_shop(&mut site).1;
    let (ticket, mut deploy) = watching(&site, "v2");
    site.end_daemon(Signal::KILL);
    let _ = deploy.wait();
    let state = site.state();
    mount(&["--bind"], &[state.as_path(), &state]);
    mount(&["-o", "remount,bind,ro"], &[&state]);
    let said = site.ops(&["serve"]);
    assert_eq!(said.code, 1, "{}", said.whole());
    let told = ["read-only", "readonly"].iter().any(|word| said.err.to_lowercase().contains(word));
    assert!(told, "{}", said.whole());
    assert!(visit(&site.door()).is_ok(), "users are served meanwhile");
    assert_eq!(phase(&site, "D-2"), "watching", "what was written can be read");
    let status = Command::new("umount").arg("--lazy").arg(&state).status().unwrap();
    assert!(status.success());
    site.serve();
    eventually("v2 is closed", || (phase(&site, "D-2") == "closed").then_some(()));
    assert_eq!(site.as_member("dev").show(&ticket).unwrap().status, "closed");
    let visits = customers.go_home();
    assert_eq!(visits.lost, Vec::<String>::new(), "of {}", visits.served);
    site.assert_clean();
}

#[test]
fn p4_p5_a_daemon_that_was_stopped_for_longer_than_its_lease_looks_before_it_goes_on() {
    let mut site = Site::shop();
    let customers = open_shop(&mut site).1;
    let (ticket, deploy) = watching(&site, "v2");
    let daemon = rustix::process::Pid::from_raw(site.daemon_pid() as i32).unwrap();
    rustix::process::kill_process(daemon, Signal::STOP).unwrap();
    // Not a wait for something: time that passes is what is tested. A lease has 30 s.
    std::thread::sleep(std::time::Duration::from_secs(33));
    assert!(visit(&site.door()).is_ok(), "the door serves");
    rustix::process::kill_process(daemon, Signal::CONT).unwrap();
    let said = finish(deploy);
    assert_eq!(said.code, 0, "{}", said.whole());
    let found = site.as_member("dev").show(&ticket).unwrap();
    assert_eq!(found.status, "closed");
    let records = found.comments.iter().filter(|one| one.text.contains("## Deployment Complete"));
    assert_eq!(records.count(), 1);
    let visits = customers.go_home();
    assert_eq!(visits.lost, Vec::<String>::new(), "of {}", visits.served);
    site.assert_clean();
}
