//! Starting, stopping, ending by itself.

use ops_keeper::{Answer, Order, State};

use crate::nursery::{Nursery, alive, eventually, stamp};

const SLEEPER: &str = "echo up; exec sleep 1000";

#[test]
fn a_service_runs_and_stops_and_starts_again() {
    let mut nursery = Nursery::new(SLEEPER).started();
    let first = nursery.main_pid();
    eventually("its output", || nursery.log().contains(" out up\n"));
    assert!(matches!(nursery.order(Order::Stop, stamp(1, 2)), Answer::Report(_)));
    nursery.keeper_leaves();
    let status = nursery.status();
    assert_eq!((status.state, status.restarts, status.last_exit), (State::Stopped, 0, None));
    assert!(!alive(first) && nursery.processes().is_empty());

    nursery.order_offline(Order::Start, stamp(1, 3));
    nursery.keeper().unwrap();
    nursery.wait_for(State::Running);
    assert_ne!(nursery.main_pid(), first);
}

#[test]
fn a_service_that_ignores_term_is_killed_after_its_grace() {
    let script = "trap 'echo ignored' TERM; echo up; while true; do sleep 0.01; done";
    let mut nursery = Nursery::with(script, |spec| spec.stop_grace_ms = 300).started();
    eventually("its trap is set", || nursery.log().contains("out up"));
    nursery.order(Order::Stop, stamp(1, 2));
    nursery.keeper_leaves();
    assert_eq!(nursery.status().state, State::Stopped);
    assert!(nursery.processes().is_empty());
    assert!(nursery.log().contains("out ignored"), "TERM came first");
}

#[test]
fn a_service_that_ends_upon_term_has_its_whole_grace() {
    let script = "trap 'echo drained > $SCRATCH/drained; exit 0' TERM; echo up; \
                  while true; do sleep 0.01; done";
    let mut nursery = Nursery::new(script).started();
    eventually("its trap is set", || nursery.log().contains("out up"));
    nursery.order(Order::Stop, stamp(1, 2));
    nursery.keeper_leaves();
    assert_eq!(nursery.text("drained"), "drained\n");
    assert_eq!(nursery.status().last_exit, None, "an end that was asked for is none to record");
}

#[test]
fn a_crash_loop_backs_off_and_is_counted() {
    let script = "cat /proc/uptime >> $SCRATCH/starts; exit 7";
    let nursery = Nursery::new(script);
    nursery.order_offline(Order::Start, stamp(1, 1));
    let mut nursery = nursery;
    nursery.keeper().unwrap();
    eventually("three restarts", || nursery.status().restarts >= 3);
    let status = nursery.status();
    assert_eq!(status.last_exit.as_deref(), Some("exit status 7"));
    let starts: Vec<f64> = nursery
        .text("starts")
        .lines()
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect();
    for (pair, least) in starts.windows(2).zip([0.48, 0.98, 1.98]) {
        assert!(pair[1] - pair[0] >= least, "pauses grow: {starts:?}");
    }
    nursery.order(Order::Stop, stamp(1, 2));
    nursery.keeper_leaves();
    assert_eq!(nursery.status().state, State::Stopped);
}

#[test]
fn a_signal_and_a_missing_program_are_told_in_words() {
    let nursery = Nursery::new("kill -9 $$");
    nursery.order_offline(Order::Start, stamp(1, 1));
    let mut nursery = nursery;
    nursery.keeper().unwrap();
    eventually("its end", || nursery.status().last_exit.as_deref() == Some("signal 9"));
    drop(nursery);

    let mut nursery = Nursery::with("", |spec| spec.program = "/nowhere/service".into());
    nursery.order_offline(Order::Start, stamp(1, 1));
    nursery.keeper().unwrap();
    eventually("why", || {
        nursery.status().last_exit.is_some_and(|words| {
            words.contains("could not be started") && words.contains("/nowhere/service")
        })
    });
    eventually("it is tried again", || nursery.status().restarts >= 1);
    let Answer::Report(mut answer) = nursery.order(Order::Stop, stamp(1, 2)) else {
        panic!("a report answers");
    };
    nursery.keeper_leaves();
    let last = nursery.status();
    assert_eq!(last.state, State::Stopped);
    // It may still have been stopping when it answered.
    (answer.status.state, answer.status.launching) = (last.state, last.launching);
    assert_eq!(answer.status, last);
}

#[test]
fn p13_a_secret_reaches_the_service_and_nothing_else() {
    let value = "hunter2-very-secret";
    let script = "test \"$TOKEN\" = hunter2-very-secret && test \"$FROM_ENV\" = $TOKEN && \
                  test -z \"$UNRELATED\" && echo the values are right; exec sleep 1000";
    let mut nursery = Nursery::with(script, |spec| {
        let path = spec.cwd.parent().unwrap().with_file_name("token");
        std::fs::write(&path, format!("{value}\n")).unwrap();
        spec.secrets = vec![
            ("TOKEN".to_owned(), format!("file:{}", path.display())),
            ("FROM_ENV".to_owned(), "env:OPS_TEST_TOKEN".to_owned()),
        ];
    });
    nursery.order_offline(Order::Start, stamp(1, 1));
    nursery.keeper_with(|command| {
        command.env("OPS_TEST_TOKEN", value).env("UNRELATED", "1");
    });
    eventually("the service has them", || nursery.log().contains("the values are right"));
    for pid in nursery.processes() {
        let argv = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!argv.contains(value));
    }
    assert!(!format!("{:?}", nursery.report()).contains(value));
    for file in ["spec.json", "spec.spare", "status.json", "status.spare", "logs/current.log"] {
        let text = nursery.text(&format!("replica/{file}"));
        assert!(!text.is_empty() && !text.contains(value), "{file}");
    }
}

#[test]
fn a_missing_secret_keeps_the_service_down_and_names_the_reference() {
    let mut nursery = Nursery::with("touch $SCRATCH/ran", |spec| {
        spec.secrets = vec![("TOKEN".to_owned(), "env:OPS_TEST_IS_NOT_SET".to_owned())];
    });
    nursery.order_offline(Order::Start, stamp(1, 1));
    nursery.keeper().unwrap();
    eventually("why", || {
        nursery.status().last_exit.is_some_and(|words| words.contains("env:OPS_TEST_IS_NOT_SET"))
    });
    assert!(!nursery.file("ran").exists());
}

#[test]
fn a_keeper_needs_little_memory_also_under_a_flood() {
    let script = "yes 'a line of a flood' | head -c 20000000; echo over > $SCRATCH/over; \
                  exec sleep 1000";
    let nursery = Nursery::new(script).started();
    eventually("the flood is over", || nursery.file("over").exists());
    let pid = nursery.report().unwrap().keeper;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let kib = |name: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    println!("one keeper: {} KiB resident, {} KiB at most", kib("VmRSS:"), kib("VmHWM:"));
    assert!(kib("VmHWM:") < 8 * 1024);
}
