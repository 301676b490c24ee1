//! The process target as the engine uses it.

use std::collections::BTreeSet;

use ops_core::{
    id::ServiceName,
    world::ReplicaState::{BackingOff, Running, Stopped, Unknown},
};
use ops_engine::ports::{ActError, Target as _};
use rustix::process::Signal;

use crate::stand::{Stand, eventually, signal, stamp};

const SLEEPER: &str = "exec sleep 1000";

fn shop() -> ServiceName {
    ServiceName::from("shop")
}

#[test]
fn a_replica_that_has_stopped_needs_no_keeper() {
    let stand = Stand::new();
    let spec = stand.release("abc-1", SLEEPER);
    stand.target.start(stamp(1, 1), &spec).unwrap();
    stand.wait_for(&[Running, Running]);
    assert_eq!(stand.view().replicas[0].id, "abc-1.0");
    stand.target.stop(stamp(1, 2), &shop(), &spec.release).unwrap();
    stand.wait_for(&[Stopped, Stopped]);
    assert!(stand.services().is_empty());
    eventually("the keepers have left", || stand.keepers().is_empty());
}

#[test]
fn the_service_gets_its_port_its_names_and_its_files() {
    let stand = Stand::new();
    let text = "{ echo $PORT $1; echo $OPS_RELEASE $OPS_SERVICE; cat data; cat $OPS_ARTIFACT/data; \
                echo mine > mine; ls; } > $SCRATCH/said.new; mv $SCRATCH/said.new $SCRATCH/said; \
                exec sleep 1000";
    let mut spec = stand.release("abc-1", text);
    spec.replicas = 1;
    spec.command.push("--listen={port}".to_owned());
    stand.target.start(stamp(1, 1), &spec).unwrap();
    eventually("it has spoken", || !stand.text("said").is_empty());
    let port = stand.view().replicas[0].address.clone().unwrap();
    let port = port.strip_prefix("127.0.0.1:").unwrap();
    let said = format!(
        "{port} --listen={port}\nabc-1 shop\nfrom the artifact\nfrom the artifact\ndata\nmine\nrun\n"
    );
    assert_eq!(stand.text("said"), said);
    assert!(
        stand.ports.0 <= port.parse().unwrap() && port.parse::<u16>().unwrap() <= stand.ports.1
    );
}

#[test]
fn processes_that_run_are_left_alone_by_further_starts() {
    let stand = Stand::new();
    let mut spec = stand.release("abc-1", SLEEPER);
    stand.target.start(stamp(1, 1), &spec).unwrap();
    stand.wait_for(&[Running, Running]);
    let before: BTreeSet<i32> = stand.services().into_iter().collect();
    for _ in 0..2 {
        stand.target.start(stamp(1, 1), &spec).unwrap();
    }
    assert_eq!(stand.services().into_iter().collect::<BTreeSet<_>>(), before);
    spec.replicas = 1;
    stand.target.start(stamp(1, 2), &spec).unwrap();
    stand.wait_for(&[Running, Stopped]);
    assert!(before.contains(&stand.services()[0]), "the one that stays was not restarted");
    spec.command.push("another".to_owned());
    assert!(matches!(stand.target.start(stamp(1, 3), &spec), Err(ActError::NotApplied(_))));
}

#[test]
fn killed_keepers_make_a_replica_unknown_and_restore_brings_them_back() {
    let stand = Stand::new();
    let spec = stand.release("abc-1", SLEEPER);
    stand.target.start(stamp(1, 1), &spec).unwrap();
    stand.wait_for(&[Running, Running]);
    let services = stand.services();
    stand.kill_keepers();
    assert_eq!(stand.states(), [Unknown, Unknown]);
    assert!(stand.keepers().is_empty(), "a look starts nothing");
    let restored = stand.target.restore().unwrap();
    assert_eq!(restored.restored, ["abc-1.0", "abc-1.1"]);
    stand.wait_for(&[Running, Running]);
    assert_eq!(stand.services(), services, "adopted, not started twice");
    assert_eq!(stand.target.restore().unwrap().kept.len(), 2);

    stand.kill_keepers();
    stand.target.start(stamp(1, 2), &spec).unwrap();
    assert_eq!((stand.states(), stand.services()), (vec![Running, Running], services));

    stand.kill_keepers();
    stand.target.stop(stamp(1, 3), &shop(), &spec.release).unwrap();
    stand.wait_for(&[Stopped, Stopped]);
    assert!(stand.services().is_empty());
    eventually("the keepers have left", || stand.keepers().is_empty());
    assert_eq!(stand.target.restore().unwrap().resting.len(), 2);
}

