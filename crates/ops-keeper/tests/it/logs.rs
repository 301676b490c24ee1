//! What a service says, however much it says.

use ops_keeper::{Order, State};

use crate::nursery::{Nursery, alive, eventually, stamp};

#[test]
fn s20_a_flood_stays_within_its_quota_and_the_service_goes_on() {
    let script = "yes 'a line of a flood that never ends' | head -c 60000000; \
                  echo over > $SCRATCH/over; exec sleep 1000";
    let quota = 256 * 1024;
    let mut nursery = Nursery::with(script, |spec| spec.log_quota = quota).started();
    let main = nursery.main_pid();
    eventually("the flood is over", || nursery.file("over").exists());
    assert!(alive(main));
    nursery.order(Order::Stop, stamp(1, 2));
    nursery.keeper_leaves();
    let total: u64 = nursery
        .replica()
        .join("logs")
        .read_dir()
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    assert!(total <= quota, "{total}");
}

#[test]
fn s20_a_full_disk_loses_lines_and_not_the_service() {
    let mut nursery = Nursery::new("while true; do echo x; sleep 0.01; done");
    let current = nursery.replica().join("logs/current.log");
    std::os::unix::fs::symlink("/dev/full", &current).unwrap();
    nursery.order_offline(Order::Start, stamp(1, 1));
    nursery.keeper().unwrap();
    eventually("lines are dropped and counted", || nursery.status().dropped_lines > 10);
    assert_eq!(nursery.status().state, State::Running);
    assert_eq!(nursery.status().restarts, 0);
}

#[test]
fn both_streams_are_told_apart_and_last_words_are_kept() {
    let mut nursery =
        Nursery::new("echo to out; echo to err >&2; printf 'last words'; exec sleep 1000");
    nursery.order_offline(Order::Start, stamp(1, 1));
    nursery.keeper().unwrap();
    eventually("both", || {
        let log = nursery.log();
        log.contains("Z out to out\n") && log.contains("Z err to err\n")
    });
    nursery.order(Order::Stop, stamp(1, 2));
    nursery.keeper_leaves();
    assert!(nursery.log().contains("Z out last words\n"));
}

#[test]
fn a_service_can_open_its_output_anew() {
    let nursery = Nursery::new("echo again > /dev/stderr; exec sleep 1000").started();
    eventually("the line", || nursery.log().contains("Z err again\n"));
}
