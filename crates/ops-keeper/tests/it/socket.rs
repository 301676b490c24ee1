//! What is said to a keeper.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    time::Duration,
};

use ops_keeper::{Answer, AskError, Order, Request, State};
use rustix::process::Signal;

use crate::nursery::{Nursery, eventually, signal, stamp};

const SLEEPER: &str = "exec sleep 1000";

#[test]
fn p4_a_stale_order_is_refused_also_by_the_next_keeper() {
    let mut nursery = Nursery::new(SLEEPER).started();
    let main = nursery.main_pid();
    nursery.order(Order::Start, stamp(7, 4));
    let stale = Answer::Stale { highest: stamp(7, 4) };
    for lower in [stamp(6, 9), stamp(7, 3)] {
        assert_eq!(nursery.order(Order::Stop, lower), stale);
    }
    nursery.kill_keeper();
    let lock = ops_keeper::ReplicaLock::try_take(&nursery.replica()).unwrap().unwrap();
    let offline = ops_keeper::take_order(&lock, &nursery.replica(), Order::Stop, stamp(6, 9));
    assert_eq!(offline.unwrap().unwrap_err().highest, stamp(7, 4));
    drop(lock);
    nursery.keeper().unwrap();
    assert_eq!(nursery.order(Order::Stop, stamp(6, 9)), stale);
    assert_eq!((nursery.main_pid(), nursery.status().state), (main, State::Running));
}

#[test]
fn an_order_may_come_twice() {
    let nursery = Nursery::new(SLEEPER).started();
    let main = nursery.main_pid();
    for _ in 0..3 {
        assert!(matches!(nursery.order(Order::Start, stamp(2, 1)), Answer::Report(_)));
    }
    assert_eq!(nursery.main_pid(), main);
}

#[test]
fn a_start_during_a_stop_runs_the_service_again() {
    let script = "trap '' TERM; echo up >> $SCRATCH/up; while true; do sleep 0.02; done";
    let nursery = Nursery::with(script, |spec| spec.stop_grace_ms = 300).started();
    let main = nursery.main_pid();
    eventually("its trap is set", || nursery.text("up") == "up\n");
    nursery.order(Order::Stop, stamp(1, 2));
    assert_eq!(nursery.status().state, State::Stopping);
    nursery.order(Order::Start, stamp(1, 3));
    eventually("a second life", || nursery.text("up") == "up\nup\n");
    nursery.wait_for(State::Running);
    assert_ne!(nursery.main_pid(), main);
    assert_eq!(nursery.status().restarts, 0, "it did not end by itself");
}

#[test]
fn the_socket_and_the_folder_are_the_owners_alone() {
    let nursery = Nursery::new(SLEEPER).started();
    let mode =
        |name: &str| nursery.replica().join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("."), mode("keeper.sock"), mode("spec.json")), (0o700, 0o600, 0o600));
}

#[test]
fn nonsense_floods_and_silent_guests_do_not_hold_the_keeper_up() {
    let nursery = Nursery::new(SLEEPER).started();
    let socket = nursery.replica().join("keeper.sock");
    let connect = || UnixStream::connect(&socket).unwrap();
    let silent: Vec<UnixStream> = (0..5).map(|_| connect()).collect();
    let mut line = String::new();
    let mut guest = connect();
    guest.write_all(b"{\"ask\":\"dance\"}\n").unwrap();
    BufReader::new(&guest).read_line(&mut line).unwrap();
    assert!(line.contains("refused") && line.contains("this is no request"), "{line}");
    let mut flood = connect();
    let _ = flood.write_all(&vec![b'x'; 64 * 1024]);
    let mut line = Vec::new();
    // The keeper may close before it has read the whole flood, which resets the connection.
    let _ = BufReader::new(&flood).read_until(b'\n', &mut line);
    assert!(line.len() < 1024);
    assert!(nursery.report().is_some());
    drop(silent);
}

#[test]
fn two_questions_fit_in_one_connection() {
    let nursery = Nursery::new(SLEEPER).started();
    let stream = UnixStream::connect(nursery.replica().join("keeper.sock")).unwrap();
    let mut reader = BufReader::new(&stream);
    for _ in 0..2 {
        let mut line = String::new();
        (&stream).write_all(b"{\"ask\":\"status\"}\n").unwrap();
        reader.read_line(&mut line).unwrap();
        assert!(serde_json::from_str::<Answer>(&line).is_ok(), "{line}");
    }
}

#[test]
fn p9_a_keeper_that_is_stuck_is_not_waited_for() {
    let nursery = Nursery::new(SLEEPER).started();
    let keeper = nursery.report().unwrap().keeper;
    signal(keeper, Signal::STOP);
    let asked = ops_keeper::ask(&nursery.replica(), &Request::Status, Duration::from_millis(50));
    signal(keeper, Signal::CONT);
    assert!(matches!(asked, Err(AskError::Silent)), "{asked:?}");
}
