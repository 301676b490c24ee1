//! Finding and ending the processes of a replica.

use std::{
    fs::File,
    io::{self, Read as _},
    os::fd::OwnedFd,
};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

use crate::{
    MARKER_VARIABLE,
    status::MainProcess,
    table::{Entry, Table},
};

/// Bytes read at once from a process's environment.
const CHUNK: usize = 4096;

impl Entry {
    /// Sends a signal to this process and to no other one that has got its number since.
    fn signal(&self, signal: Signal) {
        let Some(handle) =
            Pid::from_raw(self.pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
        else {
            return;
        };
        if Self::read(self.pid).is_some_and(|now| now.same_as(self)) {
            // It may have ended in between, which is what was wanted.
            let _ = pidfd_send_signal(&handle, signal);
        }
    }
}

/// A handle on a living main process; `None` if it has ended.
pub(crate) fn open(main: MainProcess) -> io::Result<Option<OwnedFd>> {
    let Some(pid) = Pid::from_raw(main.pid) else {
        return Ok(None);
    };
    let handle = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => handle,
        Err(rustix::io::Errno::SRCH | rustix::io::Errno::INVAL) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // Looked at after the handle was opened, so the handle is on what was looked at.
    let alive = Entry::read(main.pid).is_some_and(|now| now.start == main.start && !now.dead);
    Ok(alive.then_some(handle))
}

/// Signals the whole process group of a main process that is known to live.
pub(crate) fn signal_group(main: MainProcess, signal: Signal) {
    if let Some(group) = Pid::from_raw(main.pid) {
        // It may have ended in between, which is what was wanted.
        let _ = kill_process_group(group, signal);
    }
}

/// How a replica's processes are recognised.
pub(crate) struct Family<'a> {
    /// Value of the marker variable.
    pub(crate) marker: &'a str,
    /// The main process, also after its end.
    pub(crate) main: Option<MainProcess>,
    /// Processes that were seen to belong to it before.
    pub(crate) seen: &'a [Entry],
}

impl Family<'_> {
    /// Every living process of the replica: marked ones, children of this keeper (orphans come
    /// to it, as it is their subreaper), members of the main process's group in its session, those
    /// seen before, and all descendants of all these.
    pub(crate) fn living(&self) -> io::Result<Vec<Entry>> {
        let keeper = std::process::id() as i32;
        let is_root = |entry: &Entry| {
            let in_group = self.main.is_some_and(|main| entry.is_in_group_of(main));
            let seen = self.seen.iter().any(|seen| seen.same_as(entry));
            entry.parent == keeper || in_group || seen || marked(entry.pid, self.marker)
        };
        let table = Table::read()?;
        let found = table.with_descendants(keeper, is_root);
        Ok(found.into_iter().filter(|entry| !entry.dead).copied().collect())
    }
}

/// The marked process that leads its own group and is the oldest: the main process of a start
/// whose keeper was killed before it could write the process down.
pub(crate) fn unrecorded_main(marker: &str) -> io::Result<Option<MainProcess>> {
    Ok(Table::read()?
        .entries()
        .iter()
        .filter(|entry| !entry.dead && entry.group == entry.pid)
        .filter(|entry| marked(entry.pid, marker))
        .min_by_key(|entry| (entry.start, entry.pid))
        .map(Entry::main_process))
}

/// Signals processes one by one.
pub(crate) fn signal_each(entries: &[Entry], signal: Signal) {
    for entry in entries {
        entry.signal(signal);
    }
}

/// Whether a process's environment holds the marker. One whose environment cannot be read is
/// another user's or has ended.
fn marked(pid: i32, marker: &str) -> bool {
    let Ok(file) = File::open(format!("/proc/{pid}/environ")) else {
        return false;
    };
    let needle = format!("\0{MARKER_VARIABLE}={marker}\0");
    contains(file, needle.as_bytes()).unwrap_or(false)
}

/// Whether zero-separated text, which begins as if after a zero, contains the needle. Holds two
/// chunks at most.
fn contains(mut text: impl io::Read, needle: &[u8]) -> io::Result<bool> {
    let mut window = vec![0];
    loop {
        let read = text.by_ref().take(CHUNK as u64).read_to_end(&mut window)?;
        if window.windows(needle.len()).any(|part| part == needle) {
            return Ok(true);
        }
        if read == 0 {
            return Ok(false);
        }
        let keep_from = window.len().saturating_sub(needle.len() - 1);
        window.drain(..keep_from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_is_found_wherever_it_stands_and_only_as_a_whole() {
        let needle = b"\0OPS_REPLICA=r1\0";
        for filler in [0, 1, CHUNK - 20, CHUNK - 10, CHUNK, 2 * CHUNK - 7] {
            let text = [vec![b'x'; filler], b"\0OPS_REPLICA=r1\0B=2\0".to_vec()].concat();
            assert!(contains(text.as_slice(), needle).unwrap(), "{filler}");
        }
        assert!(contains(b"OPS_REPLICA=r1\0".as_slice(), needle).unwrap());
        for other in ["", "OPS_REPLICA=r12\0", "XOPS_REPLICA=r1\0", "OPS_REPLICA=r1"] {
            assert!(!contains(other.as_bytes(), needle).unwrap(), "{other}");
        }
    }

    #[test]
    fn a_process_is_only_opened_under_its_own_start_time() {
        let me = Entry::read(std::process::id() as i32).unwrap().main_process();
        assert!(open(me).unwrap().is_some());
        assert!(open(MainProcess { start: me.start + 1, ..me }).unwrap().is_none());
    }
}
