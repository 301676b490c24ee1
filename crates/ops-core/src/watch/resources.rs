//! What the replicas of both versions take of their machines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::leak::Leak;
use crate::{id::ReleaseId, reading::Usage};

/// Requests of each version between two readings from which on processor time per request is
/// compared.
const REQUESTS_ENOUGH: u64 = 20;

/// What is remembered from one reading to the next.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Resources {
    cpu_ms: BTreeMap<String, u64>,
    oom_kills: BTreeMap<String, u64>,
    /// Requests of the new and the old version since the last comparison.
    requests: (u64, u64),
    /// Processor time of both since then, in milliseconds.
    spent: (f64, f64),
    new_memory: Leak,
    old_memory: Leak,
    /// Of what stands beside, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    beside: BTreeMap<String, Leak>,
    certain: Option<(String, String)>,
}

/// Levels of the new and the old version at the same moment.
pub(super) type Pair = (f64, f64);

/// What one reading gives the streams.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Levels {
    /// Milliseconds of processor time per request.
    pub(super) cpu: Option<Pair>,
    /// Bytes per replica.
    pub(super) memory: Option<Pair>,
}

impl Resources {
    pub(super) fn requests(&mut self, canary: u64, control: u64) {
        self.requests.0 = self.requests.0.saturating_add(canary);
        self.requests.1 = self.requests.1.saturating_add(control);
    }

    /// Takes a reading at second `t`. `limit` is what a replica may take where the machine itself
    /// sets no bound, in bytes.
    pub(super) fn feed(
        &mut self,
        t: u64,
        usage: &[Usage],
        (new, old): (&ReleaseId, Option<&ReleaseId>),
        limit: u64,
    ) -> Levels {
        self.note_oom(usage, new);
        self.project_beside(t, usage, new, limit);
        self.spent.0 += self.spent_by(usage, new);
        let new_memory = mean_memory(usage, new);
        let Some(old) = old else {
            self.project(t, usage, new, new_memory, limit);
            return Levels::default();
        };
        self.spent.1 += self.spent_by(usage, old);
        let old_memory = mean_memory(usage, old);
        if let Some(memory) = old_memory {
            self.old_memory.feed(t, memory, limit as f64);
        }
        self.project(t, usage, new, new_memory, limit);
        Levels { cpu: self.per_request(), memory: new_memory.zip(old_memory) }
    }

    /// What no chance explains, as detector and words.
    pub(super) fn certain(&self) -> Option<&(String, String)> {
        self.certain.as_ref()
    }

    /// Milliseconds of processor time since the last reading, of replicas that were read before.
    fn spent_by(&mut self, usage: &[Usage], release: &ReleaseId) -> f64 {
        let mut spent = 0u64;
        for one in replicas(usage, release) {
            let last = self.cpu_ms.insert(one.replica.clone(), one.cpu_ms);
            // A count that fell began anew.
            let since = last.map_or(0, |last| one.cpu_ms.checked_sub(last).unwrap_or(one.cpu_ms));
            spent = spent.saturating_add(since);
        }
        spent as f64
    }

    fn per_request(&mut self) -> Option<Pair> {
        let (canary, control) = self.requests;
        if canary < REQUESTS_ENOUGH || control < REQUESTS_ENOUGH {
            return None;
        }
        let pair = (self.spent.0 / canary as f64, self.spent.1 / control as f64);
        self.requests = (0, 0);
        self.spent = (0.0, 0.0);
        Some(pair)
    }

    fn note_oom(&mut self, usage: &[Usage], new: &ReleaseId) {
        for one in usage.iter().filter(|one| one.release == *new) {
            let last = self.oom_kills.insert(one.replica.clone(), one.oom_kills).unwrap_or(0);
            if one.oom_kills > last && self.certain.is_none() {
                let words = format!(
                    "the kernel ended a process of {} for want of memory",
                    if one.beside {
                        format!("{}, which the new version changed,", one.replica)
                    } else {
                        format!("replica {} of the new version", one.replica)
                    }
                );
                self.certain = Some(("out of memory".into(), words));
            }
        }
    }

    /// What the new version changed beside its replicas, each by itself: nothing stands beside it to
    /// be compared with.
    fn project_beside(&mut self, t: u64, usage: &[Usage], new: &ReleaseId, limit: u64) {
        for one in usage.iter().filter(|one| one.beside && one.release == *new) {
            let limit = one.memory_limit.unwrap_or(limit) as f64;
            let leak = self.beside.entry(one.replica.clone()).or_default();
            leak.feed(t, one.memory as f64, limit);
            if let (Some(left), None) = (leak.seconds_left(), &self.certain) {
                let words = format!(
                    "memory of {}, which the new version changed, grows without end: {:.0} MB now, \
                     its limit of {:.0} MB in {} min",
                    one.replica,
                    one.memory as f64 / 1_048_576.0,
                    limit / 1_048_576.0,
                    left / 60
                );
                self.certain = Some(("memory leak".into(), words));
            }
        }
    }

