//! Processes of this machine, as `/proc` shows them.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs, io,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

use ops_core::world::Fault;
use ops_engine::ports::Look;

/// Names of variables of one process that are told.
const NAMES_MAX: usize = 200;
/// Bytes of a process's arguments or variables that are read: the kernel's own bound for one.
const WORDS_MAX: u64 = 2 << 20;

/// A process, named so that another one with its number is not taken for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// When it started, in clock ticks since boot (field 22 of `stat`, proc(5)).
    pub(super) started: u64,
}

/// What runs, for a person who wants it adopted.
#[derive(Debug, Clone)]
pub struct Running {
    /// Its number.
    pub pid: u32,
    /// Since when it runs; a label.
    pub since: jiff::Timestamp,
    /// Its program, as a file that can be read even where the former one is gone.
    pub program: PathBuf,
    /// Where that program was when it started.
    pub program_was: PathBuf,
    /// Its arguments, its own name first.
    pub arguments: Vec<String>,
    /// Its working folder.
    pub folder: PathBuf,
    /// Names of its variables. Their values stay where they are (P13).
    pub variables: Vec<String>,
    /// Whether its variable `PORT` holds this port.
    pub port_by_variable: bool,
}

/// Looks at the process that listens at an address, or that has a number.
///
/// # Errors
///
/// If there is none, or it may not be looked at.
pub fn running(listens: Option<&str>, pid: Option<u32>) -> Look<Running> {
    let process = match (listens, pid) {
        (Some(address), _) => super::listener(address)?.ok_or_else(|| {
            Fault::new("nothing listens there", address, "start it, or name where it listens")
        })?,
        (None, Some(pid)) => Process::of(pid).ok_or_else(|| gone(pid))?,
        (None, None) => {
            return Err(Fault::new("nothing is named", "adoption", "name an address or a process"));
        }
    };
    let port = listens.and_then(|address| address.rsplit_once(':')).map(|(_, port)| port);
    process.looked_at(port)
}

/// All processes that can be seen.
pub(super) fn all() -> Look<Vec<Process>> {
    let unreadable = |error: io::Error| {
        let what = format!("processes cannot be listed: {error}");
        Fault::new(what, "/proc", "check that /proc is mounted")
    };
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        found.extend(Process::of(pid));
    }
    Ok(found)
}

impl Process {
    /// The process that has a number now; `None`: there is none.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some(Self { pid, started: started(&stat)? })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.pid.to_string()).join(name)
    }

    /// Whether it has one of these sockets open. What may not be looked at has none.
    pub(super) fn holds_any(&self, sockets: &BTreeSet<u64>) -> bool {
        let Ok(entries) = fs::read_dir(self.path("fd")) else { return false };
        entries.flatten().any(|entry| {
            let target = fs::read_link(entry.path()).unwrap_or_default();
            let inode = target
                .to_str()
                .and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
            inode.is_some_and(|inode| sockets.contains(&inode))
        })
    }

    pub(super) fn arguments(&self) -> Look<Vec<OsString>> {
        Ok(self.words("cmdline")?.into_iter().map(OsString::from_vec).collect())
    }

    /// When it started. The boot's wall time is whole seconds, so this is a label.
    pub(super) fn since(&self) -> Look<jiff::Timestamp> {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let boot = stat.lines().find_map(|line| line.strip_prefix("btime "));
        let boot: Option<i64> = boot.and_then(|seconds| seconds.trim().parse().ok());
        let ticks = rustix::param::clock_ticks_per_second().max(1);
        let seconds = i64::try_from(self.started / ticks).unwrap_or(0);
        let since = boot.and_then(|boot| jiff::Timestamp::from_second(boot + seconds).ok());
        since.ok_or_else(|| {
            Fault::new(
                "when it started cannot be told",
                "/proc/stat",
                "check that /proc is mounted",
            )
        })
    }

    fn words(&self, name: &str) -> Look<Vec<Vec<u8>>> {
        use io::Read as _;
        let path = self.path(name);
        let mut bytes = Vec::new();
        fs::File::open(&path)
            .and_then(|file| file.take(WORDS_MAX).read_to_end(&mut bytes))
            .map_err(|error| self.hidden(&path, &error))?;
        let mut words: Vec<_> = bytes.split(|b| *b == 0).map(<[u8]>::to_vec).collect();
        if words.last().is_some_and(Vec::is_empty) {
            words.pop();
        }
        Ok(words)
    }

    pub(super) fn hidden(&self, path: &Path, error: &io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::NotFound => gone(self.pid),
            _ => Fault::new(
                format!("this process may not be looked at: {error}"),
                path.display().to_string(),
                "run ops as the user that started it, or as root, while it is adopted",
            ),
        }
    }

    fn looked_at(&self, port: Option<&str>) -> Look<Running> {
        let program = self.path("exe");
        let link = |name: &str| {
            let path = self.path(name);
            fs::read_link(&path).map_err(|error| self.hidden(&path, &error))
        };
        let program_was = link("exe")?;
        let lossy = |word: OsString| word.to_string_lossy().into_owned();
        let variables: BTreeMap<String, Vec<u8>> =
            self.words("environ")?.iter().filter_map(|word| named(word)).collect();
        let by_variable = variables.get("PORT").zip(port);
        Ok(Running {
            pid: self.pid,
            since: self.since()?,
            program,
            program_was: undeleted(program_was),
            arguments: self.arguments()?.into_iter().map(lossy).collect(),
            folder: link("cwd")?,
            port_by_variable: by_variable.is_some_and(|(is, port)| is == port.as_bytes()),
            variables: variables.into_keys().take(NAMES_MAX).collect(),
        })
    }
}

fn named(word: &[u8]) -> Option<(String, Vec<u8>)> {
    let at = word.iter().position(|b| *b == b'=')?;
    let name = String::from_utf8(word.get(..at)?.to_vec()).ok()?;
    Some((name, word.get(at + 1..)?.to_vec()))
}

/// The kernel marks a program whose file is gone.
fn undeleted(path: PathBuf) -> PathBuf {
    match path.to_str().and_then(|text| text.strip_suffix(" (deleted)")) {
        Some(was) => PathBuf::from(was),
        None => path,
    }
}

fn gone(pid: u32) -> Fault {
    Fault::new("there is no such process", format!("process {pid}"), "`ps` lists those that run")
}

/// Field 22; the name before it may hold anything, brackets and spaces included.
fn started(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_hides_no_field() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 1 2 3 4 20 0 1 0 98765 1 2";
        assert_eq!(started(stat), Some(98_765));
        assert_eq!(started("nonsense"), None);
    }

    #[test]
    fn p13_variables_are_told_by_name_only() {
        let me = running(None, Some(std::process::id())).unwrap();
        assert!(me.variables.iter().any(|name| name == "PATH"), "{:?}", me.variables);
        let path = std::env::var("PATH").unwrap();
        assert!(!format!("{me:?}").contains(&path));
        assert!(me.program.exists());
    }
}
