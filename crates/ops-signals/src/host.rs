//! What this machine has left, and how it is.

mod certificate;
mod load;
mod state;
mod synchrony;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ops_core::{id::Digest, settings::ReadState, world::Fault};
use ops_engine::ports::{Host, HostFacts, Look};
use rustix::fs::statvfs;

use crate::clock;

pub use certificate::CERTIFICATE_FILE_LIMIT;
pub use state::{STATE_FILE_LIMIT, STATE_LIMIT_MS, STATE_OUTPUT_LIMIT};

/// Longest file of the kernel that is read, in bytes.
const FILE_LIMIT: u64 = 64 << 10;

/// The machine on which ops itself runs.
#[derive(Debug, Clone)]
pub struct LocalHost {
    state: PathBuf,
    proc: PathBuf,
    cgroups: PathBuf,
}

impl LocalHost {
    /// Looks at the disk that holds this folder.
    pub fn new(state: impl Into<PathBuf>) -> Self {
        Self { state: state.into(), proc: "/proc".into(), cgroups: "/sys/fs/cgroup".into() }
    }

    /// Memory that programs can still get on the machine, or in the control groups (version 2) in
    /// which ops runs if those have less.
    fn memory_free(&self) -> Look<u64> {
        let path = self.proc.join("meminfo");
        let text = read(&path)?.ok_or_else(|| unreadable(&path, "there is none"))?;
        let available = field(&text, "MemAvailable:")
            .and_then(|kilobytes| kilobytes.checked_mul(1024))
            .ok_or_else(|| unreadable(&path, "it names no MemAvailable"))?;
        let mut least = available;
        for group in self.groups()? {
            if let Some(free) = free_in(&group)? {
                least = least.min(free);
            }
        }
        Ok(least)
    }

    /// Folders of our control group and those around it, innermost first; none where version 2 is
    /// not in use.
    fn groups(&self) -> Look<Vec<PathBuf>> {
        if !self.cgroups.join("cgroup.controllers").exists() {
            return Ok(Vec::new());
        }
        let text = read(&self.proc.join("self/cgroup"))?.unwrap_or_default();
        let Some(own) = text.lines().find_map(|line| line.strip_prefix("0::/")) else {
            return Ok(Vec::new());
        };
        // A group outside of our namespace is shown as `/../…`: of it only the root can be seen.
        let own = if own.split('/').any(|part| part == "..") { "" } else { own };
        let innermost = self.cgroups.join(own);
        let groups = innermost.ancestors().take_while(|path| path.starts_with(&self.cgroups));
        Ok(groups.map(Path::to_owned).collect())
    }
}

impl Host for LocalHost {
    fn facts(&self) -> Look<HostFacts> {
        let disk = statvfs(&self.state).map_err(|e| {
            let what = format!("cannot ask how much room the disk has: {e}");
            Fault::new(what, self.state.display().to_string(), "see that the state folder is there")
        })?;
        Ok(HostFacts {
            disk_free: disk.f_bavail.saturating_mul(disk.f_frsize),
            inodes_free: inodes_free(disk.f_files, disk.f_favail),
            memory_free: self.memory_free()?,
        })
    }

    fn load_per_core(&self) -> Look<f64> {
        load::per_core(&self.proc)
    }

    fn clock_ms(&self) -> Look<u64> {
        synchrony::error_ms()
    }

    fn certificate(&self, path: &str) -> Look<i64> {
        certificate::seconds_left(Path::new(path), clock::wall())
    }

    fn state(&self, read: &ReadState) -> Look<Digest> {
        state::digest(read)
    }
}

/// File systems that make inodes as they need them, such as btrfs, say that they have none at all.
fn inodes_free(all: u64, free: u64) -> u64 {
    if all == 0 { u64::MAX } else { free }
}

/// What a group may still use; `None` if it has no limit. Pages of files that nobody has used for
/// a while count as free, since the kernel takes them back before it refuses memory.
fn free_in(group: &Path) -> Look<Option<u64>> {
    let number = |name: &str| -> Look<Option<u64>> {
        let path = group.join(name);
        match read(&path)?.as_deref().map(str::trim) {
            None | Some("max") => Ok(None),
            Some(text) => {
                text.parse().map(Some).map_err(|_| unreadable(&path, "it is not a number"))
            }
        }
    };
    let Some(limit) = number("memory.max")? else {
        return Ok(None);
    };
    let path = group.join("memory.current");
    let used = number("memory.current")?.ok_or_else(|| unreadable(&path, "there is none"))?;
    let stat = read(&group.join("memory.stat"))?.unwrap_or_default();
    let reclaimable = field(&stat, "inactive_file").unwrap_or(0);
    Ok(Some(limit.saturating_sub(used.saturating_sub(reclaimable))))
}

