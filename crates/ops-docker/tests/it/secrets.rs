//! Values of secrets reach the service and nobody else (P13).

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use ops_conformance::{Ground as _, done, stamp};
use ops_core::world::{
    ReleaseSpec,
    ReplicaState::{Running, Stopped},
};
use ops_engine::ports::{ActError, Target as _};

use crate::stand::Stand;

/// A value that no other file has, not even this program.
pub(crate) fn value(stand: &Stand) -> String {
    format!("correct-horse-{}", stand.name)
}

/// Called like this in a container of this program's own image, it is the carrier.
#[test]
fn sent_nothing_the_carrier_does_nothing() {
    let in_a_container = std::env::current_exe().is_ok_and(|path| path == Path::new("/ops"));
    let (done, failed) = (ExitCode::SUCCESS, ExitCode::FAILURE);
    let wanted = if in_a_container { done } else { failed };
    assert_eq!(format!("{:?}", ops_docker::carrier()), format!("{wanted:?}"));
}

/// A release whose TOKEN is read from a file, and that file.
pub(crate) fn with_token(stand: &Stand, value: &str) -> (ReleaseSpec, PathBuf) {
    let path = stand.secrets_dir().with_file_name(format!("source-{}", value.len()));
    std::fs::write(&path, value).unwrap();
    let mut spec = stand.one("abc-1");
    spec.secrets = vec![("TOKEN".to_owned(), format!("file:{}", path.display()))];
    (spec, path)
}

#[test]
fn p13_a_secret_is_a_file_inside_and_in_no_inspection_no_variable_and_on_no_disk() {
    let stand = Stand::new();
    let value = value(&stand);
    let (spec, _) = with_token(&stand, &value);
    let spec = Stand::with_container(spec, |one| one.user = Some("1234:1234".to_owned()));
    done(|| stand.target().start(stamp(1, 1), &spec));
    stand.wait_for(&[Running]);
    assert_eq!(stand.ask("/file/run/secrets/TOKEN"), value);
    assert!(stand.ask("/write/run/secrets/TOKEN").contains("ead-only"), "it is read-only");
    assert_eq!(stand.ask("/env/TOKEN"), "");
    let id = stand.view().replicas[0].id.clone();
    assert!(!stand.docker(&["inspect", &id]).contains(&value));
    let pid = stand.docker(&["inspect", "--format", "{{.State.Pid}}", &id]);
    for file in ["cmdline", "environ"] {
        let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
        assert!(!text.contains(&value), "{file}");
    }
    let mut grep = Command::new("grep");
    let found = grep.args(["-r", "-l", &value]).arg(stand.state()).output().unwrap();
    assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));

    let target = stand.target();
    done(|| target.stop(stamp(1, 2), &stand.service(), &spec.release));
    stand.wait_for(&[Stopped]);
    done(|| target.remove(stamp(1, 3), &stand.service(), &spec.release));
    assert_eq!(std::fs::read_dir(stand.secrets_dir()).unwrap().count(), 0);
}

#[test]
fn s16_s17_what_has_stopped_starts_with_other_secrets_and_what_runs_keeps_its_own() {
    let stand = Stand::new();
    let target = stand.target();
    let (first, _) = with_token(&stand, "first");
    done(|| target.start(stamp(1, 1), &first));
    stand.wait_for(&[Running]);
    assert_eq!(stand.ask("/file/run/secrets/TOKEN"), "first");
    let (second, _) = with_token(&stand, "second");
    done(|| target.start(stamp(1, 2), &second));
    assert_eq!(stand.ask("/file/run/secrets/TOKEN"), "first");
    done(|| target.stop(stamp(1, 3), &stand.service(), &second.release));
    stand.wait_for(&[Stopped]);
    done(|| target.start(stamp(1, 4), &second));
    stand.wait_for(&[Running]);
    assert_eq!(stand.ask("/file/run/secrets/TOKEN"), "second");
}

#[test]
fn s18_after_a_reboot_nothing_starts_without_its_secrets_and_restore_brings_them_back() {
    let stand = Stand::new();
    let value = value(&stand);
    let (spec, _) = with_token(&stand, &value);
    done(|| stand.target().start(stamp(1, 1), &spec));
    let mut resting = stand.one("old-0");
    resting.secrets.clone_from(&spec.secrets);
    done(|| stand.target().start(stamp(1, 2), &resting));
    done(|| stand.target().stop(stamp(1, 3), &stand.service(), &resting.release));
    stand.wait_for(&[Running, Stopped]);
    // What a reboot leaves: the container is down, and memory is empty.
    let id = stand.view().replicas[0].id.clone();
    stand.docker(&["stop", &id]);
    std::fs::remove_dir_all(stand.secrets_dir()).unwrap();
    assert!(!stand.docker_says(&["start", &id]).status.success(), "it must not start without");
    let restored = stand.target().restore().unwrap();
    assert_eq!((restored.started, restored.failed), (vec![id], vec![]));
    stand.wait_for(&[Running, Stopped]);
    assert_eq!(stand.ask("/file/run/secrets/TOKEN"), value);
}

#[test]
fn a_secret_without_a_value_is_told_before_anything_is_made() {
    let stand = Stand::new();
    let mut spec = stand.one("abc-1");
    spec.secrets = vec![("TOKEN".to_owned(), "file:/nowhere/at/all".to_owned())];
    let Err(ActError::NotApplied(fault)) = stand.target().start(stamp(1, 1), &spec) else {
        panic!("there is no value");
    };
    assert!(fault.to_string().contains("TOKEN"), "{fault}");
    assert_eq!(stand.containers(), [""; 0]);
}
