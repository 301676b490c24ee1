//! What the kernel counts for a control group (cgroup v2, `Documentation/admin-guide/cgroup-v2.rst`).

use std::path::{Path, PathBuf};

/// Where the one hierarchy of cgroup v2 is mounted.
#[derive(Debug, Clone)]
pub(super) struct Hierarchy(PathBuf);

/// A control group that holds one replica and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Own(PathBuf);

impl Hierarchy {
    /// Finds it among this process's mounts. Groups of another root than this process's own cannot be
    /// named, so a mount of a part does not count.
    pub(super) fn find() -> Option<Self> {
        mounted(&std::fs::read_to_string("/proc/self/mountinfo").ok()?).map(Self)
    }

    /// The control group of a replica, if its processes are in one in which nobody else is.
    pub(super) fn own(&self, main: i32, family: &[i32], keeper: i32) -> Option<Own> {
        let group = group_of(main)?;
        let inside = |pid: i32| group_of(pid).is_none_or(|other| is_within(&other, &group));
        if group == "/" || group_of(keeper).is_none_or(|other| is_within(&other, &group)) {
            return None;
        }
        let folder = self.0.join(group.trim_start_matches('/'));
        let members = std::fs::read_to_string(folder.join("cgroup.procs")).ok()?;
        let mut members = members.lines().filter_map(|line| line.parse().ok());
        let alone = members.all(|pid: i32| family.contains(&pid));
        (alone && family.iter().all(|pid| inside(*pid))).then_some(Own(folder))
    }
}

impl Own {
    /// Processor time in microseconds since the group was made.
    pub(super) fn cpu_micros(&self) -> Option<u64> {
        self.field("cpu.stat", "usage_usec")
    }

    /// Bytes of memory in use.
    pub(super) fn memory(&self) -> Option<u64> {
        self.text("memory.current")?.trim().parse().ok()
    }

    /// Bytes at which the kernel ends something of it; `None` without a limit.
    pub(super) fn memory_limit(&self) -> Option<u64> {
        self.text("memory.max")?.trim().parse().ok()
    }

    /// How often the kernel ended something of it for want of memory.
    pub(super) fn oom_kills(&self) -> Option<u64> {
        self.field("memory.events", "oom_kill")
    }

    fn field(&self, file: &str, name: &str) -> Option<u64> {
        let text = self.text(file)?;
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(field, _)| *field == name)?.1.trim().parse().ok()
    }

    fn text(&self, file: &str) -> Option<String> {
        std::fs::read_to_string(self.0.join(file)).ok()
    }
}

/// Where mounts (proc(5), `mountinfo`) have the whole of cgroup v2.
fn mounted(mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, point) = (place.next()?, place.next()?);
        let whole = kind.starts_with("cgroup2 ") && root == "/";
        whole.then(|| Path::new(point).to_owned())
    })
}

/// The group of a process, `/` being that of this process's root; `None` if it is hidden, or above
/// that root.
fn group_of(pid: i32) -> Option<String> {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    (!group.split('/').any(|part| part == "..")).then(|| group.to_owned())
}

fn is_within(group: &str, outer: &str) -> bool {
    group.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hierarchy_is_found_wherever_it_is_mounted_as_a_whole() {
        let hybrid = "32 24 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                      33 32 0:29 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        assert_eq!(mounted(hybrid), Some("/sys/fs/cgroup/unified".into()));
        let part = "41 31 0:38 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        assert_eq!(mounted(part), None);
        assert_eq!(mounted("nonsense"), None);
    }

    #[test]
    fn a_group_is_within_itself_and_its_parents_only() {
        assert!(is_within("/a", "/a") && is_within("/a/b", "/a"));
        assert!(!is_within("/ab", "/a") && !is_within("/", "/a"));
    }

    #[test]
    fn the_kernels_files_are_read_and_what_is_missing_is_not_made_up() {
        let folder = tempfile::tempdir().unwrap();
        let own = Own(folder.path().to_owned());
        assert_eq!((own.cpu_micros(), own.memory(), own.memory_limit()), (None, None, None));
        for (file, text) in [
            ("cpu.stat", "usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\n"),
            ("memory.current", "8192\n"),
            ("memory.max", "max\n"),
            ("memory.events", "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 5\n"),
        ] {
            std::fs::write(folder.path().join(file), text).unwrap();
        }
        assert_eq!((own.cpu_micros(), own.memory()), (Some(1_234_567), Some(8192)));
        assert_eq!((own.memory_limit(), own.oom_kills()), (None, Some(4)));
        std::fs::write(folder.path().join("memory.max"), "65536\n").unwrap();
        assert_eq!(own.memory_limit(), Some(65_536));
    }

    #[test]
    fn a_group_that_is_shared_is_nobodys_own() {
        // This test's process, its parent and a child are all in one group.
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let (me, pid) = (std::process::id() as i32, child.id() as i32);
        let own = Hierarchy::find().and_then(|hierarchy| hierarchy.own(pid, &[pid], me));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(own, None);
    }
}
