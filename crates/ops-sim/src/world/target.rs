//! The simulated place where services run: replicas with lives of their own, and stamps.

use std::collections::{BTreeMap, BTreeSet};

use ops_core::{
    id::{Digest, Generation, ReleaseId, ServiceName, Stamp},
    world::{Fault, ReleaseSpec, Replica, ReplicaState, TargetView},
};
use ops_engine::ports::{Act, ActError};

use super::conduct::{Conduct, Kind};

/// Pause before a replica that ended by itself is started again.
const BACK_OFF_MS: u64 = 1_000;
/// How long what flaps is healthy, and then is not.
const FLAP_MS: u64 = 4_000;
/// First of the ports that replicas get.
const FIRST_PORT: u16 = 20_000;
/// Nodes over which replicas are spread, in turn.
const NODES: u64 = 3;
/// Ports of the environment's range.
pub const PORTS: u16 = 1_000;

/// Where a replica's process stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// It runs.
    Running {
        /// When it answers healthy.
        healthy_at: u64,
        /// When it does not any more.
        fades_at: Option<u64>,
        /// When it ends by itself.
        dies_at: Option<u64>,
    },
    /// It ended by itself and is started again then.
    BackingOff {
        /// When.
        again_at: u64,
    },
    /// It was told to end, and does then.
    Stopping {
        /// When.
        ends_at: u64,
    },
    /// It has ended and stays so.
    Stopped,
}

/// A replica.
#[derive(Debug, Clone)]
pub struct SimReplica {
    /// Name.
    pub id: String,
    /// Release.
    pub release: ReleaseId,
    /// Service.
    pub service: ServiceName,
    /// What it runs.
    pub artifact: Digest,
    /// Where it listens.
    pub address: Option<String>,
    /// Whether it was last told to run.
    pub wanted: bool,
    /// Its process.
    pub life: Life,
    /// Whether it has been healthy since it was last told to run. A crash or a blip does not take
    /// that away: it says what ops did, not what the world did.
    pub sound: bool,
    /// Versions of the secrets with which it was last started, by variable.
    pub secrets: BTreeMap<String, String>,
    /// Health probes fail until then for no fault of the version.
    pub blip_until: u64,
    /// The host that it runs on, where it runs on one of several.
    host: Option<String>,
    /// It was told to go while its host was away, and goes when that is back.
    leaves: bool,
    conduct: Conduct,
    grace_ms: u64,
    restarts: u32,
    last_exit: Option<String>,
    stamp: Stamp,
}

impl SimReplica {
    /// Whether its process lives or will again.
    pub fn alive(&self) -> bool {
        self.life != Life::Stopped
    }

    /// Whether its process runs.
    pub fn running(&self) -> bool {
        matches!(self.life, Life::Running { .. })
    }

    /// Whether a probe at this time succeeds.
    pub fn healthy(&self, t: u64) -> bool {
        match &self.life {
            Life::Running { healthy_at, fades_at, .. } => {
                let well = t >= *healthy_at && t >= self.blip_until;
                let flaps = self.conduct.kind == Kind::Flaps
                    && (t - *healthy_at.min(&t)) / FLAP_MS % 2 == 1;
                well && !flaps && fades_at.is_none_or(|at| t < at)
            }
            Life::BackingOff { .. } | Life::Stopping { .. } | Life::Stopped => false,
        }
    }

    /// How its version behaves.
    pub fn conduct(&self) -> &Conduct {
        &self.conduct
    }

    fn run(&mut self, t: u64) {
        let healthy_at = t.saturating_add(self.conduct.healthy_ms);
        self.life = Life::Running {
            healthy_at,
            fades_at: self.conduct.fades_ms().map(|after| healthy_at.saturating_add(after)),
            dies_at: self.conduct.lives_ms().map(|after| healthy_at.saturating_add(after)),
        };
    }

    fn dies(&mut self, t: u64, exit: &str) {
        self.restarts += 1;
        self.last_exit = Some(exit.to_owned());
        self.life = Life::BackingOff { again_at: t + BACK_OFF_MS };
    }

    /// Its next change by itself.
    fn next_change(&self) -> Option<u64> {
        match self.life {
            Life::Running { dies_at, .. } => dies_at,
            Life::BackingOff { again_at } => Some(again_at),
            Life::Stopping { ends_at } => Some(ends_at),
            Life::Stopped => None,
        }
    }

