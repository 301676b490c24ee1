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

use ops_core::id::{Digest, Generation, OpId, ServiceName, Stamp};
use ops_engine::ports::{Artifacts, Target};
use ops_server::ControlClient;
use ops_targets::{ArtifactStore, ProcessTarget};
use rustix::process::{Pid, Signal, kill_process};

use super::Team;
use crate::{shop::ShopConfig, versions::write_candidate};

/// Bound of the artifact store while a candidate is looked at, in MiB.
const STORE_MB: u64 = 1_000;

/// Ports that replicas of the demo may get.
const PORTS: u16 = 64;
/// Where they are looked for: below the ports that Linux gives to connections.
const PORTS_FROM: u16 = 12_000;
const PORTS_TO: u16 = 32_000;
/// Where the shop listens in a container.
pub const CONTAINER_PORT: u16 = 8080;
/// How long a process of the demo gets to end by itself.
const END_WAIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);
/// How long the daemon gets until it answers.
const START_WAIT: Duration = Duration::from_secs(30);

/// What went wrong with the stage itself.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
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

impl SiteError {
    pub(super) fn other(what: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Other { what, why: why.to_string() }
    }
}

fn system<'a>(what: &'static str, place: &'a Path) -> impl FnOnce(io::Error) -> SiteError + 'a {
    move |source| SiteError::System { what, place: place.display().to_string(), source }
}

/// The times and the size of the shop on a stage.
#[derive(Debug, Clone)]
pub struct SiteSettings {
    /// The `strategy` of the shop, as `ops.yaml` takes it.
    pub strategy: String,
    /// The `watch` of the shop, as `ops.yaml` takes it.
    pub watch: String,
    /// How many replicas serve.
    pub replicas: u32,
    /// Whether they are containers of this machine's Docker Engine, which listen on
    /// [`CONTAINER_PORT`] inside.
    pub containers: bool,
}

impl Default for SiteSettings {
    /// The demo's: a short canary and a watch just above the compiled-in floor.
    fn default() -> Self {
        Self {
            strategy: "{ canary: { steps: [5%, 25%, 50%], dwell: 2s, min_requests: 50 } }".into(),
            watch: "{ for: 32s, last_stretch: 6s, min_requests: 1000 }".into(),
            replicas: 2,
            containers: false,
        }
    }
}

/// A candidate that DEV built.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Where it lies.
    pub folder: PathBuf,
    /// Digest of its content.
    pub digest: Digest,
}

/// A process of the stage.
struct Running {
    name: String,
    child: Child,
}

/// A stage: folder and processes. Dropping it ends and removes everything.
pub struct Site {
    folder: tempfile::TempDir,
    program: PathBuf,
    processes: Vec<Running>,
    door: SocketAddr,
    boards: SocketAddr,
    ports: (u16, u16),
}

impl Site {
    /// Makes the folder, its `ops.yaml` and a git repository around it.
    ///
    /// # Errors
    ///
    /// If the system refuses a folder, a port or git.
    pub fn new(program: &Path, settings: &SiteSettings) -> Result<Self, SiteError> {
        let folder = tempfile::Builder::new()
            .prefix("ops-demo-")
            .tempdir()
            .map_err(system("make a folder", Path::new("the folder for temporary files")))?;
        let door = free_address()?;
        let boards = free_address()?;
        let ports = free_range()?;
        let program = program.to_owned();
        let site = Self { folder, program, processes: Vec::new(), door, boards, ports };
        site.write_configuration(settings)?;
        Ok(site)
    }

    /// Starts the door and the daemon, and gives everybody of the team their token.
    ///
    /// # Errors
    ///
    /// If a process does not start.
    pub fn open(&mut self) -> Result<Team, SiteError> {
        let team = Team::new(self.boards, |who| self.token(who))?;
        self.start_edge()?;
        self.start_daemon()?;
        self.await_daemon()?;
        Ok(team)
    }

    /// Starts the door.
    ///
    /// # Errors
    ///
    /// If the program does not start.
    pub fn start_edge(&mut self) -> Result<(), SiteError> {
        self.start(&["edge"])
    }

