//! The memory of one process.

use std::fs;

/// Bytes from which on pages are not counted one by one: the kernel looks through some 20 GB a
/// second, and what is that large shares little of it.
const WALK_MAX: u64 = 16 << 30;

/// Bytes of memory that a process holds, each shared page divided among those that share it (PSS);
/// where the kernel does not tell that, all pages that it has in memory (RSS). `None` if it has
/// ended.
pub(super) fn held_by(pid: i32) -> Option<u64> {
    let pages = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let resident = resident(&pages)? * rustix::param::page_size() as u64;
    if resident > WALK_MAX {
        return Some(resident);
    }
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok();
    Some(rollup.as_deref().and_then(proportional).unwrap_or(resident))
}

/// Pages in memory, of `size resident shared …`.
fn resident(statm: &str) -> Option<u64> {
    statm.split(' ').nth(1)?.parse().ok()
}

/// The line `Pss: <kB> kB`, in bytes.
fn proportional(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_kernel_are_read() {
        assert_eq!(resident("2048 512 300 1 0 99 0\n"), Some(512));
        assert_eq!(resident(""), None);
        let rollup = "55aed6bd1000-7ffca857b000 ---p 00000000 00:00 0   [rollup]\n\
                      Rss:                1668 kB\nPss:                 371 kB\nPss_Dirty: 1 kB\n";
        assert_eq!(proportional(rollup), Some(371 * 1024));
        assert_eq!(proportional("Rss: 7 kB\n"), None);
    }

    #[test]
    fn a_living_process_holds_something_and_none_holds_nothing() {
        let held = held_by(std::process::id() as i32).unwrap();
        assert!(held > 100_000 && held < 10_000_000_000, "{held}");
        assert_eq!(held_by(-1), None);
    }
}