    fn advance(&mut self, t: u64) {
        while let Some(at) = self.next_change().filter(|at| *at <= t) {
            if self.healthy(at.saturating_sub(1)) {
                self.sound |= self.wanted;
            }
            match self.life {
                Life::Running { .. } => self.dies(at, "exit status 1"),
                Life::Stopping { .. } if !self.wanted => self.life = Life::Stopped,
                Life::BackingOff { .. } | Life::Stopping { .. } => self.run(at),
                Life::Stopped => {}
            }
        }
        if self.healthy(t) {
            self.sound |= self.wanted;
        }
    }

    /// What is known of it; of one whose host is away, only that it was made.
    fn view(&self, away: bool) -> Replica {
        let state = match self.life {
            _ if away => ReplicaState::Unknown,
            Life::Running { .. } => ReplicaState::Running,
            Life::BackingOff { .. } => ReplicaState::BackingOff,
            Life::Stopping { .. } => ReplicaState::Stopping,
            Life::Stopped => ReplicaState::Stopped,
        };
        Replica {
            id: self.id.clone(),
            release: self.release.clone(),
            artifact: self.artifact.clone(),
            address: self.address.clone(),
            state,
            restarts: self.restarts,
            last_exit: self.last_exit.clone(),
            stamp: self.stamp,
            health: None,
        }
    }
}

/// All replicas, and the highest stamp seen of each service: as on the real targets, an act that
/// comes after a later one on its service is refused, also for a release that does not exist yet.
#[derive(Debug, Clone, Default)]
pub struct SimTarget {
    /// Replicas of all services.
    pub replicas: Vec<SimReplica>,
    highest: BTreeMap<ServiceName, Stamp>,
    generation: Generation,
    next_port: u16,
    /// Hosts that nobody reaches, and until when.
    away: BTreeMap<String, u64>,
}

/// What became of an act, host by host.
#[derive(Default)]
struct Reached {
    some: bool,
    failed: Option<Fault>,
}

impl Reached {
    fn silent(&mut self, host: &str) {
        self.failed.get_or_insert_with(|| Fault::new("it does not answer", host, "look again"));
    }

    /// An act that reached some hosts and not others is perhaps done.
    fn whole(self) -> Act {
        match self.failed {
            None => Ok(()),
            Some(fault) if self.some => Err(ActError::Unknown(fault)),
            Some(fault) => Err(ActError::NotApplied(fault)),
        }
    }
}

impl SimTarget {
    /// What exists of a service.
    pub fn look(&self, service: &ServiceName) -> TargetView {
        let replicas = self.of(service).map(|one| one.view(self.is_away(one.host.as_deref())));
        let replicas: Vec<_> = replicas.collect();
        let highest = self.highest.get(service).map_or(Generation::default(), |one| one.generation);
        TargetView { replicas, highest, ..TargetView::default() }
    }

    fn is_away(&self, host: Option<&str>) -> bool {
        host.is_some_and(|host| self.away.contains_key(host))
    }

    /// Whether all these hosts answer.
    ///
    /// # Errors
    ///
    /// Which does not.
    pub fn all_here(&self, hosts: &[String]) -> Result<(), Fault> {
        let silent = hosts.iter().find(|host| self.is_away(Some(host)));
        silent.map_or(Ok(()), |host| Err(Fault::new("it does not answer", host, "look again")))
    }

    /// A host is cut off until then. What runs there runs on, and answers nobody.
    pub fn cut(&mut self, host: &str, until: u64) {
        let end = self.away.entry(host.to_owned()).or_default();
        *end = until.max(*end);
        for replica in self.replicas.iter_mut().filter(|one| one.host.as_deref() == Some(host)) {
            replica.blip_until = replica.blip_until.max(until);
        }
    }

    /// All hosts answer again.
    pub fn heal(&mut self) {
        self.away.clear();
    }

    /// Replicas of one service.
    pub fn of<'a>(&'a self, service: &'a ServiceName) -> impl Iterator<Item = &'a SimReplica> {
        self.replicas.iter().filter(move |replica| replica.service == *service)
    }

    /// The replica at an address whose process runs.
    pub fn at(&self, address: &str) -> Option<&SimReplica> {
        let there = |replica: &&SimReplica| replica.address.as_deref() == Some(address);
        self.replicas.iter().filter(there).find(|replica| replica.running())
    }