    /// Starts the daemon, also one after another that was killed. It may not answer yet.
    ///
    /// # Errors
    ///
    /// If the program does not start.
    pub fn start_daemon(&mut self) -> Result<(), SiteError> {
        self.start(&["serve", "--no-edge"])
    }

    /// Waits until the daemon answers.
    ///
    /// # Errors
    ///
    /// If it does not within half a minute; with its last words.
    pub fn await_daemon(&self) -> Result<(), SiteError> {
        let control = self.control();
        let until = Instant::now() + START_WAIT;
        while control.status().is_err() {
            if Instant::now() > until {
                let words = self.last_words("serve");
                return Err(SiteError::Late(format!("`ops serve` did not answer: {words}")));
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Writes a candidate of the shop and finds its digest.
    ///
    /// # Errors
    ///
    /// If it cannot be written or resolved.
    pub fn candidate(&self, shop: &ShopConfig) -> Result<Candidate, SiteError> {
        let folder = self.folder().join("candidates").join(&shop.version);
        fs::create_dir_all(&folder).map_err(system("make a candidate's folder", &folder))?;
        write_candidate(&folder, &self.program, shop)
            .map_err(|why| SiteError::other("a candidate", why))?;
        let store = ArtifactStore::new(&self.state(), STORE_MB);
        let artifact = store
            .resolve(&folder.display().to_string(), &["bin/shop".to_owned()])
            .map_err(|why| SiteError::other("a candidate", why))?;
        Ok(Candidate { folder, digest: artifact.digest })
    }

    /// The processes that serve, seen as the daemon sees them.
    pub fn target(&self) -> ProcessTarget {
        let keeper = vec![self.program.clone().into(), "keeper".into()];
        ProcessTarget::new(&self.state(), keeper, self.ports, 10)
    }

    fn token(&self, who: &str) -> Result<String, SiteError> {
        let output = self
            .ops(&["board", "token", who])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .map_err(system("run ops", &self.program))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        Err(SiteError::other("no token for the team", String::from_utf8_lossy(&output.stderr)))
    }

    /// The daemon's control socket.
    pub fn control(&self) -> ControlClient {
        ControlClient::new(self.state())
    }

    /// Where users come in.
    pub fn door(&self) -> SocketAddr {
        self.door
    }

    /// Where the boards are.
    pub fn boards(&self) -> SocketAddr {
        self.boards
    }

    /// The process ids of the stage's own processes with this name, such as `serve`.
    pub fn pid(&self, name: &str) -> Option<u32> {
        self.processes.iter().find(|one| one.name == name).map(|one| one.child.id())
    }

    /// Kills a process of the stage (SIGKILL) and waits until it is gone.
    ///
    /// # Errors
    ///
    /// If there is none with this name, or it cannot be killed.
    pub fn kill(&mut self, name: &str) -> Result<(), SiteError> {
        let at = self.processes.iter().position(|one| one.name == name);
        let at = at.ok_or_else(|| SiteError::Late(format!("no {name} runs on this stage")))?;
        let mut one = self.processes.remove(at);
        one.child.kill().map_err(system("kill a process", &self.program))?;
        one.child.wait().map_err(system("wait for a process", &self.program))?;
        Ok(())
    }

    /// The project's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where ops keeps its state.
    pub fn state(&self) -> PathBuf {
        self.folder().join(".ops")
    }

    /// This program, which also is the shop.
    pub fn program(&self) -> &Path {
        &self.program
    }

    fn write_configuration(&self, settings: &SiteSettings) -> Result<(), SiteError> {
        let file = self.folder().join("ops.yaml");
        let (first, last) = self.ports;
        let text = configuration(self.door, self.boards, (first, last), settings);
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

    fn git(&self, args: &[&str]) -> Result<(), SiteError> {
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
        Err(SiteError::other("git failed", String::from_utf8_lossy(&output.stderr)))
    }

    /// A command of this program on the demo's folder.
    pub fn ops(&self, args: &[&str]) -> Command {
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
    pub fn start(&mut self, args: &[&str]) -> Result<(), SiteError> {
        let name = args.first().copied().unwrap_or("ops");
        let log = self.folder().join(format!("{name}.log"));
        // What a killed one said stays: it may tell why the next one is in trouble.
        let file = fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(system("write a log", &log))?;
        let child = self
            .ops(args)
            .stderr(file)
            .spawn()
            .map_err(system("start a process of the demo", &self.program))?;
        self.processes.push(Running { name: name.to_owned(), child });
        Ok(())
    }

    /// The end of a process's log, for when something went wrong.
    pub fn last_words(&self, name: &str) -> String {
        let text =
            fs::read_to_string(self.folder().join(format!("{name}.log"))).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Ends all processes and removes the folder; says what could not be ended.
    pub fn clear(mut self) -> Result<(), SiteError> {
        self.end_all()
    }

    fn end_all(&mut self) -> Result<(), SiteError> {
        // The daemon first, so that nobody starts anything again; then the services; the door last.
        self.processes.sort_by_key(|one| one.name != "edge");
        while self.processes.len() > 1 {
            if let Some(mut one) = self.processes.pop() {
                end(&mut one.child);
            }
        }
        let served = self.end_services();
        if let Some(mut one) = self.processes.pop() {
            end(&mut one.child);
        }
        served
    }

    fn end_services(&self) -> Result<(), SiteError> {
        let target = self.target();
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
                .map_err(|why| SiteError::other("a service could not be stopped", why))?;
        }
        let until = Instant::now() + END_WAIT;
        for release in &releases {
            while let Err(why) = target.remove(stamp(), &service, release) {
                if Instant::now() > until {
                    return Err(SiteError::other("a service did not end", why));
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

fn free_address() -> Result<SocketAddr, SiteError> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map_err(system("find a free port", Path::new("127.0.0.1")))
}

/// Ports for replicas that nobody listens on, below those that the system gives to connections, to
/// the door and to the boards.
fn free_range() -> Result<(u16, u16), SiteError> {
    // Where two demos begin to look is unlikely to be the same.
    let begin = PORTS_FROM + (std::process::id() % 200) as u16 * (PORTS + 1);
    let ranges = (begin..PORTS_TO).chain(PORTS_FROM..begin).step_by(usize::from(PORTS) + 1);
    let range = |first: u16| (first, first + PORTS);
    let free = |(first, last): &(u16, u16)| {
        (*first..=*last).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok())
    };
    let none = || io::Error::new(io::ErrorKind::AddrInUse, "no free range of ports");
    ranges
        .map(range)
        .find(free)
        .ok_or_else(none)
        .map_err(system("find free ports", Path::new("127.0.0.1")))
}

/// The demo's `ops.yaml`: real, only with shorter times than a team would choose.
fn configuration(
    door: SocketAddr,
    boards: SocketAddr,
    (first, last): (u16, u16),
    settings: &SiteSettings,
) -> String {
    let SiteSettings { strategy, watch, replicas, containers } = settings;
    let runs = if *containers {
        format!("target: docker\n    container: {{ port: {CONTAINER_PORT} }}")
    } else {
        "command: [bin/shop, --port, \"{port}\"]".to_owned()
    };
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
    {runs}
    replicas: {replicas}
    route: {{ path: / }}
    health: {{ path: /healthz, every: 500ms, timeout: 1s, in_a_row: 2, start_deadline: 30s }}
    smoke: [{{ get: /products, status: 200 }}]
    strategy: {strategy}
    watch: {watch}
    drain: 5s
    needs: {{ memory: 16MB, disk: 10MB }}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_get_ports_that_nobody_else_gets() {
        let (first, last) = free_range().unwrap();
        assert!(last - first == PORTS && first >= PORTS_FROM && last < 32_768, "{first}-{last}");
        let taken = TcpListener::bind(("127.0.0.1", first)).unwrap();
        let (next, _) = free_range().unwrap();
        assert!(next > last || next + PORTS < first, "{next} overlaps {first}");
        drop(taken);
    }
}
