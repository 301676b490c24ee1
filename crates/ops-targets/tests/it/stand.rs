//! A temporary target with its store, and a guard that leaves no process behind.

use std::{
    fs::Permissions,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use ops_conformance::{Break, Breakable, Broken, Errand, Ground, Program};
use ops_core::{
    id::{Digest, ReleaseId, ServiceName, Stamp},
    world::{ReleaseSpec, ReplicaState, TargetView},
};
use ops_engine::ports::{Artifacts as _, Target};
use ops_targets::{ArtifactStore, ProcessTarget};
use rustix::process::{Pid, Signal, kill_process};

/// No test's service counts on a port; each stand draws from its own part of this range.
const PORTS: (u16, u16) = (20_000, 29_999);
const PORTS_EACH: u16 = 100;

pub(crate) use ops_conformance::{eventually, stamp};

/// Writes an executable script.
pub(crate) fn script(path: &Path, text: &str) {
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(format!("#!/bin/sh\n{text}\n").as_bytes()).unwrap();
    file.set_permissions(Permissions::from_mode(0o755)).unwrap();
}

pub(crate) struct Stand {
    folder: tempfile::TempDir,
    pub(crate) target: ProcessTarget,
    pub(crate) store: ArtifactStore,
    pub(crate) ports: (u16, u16),
}

impl Stand {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let slots = (PORTS.1 - PORTS.0) / PORTS_EACH;
        let first = PORTS.0 + (std::process::id() as u16 % slots) * PORTS_EACH;
        let ports = (first, first + PORTS_EACH - 1);
        let target = Self::open(folder.path(), ports);
        let store = ArtifactStore::new(folder.path(), 64);
        Self { folder, target, store, ports }
    }

    /// Another process of ops on the same state would open this.
    pub(crate) fn open(state: &Path, ports: (u16, u16)) -> ProcessTarget {
        let keeper = env!("CARGO_BIN_EXE_ops-targets-test-keeper");
        ProcessTarget::new(state, vec![keeper.into()], ports, 1)
    }

    pub(crate) fn state(&self) -> &Path {
        self.folder.path()
    }

    /// Imports an artifact of one script, `run`, that is given `$SCRATCH`.
    pub(crate) fn artifact(&self, text: &str) -> Digest {
        let source = tempfile::tempdir().unwrap();
        script(&source.path().join("run"), text);
        std::fs::write(source.path().join("data"), "from the artifact\n").unwrap();
        let reference = source.path().display().to_string();
        let digest = self.store.resolve(&reference, &["run".to_owned()]).unwrap().digest;
        self.store.import(&reference, &digest).unwrap();
        digest
    }

    pub(crate) fn release(&self, name: &str, text: &str) -> ReleaseSpec {
        ReleaseSpec {
            release: ReleaseId::from(name),
            service: ServiceName::from("shop"),
            artifact: self.artifact(text),
            command: vec!["run".to_owned()],
            env: vec![("SCRATCH".to_owned(), self.folder.path().display().to_string())],
            secrets: Vec::new(),
            replicas: 2,
            fixed_port: None,
            stop_grace_ms: 5_000,
            container: None,
            compose: None,
        }
    }

    pub(crate) fn view(&self) -> TargetView {
        self.target.look(&ServiceName::from("shop")).unwrap()
    }

    pub(crate) fn states(&self) -> Vec<ReplicaState> {
        self.view().replicas.into_iter().map(|replica| replica.state).collect()
    }

    pub(crate) fn wait_for(&self, states: &[ReplicaState]) {
        eventually(&format!("{states:?}"), || self.states() == states);
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    pub(crate) fn replica(&self, name: &str) -> PathBuf {
        self.folder.path().join("replicas/shop").join(name)
    }

    /// Living keepers, by the state folder in their command line.
    pub(crate) fn keepers(&self) -> Vec<i32> {
        let mut keepers = self.living("cmdline");
        keepers.retain(|pid| {
            let argv = std::fs::read_to_string(format!("/proc/{pid}/cmdline"));
            argv.is_ok_and(|argv| argv.contains("ops-targets-test-keeper\0"))
        });
        keepers
    }

    /// Living processes of services, by the state folder in their variables.
    pub(crate) fn services(&self) -> Vec<i32> {
        self.living("environ")
    }

    pub(crate) fn kill_keepers(&self) {
        for pid in self.keepers() {
            signal(pid, Signal::KILL);
        }
        eventually("the keepers are gone", || self.keepers().is_empty());
    }

    fn living(&self, file: &str) -> Vec<i32> {
        let needle = self.folder.path().as_os_str().as_encoded_bytes();
        std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid| {
                let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                bytes.windows(needle.len()).any(|part| part == needle) && !is_zombie(*pid)
            })
            .collect()
    }
}

impl Ground for Stand {
    fn open(&self) -> Box<dyn Target> {
        Box::new(Self::open(self.state(), self.ports))
    }

    fn service(&self) -> ServiceName {
        ServiceName::from("shop")
    }

    fn release(&self, name: &str, program: Program) -> ReleaseSpec {
        let text = match program {
            Program::Lives => "exec sleep 1000",
            Program::Fails => "exit 3",
            Program::Stubborn => "trap '' TERM; while :; do sleep 1; done",
        };
        Self::release(self, name, text)
    }

    fn ports(&self) -> (u16, u16) {
        self.ports
    }
}

impl Breakable for Stand {
    fn fails(&self) -> &'static [Break] {
        &[Break::Fails]
    }

    fn broken(&self, at: (Break, usize), errand: &Errand, stamp: Stamp) -> Broken {
        crate::broken::broken(self, at, (errand, stamp))
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        for _ in 0..100 {
            let mut left = self.keepers();
            left.append(&mut self.services());
            if left.is_empty() {
                break;
            }
            for pid in left {
                signal(pid, Signal::KILL);
            }
        }
        // Stored artifacts are read-only, which only root may ignore.
        let _ = std::process::Command::new("chmod").arg("-R").arg("u+w").arg(self.state()).status();
    }
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
}

fn is_zombie(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, fields)| fields.starts_with('Z'))
}
