//! What replicas take and write, as the engine tells it.

use ops_conformance::{Ground as _, done, eventually, stamp};
use ops_core::{
    reading::{LogLevel, LogReading},
    time::{BootId, Now},
    world::ReplicaState::Running,
};
use ops_docker::DockerTarget;
use ops_engine::ports::{Senses as _, Target as _};

use crate::stand::Stand;

pub(crate) fn at(ms: u64) -> Now {
    Now { wall: jiff::Timestamp::UNIX_EPOCH, boot: BootId("here".to_owned()), ms }
}

/// Listens until something was heard.
fn heard(stand: &Stand, target: &DockerTarget, ms: &mut u64) -> LogReading {
    let mut reading = LogReading::default();
    eventually("something is heard", || {
        *ms += 1_000;
        reading = target.logs(&stand.service(), &at(*ms)).unwrap();
        !reading.counts.is_empty()
    });
    reading
}

#[test]
fn each_running_replica_is_told_with_its_limit_and_no_other() {
    let stand = Stand::new();
    let target = stand.target();
    let limit = 64 * 1024 * 1024;
    let spec =
        Stand::with_container(stand.release("abc-1", ops_conformance::Program::Lives), |one| {
            one.memory_bytes = Some(limit);
        });
    done(|| target.start(stamp(1, 1), &spec));
    stand.wait_for(&[Running, Running]);
    let told = target.usage(&stand.service()).unwrap();
    let names: Vec<&str> = told.iter().map(|usage| usage.replica.as_str()).collect();
    let wanted = [0, 1].map(|index| format!("ops-{}-abc-1-{index}", stand.name));
    assert_eq!(names, wanted);
    for usage in &told {
        assert_eq!((usage.memory_limit, usage.oom_kills), (Some(limit), 0));
        assert!(usage.memory > 0 && usage.memory < limit, "{usage:?}");
    }
    done(|| target.stop(stamp(1, 2), &stand.service(), &spec.release));
    eventually("none runs", || target.usage(&stand.service()).unwrap().is_empty());
}

#[test]
fn p13_lines_are_heard_once_by_their_shapes_and_not_those_from_before() {
    let stand = Stand::new();
    let (target, spec) = (stand.target(), stand.one("abc-1"));
    done(|| target.start(stamp(1, 1), &spec));
    stand.wait_for(&[Running]);
    assert_eq!(stand.ask("/log/ERROR_from_before"), "ok");
    let mut ms = 5_000;
    assert_eq!(target.logs(&stand.service(), &at(ms)).unwrap().counts, []);
    for number in [17, 4711] {
        assert_eq!(stand.ask(&format!("/log/ERROR_no_room_for_order_{number}")), "ok");
    }
    let mut lines = 0;
    let mut templates = Vec::new();
    while lines < 2 {
        for count in heard(&stand, &target, &mut ms).counts {
            assert_eq!((&count.release, count.level), (&spec.release, LogLevel::Error));
            lines += count.lines;
            templates.push(count.template);
        }
    }
    assert_eq!(lines, 2, "{templates:?}");
    assert!(templates.iter().all(|one| !one.contains("4711")), "{templates:?}");
    assert!(templates.iter().all(|one| one.contains("no room for order")), "{templates:?}");
    assert_eq!(target.logs(&stand.service(), &at(ms + 1_000)).unwrap().counts, []);
    // After a long pause, what was written meanwhile is no news.
    stand.ask("/log/ERROR_meanwhile");
    assert_eq!(target.logs(&stand.service(), &at(ms + 120_000)).unwrap().counts, []);
    assert_eq!(target.logs(&stand.service(), &at(ms + 121_000)).unwrap().counts, []);
}

#[test]
fn kills_for_memory_are_counted_also_where_the_replica_runs_on() {
    let stand = Stand::new();
    let target = stand.target();
    let mut spec = Stand::with_container(stand.one("abc-1"), |one| {
        one.memory_bytes = Some(32 * 1024 * 1024);
        one.port = None;
    });
    spec.command = vec!["eat".to_owned()];
    done(|| target.start(stamp(1, 1), &spec));
    eventually("two kills", || {
        let told = target.usage(&stand.service()).unwrap();
        told.first().is_some_and(|usage| usage.oom_kills >= 2)
    });
}