    fn project(
        &mut self,
        t: u64,
        usage: &[Usage],
        new: &ReleaseId,
        memory: Option<f64>,
        limit: u64,
    ) {
        let Some(memory) = memory else { return };
        let own = replicas(usage, new).filter_map(|one| one.memory_limit);
        let limit = own.min().unwrap_or(limit);
        self.new_memory.feed(t, memory, limit as f64);
        let Some(left) = self.new_memory.seconds_left() else { return };
        let alike = self.old_memory.growth().unwrap_or(0.0);
        if self.certain.is_none() && self.new_memory.growth().unwrap_or(0.0) > 2.0 * alike {
            let (now, limit) = (memory / 1_048_576.0, limit as f64 / 1_048_576.0);
            let words = format!(
                "memory of the new version grows without end: {now:.0} MB per replica now, its \
                 limit of {limit:.0} MB in {} min",
                left / 60
            );
            self.certain = Some(("memory leak".into(), words));
        }
    }
}

/// The replicas of a release, without what stands beside them.
fn replicas<'a>(
    usage: &'a [Usage],
    release: &'a ReleaseId,
) -> impl Iterator<Item = &'a Usage> + 'a {
    usage.iter().filter(move |one| one.release == *release && !one.beside)
}

fn mean_memory(usage: &[Usage], release: &ReleaseId) -> Option<f64> {
    let of: Vec<_> = replicas(usage, release).collect();
    let sum: f64 = of.iter().map(|one| one.memory as f64).sum();
    (!of.is_empty()).then(|| sum / of.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 512 << 20;

    fn usage(release: &str, cpu_ms: u64, memory: u64, oom_kills: u64) -> Usage {
        let replica = format!("{release}.0");
        let release = release.into();
        Usage { release, replica, beside: false, cpu_ms, memory, memory_limit: None, oom_kills }
    }

    #[test]
    fn what_stands_beside_is_compared_with_no_replica_and_has_kills_of_its_own() {
        let mut seen = Resources::default();
        let (new, old) = ("new".into(), "old".into());
        let worker = |memory, oom_kills| Usage {
            replica: "worker (ab12)".into(),
            beside: true,
            ..usage("new", 5, memory, oom_kills)
        };
        let all = [usage("new", 0, 10, 0), usage("old", 0, 10, 0), worker(10_000, 0)];
        assert_eq!(seen.feed(15, &all, (&new, Some(&old)), LIMIT).memory, Some((10.0, 10.0)));
        assert_eq!(seen.certain(), None);
        seen.feed(30, &[worker(10_000, 1)], (&new, Some(&old)), LIMIT);
        let (detector, words) = seen.certain().unwrap();
        assert_eq!(detector, "out of memory");
        assert!(words.contains("worker (ab12), which the new version changed"), "{words}");
    }

    #[test]
    fn what_stands_beside_and_grows_without_end_is_told_by_its_name() {
        let (mut seen, new) = (Resources::default(), "new".into());
        for at in 0..200 {
            let one = Usage { beside: true, ..usage("new", 0, at * LIMIT / 250, 0) };
            seen.feed(15 * at, &[one], (&new, None), LIMIT);
        }
        let (detector, words) = seen.certain().unwrap();
        assert_eq!(detector, "memory leak");
        assert!(words.contains("memory of new.0, which the new version changed"), "{words}");
    }

    #[test]
    fn processor_time_is_counted_per_request_over_the_same_time() {
        let mut seen = Resources::default();
        let (new, old) = ("new".into(), "old".into());
        let mut feed = |t, new_ms, old_ms, requests: (u64, u64)| {
            seen.requests(requests.0, requests.1);
            let read = [usage("new", new_ms, 1, 0), usage("old", old_ms, 1, 0)];
            seen.feed(t, &read, (&new, Some(&old)), LIMIT).cpu
        };
        assert_eq!(feed(15, 500, 9_000, (10, 90)), None, "too few requests, and no time before");
        assert_eq!(feed(30, 600, 9_400, (10, 110)), Some((100.0 / 20.0, 400.0 / 200.0)));
        assert_eq!(feed(45, 50, 9_500, (50, 50)), Some((1.0, 2.0)), "it began anew");
    }

    #[test]
    fn a_kill_for_want_of_memory_is_certain() {
        let (mut seen, new) = (Resources::default(), "new".into());
        seen.feed(15, &[usage("new", 0, 1, 0), usage("old", 0, 1, 3)], (&new, None), LIMIT);
        assert_eq!(seen.certain(), None);
        seen.feed(30, &[usage("new", 0, 1, 1)], (&new, None), LIMIT);
        insta::assert_snapshot!(seen.certain().unwrap().1);
    }

    #[test]
    fn a_leak_that_both_versions_have_is_not_the_new_ones() {
        let run = |old_grows: bool| {
            let mut seen = Resources::default();
            let (new, old) = ("new".into(), "old".into());
            for t in (0..=600).step_by(15) {
                let leaking = (100 << 20) + t * 200_000;
                let old_memory = if old_grows { leaking } else { 100 << 20 };
                let read = [usage("new", 0, leaking, 0), usage("old", 0, old_memory, 0)];
                seen.feed(t, &read, (&new, Some(&old)), LIMIT);
            }
            seen.certain().map(|(_, words)| words.clone())
        };
        assert_eq!(run(true), None);
        insta::assert_snapshot!(run(false).unwrap());
    }
}