#[test]
fn s18_after_a_reboot_restore_runs_what_was_wanted_and_nothing_else() {
    let stand = Stand::new();
    let (wanted, unwanted) = (stand.release("new-2", SLEEPER), stand.release("old-1", SLEEPER));
    for (op, spec) in [(1, &wanted), (2, &unwanted)] {
        stand.target.start(stamp(1, op), spec).unwrap();
    }
    stand.target.stop(stamp(1, 3), &shop(), &unwanted.release).unwrap();
    stand.wait_for(&[Running, Running, Stopped, Stopped]);
    stand.kill_keepers();
    for pid in stand.services() {
        signal(pid, Signal::KILL);
    }
    eventually("everything is down", || stand.services().is_empty());
    for name in ["new-2.0", "new-2.1"] {
        let file = stand.replica(name).join("status.json");
        let mut status = ops_keeper::read_status(&stand.replica(name)).unwrap();
        status.boot = "another boot".to_owned();
        ops_keeper::save(&file, &status).unwrap();
    }
    stand.target.restore().unwrap();
    stand.wait_for(&[Running, Running, Stopped, Stopped]);
    assert!(stand.view().replicas.iter().all(|r| r.restarts == 0 && r.last_exit.is_none()));
}

#[test]
fn p9_a_stuck_keeper_is_unknown_within_a_bounded_time() {
    let stand = Stand::new();
    let spec = stand.release("abc-1", SLEEPER);
    stand.target.start(stamp(1, 1), &spec).unwrap();
    stand.wait_for(&[Running, Running]);
    let stuck = stand.keepers();
    for pid in &stuck {
        signal(*pid, Signal::STOP);
    }
    let view = stand.states();
    let stop = stand.target.stop(stamp(1, 2), &shop(), &spec.release);
    for pid in &stuck {
        signal(*pid, Signal::CONT);
    }
    assert_eq!(view, [Unknown, Unknown]);
    assert!(matches!(stop, Err(ActError::Unknown(_))), "{stop:?}");
    // It was perhaps done: the keepers find the orders when they wake up.
    stand.wait_for(&[Stopped, Stopped]);
}

#[test]
fn a_start_right_after_a_stop_is_never_lost() {
    let stand = Stand::new();
    let mut spec = stand.release("abc-1", SLEEPER);
    spec.replicas = 1;
    for round in 0..15 {
        stand.target.start(stamp(1, 2 * round + 1), &spec).unwrap();
        stand.wait_for(&[Running]);
        stand.target.stop(stamp(1, 2 * round + 2), &shop(), &spec.release).unwrap();
        // Its keeper is about to leave, or has left, when the next order comes.
        stand.wait_for(&[Stopped]);
    }
}

#[test]
fn how_a_replica_ended_is_in_its_log_too() {
    let stand = Stand::new();
    let mut spec = stand.release("abc-1", "exit 3");
    spec.replicas = 1;
    stand.target.start(stamp(1, 1), &spec).unwrap();
    stand.wait_for(&[BackingOff]);
    let logs = stand.target.logs(&shop()).unwrap();
    assert_eq!((logs.len(), logs[0].files.len()), (1, 1));
    assert!(std::fs::read_to_string(&logs[0].files[0]).unwrap().contains("ops exit status 3"));
}

#[test]
fn what_is_no_program_is_refused_before_anything_is_made() {
    let stand = Stand::new();
    let good = stand.release("abc-1", SLEEPER);
    for command in [vec!["absent".to_owned()], vec!["data".to_owned()], Vec::new()] {
        let bad = ops_core::world::ReleaseSpec { command, ..good.clone() };
        let answer = stand.target.start(stamp(1, 1), &bad);
        assert!(matches!(answer, Err(ActError::NotApplied(_))), "{bad:?}: {answer:?}");
    }
    assert!(stand.keepers().is_empty() && stand.view().replicas.is_empty());
}

#[test]
fn a_keeper_that_cannot_be_started_is_told_and_perhaps_done() {
    let stand = Stand::new();
    let spec = stand.release("abc-1", SLEEPER);
    let keeper = vec!["/nowhere/ops".into()];
    let broken = ops_targets::ProcessTarget::new(stand.state(), keeper, stand.ports, 1);
    let Err(ActError::Unknown(fault)) = broken.start(stamp(1, 1), &spec) else {
        panic!("there is no keeper");
    };
    assert!(fault.to_string().contains("no keeper can be started"), "{fault}");
    stand.target.start(stamp(1, 2), &spec).unwrap();
    stand.wait_for(&[Running, Running]);
}

