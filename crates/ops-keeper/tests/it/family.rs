//! Whatever a service starts ends with it.

use ops_keeper::{Order, State};
use rustix::process::Signal;

use crate::nursery::{NONE, Nursery, eventually, signal, stamp};

/// A child, a child in its own session, one whose parent has left, one that ignores TERM, and one
/// without the marker.
const LARGE: &str = "
sleep 1001 &
setsid sleep 1002 &
(setsid sh -c 'sleep 1003 & echo' &)
setsid sh -c 'trap \"\" TERM; echo deaf >> $SCRATCH/up; while true; do sleep 0.02; done' &
setsid env -i sh -c 'exec sleep 1004' &
echo main >> $SCRATCH/up
exec sleep 1005
";

fn large_family() -> Nursery {
    let nursery = Nursery::with(LARGE, |spec| spec.stop_grace_ms = 300).started();
    eventually("all are up", || {
        let sleepers = nursery.processes().iter().filter(|pid| sleeps(**pid)).count();
        nursery.text("up").lines().count() == 2 && sleepers == 5
    });
    nursery
}

fn sleeps(pid: i32) -> bool {
    let argv = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    argv.starts_with("sleep\x00100")
}

#[test]
fn nothing_that_a_service_forked_survives_a_stop() {
    let mut nursery = large_family();
    nursery.order(Order::Stop, stamp(1, 2));
    nursery.keeper_leaves();
    assert_eq!(nursery.status().state, State::Stopped);
    assert_eq!(nursery.processes(), NONE);
}

#[test]
fn what_a_crashed_service_left_is_ended_before_it_starts_again() {
    let nursery = large_family();
    let before = nursery.processes();
    signal(nursery.main_pid(), Signal::KILL);
    eventually("a second life", || {
        nursery.text("up").lines().count() == 4 && nursery.status().state == State::Running
    });
    let after = nursery.processes();
    assert!(before.iter().all(|pid| !after.contains(pid)), "{before:?} {after:?}");
    assert_eq!(nursery.status().restarts, 1);
}

#[test]
fn descendants_are_ended_by_a_keeper_that_did_not_start_them() {
    let mut nursery = large_family();
    nursery.kill_keeper();
    nursery.keeper().unwrap();
    nursery.order(Order::Stop, stamp(1, 2));
    nursery.keeper_leaves();
    assert_eq!(nursery.processes(), NONE);
}
