//! The machine of the demo: a folder of its own with configuration, candidates and state, the
//! processes on it, and how all of that goes away again.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use ops_core::id::{Generation, OpId, ServiceName, Stamp};
use ops_engine::ports::Target;
use ops_targets::ProcessTarget;
use rustix::process::{Pid, Signal, kill_process};

/// Ports that replicas of the demo may get.
const PORTS: u16 = 64;
/// How long a process of the demo gets to end by itself.
const END_WAIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// What went wrong with the demo itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// The system refused something.
    #[error("cannot {what}: {source}; check the free space and the permissions of {place}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Where.
        place: String,
        /// Why not.
        source: io::Error,
    },
    /// Something did not happen in time.
    #[error("{0}")]
    Late(String),
    /// Something else answered wrongly.
    #[error("{what}: {why}")]
    Other {
        /// What was tried.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// Ctrl-C.
    #[error("stopped by Ctrl-C; everything was cleared away")]
    Stopped,
}

impl DemoError {
    pub(crate) fn other(what: &'static str, why: impl ToString) -> Self {
        Self::Other { what, why: why.to_string() }
    }
}

fn system<'a>(what: &'static str, place: &'a Path) -> impl FnOnce(io::Error) -> DemoError + 'a {
    move |source| DemoError::System { what, place: place.display().to_string(), source }
}

/// The demo's folder and processes. Dropping it ends and removes everything.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    program: PathBuf,
    processes: Vec<Child>,
    /// Where users come in.
    pub(crate) door: SocketAddr,
    /// Where the boards are.
    pub(crate) boards: SocketAddr,
    ports: (u16, u16),
}

impl Site {
    /// Makes the folder, its `ops.yaml` and a git repository around it.
    pub(crate) fn new() -> Result<Self, DemoError> {
        let folder = tempfile::Builder::new()
            .prefix("ops-demo-")
            .tempdir()
            .map_err(system("make a folder", Path::new("the folder for temporary files")))?;
        let program = std::env::current_exe()
            .map_err(system("find this program", Path::new("this program")))?;
        let door = free_address()?;
        let boards = free_address()?;
        let ports = free_range()?;
        let site = Self { folder, program, processes: Vec::new(), door, boards, ports };
        site.write_configuration()?;
        Ok(site)
    }

