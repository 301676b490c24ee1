//! What real replicas take of this machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use ops_core::{
    id::ServiceName,
    reading::Usage,
    world::ReplicaState::{Running, Stopped},
};
use ops_engine::ports::{Senses as _, Target as _};
use ops_targets::ProcessTarget;

use crate::stand::{Stand, eventually, stamp};

/// Uses a processor until `$SCRATCH/enough` is there.
const BURN: &str =
    "while [ ! -e $SCRATCH/enough ]; do i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done; done";
/// Bytes that [`HOLD`] makes a shell hold.
const HELD: u64 = 30_000_000;
const HOLD: &str = "x=$(head -c 30000000 /dev/zero | tr '\\0' x)";

fn shop() -> ServiceName {
    ServiceName::from("shop")
}

fn usages(target: &ProcessTarget) -> Vec<Usage> {
    target.usage(&shop()).unwrap()
}

fn cpu_ms(target: &ProcessTarget) -> u64 {
    usages(target).iter().map(|usage| usage.cpu_ms).sum()
}

fn memory(target: &ProcessTarget) -> u64 {
    usages(target).iter().map(|usage| usage.memory).sum()
}

fn started(text: &str) -> Stand {
    let stand = Stand::new();
    let mut spec = stand.release("abc-1", text);
    spec.replicas = 1;
    stand.target.start(stamp(1, 1), &spec).unwrap();
    stand.wait_for(&[Running]);
    stand
}

#[test]
fn each_running_replica_is_told_and_no_other() {
    let stand = Stand::new();
    assert_eq!(usages(&stand.target), []);
    let mut spec = stand.release("abc-1", "exec sleep 1000");
    stand.target.start(stamp(1, 1), &spec).unwrap();
    stand.wait_for(&[Running, Running]);
    let told = usages(&stand.target);
    let names: Vec<_> = told.iter().map(|usage| usage.replica.as_str()).collect();
    assert_eq!(names, ["abc-1.0", "abc-1.1"]);
    for usage in &told {
        assert_eq!(usage.release, spec.release);
        assert!(usage.memory > 0 && usage.memory < HELD, "{usage:?}");
    }
    spec.replicas = 1;
    stand.target.start(stamp(1, 2), &spec).unwrap();
    stand.wait_for(&[Running, Stopped]);
    assert_eq!(usages(&stand.target).len(), 1);
    stand.target.stop(stamp(1, 3), &shop(), &spec.release).unwrap();
    stand.wait_for(&[Stopped, Stopped]);
    assert_eq!(usages(&stand.target), []);
}

#[test]
fn processor_time_of_children_counts_also_after_their_end() {
    // A child that its parent waits for, and one whose parent has left it to the keeper.
    let stand = started(&format!(
        "sh -c '{BURN}' & (sh -c '{BURN}; echo > $SCRATCH/left' &) ; wait; \
         until [ -e $SCRATCH/left ]; do sleep 0.01; done; echo > $SCRATCH/burnt; exec sleep 1000"
    ));
    eventually("both burn", || cpu_ms(&stand.target) >= 200);
    let before = cpu_ms(&stand.target);
    fs::write(stand.state().join("enough"), "").unwrap();
    eventually("both have ended", || stand.state().join("burnt").exists());
    // Another process of ops has no memory of what was told.
    let other = Stand::open(stand.state(), stand.ports);
    assert!(cpu_ms(&other) >= before, "{} {before}", cpu_ms(&other));
    assert!(cpu_ms(&stand.target) >= before);
}

#[test]
fn memory_is_counted_once_however_many_share_it() {
    let stand = started(&format!(
        "until [ -e $SCRATCH/hold ]; do sleep 0.01; done; {HOLD}; \
         for n in 1 2 3 4; do (sleep 1000; echo) & done; echo > $SCRATCH/forked; wait"
    ));
    assert!(memory(&stand.target) < HELD);
    fs::write(stand.state().join("hold"), "").unwrap();
    eventually("it is held", || memory(&stand.target) > HELD);
    eventually("it is shared", || stand.state().join("forked").exists());
    eventually("it is counted once", || {
        let memory = memory(&stand.target);
        memory > HELD && memory < 2 * HELD
    });
}

#[test]
fn another_keeper_is_no_new_beginning_and_another_life_goes_on() {
    let stand = started(&format!("echo >> $SCRATCH/lives; {BURN}; exec sleep 1000"));
    eventually("it burns", || cpu_ms(&stand.target) >= 100);
    let before = cpu_ms(&stand.target);
    stand.kill_keepers();
    assert_eq!(usages(&stand.target), [], "nobody says that it runs");
    stand.target.restore().unwrap();
    stand.wait_for(&[Running]);
    assert!(cpu_ms(&stand.target) >= before);

    let before = cpu_ms(&stand.target);
    for pid in stand.services() {
        crate::stand::signal(pid, rustix::process::Signal::KILL);
    }
    eventually("a second life", || stand.text("lives").lines().count() == 2);
    stand.wait_for(&[Running]);
    eventually("it is told again", || cpu_ms(&stand.target) >= before);
}

/// A control group that this test made, with nobody in it.
struct Group(PathBuf);

impl Group {
    /// `None` where the machine lets nobody make one: without cgroup v2, or without the right to.
    fn make() -> Option<Self> {
        let mounts = fs::read_to_string("/proc/mounts").unwrap();
        let mount = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"))?;
        let name = format!("ops-test-{}", std::process::id());
        let group = Self(Path::new(mount.split(' ').nth(1)?).join(name));
        fs::create_dir(&group.0).ok()?;
        // One may be allowed to make it and not to fill it.
        let filled =
            Command::new("sh").arg("-c").arg(format!("echo $$ > {}", group.procs())).status();
        filled.unwrap().success().then_some(group)
    }

    fn procs(&self) -> String {
        self.0.join("cgroup.procs").display().to_string()
    }

    fn used(&self) -> u64 {
        let stat = fs::read_to_string(self.0.join("cpu.stat")).unwrap();
        let line = stat.lines().find_map(|line| line.strip_prefix("usage_usec ")).unwrap();
        line.parse::<u64>().unwrap() / 1000
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for _ in 0..500 {
            if fs::remove_dir(&self.0).is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

/// A group's counter also holds what somebody else used in it before: so it shows which one was
/// read. Where no group can be made, the replica's processes must be what is told.
#[test]
fn a_replica_in_a_group_of_its_own_is_told_by_that_group() {
    let group = Group::make();
    let procs = group.as_ref().map_or_else(|| "/dev/null".to_owned(), Group::procs);
    // Dropped before the group, so that nobody is in it any more.
    let stand = Stand::new();
    let mut earlier = Command::new("sh")
        .arg("-c")
        .arg(format!("echo $$ > {procs}; {BURN}"))
        .env("SCRATCH", stand.state())
        .spawn()
        .unwrap();
    if let Some(group) = &group {
        eventually("somebody uses the group", || group.used() >= 300);
    }
    let text = format!("echo $$ > {procs}; echo > $SCRATCH/up; exec sleep 1000");
    let mut spec = stand.release("abc-1", &text);
    spec.replicas = 1;
    stand.target.start(stamp(1, 1), &spec).unwrap();
    eventually("it is up", || stand.state().join("up").exists());
    assert!(cpu_ms(&stand.target) < 300, "a group that is shared is nobody's own");
    fs::write(stand.state().join("enough"), "").unwrap();
    earlier.wait().unwrap();
    let other = Stand::open(stand.state(), stand.ports);
    eventually("the right counter", || (cpu_ms(&other) >= 300) == group.is_some());
    assert!(memory(&other) > 0);
}
