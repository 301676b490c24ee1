//! Several hosts, each an engine in a network of its own, reached over TLS or through SSH.

use std::{collections::BTreeMap, net::Ipv4Addr, path::PathBuf, process::Command};

use ops_conformance::{Ground, Program, done, eventually, stamp};
use ops_core::{
    id::ServiceName,
    world::{
        ReleaseSpec,
        ReplicaState::{self, Running, Stopped, Stopping, Unknown},
    },
};
use ops_docker::{DockerTarget, Engine, Fleet, Grounds};
use ops_engine::ports::{ActError, Senses as _, Target};

use crate::{
    secrets::{value, with_token},
    stand::{Stand, carrier_words, read_file},
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testbed/hosts");

/// Two hosts, `a` over TLS and `b` through SSH, and what ops keeps of them.
pub(crate) struct Hosts {
    folder: tempfile::TempDir,
    net: String,
    stand: Stand,
}

impl Hosts {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        let net = (std::process::id() % 256).to_string();
        let hosts = Self { folder, net, stand: Stand::new() };
        hosts.script("up", &["a", "b"]);
        hosts
    }

    fn script(&self, what: &str, more: &[&str]) {
        let output = Command::new(SCRIPT)
            .args([what, &self.folder.path().display().to_string(), &self.net])
            .args(more)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "testbed/hosts {what}: {said}");
    }

    fn of(&self, host: &str) -> PathBuf {
        self.folder.path().join(host)
    }

    fn address(&self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, self.net.parse().unwrap(), 10 + number)
    }

    fn target(&self, name: &str, engine: Engine, number: u8) -> (String, DockerTarget) {
        let grounds = Grounds {
            state_dir: self.stand.state().to_owned(),
            records_dir: Fleet::records(self.stand.state(), name),
            secrets_dir: self.stand.secrets_dir().with_file_name(name),
            carrier: carrier_words(),
            resolve: read_file(),
            ports: self.stand.ports,
            publish: self.address(number),
            log_quota_mb: 2,
        };
        (name.to_owned(), DockerTarget::new(engine, grounds))
    }

    fn fleet(&self) -> Fleet {
        let tls = Engine::remote(&format!("{}:2376", self.address(1)), &self.of("a")).unwrap();
        let config = self.of("b").join("ssh_config");
        let ssh = Engine::through_ssh(&self.address(2).to_string(), Some(&config)).unwrap();
        let hosts = [self.target("a", tls, 1), self.target("b", ssh, 2)];
        Fleet::new(self.stand.state(), BTreeMap::from(hosts))
    }

    fn states(&self) -> Vec<(String, ReplicaState)> {
        let view = self.fleet().look(&self.service()).unwrap();
        let host = |id: &str| id.split('/').next().unwrap().to_owned();
        view.replicas.into_iter().map(|replica| (host(&replica.id), replica.state)).collect()
    }

    fn wait_for(&self, wanted: &[(&str, ReplicaState)]) {
        eventually(&format!("{wanted:?}"), || {
            self.states()
                .iter()
                .map(|(host, state)| (host.as_str(), state.clone()))
                .eq(wanted.iter().cloned())
        });
    }
}

impl Ground for Hosts {
    fn open(&self) -> Box<dyn Target> {
        Box::new(self.fleet())
    }

    fn service(&self) -> ServiceName {
        self.stand.service()
    }

    fn release(&self, name: &str, program: Program) -> ReleaseSpec {
        let spec = self.stand.release(name, program);
        Stand::with_container(spec, |one| one.hosts = vec!["a".to_owned(), "b".to_owned()])
    }

    fn ports(&self) -> (u16, u16) {
        self.stand.ports
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let folder = self.folder.path().display().to_string();
        let _ = Command::new(SCRIPT).args(["down", &folder, &self.net]).output();
    }
}

