//! Several hosts as one place: each has an engine of its own, and one release runs on all that its
//! specification names.
//!
//! All hosts are asked at once, each within a call's time. A host that does not answer makes nobody
//! blind for the others: what was written down of its replicas is told as *unknown*, so nothing
//! counts as running there, and nothing as gone. An act that reached some hosts and not others is
//! perhaps done; the same act again brings the rest.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    thread,
};

use ops_core::{
    id::{Digest, Generation, ReleaseId, ServiceName, Stamp},
    reading::{LogReading, Usage},
    settings::{Adopt, Service},
    time::Now,
    world::{EngineView, Fault, Foreign, ReleaseSpec, TargetView},
};
use ops_engine::ports::{Act, ActError, Look, Senses, Target};

use crate::target::{DockerTarget, Restored, has_records};

/// Where the records of a host lie.
const HOSTS: &str = "hosts";

/// Hosts that run containers, by name.
#[derive(Debug)]
pub struct Fleet {
    state_dir: PathBuf,
    hosts: BTreeMap<String, DockerTarget>,
}

impl Fleet {
    /// The folder below a state folder in which a host's records lie.
    pub fn records(state_dir: &Path, host: &str) -> PathBuf {
        state_dir.join(HOSTS).join(host)
    }

    /// Hosts whose targets keep their records in [`Fleet::records`].
    pub fn new(state_dir: &Path, hosts: BTreeMap<String, DockerTarget>) -> Self {
        Self { state_dir: state_dir.to_owned(), hosts }
    }

    /// Whether anything of a service was made on any host and is not removed.
    pub fn knows(&self, service: &ServiceName) -> bool {
        self.hosts.values().any(|host| host.knows(service)) || !self.forsaken(service).is_empty()
    }

    /// Whether a release was made on any host and is not removed.
    pub fn has(&self, service: &ServiceName, release: &ReleaseId) -> bool {
        self.hosts.values().any(|host| host.has(service, release))
    }

    /// Brings all hosts to what they were last told; see [`DockerTarget::restore`]. One that does not
    /// answer keeps none of the others from that.
    pub fn restore(&self) -> Restored {
        self.restored(DockerTarget::restore)
    }

    /// Does what could not be done while hosts were away; see [`DockerTarget::catch_up`].
    pub fn catch_up(&self) -> Restored {
        self.restored(DockerTarget::catch_up)
    }

    /// Replicas that leave when their host is back.
    pub fn leaving(&self) -> Look<Vec<String>> {
        let mut all = Vec::new();
        for (name, host) in &self.hosts {
            all.extend(host.leaving()?.into_iter().map(|replica| format!("{name}/{replica}")));
        }
        Ok(all)
    }

    fn restored(&self, work: impl Fn(&DockerTarget) -> Look<Restored> + Sync) -> Restored {
        let mut whole = Restored::default();
        for (name, restored) in self.each(all, work) {
            match restored {
                Ok(restored) => {
                    let named = |replica: String| format!("{name}/{replica}");
                    whole.append(Restored {
                        started: restored.started.into_iter().map(named).collect(),
                        stopped: restored.stopped.into_iter().map(named).collect(),
                        removed: restored.removed.into_iter().map(named).collect(),
                        failed: (restored.failed.into_iter())
                            .map(|(replica, fault)| (named(replica), fault))
                            .collect(),
                    });
                }
                Err(fault) => whole.failed.push((name.to_owned(), fault)),
            }
        }
        whole
    }