    /// The project's folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where ops keeps its state.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder().join(".ops")
    }

    /// This program, which also is the shop.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    fn write_configuration(&self) -> Result<(), DemoError> {
        let file = self.folder().join("ops.yaml");
        let (first, last) = self.ports;
        let text = configuration(self.door, self.boards, first, last);
        fs::write(&file, text).map_err(system("write ops.yaml", &file))?;
        self.git(&["init", "--quiet"])?;
        self.git(&["add", "ops.yaml"])?;
        self.git(&[
            "-c",
            "user.name=ops demo",
            "-c",
            "user.email=demo@example.org",
            "commit",
            "--quiet",
            "-m",
            "How the shop is deployed",
        ])
    }

    fn git(&self, args: &[&str]) -> Result<(), DemoError> {
        let output = Command::new("git")
            .args(args)
            .current_dir(self.folder())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .output()
            .map_err(system("run git", self.folder()))?;
        if output.status.success() {
            return Ok(());
        }
        Err(DemoError::other("git failed", String::from_utf8_lossy(&output.stderr)))
    }

    /// A command of this program on the demo's folder.
    pub(crate) fn ops(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("--config")
            .arg(self.folder())
            .arg("--state")
            .arg(self.state())
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Starts a process of the demo; what it says goes to a log in the folder.
    pub(crate) fn start(&mut self, args: &[&str]) -> Result<(), DemoError> {
        let name = args.first().copied().unwrap_or("ops");
        let log = self.folder().join(format!("{name}.log"));
        let file = fs::File::create(&log).map_err(system("write a log", &log))?;
        let child = self
            .ops(args)
            .stderr(file)
            .spawn()
            .map_err(system("start a process of the demo", &self.program))?;
        self.processes.push(child);
        Ok(())
    }

    /// The end of a process's log, for when something went wrong.
    pub(crate) fn last_words(&self, name: &str) -> String {
        let text = fs::read_to_string(self.folder().join(format!("{name}.log"))).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Ends all processes and removes the folder; says what could not be ended.
    pub(crate) fn clear(mut self) -> Result<(), DemoError> {
        self.end_all()
    }

    fn end_all(&mut self) -> Result<(), DemoError> {
        // The daemon first, so that nobody starts anything again; then the services; the door last.
        while let Some(mut child) = self.processes.pop() {
            if self.processes.is_empty() {
                self.end_services()?;
            }
            end(&mut child);
        }
        Ok(())
    }

    fn end_services(&self) -> Result<(), DemoError> {
        let target = ProcessTarget::new(&self.state(), vec![self.program.clone().into(), "keeper".into()], self.ports, 10);
        let service = ServiceName::new("shop");
        let Ok(view) = target.look(&service) else { return Ok(()) };
        let generation = Generation(view.highest.0 + 1_000);
        let releases: std::collections::BTreeSet<_> =
            view.replicas.iter().map(|replica| replica.release.clone()).collect();
        let mut op = 0;
        let mut stamp = || {
            op += 1;
            Stamp { generation, deployment: u64::MAX, op: OpId(op) }
        };
        for release in &releases {
            target
                .stop(stamp(), &service, release)
                .map_err(|why| DemoError::other("a service could not be stopped", why))?;
        }
        let until = Instant::now() + END_WAIT;
        for release in &releases {
            while let Err(why) = target.remove(stamp(), &service, release) {
                if Instant::now() > until {
                    return Err(DemoError::other("a service did not end", why));
                }
                thread::sleep(POLL);
            }
        }
        Ok(())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Err(why) = self.end_all() {
            tracing::error!(%why, "the demo could not be cleared away");
        }
    }
}

fn end(child: &mut Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have ended already; then there is nothing to tell.
        let _ = kill_process(pid, Signal::TERM);
    }
    let until = Instant::now() + END_WAIT;
    while Instant::now() < until {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        thread::sleep(POLL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn free_address() -> Result<SocketAddr, DemoError> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map_err(system("find a free port", Path::new("127.0.0.1")))
}

/// A range of ports of which at least the first is free; replicas take those that are.
fn free_range() -> Result<(u16, u16), DemoError> {
    let first = free_address()?.port();
    let first = first.min(u16::MAX - PORTS);
    Ok((first, first + PORTS))
}

/// The demo's `ops.yaml`: real, only with shorter times than a team would choose.
fn configuration(door: SocketAddr, boards: SocketAddr, first: u16, last: u16) -> String {
    format!(
        r#"version: 1
project: demo
environments:
  production: {{ ports: {first}-{last} }}
people:
  pia@example.org: po
  dan@example.org: dev
  cleo@example.org: cq
  quinn@example.org: qa
  ops@example.org: ops
operators: [pia@example.org]
boards: {{ embedded: {{ listen: "{boards}", me: ops@example.org, channel: standup }} }}
edge: {{ listen: ["{door}"] }}
heartbeat: 10s
services:
  shop:
    command: [bin/shop, --port, "{{port}}"]
    replicas: 2
    route: {{ path: / }}
    health: {{ path: /healthz, every: 500ms, timeout: 1s, in_a_row: 2, start_deadline: 30s }}
    smoke: [{{ get: /products, status: 200 }}]
    strategy:
      canary:
        steps: [5%, 25%, 50%]
        dwell: 2s
        min_requests: 50
    watch: {{ for: 32s, last_stretch: 6s, min_requests: 1000 }}
    drain: 5s
    needs: {{ memory: 16MB, disk: 10MB }}
"#
    )
}
