//! The process table of the machine.

use std::{collections::HashSet, io};

use crate::status::MainProcess;

/// One process, as `/proc/<pid>/stat` shows it (proc(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub pid: i32,
    /// When it started, in clock ticks since boot.
    pub start: u64,
    /// Processor time of its own, in clock ticks.
    pub used: u64,
    /// Processor time of children that it has waited for, and of theirs, in clock ticks.
    pub collected: u64,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    pub(crate) dead: bool,
}

impl Entry {
    /// Reads one process; `None` if there is none.
    pub(crate) fn read(pid: i32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Self::parse(pid, &text)
    }

    /// Parses `pid (name) state ppid pgrp session … utime stime cutime cstime … starttime …`; the
    /// name may hold anything.
    fn parse(pid: i32, text: &str) -> Option<Self> {
        let (_, fields) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let number = |index: usize| fields.get(index)?.parse::<i32>().ok();
        let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            pid,
            start: ticks(19)?,
            used: ticks(11)? + ticks(12)?,
            collected: ticks(13)? + ticks(14)?,
            dead: matches!(*fields.first()?, "Z" | "X" | "x"),
            parent: number(1)?,
            group: number(2)?,
            session: number(3)?,
        })
    }

    pub(crate) fn same_as(&self, other: &Self) -> bool {
        (self.pid, self.start) == (other.pid, other.start)
    }

    /// As the main process of a replica.
    pub(crate) fn main_process(&self) -> MainProcess {
        MainProcess { pid: self.pid, start: self.start, session: self.session }
    }

    /// Whether it is a replica's main process, or in its group and session.
    pub(crate) fn is_in_group_of(&self, main: MainProcess) -> bool {
        (self.group, self.session) == (main.pid, main.session)
    }
}

/// All processes of the machine, one after the other.
#[derive(Debug, Clone)]
pub struct Table(Vec<Entry>);

impl Table {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// If `/proc` cannot be listed. A process that ends meanwhile is left out.
    pub fn read() -> io::Result<Self> {
        let mut table = Vec::new();
        for folder in std::fs::read_dir("/proc")? {
            let name = folder?.file_name();
            if let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) {
                table.extend(Entry::read(pid));
            }
        }
        Ok(Self(table))
    }

    /// The process that has a number.
    pub fn process(&self, pid: i32) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.pid == pid)
    }

    /// The processes of a replica whose main process lives, also those that have ended and were not
    /// waited for: the main process and its group, what the keeper has taken in, and all
    /// descendants of these. None, if the main process has ended.
    pub fn of_replica(&self, keeper: i32, main: MainProcess) -> Vec<&Entry> {
        if self.process(main.pid).is_none_or(|entry| entry.start != main.start) {
            return Vec::new();
        }
        let is_root = |entry: &Entry| entry.parent == keeper || entry.is_in_group_of(main);
        self.with_descendants(keeper, is_root)
    }

    /// Processes of which something is so, and all their descendants; never the keeper itself.
    pub(crate) fn with_descendants(
        &self,
        keeper: i32,
        is_root: impl Fn(&Entry) -> bool,
    ) -> Vec<&Entry> {
        let others = || self.0.iter().filter(|entry| entry.pid != keeper);
        let mut found: HashSet<i32> =
            others().filter(|entry| is_root(entry)).map(|entry| entry.pid).collect();
        loop {
            let before = found.len();
            for entry in others() {
                if found.contains(&entry.parent) {
                    found.insert(entry.pid);
                }
            }
            if found.len() == before {
                break;
            }
        }
        others().filter(|entry| found.contains(&entry.pid)).collect()
    }

    /// All entries.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_confuse_the_table() {
        let mut fields = vec!["0"; 49];
        (fields[0], fields[1], fields[2], fields[3], fields[19]) = ("S", "12", "34", "56", "789");
        (fields[11], fields[12], fields[13], fields[14]) = ("1", "2", "3", "4");
        let text = format!("7 (a) R 1 (b) {}", fields.join(" "));
        let entry = Entry::parse(7, &text).unwrap();
        assert_eq!((entry.parent, entry.group, entry.session), (12, 34, 56));
        assert_eq!((entry.start, entry.dead), (789, false));
        assert_eq!((entry.used, entry.collected), (3, 7));
    }

    #[test]
    fn a_replica_is_its_group_its_orphans_and_their_descendants() {
        let entry = |pid, parent, group, session| Entry {
            pid,
            start: 1,
            used: 0,
            collected: 0,
            parent,
            group,
            session,
            dead: false,
        };
        let (keeper, main) = (10, MainProcess { pid: 20, start: 1, session: 10 });
        let table = Table(vec![
            entry(1, 0, 1, 1),
            entry(24, 23, 24, 24),
            entry(keeper, 1, 10, 10),
            entry(20, keeper, 20, 10),
            entry(21, 20, 20, 10),
            entry(22, keeper, 22, 22),
            entry(23, 22, 23, 23),
            entry(25, 1, 20, 10),
            entry(30, 1, 20, 99),
            entry(31, 1, 31, 31),
        ]);
        let found = |main| {
            let found = table.of_replica(keeper, main);
            found.iter().map(|entry| entry.pid).collect::<Vec<_>>()
        };
        assert_eq!(found(main), [24, 20, 21, 22, 23, 25]);
        assert!(found(MainProcess { start: 2, ..main }).is_empty());
    }
}