    /// The highest generation seen.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Somebody else acts with a higher generation on a service.
    pub fn outrun(&mut self, service: &ServiceName) {
        self.generation = self.generation.next();
        let stamp = Stamp { generation: self.generation, ..Stamp::default() };
        self.highest.insert(service.clone(), stamp);
    }

    fn seen(&mut self, stamp: Stamp, service: &ServiceName) -> Act {
        let highest = self.highest.entry(service.clone()).or_default();
        if stamp < *highest {
            return Err(ActError::Stale(Fault::new(
                format!("{service} has seen {highest:?}"),
                "the simulated target",
                "take the lease anew",
            )));
        }
        *highest = stamp;
        self.generation = self.generation.max(stamp.generation);
        Ok(())
    }

    /// Makes a release run.
    pub fn start(
        &mut self,
        stamp: Stamp,
        spec: &ReleaseSpec,
        told: (&Conduct, &BTreeMap<String, String>),
        t: u64,
    ) -> Act {
        self.seen(stamp, &spec.service)?;
        let mut reached = Reached::default();
        if spec.hosts().is_empty() {
            for n in 0..spec.replicas {
                self.start_one(format!("{}/{n}", spec.release), None, (stamp, spec), told, t);
            }
        }
        for host in spec.hosts() {
            if self.is_away(Some(host)) {
                reached.silent(host);
                continue;
            }
            reached.some = true;
            for n in 0..spec.replicas_each() {
                let id = format!("{host}/{}/{n}", spec.release);
                self.start_one(id, Some(host), (stamp, spec), told, t);
            }
        }
        self.fight_for_ports(spec, t);
        reached.whole()
    }

    fn start_one(
        &mut self,
        id: String,
        host: Option<&String>,
        (stamp, spec): (Stamp, &ReleaseSpec),
        (conduct, secrets): (&Conduct, &BTreeMap<String, String>),
        t: u64,
    ) {
        match self.replicas.iter().position(|replica| replica.id == id) {
            Some(at) => {
                let replica = &mut self.replicas[at];
                replica.leaves = false;
                replica.stamp = stamp;
                if !replica.wanted {
                    replica.wanted = true;
                    replica.sound = false;
                }
                if replica.life == Life::Stopped {
                    replica.secrets.clone_from(secrets);
                    replica.conduct = conduct.clone();
                    replica.run(t);
                }
            }
            None => self.create((id, host), stamp, spec, (conduct, secrets), t),
        }
    }

    fn create(
        &mut self,
        (id, host): (String, Option<&String>),
        stamp: Stamp,
        spec: &ReleaseSpec,
        (conduct, secrets): (&Conduct, &BTreeMap<String, String>),
        t: u64,
    ) {
        let port = spec.fixed_port.unwrap_or_else(|| {
            self.next_port = (self.next_port + 1) % PORTS;
            FIRST_PORT + self.next_port
        });
        let mut replica = SimReplica {
            id,
            release: spec.release.clone(),
            service: spec.service.clone(),
            artifact: spec.artifact.clone(),
            address: Some(format!("127.0.0.1:{port}")),
            wanted: true,
            life: Life::Stopped,
            sound: false,
            secrets: secrets.clone(),
            blip_until: 0,
            host: host.cloned(),
            leaves: false,
            conduct: conduct.clone(),
            grace_ms: spec.stop_grace_ms,
            restarts: 0,
            last_exit: None,
            stamp,
        };
        replica.run(t);
        self.replicas.push(replica);
    }

    /// Of two processes with one fixed port the later one cannot bind it and ends.
    fn fight_for_ports(&mut self, spec: &ReleaseSpec, t: u64) {
        let taken = spec.fixed_port.is_some()
            && self.of(&spec.service).any(|other| other.release != spec.release && other.alive());
        if taken {
            for replica in self.replicas.iter_mut().filter(|one| one.release == spec.release) {
                if let Life::Running { healthy_at, dies_at, .. } = &mut replica.life
                    && *healthy_at > t
                {
                    *healthy_at = u64::MAX / 4;
                    *dies_at = Some(t + 50);
                }
            }
        }
    }

    /// Tells a release to stop.
    pub fn stop(
        &mut self,
        stamp: Stamp,
        service: &ServiceName,
        release: &ReleaseId,
        t: u64,
    ) -> Act {
        self.stop_some(stamp, service, release, t, usize::MAX)
    }