    /// Does something on some hosts at once.
    fn each<'a, T: Send>(
        &'a self,
        which: impl Fn(&str, &DockerTarget) -> bool,
        work: impl Fn(&'a DockerTarget) -> T + Sync,
    ) -> Vec<(&'a str, T)> {
        let work = &work;
        let chosen = self.hosts.iter().filter(|(name, host)| which(name, host));
        thread::scope(|scope| {
            let begun: Vec<_> = chosen
                .map(|(name, host)| (name.as_str(), scope.spawn(move || work(host))))
                .collect();
            let ended = |(name, work): (&'a str, thread::ScopedJoinHandle<'_, T>)| {
                // A defect on one host is one of this program, and is told as such.
                (name, work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            };
            begun.into_iter().map(ended).collect()
        })
    }

    /// Hosts that have something of a service and are in `ops.yaml` no more.
    fn forsaken(&self, service: &ServiceName) -> Vec<String> {
        let folders = std::fs::read_dir(self.state_dir.join(HOSTS)).into_iter().flatten().flatten();
        let name = |entry: std::fs::DirEntry| entry.file_name().into_string().ok();
        let gone = folders.filter_map(name).filter(|name| !self.hosts.contains_key(name));
        gone.filter(|name| has_records(&Self::records(&self.state_dir, name), service)).collect()
    }

    /// A host that something runs on must be known: nobody could tell what becomes of it.
    fn complete(&self, service: &ServiceName) -> Look<()> {
        let forsaken = self.forsaken(service);
        if forsaken.is_empty() {
            return Ok(());
        }
        let names = forsaken.join(", ");
        Err(Fault::new(
            format!("{service} has containers on {names}, which ops.yaml does not name any more"),
            "docker hosts",
            "put the host back below `docker: hosts`; take the service off it by a deployment first",
        ))
    }

    /// All hosts of these names must be known.
    fn known(&self, names: &[String], place: &str) -> Look<()> {
        let unknown = names.iter().find(|host| !self.hosts.contains_key(*host));
        unknown.map_or(Ok(()), |host| {
            Err(Fault::new(
                format!("no host {host} was known when ops was started"),
                place,
                "declare it below `docker: hosts` in ops.yaml, and start `ops serve` again",
            ))
        })
    }
}

/// What an act on several hosts is, all in all.
fn whole(answers: Vec<(&str, Act)>) -> Act {
    let all = answers.len();
    let mut failed: Vec<(&str, ActError)> =
        answers.into_iter().filter_map(|(host, act)| Some((host, act.err()?))).collect();
    if let Some(stale) = failed.iter().position(|(_, error)| matches!(error, ActError::Stale(_))) {
        return Err(failed.swap_remove(stale).1);
    }
    let untouched = failed.iter().all(|(_, error)| matches!(error, ActError::NotApplied(_)));
    let nowhere = untouched && failed.len() == all;
    let Some((host, error)) = failed.into_iter().next() else { return Ok(()) };
    let (ActError::NotApplied(fault) | ActError::Unknown(fault) | ActError::Stale(fault)) = error;
    let fault = on_host(host, fault);
    Err(if nowhere { ActError::NotApplied(fault) } else { ActError::Unknown(fault) })
}

/// Hosts of these names.
fn among(names: &[String]) -> impl Fn(&str, &DockerTarget) -> bool {
    |name, _| names.iter().any(|host| host == name)
}

fn all(_: &str, _: &DockerTarget) -> bool {
    true
}

fn on_host(host: &str, fault: Fault) -> Fault {
    Fault { place: format!("host {host}: {}", fault.place), ..fault }
}

impl Target for Fleet {
    fn look(&self, service: &ServiceName) -> Look<TargetView> {
        self.complete(service)?;
        let answers = self.each(|_, host| host.knows(service), |host| host.look(service));
        let all = answers.len();
        let mut view = TargetView::default();
        for host in self.hosts.values() {
            view.highest = view.highest.max(host.remembered(service)?.highest);
        }
        let mut silent = Vec::new();
        for (name, answer) in answers {
            let seen = match answer {
                Ok(seen) => seen,
                Err(fault) => {
                    silent.push(on_host(name, fault));
                    self.hosts[name].remembered(service)?
                }
            };
            view.highest = view.highest.max(seen.highest);
            view.replicas.extend(seen.replicas.into_iter().map(|mut replica| {
                replica.id = format!("{name}/{}", replica.id);
                replica
            }));
        }
        match silent.into_iter().next() {
            Some(fault) if all == 1 => Err(fault),
            _ => Ok(view),
        }
    }

    fn start(&self, stamp: Stamp, spec: &ReleaseSpec) -> Act {
        self.known(spec.hosts(), spec.release.as_str()).map_err(ActError::NotApplied)?;
        let each = here(spec);
        whole(self.each(among(spec.hosts()), |host| host.start(stamp, &each)))
    }

    fn stop(&self, stamp: Stamp, service: &ServiceName, release: &ReleaseId) -> Act {
        self.complete(service).map_err(ActError::NotApplied)?;
        // Where nobody has it, all remember the order: what comes there late is refused.
        let nobody = !self.hosts.values().any(|host| host.has(service, release));
        let told = |_: &str, host: &DockerTarget| nobody || host.has(service, release);
        whole(self.each(told, |host| host.stop(stamp, service, release)))
    }

    fn remove(&self, stamp: Stamp, service: &ServiceName, release: &ReleaseId) -> Act {
        self.complete(service).map_err(ActError::NotApplied)?;
        let has = |_: &str, host: &DockerTarget| host.has(service, release);
        let answers = self.each(has, |host| host.remove(stamp, service, release));
        let stale = answers.iter().any(|(_, one)| matches!(one, Err(ActError::Stale(_))));
        let gone = answers.iter().any(|(_, one)| one.is_ok());
        for (name, _) in answers.iter().filter(|(_, one)| one.is_err() && !stale) {
            // It was told to go. Where nobody heard that, it goes when somebody does; a host that
            // answers and keeps it while it is nowhere gone yet only has to be told once more.
            let host = &self.hosts[*name];
            if gone || host.look(service).is_err() {
                host.will_leave(service, release).map_err(ActError::Unknown)?;
            }
        }
        whole(answers)
    }

