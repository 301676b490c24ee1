//! Processor time and memory of running replicas.
//!
//! A replica that has a control group of its own is told by that group's counters. Others, which is
//! all that ops starts by itself, are told by their processes. Keepers make no groups: one that
//! counts memory needs a parent in which no process is, which only whoever owns the machine's
//! groups can arrange.
//!
//! Without such a group there is no limit that is the replica's own, and the kernel tells nobody how
//! often it ended something of it for want of memory: then its keeper saw signal 9, and no more.

use std::{
    collections::BTreeMap,
    sync::PoisonError,
    time::{Duration, Instant},
};

use ops_core::{
    id::{ReleaseId, ServiceName},
    reading::Usage,
    world::Fault,
};
use ops_engine::ports::Look;
use ops_keeper::{Answer, Call, Entry, MainProcess, Report, Request, State, Table};

use super::{cgroup, memory};
use crate::process::{ProcessTarget, layout::Known};

/// How long all keepers together may take to answer.
const ASK_WAIT: Duration = Duration::from_secs(1);
/// How long memory is counted; replicas that were not counted by then are left out.
const COUNT_WAIT: Duration = Duration::from_secs(3);

/// What was last told of the processor time of each replica, by service and replica.
#[derive(Debug, Default)]
pub(in crate::process) struct Pulse(BTreeMap<String, Told>);

/// Processor time as it was told, so that it only falls when a replica begins anew.
#[derive(Debug, Clone, Copy)]
struct Told {
    from: From,
    /// Milliseconds that the counters of `from` do not hold.
    ahead: u64,
    cpu_ms: u64,
}

/// Which counters a processor time is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct From {
    keeper: i32,
    main: MainProcess,
    by_group: bool,
}

/// A running replica.
struct Running<'a> {
    replica: &'a Known,
    keeper: i32,
    main: MainProcess,
}

impl ProcessTarget {
    pub(super) fn feel(&self, service: &ServiceName) -> Look<Vec<Usage>> {
        self.collect_children();
        let known = self.known(service)?;
        let running = running(&known);
        let table = Table::read().map_err(|error| {
            let what = format!("processes cannot be listed: {error}");
            Fault::new(what, "/proc", "check that /proc is mounted")
        })?;
        let hierarchy = cgroup::Hierarchy::find();
        let until = Instant::now() + COUNT_WAIT;
        let felt: Vec<_> =
            running.iter().filter_map(|one| one.usage(&table, hierarchy.as_ref(), until)).collect();
        let mut pulse = self.pulse.lock().unwrap_or_else(PoisonError::into_inner);
        pulse.forget_all_but(service, &known);
        let told = felt.into_iter().map(|(mut usage, from)| {
            usage.cpu_ms = pulse.tell(key(service, &usage.replica), from, usage.cpu_ms);
            usage
        });
        Ok(told.collect())
    }
}

fn key(service: &ServiceName, replica: &str) -> String {
    format!("{service}/{replica}")
}

/// Replicas that run, as their keepers say. One whose keeper does not answer is left out.
fn running(known: &[Known]) -> Vec<Running<'_>> {
    let until = Instant::now() + ASK_WAIT;
    let calls: Vec<_> =
        known.iter().map(|replica| Call::put(&replica.folder, &Request::Status)).collect();
    let answers = calls.into_iter().map(|call| call.and_then(|call| call.answer(until)));
    let running = known.iter().zip(answers).filter_map(|(replica, answer)| match answer {
        Ok(Answer::Report(Report { status, keeper })) if status.state == State::Running => {
            Some(Running { replica, keeper, main: status.main? })
        }
        _ => None,
    });
    running.collect()
}

