//! A Docker Engine of a test's own, which may be hurt without hurting others.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use ops_conformance::eventually;

/// One engine: its data, its socket, its process.
pub(crate) struct OwnEngine {
    folder: tempfile::TempDir,
    daemon: Option<Child>,
    /// Its bridge in this machine's network, if it is not in a network of its own.
    bridge: Option<String>,
    /// What it is told beside.
    more: Vec<String>,
}

impl OwnEngine {
    /// In a network of its own, without one for containers.
    pub(crate) fn new() -> Self {
        Self::begin(None, |_| vec!["--bridge=none".to_owned()])
    }

    /// Likewise, and told some things more.
    pub(crate) fn with(more: Vec<String>) -> Self {
        Self::begin(None, |_| std::iter::once("--bridge=none".to_owned()).chain(more).collect())
    }

    /// On a bridge of its own in this machine's network, and told some things more, which may
    /// name files in its folder.
    pub(crate) fn on_a_bridge(more: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let name = format!("ops-t{}", std::process::id());
        run("ip", &["link", "add", &name, "type", "bridge"]);
        // Of the range for benchmarks (RFC 2544), which nobody else uses here.
        let subnet = format!("198.18.{}.1/24", std::process::id() % 256);
        run("ip", &["address", "add", &subnet, "dev", &name]);
        run("ip", &["link", "set", &name, "up"]);
        Self::begin(Some(name.clone()), |folder| {
            let mut words = vec![format!("--bridge={name}")];
            words.extend(more(folder));
            words
        })
    }

    fn begin(bridge: Option<String>, more: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        let more = more(folder.path());
        let mut engine = Self { folder, daemon: None, bridge, more };
        engine.up();
        engine
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// Starts it. Two engines in one network would undo each other's default bridge, so one that
    /// has no bridge of its own gets a network of its own.
    pub(crate) fn up(&mut self) {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let host = format!("unix://{}", path("docker.sock"));
        let mut command = match self.bridge {
            Some(_) => Command::new("dockerd"),
            None => Command::new("unshare"),
        };
        if self.bridge.is_none() {
            command.args(["--net", "dockerd"]);
        }
        command
            .args(["--data-root", &path("data"), "--exec-root", &path("exec")])
            .args(["--pidfile", &path("pid"), "-H", &host])
            .args(["--iptables=false", "--ip-forward=false"])
            .args(&self.more)
            .stdout(Stdio::null())
            .stderr(File::create(path("dockerd.log")).unwrap());
        let daemon = command.spawn();
        self.daemon =
            Some(daemon.unwrap_or_else(|error| panic!("{error}: run testbed/docker-up first")));
        eventually("the engine is up", || {
            self.check_alive();
            let said = Command::new("docker").args(["-H", &host, "version"]).output();
            said.unwrap().status.success()
        });
    }

    fn check_alive(&mut self) {
        if let Some(status) = self.daemon.as_mut().unwrap().try_wait().unwrap() {
            let log = std::fs::read_to_string(self.folder.path().join("dockerd.log")).unwrap();
            let end: Vec<&str> = log.lines().rev().take(5).collect();
            panic!("dockerd ended with {status} (run testbed/docker-up first): {end:?}");
        }
    }

    /// Sends its process a signal, such as `-STOP`.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.daemon.as_ref().unwrap().id().to_string();
        run("kill", &[signal, &pid]);
    }

    /// Ends it as a restart of the machine's service would.
    pub(crate) fn down(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let pid = daemon.id().to_string();
            for signal in ["-CONT", "-TERM"] {
                let _ = Command::new("kill").args([signal, &pid]).status();
            }
            let _ = daemon.wait();
        }
    }
}

fn run(program: &str, words: &[&str]) {
    let status = Command::new(program).args(words).status();
    assert!(status.is_ok_and(|status| status.success()), "{program} {words:?}");
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        self.down();
        if let Some(bridge) = &self.bridge {
            let _ = Command::new("ip").args(["link", "delete", bridge]).status();
        }
    }
}
