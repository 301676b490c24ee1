//! A temporary replica with a real keeper, and a guard that leaves no process behind.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use ops_keeper::{Answer, Order, Report, Request, Spec, Stamp, State, Status};
use rustix::process::{Pid, Signal, kill_process};

/// Far longer than anything here takes: reached only when the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// No process at all.
pub(crate) const NONE: [i32; 0] = [];

/// Polls until something is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn stamp(generation: u64, op: u32) -> Stamp {
    Stamp { generation, deployment: 1, op }
}

pub(crate) struct Nursery {
    folder: tempfile::TempDir,
    keepers: Vec<Child>,
}

impl Nursery {
    /// A stopped replica that runs a shell script.
    pub(crate) fn new(script: &str) -> Self {
        Self::with(script, |_| {})
    }

    pub(crate) fn with(script: &str, change: impl FnOnce(&mut Spec)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let nursery = Self { folder, keepers: Vec::new() };
        let program = nursery.file("service.sh");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let mut spec = Spec {
            id: "r-1.0".to_owned(),
            marker: format!("r-1.0:{}", nursery.folder.path().display()),
            service: "shop".to_owned(),
            release: "r-1".to_owned(),
            artifact: format!("sha256:{}", "0".repeat(64)),
            index: 0,
            port: 0,
            program,
            args: Vec::new(),
            env: vec![("SCRATCH".to_owned(), nursery.folder.path().display().to_string())],
            secrets: Vec::new(),
            cwd: nursery.replica().join("work"),
            stop_grace_ms: 10_000,
            log_quota: 1 << 20,
        };
        change(&mut spec);
        ops_keeper::create(&nursery.replica(), &spec).unwrap();
        nursery
    }

    pub(crate) fn replica(&self) -> PathBuf {
        self.folder.path().join("replica")
    }

    /// A scratch file, `$SCRATCH/<name>` for the service.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    pub(crate) fn log(&self) -> String {
        self.text("replica/logs/current.log")
    }

    /// Starts a keeper and waits until it answers, or until it has left by itself.
    pub(crate) fn keeper(&mut self) -> Option<Report> {
        self.keeper_with(|_| {})
    }

    pub(crate) fn keeper_with(&mut self, change: impl FnOnce(&mut Command)) -> Option<Report> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ops-keeper"));
        command.arg(self.replica()).env_clear().stdin(Stdio::null());
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let mut report = None;
        let pid = child.id() as i32;
        eventually("the keeper answers or leaves", || {
            report = self.report().filter(|report| report.keeper == pid);
            report.is_some() || child.try_wait().unwrap().is_some()
        });
        self.keepers.push(child);
        report
    }

    /// Starts the service under a fresh keeper and waits until it runs.
    pub(crate) fn started(mut self) -> Self {
        self.order_offline(Order::Start, stamp(1, 1));
        self.keeper().unwrap();
        self.wait_for(State::Running);
        self
    }

    pub(crate) fn order_offline(&self, order: Order, stamp: Stamp) -> Status {
        let lock = ops_keeper::ReplicaLock::try_take(&self.replica()).unwrap().unwrap();
        ops_keeper::take_order(&lock, &self.replica(), order, stamp).unwrap().unwrap()
    }

    pub(crate) fn ask(&self, request: &Request) -> Option<Answer> {
        ops_keeper::ask(&self.replica(), request, PATIENCE).ok()
    }

    pub(crate) fn order(&self, order: Order, stamp: Stamp) -> Answer {
        self.ask(&Request::Order { order, stamp }).unwrap()
    }

    pub(crate) fn report(&self) -> Option<Report> {
        match self.ask(&Request::Status) {
            Some(Answer::Report(report)) => Some(report),
            _ => None,
        }
    }

    /// The status: the keeper's, or what is on disk once it has left.
    pub(crate) fn status(&self) -> Status {
        match self.report() {
            Some(report) => report.status,
            None => ops_keeper::read_status(&self.replica()).unwrap(),
        }
    }

    pub(crate) fn wait_for(&self, state: State) {
        eventually(&format!("{state:?}"), || self.status().state == state);
    }

    pub(crate) fn main_pid(&self) -> i32 {
        self.status().main.unwrap().pid
    }

    /// `kill -9` of the keeper, and waits until it is gone.
    pub(crate) fn kill_keeper(&mut self) {
        for keeper in &mut self.keepers {
            keeper.kill().unwrap();
            keeper.wait().unwrap();
        }
        self.keepers.clear();
    }

    /// Waits until the last keeper has left by itself.
    pub(crate) fn keeper_leaves(&mut self) {
        let last = self.keepers.last_mut().unwrap();
        eventually("the keeper leaves", || last.try_wait().unwrap().is_some());
    }

    /// Processes of the service, found by the scratch folder's name in their environment or
    /// command line; keepers are not among them.
    pub(crate) fn processes(&self) -> Vec<i32> {
        processes_naming(self.folder.path())
            .into_iter()
            .filter(|pid| self.keepers.iter().all(|keeper| keeper.id() as i32 != *pid))
            .collect()
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        self.kill_keeper();
        for _ in 0..100 {
            let left = processes_naming(self.folder.path());
            if left.is_empty() {
                break;
            }
            for pid in left {
                signal(pid, Signal::KILL);
            }
        }
    }
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
}

pub(crate) fn alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(") ").unwrap().1.starts_with('Z'))
}

fn processes_naming(folder: &Path) -> Vec<i32> {
    let needle = folder.as_os_str().as_encoded_bytes();
    let names = |file: PathBuf| {
        let bytes = std::fs::read(file).unwrap_or_default();
        bytes.windows(needle.len()).any(|part| part == needle)
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| alive(*pid))
        .filter(|pid| {
            let process = PathBuf::from(format!("/proc/{pid}"));
            names(process.join("environ")) || names(process.join("cmdline"))
        })
        .collect()
}