#[test]
fn a_release_grows_from_the_first_host_to_all_and_each_answers_at_its_own_address() {
    let hosts = Hosts::new();
    let fleet = hosts.fleet();
    let spec = hosts.release("abc-1", Program::Lives);
    done(|| fleet.start(stamp(1, 1), &spec.on_first(1)));
    hosts.wait_for(&[("a", Running)]);
    done(|| fleet.start(stamp(1, 2), &spec));
    hosts.wait_for(&[("a", Running), ("b", Running)]);
    let view = fleet.look(&hosts.service()).unwrap();
    let addresses: Vec<_> = view.replicas.iter().filter_map(|one| one.address.clone()).collect();
    for (address, number) in addresses.iter().zip([1, 2]) {
        assert!(address.starts_with(&format!("{}:", hosts.address(number))), "{addresses:?}");
        eventually("it listens", || std::net::TcpStream::connect(address).is_ok());
    }
    eventually("both are felt", || {
        fleet
            .usage(&hosts.service())
            .unwrap()
            .iter()
            .map(|usage| &usage.replica[..2])
            .eq(["a/", "b/"])
    });
    done(|| fleet.stop(stamp(1, 3), &hosts.service(), &spec.release));
    hosts.wait_for(&[("a", Stopped), ("b", Stopped)]);
    done(|| fleet.remove(stamp(1, 4), &hosts.service(), &spec.release));
    hosts.wait_for(&[]);
}

#[test]
fn p5_p8_a_host_that_is_cut_off_is_unknown_and_is_brought_along_when_it_is_back() {
    let hosts = Hosts::new();
    let fleet = hosts.fleet();
    let spec = hosts.release("abc-1", Program::Lives);
    done(|| fleet.start(stamp(1, 1), &spec));
    hosts.wait_for(&[("a", Running), ("b", Running)]);

    hosts.script("cut", &["b"]);
    assert_eq!(hosts.states(), [("a".to_owned(), Running), ("b".to_owned(), Unknown)]);
    let said = fleet.stop(stamp(1, 2), &hosts.service(), &spec.release);
    let Err(ActError::Unknown(fault)) = said else { panic!("{said:?}") };
    assert!(fault.place.starts_with("host b: "), "{fault}");
    hosts.wait_for(&[("a", Stopped), ("b", Unknown)]);
    assert!(fleet.usage(&hosts.service()).is_err(), "what nobody can read counts for nothing");
    // Only who would use a host that is away has to know what it has.
    let (first, last) = hosts.ports();
    let (near, both) = (["a".to_owned()], ["a".to_owned(), "b".to_owned()]);
    assert!(fleet.free_ports(first, last, &near).is_ok_and(|free| free > 0));
    assert!(fleet.free_ports(first, last, &both).is_err());
    assert!(fleet.port_free(last, &hosts.service(), &near).unwrap());
    assert!(fleet.port_free(last, &hosts.service(), &both).is_err());

    // It leaves where it can, and where nobody hears that, later; it is not forgotten meanwhile.
    let said = fleet.remove(stamp(1, 3), &hosts.service(), &spec.release);
    assert!(matches!(said, Err(ActError::Unknown(_))), "{said:?}");
    assert!(fleet.look(&hosts.service()).is_err(), "nobody can tell what the last one does");
    let left = fleet.leaving().unwrap();
    assert!(left.len() == 1 && left[0].starts_with("b/"), "{left:?}");
    assert_eq!(fleet.catch_up().removed, [""; 0]);

    hosts.script("heal", &["b"]);
    eventually("b is back", || fleet.look(&hosts.service()).is_ok());
    hosts.wait_for(&[("b", Stopping)]);
    eventually("it has left", || {
        fleet.catch_up();
        fleet.leaving().unwrap().is_empty()
    });
    hosts.wait_for(&[]);

    // What is started again is not taken away afterwards.
    let again = hosts.release("abc-2", Program::Lives);
    done(|| fleet.start(stamp(2, 1), &again));
    hosts.wait_for(&[("a", Running), ("b", Running)]);
    assert_eq!(fleet.catch_up(), ops_docker::Restored::default());
    hosts.wait_for(&[("a", Running), ("b", Running)]);
}

