//! What ops has not made is never touched.

use ops_conformance::{Ground as _, done, stamp};
use ops_core::world::ReplicaState::{Running, Stopped};
use ops_engine::ports::{ActError, Target as _};

use crate::stand::Stand;

impl Stand {
    /// Makes a container that somebody else could have made; tells its id.
    fn stranger(&self, words: &[&str]) -> String {
        let (label, image) = (
            format!("ops.test={}", self.name),
            format!("ops.local/kept:{}", self.pushed.digest.hex()),
        );
        let mut all = vec!["run", "-d", "--label", label.as_str()];
        all.extend(words);
        all.extend([image.as_str(), "serve"]);
        self.docker(&all)
    }

    fn is_untouched(&self, id: &str) {
        let seen =
            self.docker(&["inspect", "--format", "{{.State.Running}} {{.RestartCount}}", id]);
        assert_eq!(seen, "true 0", "the stranger still runs");
    }
}

#[test]
fn a_name_that_somebody_else_has_is_told_and_left_alone() {
    let stand = Stand::new();
    let (target, spec) = (stand.target(), stand.one("abc-1"));
    let name = format!("ops-{}-abc-1-0", stand.name);
    let stranger = stand.stranger(&["--name", &name]);
    let Err(ActError::NotApplied(fault)) = target.start(stamp(1, 1), &spec) else {
        panic!("the name is taken");
    };
    assert!(fault.to_string().contains(&name), "{fault}");
    done(|| target.stop(stamp(1, 2), &stand.service(), &spec.release));
    done(|| target.remove(stamp(1, 3), &stand.service(), &spec.release));
    assert_eq!(stand.view().replicas, []);
    stand.is_untouched(&stranger);
}

#[test]
fn labels_alone_make_nothing_ours() {
    let stand = Stand::new();
    let (target, spec) = (stand.target(), stand.one("abc-1"));
    let service = format!("ops.service={}", stand.name);
    let stranger = stand.stranger(&[
        "--label",
        &service,
        "--label",
        "ops.release=abc-1",
        "--label",
        "ops.stamp=99.1.1",
        "--label",
        "ops.token=guessed",
    ]);
    let Err(ActError::NotApplied(fault)) = target.start(stamp(1, 1), &spec) else {
        panic!("a stranger bears the release's labels");
    };
    assert!(fault.to_string().contains("ops has not made it"), "{fault}");
    done(|| target.stop(stamp(1, 2), &stand.service(), &spec.release));
    done(|| target.remove(stamp(1, 3), &stand.service(), &spec.release));
    assert_eq!(stand.view().replicas, []);
    assert_eq!(target.highest_generation().unwrap().0, 1, "its stamp is none");
    stand.is_untouched(&stranger);
}

#[test]
fn a_copy_of_all_our_labels_is_still_a_stranger() {
    let stand = Stand::new();
    let (target, spec) = (stand.target(), stand.one("abc-1"));
    done(|| target.start(stamp(1, 1), &spec));
    stand.wait_for(&[Running]);
    let ours = stand.view().replicas[0].id.clone();
    let token =
        stand.docker(&["inspect", "--format", "{{index .Config.Labels \"ops.token\"}}", &ours]);
    let labels = [format!("ops.service={}", stand.name), format!("ops.token={token}")];
    let stranger = stand.stranger(&[
        "--label",
        &labels[0],
        "--label",
        "ops.release=abc-1",
        "--label",
        &labels[1],
    ]);
    assert_eq!(stand.view().replicas.len(), 1);
    done(|| target.stop(stamp(1, 2), &stand.service(), &spec.release));
    stand.wait_for(&[Stopped]);
    done(|| target.remove(stamp(1, 3), &stand.service(), &spec.release));
    stand.is_untouched(&stranger);
}

#[test]
fn a_port_that_somebody_elses_container_has_is_named_or_passed_over() {
    let stand = Stand::new();
    let target = stand.target();
    let port = stand.ports.0;
    let binding = format!("127.0.0.1:{port}:8080");
    let stranger = stand.stranger(&["-p", &binding, "-e", "PORT=8080"]);
    assert_eq!(target.free_ports(port, port, &[]).unwrap(), 0);
    assert!(!target.port_free(port, &stand.service(), &[]).unwrap());
    let mut fixed = stand.one("abc-1");
    fixed.fixed_port = Some(port);
    let Err(ActError::NotApplied(fault)) = target.start(stamp(1, 1), &fixed) else {
        panic!("the port is taken");
    };
    assert!(fault.to_string().contains(&port.to_string()), "{fault}");
    assert_eq!(stand.view().replicas, []);
    done(|| target.start(stamp(1, 2), &stand.one("def-2")));
    stand.wait_for(&[Running]);
    assert_ne!(stand.view().replicas[0].address, Some(format!("127.0.0.1:{port}")));
    stand.is_untouched(&stranger);
}

#[test]
fn a_state_that_was_lost_makes_our_own_containers_strangers_too() {
    let stand = Stand::new();
    let spec = stand.one("abc-1");
    done(|| stand.target().start(stamp(1, 1), &spec));
    stand.wait_for(&[Running]);
    std::fs::remove_dir_all(stand.state().join("docker")).unwrap();
    let answer = stand.target().start(stamp(1, 2), &spec);
    assert!(matches!(answer, Err(ActError::NotApplied(_))), "{answer:?}");
    assert_eq!(stand.containers().len(), 1);
}

#[test]
fn p5_who_takes_our_name_and_labels_after_a_crash_is_still_a_stranger() {
    let stand = Stand::new();
    let (target, spec) = (stand.target(), stand.one("abc-1"));
    let (name, service) =
        (format!("ops-{}-abc-1-0", stand.name), format!("ops.service={}", stand.name));
    done(|| target.start(stamp(1, 1), &spec));
    stand.wait_for(&[Running]);
    // What a crash just before the container was made leaves behind.
    stand.docker(&["rm", "-f", &name]);
    let file = stand.state().join("docker").join(&stand.name).join("releases/abc-1.json");
    let mut record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    record["places"][0]["id"] = serde_json::Value::Null;
    std::fs::write(&file, record.to_string()).unwrap();
    let stranger = stand.stranger(&[
        "--name",
        &name,
        "--label",
        &service,
        "--label",
        "ops.release=abc-1",
        "--label",
        "ops.token=guessed",
    ]);
    let answer = target.start(stamp(1, 2), &spec);
    assert!(matches!(answer, Err(ActError::NotApplied(_))), "{answer:?}");
    assert_eq!(stand.view().replicas, []);
    done(|| target.stop(stamp(1, 3), &stand.service(), &spec.release));
    done(|| target.remove(stamp(1, 4), &stand.service(), &spec.release));
    stand.is_untouched(&stranger);
}
