//! Which program keeps replicas.

use std::{
    ffi::OsString,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Name of the keeper as a program of its own.
const PROGRAM: &str = "ops-keeper";
/// How long it may take to say its version.
const VERSION_WAIT: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(2);
/// Most bytes of a version that are read.
const VERSION_MAX: u64 = 256;

/// What starts a keeper when a replica's folder is added to it.
///
/// The keeper's own program where it lies beside this one and is of the same version: a keeper
/// lives as long as its service, and as a part of the big program it needs twice the memory.
pub(super) fn command(program: &Path) -> Vec<OsString> {
    match beside(program) {
        Some(keeper) => vec![keeper.into_os_string()],
        None => vec![program.as_os_str().to_owned(), crate::KEEPER.into()],
    }
}

fn beside(program: &Path) -> Option<PathBuf> {
    let keeper = program.with_file_name(PROGRAM);
    if !keeper.is_file() {
        return None;
    }
    let mut child = Command::new(&keeper)
        .arg("--version")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let said = version(&mut child);
    // It has ended, or it is none of ours.
    let _ = child.kill();
    let _ = child.wait();
    (said.as_deref() == Some(ops_keeper::VERSION)).then_some(keeper)
}

fn version(child: &mut Child) -> Option<String> {
    let until = Instant::now() + VERSION_WAIT;
    while child.try_wait().ok()?.is_none() {
        if Instant::now() > until {
            return None;
        }
        thread::sleep(POLL);
    }
    let mut said = String::new();
    child.stdout.take()?.take(VERSION_MAX).read_to_string(&mut said).ok()?;
    Some(said.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn beside_says(script: Option<&str>) -> Vec<OsString> {
        let folder = tempfile::tempdir().unwrap();
        if let Some(script) = script {
            let file = folder.path().join(PROGRAM);
            fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let found = command(&folder.path().join("ops"));
        let names = found.iter().map(Path::new).filter_map(Path::file_name);
        names.map(OsString::from).collect()
    }

    #[test]
    fn a_keeper_of_the_same_version_is_taken_and_no_other() {
        let same = format!("echo '{}'", ops_keeper::VERSION);
        assert_eq!(beside_says(Some(&same)), ["ops-keeper"]);
        for other in [None, Some("echo 'ops-keeper 0.0.1'"), Some("exit 3"), Some("exec sleep 60")]
        {
            assert_eq!(beside_says(other), ["ops", "keeper"], "{other:?}");
        }
    }
}