#[test]
fn p5_what_runs_only_on_a_silent_host_leaves_when_that_is_back() {
    let hosts = Hosts::new();
    let fleet = hosts.fleet();
    let (serves, copy) =
        (hosts.release("abc-1", Program::Lives), hosts.release("abc-2", Program::Lives));
    done(|| fleet.start(stamp(1, 1), &serves));
    done(|| fleet.start(stamp(1, 2), &copy.on_first(1)));
    hosts.wait_for(&[("a", Running), ("a", Running), ("b", Running)]);
    // A host that answers is not told behind anybody's back: it has not stopped, and stays.
    let said = fleet.remove(stamp(1, 3), &hosts.service(), &copy.release);
    assert!(matches!(said, Err(ActError::NotApplied(_))), "{said:?}");
    assert_eq!(fleet.leaving().unwrap(), [""; 0]);

    hosts.script("cut", &["a"]);
    assert!(fleet.stop(stamp(1, 4), &hosts.service(), &copy.release).is_err());
    assert!(fleet.remove(stamp(1, 5), &hosts.service(), &copy.release).is_err());
    let left = fleet.leaving().unwrap();
    assert!(left.len() == 1 && left[0].starts_with("a/"), "{left:?}");

    hosts.script("heal", &["a"]);
    eventually("it has left", || {
        fleet.catch_up();
        fleet.leaving().unwrap().is_empty()
    });
    hosts.wait_for(&[("a", Running), ("b", Running)]);
    let view = fleet.look(&hosts.service()).unwrap();
    assert!(view.replicas.iter().all(|one| one.release == serves.release), "{view:?}");
}

#[test]
fn p13_secrets_come_to_each_host_over_tls_and_through_ssh() {
    let hosts = Hosts::new();
    let fleet = hosts.fleet();
    let value = value(&hosts.stand);
    let (mut spec, _) = with_token(&hosts.stand, &value);
    spec.replicas = 2;
    spec = Stand::with_container(spec, |one| one.hosts = vec!["a".to_owned(), "b".to_owned()]);
    done(|| fleet.start(stamp(1, 1), &spec));
    hosts.wait_for(&[("a", Running), ("b", Running)]);
    let view = fleet.look(&hosts.service()).unwrap();
    for address in view.replicas.iter().filter_map(|one| one.address.as_ref()) {
        assert_eq!(crate::stand::fetch(address, "/file/run/secrets/TOKEN"), value);
    }
    for (host, folder) in [("a", hosts.of("a")), ("b", hosts.of("b"))] {
        let found = Command::new("grep").args(["-r", "-l", &value]).arg(folder).output().unwrap();
        assert!(found.stdout.is_empty(), "{host}: {}", String::from_utf8_lossy(&found.stdout));
    }
    done(|| fleet.stop(stamp(1, 2), &hosts.service(), &spec.release));
    hosts.wait_for(&[("a", Stopped), ("b", Stopped)]);
    done(|| fleet.remove(stamp(1, 3), &hosts.service(), &spec.release));
    for host in ["a", "b"] {
        let left = std::fs::read_dir(hosts.stand.secrets_dir().with_file_name(host)).unwrap();
        assert_eq!(left.count(), 0, "{host}");
    }
}

#[test]
fn what_ssh_says_is_told() {
    let hosts = Hosts::new();
    let config = hosts.of("b").join("ssh_config");
    let text = std::fs::read_to_string(&config).unwrap();
    let of = |change: fn(&str) -> String| {
        std::fs::write(&config, change(&text)).unwrap();
        let address = hosts.address(2).to_string();
        let (_, target) =
            hosts.target("b", Engine::through_ssh(&address, Some(&config)).unwrap(), 2);
        let spec = hosts.stand.one("abc-1");
        match target.start(stamp(1, 1), &spec) {
            Err(ActError::NotApplied(fault)) => fault.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let said = of(|text| text.replace("known_hosts", "no_such_file"));
    assert!(said.contains("ssh says: ") && said.contains("Host key verification failed"), "{said}");
    assert!(said.contains("into the known hosts"), "{said}");
    let said = of(|text| text.replace("client_key", "host_key"));
    assert!(said.contains("Permission denied") && said.contains("let the key"), "{said}");
}

#[test]
fn a_host_that_left_ops_yaml_is_named_while_something_runs_on_it() {
    let hosts = Hosts::new();
    let spec = hosts.release("abc-1", Program::Lives);
    done(|| hosts.fleet().start(stamp(1, 1), &spec));
    let tls = Engine::remote(&format!("{}:2376", hosts.address(1)), &hosts.of("a")).unwrap();
    let one = BTreeMap::from([hosts.target("a", tls, 1)]);
    let fleet = Fleet::new(hosts.stand.state(), one);
    assert!(fleet.knows(&hosts.service()));
    let said = fleet.look(&hosts.service()).unwrap_err().to_string();
    assert!(said.contains("has containers on b"), "{said}");
    let said = fleet.start(stamp(1, 2), &spec).unwrap_err().to_string();
    assert!(said.contains("no host b was known"), "{said}");
}
