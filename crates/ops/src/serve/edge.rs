//! The edge beside the daemon: started if none answers, and outliving it.

use std::{
    fs::{self, OpenOptions},
    os::unix::{fs::OpenOptionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use ops_edge::EdgeDoor;

use crate::{
    context::{Context, own_build, own_program},
    problem::Problem,
};

/// How long a new edge may take until it answers.
const START_WAIT: Duration = Duration::from_secs(10);
/// Pause between two questions whether it answers.
const POLL: Duration = Duration::from_millis(50);
/// Pause between two looks whether the edge is still there.
const LOOK_PAUSE: Duration = Duration::from_secs(2);
/// Looks in a row without an answer until a new edge is started.
const MISSED_MAX: u32 = 3;
/// Bytes of the edge's log beyond which a new one is begun.
const LOG_MAX: u64 = 10 * 1024 * 1024;

/// Looks after the edge while it exists; the edge itself goes on when this is dropped.
pub(super) struct Edge {
    /// Hangs up to end the thread.
    _stop: Option<Sender<()>>,
}

struct Starter {
    program: PathBuf,
    config: PathBuf,
    state: PathBuf,
    door: EdgeDoor,
}

impl Edge {
    /// Starts an edge if none answers, unless somebody else does (`--no-edge`).
    pub(super) fn begin(context: &Context, own_edge: bool) -> Result<Self, Problem> {
        if !own_edge {
            return Ok(Self { _stop: None });
        }
        let starter = Starter {
            program: own_program()?,
            config: context.config.clone(),
            state: context.state.clone(),
            door: context.door(),
        };
        let mut child = None;
        match starter.door.status() {
            Ok(status) if status.build == own_build() => {}
            // An edge of before an upgrade: the new one takes its place, and nothing is dropped.
            Ok(status) => match starter.replace(&status.instance) {
                Ok(new) => child = Some(new),
                Err(problem) => tracing::warn!(%problem, "the edge of another version goes on"),
            },
            Err(_) => child = Some(starter.start()?),
        }
        let (stop, stopped) = channel();
        thread::Builder::new()
            .name("ops-edge-watch".into())
            .spawn(move || starter.look_after(child, &stopped))
            .map_err(|error| Problem::internal(format!("no thread can be started: {error}")))?;
        Ok(Self { _stop: Some(stop) })
    }
}

impl Starter {
    /// Starts an edge apart from this process and waits until it answers.
    fn start(&self) -> Result<Child, Problem> {
        self.spawn_until(&[], || self.door.status().is_ok())
    }

    /// Starts an edge that takes the place of the running one, and waits until it did.
    fn replace(&self, running: &str) -> Result<Child, Problem> {
        let replaced = || self.door.status().is_ok_and(|status| status.instance != running);
        self.spawn_until(&["--take-over"], replaced)
    }

    fn spawn_until(&self, more: &[&str], so: impl Fn() -> bool) -> Result<Child, Problem> {
        let mut child = self.spawn(more)?;
        let until = Instant::now() + START_WAIT;
        loop {
            if so() {
                return Ok(child);
            }
            let ended = matches!(child.try_wait(), Ok(Some(_)));
            if ended || Instant::now() >= until {
                let last = last_words(&self.log_path());
                return Err(Problem::refused(format!("the edge does not start: {last}")).hint(
                    format!("{} tells more; `ops edge` runs it here", self.log_path().display()),
                ));
            }
            thread::sleep(POLL);
        }
    }

    fn spawn(&self, more: &[&str]) -> Result<Child, Problem> {
        let path = self.log_path();
        if fs::metadata(&path).is_ok_and(|about| about.len() > LOG_MAX) {
            // An old log that cannot be put aside is only longer than it should be.
            let _ = fs::rename(&path, path.with_extension("log.1"));
        }
        let failed = |error: std::io::Error| Problem::file("write", &path, &error);
        let log =
            OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(failed)?;
        Command::new(&self.program)
            .args(["edge", "--detached"])
            .args(more)
            .arg("--config")
            .arg(&self.config)
            .arg("--state")
            .arg(&self.state)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            // Ctrl-C at the daemon's terminal must not reach it.
            .process_group(0)
            .current_dir("/")
            .spawn()
            .map_err(|error| Problem::internal(format!("the edge cannot be started: {error}")))
    }

    fn log_path(&self) -> PathBuf {
        self.state.join("edge.log")
    }

    fn look_after(&self, mut child: Option<Child>, stopped: &Receiver<()>) {
        let mut missed = 0;
        while matches!(stopped.recv_timeout(LOOK_PAUSE), Err(RecvTimeoutError::Timeout)) {
            if let Some(Ok(Some(_))) = child.as_mut().map(Child::try_wait) {
                child = None;
            }
            match self.door.status() {
                Ok(_) => missed = 0,
                Err(_) if missed < MISSED_MAX => missed += 1,
                Err(fault) => {
                    missed = 0;
                    tracing::error!(%fault, "the edge is gone; a new one is started");
                    match self.start() {
                        Ok(new) => child = Some(new),
                        Err(problem) => tracing::error!(%problem, "it did not start"),
                    }
                }
            }
        }
    }
}

fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    last.unwrap_or("it says nothing").trim().to_owned()
}