    /// The same, for at most so many replicas.
    pub fn stop_some(
        &mut self,
        stamp: Stamp,
        service: &ServiceName,
        release: &ReleaseId,
        t: u64,
        most: usize,
    ) -> Act {
        self.seen(stamp, service)?;
        let mut reached = Reached::default();
        let mut left = most;
        for replica in self.replicas.iter_mut().filter(|one| one.release == *release) {
            if let Some(host) = replica.host.as_ref().filter(|host| self.away.contains_key(*host)) {
                reached.silent(host);
                continue;
            }
            reached.some = true;
            if left == 0 {
                continue;
            }
            left -= 1;
            replica.wanted = false;
            replica.sound = false;
            replica.stamp = stamp;
            match replica.life {
                Life::Running { .. } => {
                    let ends_at = t + replica.conduct.stops_ms(replica.grace_ms);
                    replica.life = Life::Stopping { ends_at };
                }
                Life::BackingOff { .. } => replica.life = Life::Stopped,
                Life::Stopping { .. } | Life::Stopped => {}
            }
        }
        reached.whole()
    }

    /// Forgets a stopped release, host by host. Where it went from one of them, the others follow
    /// when they can.
    pub fn remove(&mut self, stamp: Stamp, service: &ServiceName, release: &ReleaseId) -> Act {
        self.seen(stamp, service)?;
        let mut reached = Reached::default();
        let of = self.replicas.iter().filter(|one| one.release == *release);
        let hosts: BTreeSet<_> = of.map(|one| one.host.clone()).collect();
        for host in &hosts {
            let here = |one: &SimReplica| one.release == *release && one.host == *host;
            if self.is_away(host.as_deref()) {
                reached.silent(host.as_deref().unwrap_or_default());
            } else if self.replicas.iter().any(|one| here(one) && one.alive()) {
                let what = format!("{release} has not stopped");
                let fault = Fault::new(what, "the simulated target", "stop it first");
                reached.failed.get_or_insert(fault);
            } else {
                reached.some = true;
                self.replicas.retain(|one| !here(one));
            }
        }
        let away = &self.away;
        for replica in self.replicas.iter_mut().filter(|one| one.release == *release) {
            let deaf = replica.host.as_ref().is_some_and(|host| away.contains_key(host));
            replica.leaves = reached.some || deaf;
        }
        reached.whole()
    }

    /// Lets time pass.
    pub fn advance(&mut self, t: u64) {
        self.away.retain(|_, until| *until > t);
        let away = &self.away;
        let here = |one: &SimReplica| one.host.as_ref().is_none_or(|host| !away.contains_key(host));
        for replica in &mut self.replicas {
            if replica.leaves && replica.wanted && here(replica) {
                replica.wanted = false;
                replica.sound = false;
                replica.life =
                    Life::Stopping { ends_at: t + replica.conduct.stops_ms(replica.grace_ms) };
            }
            replica.advance(t);
        }
        self.replicas.retain(|one| !(one.leaves && one.life == Life::Stopped && here(one)));
    }

    /// A replica ends by itself; false if none of these runs.
    pub fn crash(&mut self, at: usize, t: u64) -> bool {
        let Some(replica) = self.replicas.get_mut(at).filter(|replica| replica.running()) else {
            return false;
        };
        replica.dies(t, "signal 9");
        true
    }

    /// A node fails: the replicas that it carries end at once and are back later.
    pub fn node_fails(&mut self, node: u64, t: u64, back_at: u64) {
        let node = (node % NODES) as usize;
        let running = self.replicas.iter_mut().enumerate().filter(|(_, one)| one.running());
        for (_, replica) in running.filter(|(at, _)| at % NODES as usize == node) {
            replica.dies(t, "the node failed");
            replica.life = Life::BackingOff { again_at: back_at.max(t + BACK_OFF_MS) };
        }
    }

    /// A person starts a stopped release, past ops.
    pub fn hand_start(&mut self, release: &ReleaseId, t: u64) {
        for replica in self.replicas.iter_mut().filter(|one| one.release == *release) {
            replica.wanted = true;
            replica.run(t);
        }
    }

    /// The machine was rebooted: what shall run starts again, and forgets its earlier ends.
    pub fn reboot(&mut self, t: u64) {
        for replica in &mut self.replicas {
            replica.restarts = 0;
            replica.last_exit = None;
            if replica.wanted {
                replica.run(t);
            } else {
                replica.life = Life::Stopped;
            }
        }
    }
}
