//! The Compose program: found, its version read, run with an end.
//!
//! It is run below `timeout`, so that it ends also if ops does not live to see it, and it has the
//! turn of its project as its input: the kernel keeps that taken until it has ended.

use std::{
    ffi::OsString,
    fs::File,
    io::Read,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ops_core::world::Fault;
use ops_engine::ports::Look;
use rustix::process::{Pid, Signal, kill_process_group};

/// Seconds that one run may take, whoever waits for it.
const RUN_MAX: &str = "120";
/// Seconds between TERM and KILL of one that takes longer.
const KILL_AFTER: &str = "5";
const PAUSE: Duration = Duration::from_millis(10);
/// How long one that was told to end may take.
const END_MAX: Duration = Duration::from_secs(8);
/// Bytes of its output that are read.
const OUTPUT_MAX: u64 = 8 * 1024 * 1024;
/// Characters of its complaint that are repeated, and lines.
const WORDS_MAX: usize = 800;
const LINES_MAX: usize = 8;
/// Characters from which on a value of an env file is told from ordinary words.
const MASKED_MIN: usize = 6;

/// Tells a run to end before its time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Halt(Arc<AtomicBool>);

impl Halt {
    pub(crate) fn halt(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn halted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The program with which Compose files are read and brought about.
#[derive(Clone)]
pub struct ComposeProgram {
    words: Vec<OsString>,
    version: Arc<Mutex<Option<String>>>,
}

/// What one run is about.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The folder with the team's file.
    pub(crate) folder: PathBuf,
    /// What the project is called.
    pub(crate) project: String,
    /// The files, the team's first.
    pub(crate) files: Vec<PathBuf>,
    /// Variables that the files may name.
    pub(crate) env: Vec<(String, String)>,
    /// The engine's address.
    pub(crate) engine: String,
    /// What stays taken while it runs.
    pub(crate) turn: Option<Arc<File>>,
}

impl ComposeProgram {
    /// The one of this machine: `docker-compose`, or else `docker compose`.
    pub fn found() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let here =
            |name: &str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
        let words: &[&str] = if here("docker-compose") || !here("docker") {
            &["docker-compose"]
        } else {
            &["docker", "compose"]
        };
        Self { words: words.iter().map(OsString::from).collect(), version: Arc::default() }
    }

    /// A certain one.
    pub fn at(path: &Path) -> Self {
        Self { words: vec![path.as_os_str().to_owned()], version: Arc::default() }
    }

    fn name(&self) -> String {
        let words: Vec<_> = self.words.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    /// Its version, read once.
    pub(crate) fn version(&self) -> Look<String> {
        let mut known = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(version) = &*known {
            return Ok(version.clone());
        }
        let said = self.execute(&["version", "--short"], &Call::nowhere(), &Halt::default())?;
        let version = said.trim().trim_start_matches('v').to_owned();
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
        // Before 1.27, files of different versions were different languages.
        if major.is_none() || major == Some(0) || (major == Some(1) && minor < Some(27)) {
            let what = format!("{} says that it is version `{version}`", self.name());
            let next = "install docker-compose 1.27 or newer, or the compose plugin of docker";
            return Err(Fault::new(what, "the Compose program", next));
        }
        *known = Some(version.clone());
        Ok(version)
    }

    /// Runs it on a project's files.
    pub(crate) fn run(&self, words: &[&str], call: &Call, halt: &Halt) -> Look<String> {
        self.version()?;
        self.execute(words, call, halt)
    }

    fn execute(&self, words: &[&str], call: &Call, halt: &Halt) -> Look<String> {
        let place = format!("{}, project `{}`", self.name(), call.project);
        let mut command = Command::new("timeout");
        command.arg(format!("--kill-after={KILL_AFTER}")).arg(RUN_MAX).args(&self.words);
        if !call.files.is_empty() {
            command.arg("--project-directory").arg(&call.folder).args(["-p", &call.project]);
            for file in &call.files {
                command.arg("-f").arg(file);
            }
            command.current_dir(&call.folder);
        }
        // What is in our own environment is none of the project's business.
        command.args(words).env_clear().envs(call.env.iter().map(|(name, value)| (name, value)));
        for name in ["PATH", "HOME", "DOCKER_CONFIG"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
            .env("DOCKER_HOST", &call.engine)
            .env("COMPOSE_IGNORE_ORPHANS", "1")
            .env("COMPOSE_ANSI", "never")
            .env("COMPOSE_INTERACTIVE_NO_CLI", "1");
        let input = call.turn.as_ref().map(|turn| turn.try_clone()).transpose();
        let input = input.map_err(|error| unstarted(&error, &place))?;
        command
            .stdin(input.map_or_else(Stdio::null, Stdio::from))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn().map_err(|error| unstarted(&error, &place))?;
        let (out, err) = (reader(child.stdout.take()), reader(child.stderr.take()));
        let status = wait(&mut child, halt).map_err(|error| unstarted(&error, &place))?;
        let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
        match status {
            Some(status) if status.success() => Ok(out),
            Some(status) if matches!(status.code(), Some(124 | 137)) => {
                let what = format!("Compose did not end within {RUN_MAX} s: {}", tail(&err, call));
                let next = "see what it waits for: a dependency that never gets healthy, an engine \
                            that hangs";
                Err(Fault::new(what, place, next))
            }
            Some(status) if status.code() == Some(127) => {
                let what = format!("there is no {}: {}", self.name(), tail(&err, call));
                Err(Fault::new(what, place, "install docker-compose, or docker's compose plugin"))
            }
            Some(_) => {
                let what = format!("Compose refused: {}", tail(&err, call));
                Err(Fault::new(what, place, "correct what it names, then try again"))
            }
            None => {
                let next = "nothing: the later act does what is left";
                Err(Fault::new("a later act ended it", place, next))
            }
        }
    }
}

impl Call {
    fn nowhere() -> Self {
        Self {
            folder: PathBuf::new(),
            project: String::new(),
            files: Vec::new(),
            env: Vec::new(),
            engine: String::new(),
            turn: None,
        }
    }
}

fn unstarted(error: &std::io::Error, place: &str) -> Fault {
    let what = format!("the Compose program cannot be run below `timeout`: {error}");
    Fault::new(what, place, "see that both are installed and may be run by ops's user")
}

/// Reads a pipe to its end where it holds nobody up.
fn reader(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.by_ref().take(OUTPUT_MAX).read_to_end(&mut bytes);
            // What is more is read and let go, so that nobody waits to write it.
            let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits for its end; `None` if it was told to end before.
fn wait(child: &mut Child, halt: &Halt) -> std::io::Result<Option<std::process::ExitStatus>> {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let mut told: Option<Instant> = None;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(told.is_none().then_some(status));
        }
        if let (true, Some(group)) = (halt.halted(), group) {
            let late = told.is_some_and(|since| since.elapsed() > END_MAX);
            if told.is_none() || late {
                let signal = if late { Signal::KILL } else { Signal::TERM };
                let _ = kill_process_group(group, signal);
                told = told.or_else(|| Some(Instant::now()));
            }
        }
        std::thread::sleep(PAUSE);
    }
}

/// The end of its complaint, without what its env files hold (P13).
fn tail(said: &str, call: &Call) -> String {
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.contains("level=warning"))
        .collect();
    let from = lines.len().saturating_sub(LINES_MAX);
    let mut words = lines.get(from..).unwrap_or_default().join("; ");
    for value in hidden(&call.folder) {
        words = words.replace(&value, "(hidden)");
    }
    if words.is_empty() {
        return "it said nothing".to_owned();
    }
    words.chars().take(WORDS_MAX).collect()
}

/// Values of the env files in a folder.
fn hidden(folder: &Path) -> Vec<String> {
    let Ok(listing) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut values = Vec::new();
    for entry in listing.flatten() {
        if !entry.file_name().to_string_lossy().ends_with("env") {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
        let value =
            |line: &str| Some(line.split_once('=')?.1.trim_matches(['"', '\'', ' ']).to_owned());
        values.extend(text.lines().filter_map(value).filter(|value| value.len() >= MASKED_MIN));
    }
    values
}

impl std::fmt::Debug for ComposeProgram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ComposeProgram").field(&self.name()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A program that says and does what the script does.
    fn scripted(folder: &Path, script: &str) -> ComposeProgram {
        let path = folder.join("compose");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        ComposeProgram::at(&path)
    }

    fn call(folder: &Path) -> Call {
        let file = folder.join("compose.yaml");
        Call {
            folder: folder.to_owned(),
            files: vec![file],
            project: "p".into(),
            ..Call::nowhere()
        }
    }

    #[test]
    fn a_version_that_is_too_old_is_refused_and_a_missing_program_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for (said, good) in [("1.29.2", true), ("v2.26.1-4", true), ("1.21.0", false), ("x", false)]
        {
            let program = scripted(folder.path(), &format!("echo {said}"));
            assert_eq!(program.version().is_ok(), good, "{said}");
        }
        let fault = ComposeProgram::at(Path::new("/nowhere/compose")).version().unwrap_err();
        assert!(fault.to_string().contains("there is no /nowhere/compose"), "{fault}");
    }

    #[test]
    fn p13_what_env_files_hold_is_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".env"), "PASSWORD=\"hunter2hunter2\"\n").unwrap();
        let script = "case \"$*\" in *version*) echo 2.1.0;; *) echo 'bad: hunter2hunter2' >&2; exit 1;; esac";
        let program = scripted(folder.path(), script);
        let fault = program.run(&["config"], &call(folder.path()), &Halt::default()).unwrap_err();
        assert!(fault.to_string().contains("bad: (hidden)"), "{fault}");
    }

    #[test]
    fn p9_a_run_that_was_halted_ends() {
        let folder = tempfile::tempdir().unwrap();
        let script = "case \"$*\" in *version*) echo 2.1.0;; *) exec sleep 1000;; esac";
        let program = scripted(folder.path(), script);
        let halt = Halt::default();
        halt.halt();
        let fault = program.run(&["up"], &call(folder.path()), &halt).unwrap_err();
        assert!(fault.to_string().contains("a later act ended it"), "{fault}");
    }

    #[test]
    fn p4_it_has_the_turn_as_its_input_so_that_it_stays_taken_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let script = "case \"$*\" in *version*) echo 2.1.0;; *) readlink /proc/self/fd/0;; esac";
        let program = scripted(folder.path(), script);
        let path = folder.path().join("turn");
        let turn = Some(Arc::new(File::create(&path).unwrap()));
        let call = Call { turn, ..call(folder.path()) };
        let said = program.run(&["up"], &call, &Halt::default()).unwrap();
        assert_eq!(Path::new(said.trim()), path.canonicalize().unwrap());
    }
}
