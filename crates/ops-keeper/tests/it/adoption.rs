//! Keepers come and go; the service stays.

use ops_keeper::{Order, Stamp, State, Status};
use rustix::process::Signal;

use crate::nursery::{NONE, Nursery, alive, eventually, signal, stamp};

const TALKER: &str = "n=0; while true; do n=$((n+1)); echo line $n; sleep 0.01; done";

#[test]
fn a_killed_keeper_leaves_the_service_running_and_the_next_one_adopts_it() {
    let mut nursery = Nursery::new(TALKER).started();
    let main = nursery.main_pid();
    eventually("output", || nursery.log().contains("out line 3\n"));
    nursery.kill_keeper();
    assert!(alive(main));
    let report = nursery.keeper().unwrap();
    assert_eq!(report.status.state, State::Running);
    assert_eq!(nursery.main_pid(), main);
    assert_eq!(nursery.status().restarts, 0);
    let read_so_far = nursery.log().len();
    eventually("more output", || nursery.log().len() > read_so_far + 200);
    let log = nursery.log();
    let numbers: Vec<u32> =
        log.lines().filter_map(|line| line.split_once(" out line ")?.1.parse().ok()).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "no line is lost");
    nursery.order(Order::Stop, stamp(1, 2));
    nursery.keeper_leaves();
    assert!(!alive(main) && nursery.processes().is_empty());
}

#[test]
fn term_ends_the_keeper_and_not_the_service() {
    let mut nursery = Nursery::new(TALKER).started();
    let main = nursery.main_pid();
    signal(nursery.report().unwrap().keeper, Signal::TERM);
    nursery.keeper_leaves();
    assert!(alive(main));
    nursery.keeper().unwrap();
    assert_eq!(nursery.main_pid(), main);
}

#[test]
fn a_second_keeper_leaves_at_once() {
    let mut nursery = Nursery::new(TALKER).started();
    let main = nursery.main_pid();
    assert_eq!(nursery.keeper(), None);
    assert_eq!(nursery.main_pid(), main);
}

#[test]
fn the_end_of_an_adopted_service_is_noticed() {
    let mut nursery = Nursery::new(TALKER).started();
    nursery.kill_keeper();
    nursery.keeper().unwrap();
    let main = nursery.main_pid();
    signal(main, Signal::KILL);
    eventually("a second life", || {
        let status = nursery.status();
        status.restarts == 1 && status.state == State::Running
    });
    assert_ne!(nursery.main_pid(), main);
    assert!(nursery.status().last_exit.unwrap().contains("not known"));
}

#[test]
fn a_service_that_ended_without_a_keeper_is_started_again() {
    let mut nursery = Nursery::new(TALKER).started();
    let main = nursery.main_pid();
    nursery.kill_keeper();
    signal(main, Signal::KILL);
    eventually("its end", || !alive(main));
    nursery.keeper().unwrap();
    eventually("a second life", || nursery.status().state == State::Running);
    assert_eq!(nursery.status().restarts, 1);
    assert!(nursery.status().last_exit.unwrap().contains("no keeper was at work"));
}

#[test]
fn a_start_that_was_not_written_down_is_adopted_and_not_doubled() {
    let mut nursery = Nursery::new(TALKER).started();
    let main = nursery.main_pid();
    nursery.kill_keeper();
    rewrite(&nursery, |status| {
        status.main = None;
        status.launching = true;
    });
    nursery.keeper().unwrap();
    nursery.wait_for(State::Running);
    assert_eq!(nursery.main_pid(), main);
}

#[test]
fn s18_after_a_reboot_an_old_process_id_means_nothing() {
    let mut nursery = Nursery::new(TALKER).started();
    let old = nursery.main_pid();
    nursery.kill_keeper();
    signal(old, Signal::KILL);
    eventually("its end", || !alive(old));
    let me = std::process::id() as i32;
    rewrite(&nursery, |status| {
        status.boot = "another boot".to_owned();
        if let Some(main) = &mut status.main {
            main.pid = me;
        }
    });
    nursery.keeper().unwrap();
    nursery.wait_for(State::Running);
    let status = nursery.status();
    assert_ne!(status.main.unwrap().pid, me);
    assert_eq!((status.restarts, status.last_exit), (0, None), "a reboot is not its fault");
}

#[test]
fn a_stop_goes_on_under_the_next_keeper() {
    let script = "trap '' TERM; echo up; while true; do sleep 0.02; done";
    let mut nursery = Nursery::with(script, |spec| spec.stop_grace_ms = 400).started();
    eventually("its trap is set", || nursery.log().contains("out up"));
    nursery.order(Order::Stop, stamp(1, 2));
    nursery.kill_keeper();
    assert_eq!(nursery.status().state, State::Stopping);
    nursery.keeper();
    nursery.keeper_leaves();
    assert_eq!(nursery.status().state, State::Stopped);
    assert_eq!(nursery.processes(), NONE);
}

#[test]
fn no_orphan_and_no_double_after_any_sequence_of_orders_and_kills() {
    for seed in 1..=6_u64 {
        random_life(seed);
    }
}

fn random_life(seed: u64) {
    let script = "setsid sleep 1006 & echo up; exec sleep 1007";
    let mut nursery = Nursery::with(script, |spec| spec.stop_grace_ms = 200);
    let mut dice = seed;
    let mut op = 0;
    for _ in 0..12 {
        // Marsaglia's xorshift64: a seed gives the same sequence on every machine.
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        op += 1;
        match dice % 6 {
            0 | 1 => tell(&mut nursery, Order::Start, stamp(1, op)),
            2 => tell(&mut nursery, Order::Stop, stamp(1, op)),
            3 => nursery.kill_keeper(),
            4 => drop(nursery.keeper()),
            _ => {
                if let Some(main) = nursery.status().main {
                    signal(main.pid, Signal::KILL);
                }
            }
        }
        let mains = nursery
            .processes()
            .iter()
            .filter(|pid| {
                let argv = std::fs::read_to_string(format!("/proc/{pid}/cmdline"));
                argv.is_ok_and(|argv| argv == "sleep\x001007\0")
            })
            .count();
        assert!(mains <= 1, "seed {seed}: {mains} copies");
    }
    tell(&mut nursery, Order::Stop, stamp(2, 1));
    nursery.wait_for(State::Stopped);
    assert_eq!(nursery.processes(), NONE, "seed {seed}");
}

/// As a target does it: through the keeper, or in its place and then with a new one.
fn tell(nursery: &mut Nursery, order: Order, stamp: Stamp) {
    eventually("the order is taken", || {
        let request = ops_keeper::Request::Order { order, stamp };
        if matches!(nursery.ask(&request), Some(ops_keeper::Answer::Report(_))) {
            return true;
        }
        let replica = nursery.replica();
        let Some(lock) = ops_keeper::ReplicaLock::try_take(&replica).unwrap() else {
            return false;
        };
        ops_keeper::take_order(&lock, &replica, order, stamp).unwrap().unwrap();
        true
    });
    if nursery.report().is_none() {
        nursery.keeper();
    }
}

/// Changes what a dead keeper wrote down.
fn rewrite(nursery: &Nursery, change: impl FnOnce(&mut Status)) {
    let mut status = ops_keeper::read_status(&nursery.replica()).unwrap();
    change(&mut status);
    ops_keeper::save(&nursery.replica().join("status.json"), &status).unwrap();
}