    fn highest_generation(&self) -> Look<Generation> {
        let mut highest = Generation::default();
        for (name, answer) in self.each(all, Target::highest_generation) {
            // What a silent host has seen was written down here before it was told.
            let seen = answer.or_else(|_| self.hosts[name].remembered_generation())?;
            highest = highest.max(seen);
        }
        Ok(highest)
    }

    /// As many as all hosts have together if each had no more than the one with the fewest.
    fn free_ports(&self, first: u16, last: u16, hosts: &[String]) -> Look<u32> {
        self.known(hosts, "docker hosts")?;
        let mut fewest = None;
        for (name, answer) in self.each(among(hosts), |host| host.free_ports(first, last, &[])) {
            let free = answer.map_err(|fault| on_host(name, fault))?;
            fewest = Some(fewest.map_or(free, |fewest: u32| fewest.min(free)));
        }
        let hosts = u32::try_from(hosts.len()).unwrap_or(u32::MAX);
        Ok(fewest.unwrap_or(0).saturating_mul(hosts))
    }

    fn outside(&self, adopt: &Adopt, command: &[String]) -> Look<Option<Foreign>> {
        match self.hosts.values().next() {
            Some(host) => host.outside(adopt, command),
            None => Ok(None),
        }
    }

    /// The engines of the hosts that a service names. All must answer: a host that is away cannot be
    /// deployed to.
    fn engines(&self, service: &Service, artifact: Option<&Digest>) -> Look<Vec<EngineView>> {
        self.known(service.hosts(), service.name.as_str())?;
        let answers =
            self.each(among(service.hosts()), |host| host.survey(&service.name, artifact));
        answers
            .into_iter()
            .map(|(name, view)| {
                let view = view.map_err(|fault| on_host(name, fault))?;
                Ok(EngineView { place: format!("host {name}: {}", view.place), ..view })
            })
            .collect()
    }

    fn port_free(&self, port: u16, service: &ServiceName, hosts: &[String]) -> Look<bool> {
        self.known(hosts, service.as_str())?;
        let mut free = true;
        for (name, answer) in self.each(among(hosts), |host| host.port_free(port, service, &[])) {
            free &= answer.map_err(|fault| on_host(name, fault))?;
        }
        Ok(free)
    }
}

/// A release as each host is told of it: what a host has does not depend on the others.
fn here(spec: &ReleaseSpec) -> ReleaseSpec {
    let mut each = spec.clone();
    each.replicas = spec.replicas_each();
    if let Some(container) = &mut each.container {
        container.hosts.clear();
        container.batch = None;
    }
    each
}

impl Senses for Fleet {
    fn usage(&self, service: &ServiceName) -> Look<Vec<Usage>> {
        let mut all = Vec::new();
        for (name, answer) in self.each(|_, host| host.knows(service), |host| host.usage(service)) {
            let usage = answer.map_err(|fault| on_host(name, fault))?;
            all.extend(usage.into_iter().map(|mut usage| {
                usage.replica = format!("{name}/{}", usage.replica);
                usage
            }));
        }
        Ok(all)
    }

    fn logs(&self, service: &ServiceName, now: &Now) -> Look<LogReading> {
        let mut all = LogReading { second: now.ms / 1_000, ..LogReading::default() };
        for (name, answer) in
            self.each(|_, host| host.knows(service), |host| host.logs(service, now))
        {
            let read = answer.map_err(|fault| on_host(name, fault))?;
            all.second = read.second;
            all.dropped += read.dropped;
            for count in read.counts {
                let same = all.counts.iter_mut().find(|known| {
                    known.release == count.release
                        && known.level == count.level
                        && known.template == count.template
                });
                match same {
                    Some(known) => known.lines += count.lines,
                    None => all.counts.push(count),
                }
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(what: &str) -> Fault {
        Fault::new(what, "the engine", "look")
    }

    #[test]
    fn p5_an_act_that_reached_some_hosts_is_perhaps_done() {
        assert_eq!(whole(vec![("a", Ok(())), ("b", Ok(()))]), Ok(()));
        let away = || Err(ActError::NotApplied(fault("away")));
        let nowhere = whole(vec![("a", away()), ("b", away())]);
        assert!(matches!(nowhere, Err(ActError::NotApplied(_))), "{nowhere:?}");
        let some = whole(vec![("a", Ok(())), ("b", away())]);
        let Err(ActError::Unknown(fault)) = some else { panic!("{some:?}") };
        assert_eq!(fault.place, "host b: the engine");
    }

    #[test]
    fn p4_one_host_that_saw_a_later_act_refuses_for_all() {
        let stale = Err(ActError::Stale(fault("later")));
        let away = Err(ActError::NotApplied(fault("away")));
        let said = whole(vec![("a", away), ("b", stale), ("c", Ok(()))]);
        assert!(matches!(said, Err(ActError::Stale(_))), "{said:?}");
    }
}