impl Running<'_> {
    /// What it takes; `None` if it has just ended or could not be counted in time.
    fn usage(
        &self,
        table: &Table,
        hierarchy: Option<&cgroup::Hierarchy>,
        until: Instant,
    ) -> Option<(Usage, From)> {
        let family = table.of_replica(self.keeper, self.main);
        if family.is_empty() {
            return None;
        }
        let pids: Vec<i32> = family.iter().map(|entry| entry.pid).collect();
        let own = hierarchy.and_then(|it| it.own(self.main.pid, &pids, self.keeper));
        let by_group = own.as_ref().and_then(cgroup::Own::cpu_micros);
        let cpu_ms = match by_group {
            Some(micros) => micros / 1000,
            None => self.cpu_of_processes(&family, table),
        };
        let memory = match own.as_ref().and_then(cgroup::Own::memory) {
            Some(memory) => memory,
            None => memory_of_processes(&pids, until)?,
        };
        let usage = Usage {
            beside: false,
            release: ReleaseId::new(&self.replica.spec.release),
            replica: self.replica.spec.id.clone(),
            cpu_ms,
            memory,
            memory_limit: own.as_ref().and_then(cgroup::Own::memory_limit),
            oom_kills: own.as_ref().and_then(cgroup::Own::oom_kills).unwrap_or(0),
        };
        let from = From { keeper: self.keeper, main: self.main, by_group: by_group.is_some() };
        Some((usage, from))
    }

    /// Milliseconds of its processes and of all that they or the keeper have waited for: what has
    /// ended stays counted.
    fn cpu_of_processes(&self, family: &[&Entry], table: &Table) -> u64 {
        let collected = table.process(self.keeper).map_or(0, |keeper| keeper.collected);
        let of_family: u64 = family.iter().map(|entry| entry.used + entry.collected).sum();
        let per_second = rustix::param::clock_ticks_per_second().max(1);
        (of_family + collected) * 1000 / per_second
    }
}

fn memory_of_processes(pids: &[i32], until: Instant) -> Option<u64> {
    let mut bytes = 0;
    for pid in pids {
        if Instant::now() >= until {
            return None;
        }
        // What has ended meanwhile holds nothing.
        bytes += memory::held_by(*pid).unwrap_or(0);
    }
    (bytes > 0).then_some(bytes)
}

impl Pulse {
    /// Forgets what was told of a service's replicas that are gone.
    fn forget_all_but(&mut self, service: &ServiceName, known: &[Known]) {
        let of_service = key(service, "");
        self.0.retain(|key, _| {
            let replica = key.strip_prefix(&of_service);
            replica.is_none_or(|id| known.iter().any(|one| one.spec.id == id))
        });
    }

    /// Takes a processor time and says what is to be told of it. Counters that are read one after
    /// the other can fall behind for a moment, and another keeper does not know what the last one
    /// had collected: neither is a new beginning.
    fn tell(&mut self, replica: String, from: From, cpu_ms: u64) -> u64 {
        let told = match self.0.get(&replica) {
            Some(last)
                if last.from.keeper == from.keeper && last.from.by_group == from.by_group =>
            {
                Told { from, cpu_ms: last.cpu_ms.max(cpu_ms + last.ahead), ..*last }
            }
            Some(last) if last.from.main == from.main => Told {
                from,
                ahead: last.cpu_ms.saturating_sub(cpu_ms),
                cpu_ms: last.cpu_ms.max(cpu_ms),
            },
            _ => Told { from, ahead: 0, cpu_ms },
        };
        self.0.insert(replica, told);
        told.cpu_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_falls_only_where_a_replica_begins_anew() {
        let main = |pid| MainProcess { pid, start: 1, session: 1 };
        let from = |keeper, pid| From { keeper, main: main(pid), by_group: false };
        let mut pulse = Pulse::default();
        let mut tell = |from, cpu_ms| pulse.tell("shop/a.0".to_owned(), from, cpu_ms);
        assert_eq!(tell(from(1, 10), 500), 500);
        assert_eq!(tell(from(1, 10), 490), 500, "counters were read one after the other");
        assert_eq!(tell(from(1, 10), 600), 600);
        assert_eq!(tell(from(1, 11), 700), 700, "its keeper has collected the first life");
        assert_eq!(tell(from(2, 11), 90), 700, "another keeper knows of this life only");
        assert_eq!(tell(from(2, 11), 120), 730);
        assert_eq!(tell(from(2, 12), 150), 760);
        assert_eq!(tell(From { by_group: true, ..from(2, 12) }, 10), 760);
        assert_eq!(tell(From { by_group: true, ..from(2, 12) }, 30), 780);
        assert_eq!(tell(from(3, 13), 5), 5, "another keeper and another life");
    }
}
