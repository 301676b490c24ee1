//! Whatever a service starts ends with it.

use ops_keeper::{Order, State};
use rustix::process::Signal;

use crate::nursery::{NONE, Nursery, eventually, signal, stamp};

/// A child, a child in its own session, one whose parent has left, one that ignores TERM, and one
/// without any variable: each writes a line once it lives.
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
        nursery.text("up").lines().count() == 2 && sleepers(&nursery) == 4
    });
    nursery
}

/// Those that carry the scratch folder's name; the one without variables is looked for apart.
fn sleepers(nursery: &Nursery) -> usize {
    nursery
        .processes()
        .iter()
        .filter(|pid| argv(**pid).contains("sleep\0100"))
        .count()
}

fn argv(pid: i32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

fn nameless(keeper: i32) -> Vec<i32> {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| argv(*pid) == "sleep\01004\0")
        .filter(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let parent = |stat: &str| -> Option<i32> {
                stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
            };
            let main = parent(&stat);
            let above = main.and_then(|pid| {
                parent(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
            });
            main == Some(keeper) || above == Some(keeper)
        })
        .collect()
}

#[test]
fn nothing_that_a_service_forked_survives_a_stop() {
    let mut nursery = large_family();
    let keeper = nursery.report().unwrap().keeper;
    let mut hidden = Vec::new();
    eventually("the one without variables", || {
        hidden = nameless(keeper);
        hidden.len() == 1
    });
    nursery.order(Order::Stop, stamp(1, 2));
    nursery.keeper_leaves();
    assert_eq!(nursery.status().state, State::Stopped);
    assert_eq!(nursery.processes(), NONE);
    assert!(!crate::nursery::alive(hidden[0]));
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
    assert!(
        before.iter().all(|pid| !after.contains(pid)),
        "{before:?} {after:?}"
    );
    assert_eq!(nursery.status().restarts, 1);
}

#[test]
fn descendants_are_found_by_a_keeper_that_never_saw_their_parents() {
    let mut nursery = large_family();
    let keeper = nursery.report().unwrap().keeper;
    let hidden = nameless(keeper);
    nursery.kill_keeper();
    nursery.keeper().unwrap();
    nursery.order(Order::Stop, stamp(1, 2));
    nursery.keeper_leaves();
    assert_eq!(nursery.processes(), NONE);
    for pid in hidden {
        // Without a variable, out of the group, its parent gone: if nothing ties it to the
        // service any more it may live on, and this test must not leave it behind.
        signal(pid, Signal::KILL);
    }
}
