//! ops is upgraded while services run: the daemon of the new build finds the edge of the old one.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use ops_edge::{EdgeDoor, EdgeStatus};
use rustix::process::Signal;

use crate::{
    customers::{open_shop, visit},
    house::{Site, eventually},
};

fn edge(site: &Site) -> Option<EdgeStatus> {
    EdgeDoor::new(site.state().join("edge")).status().ok()
}

/// The same program as a file of its own: another build, as far as anybody can tell.
fn upgraded(site: &Site) -> PathBuf {
    let program = site.path().join("ops-upgraded");
    fs::copy(env!("CARGO_BIN_EXE_ops"), &program).unwrap();
    let later = SystemTime::now() + Duration::from_hours(1);
    File::options().write(true).open(&program).unwrap().set_modified(later).unwrap();
    program
}

#[test]
fn s19_a_daemon_of_another_build_lets_its_own_edge_take_over_and_nobody_notices() {
    let mut site = Site::shop();
    let (door, customers) = open_shop(&mut site);
    let old = edge(&site).expect("an edge");

    // A daemon of the same build leaves the edge as it is.
    site.end_daemon(Signal::TERM);
    site.serve();
    assert_eq!(edge(&site).expect("an edge").instance, old.instance);
    site.end_daemon(Signal::TERM);

    let mut daemon = Command::new(upgraded(&site))
        .arg("serve")
        .current_dir(site.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let new = eventually("another edge answers", || {
        assert!(daemon.try_wait().unwrap().is_none(), "the daemon ended");
        edge(&site).filter(|edge| edge.instance != old.instance)
    });
    assert_ne!(new.build, old.build);
    assert_eq!((new.listen, new.routes.len()), (old.listen, old.routes.len()));
    assert_eq!(new.routes[0].stamp, old.routes[0].stamp);
    let old_one = "the edge has ended; another one serves in its place";
    let said = || fs::read_to_string(site.state().join("edge.log")).unwrap_or_default();
    eventually("the old edge ends", || said().contains(old_one).then_some(()));

    assert_eq!(site.door(), door);
    assert_eq!(visit(&door).unwrap(), "v1");
    let visits = customers.go_home();
    assert_eq!(visits.lost, Vec::<String>::new(), "of {} visits", visits.served);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    site.assert_clean();
}
