//! What `/proc` says of the processes of a stage.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ops_keeper::MARKER_VARIABLE;
use serde::Serialize;

use crate::ground::BenchError;

/// What a process of a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Keeps a replica.
    Keeper,
    /// A process of a replica.
    Service,
    /// Daemon, edge, a command.
    Other,
}

/// A living process that names the stage's folder in its arguments or its environment.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) role: Role,
    /// The mark of its replica.
    pub(crate) marker: Option<String>,
    arguments: Vec<String>,
}

impl Process {
    fn read(pid: u32, folder: &str) -> Option<Self> {
        let words = |name: &str| -> Option<Vec<String>> {
            let bytes = fs::read(format!("/proc/{pid}/{name}")).ok()?;
            let words = bytes.split(|byte| *byte == 0).filter(|word| !word.is_empty());
            Some(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect())
        };
        let arguments = words("cmdline")?;
        let environment = words("environ").unwrap_or_default();
        let named = |words: &[String]| words.iter().any(|word| word.contains(folder));
        if !named(&arguments) && !named(&environment) {
            return None;
        }
        let prefix = format!("{MARKER_VARIABLE}=");
        let marker = environment.iter().find_map(|one| one.strip_prefix(&prefix));
        let kept = arguments.last().is_some_and(|last| last.contains("/replicas/"));
        let role = match (&marker, kept) {
            (Some(_), _) => Role::Service,
            (None, true) => Role::Keeper,
            (None, false) => Role::Other,
        };
        Some(Self { pid, role, marker: marker.map(str::to_owned), arguments })
    }

    /// For complaints.
    pub(crate) fn words(&self) -> String {
        format!("{} ({})", self.pid, self.arguments.join(" "))
    }

    /// The folder of the replica that a keeper keeps.
    pub(crate) fn replica(&self) -> Option<PathBuf> {
        (self.role == Role::Keeper).then(|| self.arguments.last().map(PathBuf::from)).flatten()
    }
}

/// Every living process of a stage.
pub(crate) fn of_stage(folder: &Path) -> Vec<Process> {
    let folder = folder.display().to_string();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Process::read(pid, &folder)).collect()
}

/// Memory of a process, in bytes, as `smaps_rollup` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Memory {
    /// Resident: its own and what it shares.
    pub(crate) rss: u64,
    /// Resident, what is shared counted by its part.
    pub(crate) pss: u64,
    /// Its own: what its end would give back.
    pub(crate) own: u64,
}

impl Memory {
    pub(crate) fn of(pid: u32) -> Result<Self, BenchError> {
        let place = format!("/proc/{pid}/smaps_rollup");
        let text = fs::read_to_string(&place)
            .map_err(|why| BenchError::system("read the memory of a process", &place, why))?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let sum = |names: &[&str]| -> u64 {
            let lines = text.lines().filter_map(|line| line.split_once(':'));
            let fitting = lines.filter(|(name, _)| names.contains(name));
            let kilobytes = fitting.filter_map(|(_, value)| value.split_whitespace().next());
            kilobytes.filter_map(|value| value.parse::<u64>().ok()).sum::<u64>() * 1_024
        };
        Self {
            rss: sum(&["Rss"]),
            pss: sum(&["Pss"]),
            own: sum(&["Private_Clean", "Private_Dirty"]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollup_is_read() {
        let text = "55d0-7ffe ---p 00000000 00:00 0    [rollup]\nRss:      2048 kB\n\
                    Pss:      1000 kB\nPss_Anon:  1 kB\nPrivate_Clean:    4 kB\nPrivate_Dirty:  6 kB\n";
        let memory = Memory::parse(text);
        assert_eq!((memory.rss, memory.pss, memory.own), (2_097_152, 1_024_000, 10_240));
    }

    #[test]
    fn this_process_has_memory() {
        let memory = Memory::of(std::process::id()).unwrap();
        assert!(memory.rss >= memory.own && memory.own > 0);
    }
}