#[test]
fn p13_secrets_are_on_no_disk_and_in_no_command_line() {
    let stand = Stand::new();
    let source = tempfile::tempdir().unwrap();
    let value = "correct-horse-battery";
    let path = source.path().join("token");
    std::fs::write(&path, value).unwrap();
    let text = "test -n \"$TOKEN\" && echo ${#TOKEN} > $SCRATCH/length; exec sleep 1000";
    let mut spec = stand.release("abc-1", text);
    spec.secrets = vec![("TOKEN".to_owned(), format!("file:{}", path.display()))];
    stand.target.start(stamp(1, 1), &spec).unwrap();
    eventually("it has the secret", || stand.text("length") == format!("{}\n", value.len()));
    let mut grep = std::process::Command::new("grep");
    let found = grep.args(["-r", "-l", "-D", "skip", value]).arg(stand.state()).output().unwrap();
    assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));
    for pid in stand.keepers().into_iter().chain(stand.services()) {
        let argv = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        assert!(!argv.contains(value));
    }
}

#[test]
fn s16_s17_what_has_stopped_starts_with_other_secrets_and_what_runs_keeps_its_own() {
    let stand = Stand::new();
    let source = tempfile::tempdir().unwrap();
    let reference = |name: &str| {
        let path = source.path().join(name);
        std::fs::write(&path, name).unwrap();
        vec![("TOKEN".to_owned(), format!("file:{}", path.display()))]
    };
    let text = "echo ${#TOKEN} > $SCRATCH/length; exec sleep 1000";
    let mut spec = stand.release("abc-1", text);
    spec.replicas = 1;
    spec.secrets = reference("short");
    stand.target.start(stamp(1, 1), &spec).unwrap();
    eventually("it has the first one", || stand.text("length") == "5\n");
    let before = stand.services();
    spec.secrets = reference("much-longer");
    stand.target.start(stamp(1, 2), &spec).unwrap();
    stand.wait_for(&[Running]);
    assert_eq!(stand.services(), before, "what runs is left alone");
    stand.target.stop(stamp(1, 3), &spec.service, &spec.release).unwrap();
    stand.wait_for(&[Stopped]);
    eventually("it has started with the other one", || {
        // Its keeper may just be leaving.
        stand.target.start(stamp(1, 4), &spec).is_ok() && stand.text("length") == "11\n"
    });
}

#[test]
fn keepers_are_in_sessions_of_their_own() {
    let stand = Stand::new();
    let spec = stand.release("abc-1", SLEEPER);
    stand.target.start(stamp(1, 1), &spec).unwrap();
    stand.wait_for(&[Running, Running]);
    for pid in stand.keepers() {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        assert_eq!((fields[2], fields[3]), (pid.to_string().as_str(), pid.to_string().as_str()));
    }
}

#[test]
fn no_orphan_and_no_double_after_any_sequence_of_acts_and_kills() {
    for seed in 1..=4_u64 {
        random_history(seed);
    }
}

fn random_history(seed: u64) {
    let stand = Stand::new();
    let text = "setsid sleep 1000 & exec sleep 2000";
    let releases = [stand.release("abc-1", text), stand.release("def-2", text)];
    let mut dice = seed;
    for op in 1..=14 {
        // Marsaglia's xorshift64: a seed gives the same sequence on every machine.
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let spec = &releases[(dice >> 8) as usize % 2];
        let now = stamp(1, op);
        match dice % 6 {
            0 | 1 => stand.target.start(now, spec).unwrap(),
            2 => stand.target.stop(now, &shop(), &spec.release).unwrap(),
            // Refused while it runs.
            3 => drop(stand.target.remove(now, &shop(), &spec.release)),
            4 => {
                if let Some(keeper) = stand.keepers().first() {
                    signal(*keeper, Signal::KILL);
                }
            }
            _ => assert_eq!(stand.target.restore().unwrap().failed, []),
        }
        let mains = stand.services().iter().filter(|pid| is_main(**pid)).count();
        assert!(mains <= 4, "seed {seed}, operation {op}: {mains} copies of four replicas");
    }
    for (op, spec) in (1..).zip(&releases) {
        stand.target.stop(stamp(2, op), &shop(), &spec.release).unwrap();
    }
    eventually("all have stopped", || stand.states().iter().all(|state| *state == Stopped));
    assert!(stand.services().is_empty(), "seed {seed}: orphans");
    for (op, spec) in (3..).zip(&releases) {
        stand.target.remove(stamp(2, op), &shop(), &spec.release).unwrap();
    }
    assert_eq!(stand.view().replicas, []);
    eventually("no keeper is left", || stand.keepers().is_empty());
}

fn is_main(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|argv| argv == "sleep\x002000\0")
}