/// The number behind a name at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let mut words = text.lines().map(str::split_whitespace);
    words.find_map(|mut line| (line.next() == Some(name)).then(|| line.next()?.parse().ok())?)
}

/// Reads a small file of the kernel; `None` if there is none.
fn read(path: &Path) -> Look<Option<String>> {
    use io::Read as _;
    let mut text = String::new();
    match fs::File::open(path).and_then(|file| file.take(FILE_LIMIT).read_to_string(&mut text)) {
        Ok(_) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(unreadable(path, e)),
    }
}

fn unreadable(path: &Path, why: impl std::fmt::Display) -> Fault {
    let what = format!("cannot learn how much memory is left: {why}");
    Fault::new(what, path.display().to_string(), "let ops's user read it")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEGABYTE: u64 = 1 << 20;

    struct Machine {
        dir: tempfile::TempDir,
    }

    impl Machine {
        /// 1000 MB available, our group two levels deep.
        fn new() -> Self {
            let machine = Self { dir: tempfile::tempdir().unwrap() };
            machine.put("proc/meminfo", "MemTotal: 9 kB\nMemAvailable:    1024000 kB\n");
            machine.put("proc/self/cgroup", "1:name=x:/y\n0::/outer/inner\n");
            machine.put("cgroup/cgroup.controllers", "memory");
            machine.put("cgroup/outer/inner/memory.max", "max\n");
            machine
        }

        fn put(&self, path: &str, text: &str) {
            let path = self.dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn host(&self) -> LocalHost {
            let dir = self.dir.path();
            LocalHost { state: dir.into(), proc: dir.join("proc"), cgroups: dir.join("cgroup") }
        }

        fn limit(&self, group: &str, max: u64, used: u64, inactive: u64) {
            let put = |name: &str, text: String| {
                self.put(&format!("cgroup/{group}/memory.{name}"), &text);
            };
            put("max", format!("{}\n", max * MEGABYTE));
            put("current", format!("{}\n", used * MEGABYTE));
            put("stat", format!("anon 1\ninactive_file {}\n", inactive * MEGABYTE));
        }

        fn free(&self) -> u64 {
            self.host().memory_free().unwrap() / MEGABYTE
        }
    }

    #[test]
    fn this_machine_has_something_left() {
        let dir = tempfile::tempdir().unwrap();
        let facts = LocalHost::new(dir.path()).facts().unwrap();
        assert!(facts.disk_free > 0 && facts.inodes_free > 0 && facts.memory_free > 0, "{facts:?}");
        let missing = LocalHost::new(dir.path().join("none")).facts().unwrap_err();
        assert!(missing.place.ends_with("none"), "{missing}");
    }

    #[test]
    fn the_tightest_of_machine_and_groups_counts() {
        let machine = Machine::new();
        assert_eq!(machine.free(), 1000);
        machine.limit("outer", 600, 200, 0);
        assert_eq!(machine.free(), 400);
        machine.limit("outer/inner", 300, 250, 100);
        assert_eq!(machine.free(), 150, "what the kernel can take back is free");
        machine.limit("outer/inner", 300, 500, 0);
        assert_eq!(machine.free(), 0, "over its limit");
        machine.limit("outer/inner", 5000, 10, 0);
        machine.limit("", 2000, 1900, 0);
        assert_eq!(machine.free(), 100, "the root of a container's namespace has a limit, too");
        machine.put("proc/self/cgroup", "0::/../elsewhere\n");
        assert_eq!(machine.free(), 100);
        fs::remove_file(machine.dir.path().join("cgroup/cgroup.controllers")).unwrap();
        assert_eq!(machine.free(), 1000, "version 1 is not read");
    }

    #[test]
    fn p8_what_makes_no_sense_is_an_error() {
        let machine = Machine::new();
        machine.put("cgroup/outer/memory.max", "many");
        assert!(machine.host().facts().is_err());
        machine.put("cgroup/outer/memory.max", "100");
        assert!(machine.host().facts().is_err(), "a limit, but nobody says how much is used");
        let machine = Machine::new();
        machine.put("proc/meminfo", "MemFree: 7 kB\n");
        assert!(machine.host().facts().is_err());
        fs::remove_file(machine.dir.path().join("proc/meminfo")).unwrap();
        assert!(machine.host().facts().is_err());
    }

    #[test]
    fn no_fixed_number_of_inodes_is_no_shortage() {
        assert_eq!(inodes_free(0, 0), u64::MAX);
        assert_eq!(inodes_free(10, 0), 0);
    }
}
