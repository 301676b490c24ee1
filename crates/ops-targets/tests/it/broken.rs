//! An act of another process whose system calls fail, or at one of which it is killed: `strace` does it.

use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use ops_conformance::{Break, Broken, Errand, Sent, eventually, obey};
use ops_core::id::Stamp;
use rustix::thread::gettid;

use crate::stand::Stand;

/// What touches the world: files, processes and sockets. Those with a mark are not known everywhere.
const CALLS: &str = "?mkdir,mkdirat,?open,openat,?rename,?renameat,renameat2,?unlink,unlinkat,?rmdir,\
                     ?symlink,symlinkat,?link,linkat,fsync,fdatasync,ftruncate,write,flock,connect,\
                     sendto,recvfrom,?fork,?vfork,clone,?clone3,kill";
/// A failure that nobody foresees.
const FAILURE: &str = "error=EIO";
const DEATH: &str = "signal=KILL";

/// What the other process needs to know: the state, its ports, what happens to its calls in strace's
/// words, and where that is written down.
type Place = (PathBuf, (u16, u16), String, PathBuf);

/// Gives an act in another process, at this call of which it fails or dies.
pub(crate) fn broken(stand: &Stand, (how, at): (Break, usize), errand: (&Errand, Stamp)) -> Broken {
    let folder = tempfile::tempdir().unwrap();
    let what = if how == Break::Dies { DEATH } else { FAILURE };
    let (log, inject) =
        (folder.path().join("calls"), format!("inject={CALLS}:{what}:when={}", at + 1));
    let place: Place = (stand.state().to_owned(), stand.ports, inject, log.clone());
    let words = serde_json::to_string(&place).unwrap();
    let sent = Sent::new(folder.path(), "broken::told", words, errand);
    // This waits for strace too: it has the same output.
    let output = sent.command().output().unwrap();
    let failed = fs::read_to_string(&log).unwrap().contains("(INJECTED)");
    Broken { met: failed || output.status.signal() == Some(9), said: sent.said() }
}

/// Lets strace watch this thread, and waits until it does.
fn watched(inject: &str, log: &Path) {
    let thread = gettid().as_raw_nonzero().to_string();
    let trace = format!("trace={CALLS}");
    let mut strace = Command::new("strace");
    strace.args(["-qq", "-e", &trace, "-e", inject, "-p", &thread, "-o"]).arg(log);
    let mut strace = strace.stdin(Stdio::null()).spawn().unwrap_or_else(|e| panic!("{e}: strace"));
    let status = format!("/proc/self/task/{thread}/status");
    eventually("strace watches", || {
        assert!(strace.try_wait().unwrap().is_none(), "strace cannot watch");
        !fs::read_to_string(&status).unwrap().contains("TracerPid:\t0\n")
    });
}

#[test]
fn told() {
    obey(|place| {
        let (state, ports, inject, log): Place = serde_json::from_str(place).unwrap();
        let target = Stand::open(&state, ports);
        watched(&inject, &log);
        Box::new(target)
    });
}
