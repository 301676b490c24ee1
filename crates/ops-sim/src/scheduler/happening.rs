//! What can happen to the world and to the daemon, apart from what the daemon does.

use ops_core::id::{Digest, ReleaseId, ServiceName, TicketId};
use ops_engine::{Ask, Who};

use crate::{
    disk::Die,
    world::{
        World,
        faults::Part,
        ledger::Deed,
        planning::{DEV, PO, Wish},
        target::{Life, SimReplica},
        wishes::HOSTS,
    },
};

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Happening {
    /// The pipeline brings a ticket to `rfp`.
    File(Wish),
    /// The build of a wish that no ticket asks for yet.
    Built(Wish),
    /// A whole new round for a ticket.
    Round(TicketId, Wish),
    /// PO takes a ticket out of `rfp`.
    PullBack(TicketId),
    /// QA takes the verdict back.
    Revoke(TicketId),
    /// DEV says something that changes nothing.
    Remark(TicketId),
    /// The board denies to have a ticket, for so many milliseconds.
    Hide(TicketId, u64),
    /// The daemon is killed and starts again after so many milliseconds.
    Kill(u64),
    /// The daemon dies at a write to come.
    DieAt(Die),
    /// The daemon stands still in mid-act, another one takes over, and so many milliseconds later
    /// what the first one was about to send goes out.
    StandStill(u64),
    /// A newer ops is started in the place of this one, which writes what this one cannot read.
    Upgrade,
    /// This ops is started again in the place of the newer one.
    Downgrade,
    /// One of the nodes fails: whatever runs there ends, and is started again so many milliseconds
    /// later.
    NodeFails(u64, u64),
    /// One of the hosts of what runs on several is cut off for so many milliseconds: its replicas run
    /// on, and nobody reaches them.
    HostAway(u64, u64),
    /// The machine is rebooted.
    Reboot,
    /// The machine is suspended for so many milliseconds.
    Suspend(u64),
    /// The wall clock is set.
    StepWall(i64),
    /// The door starts again.
    DoorRestart,
    /// The n-th replica, counted around, ends by itself.
    ReplicaDies(u64),
    /// The n-th replica does not answer for so many milliseconds.
    Blip(u64, u64),
    /// A part answers nothing for so many milliseconds.
    Down(Part, u64),
    /// A part takes many seconds for each answer, for so many milliseconds.
    Slow(Part, u64),
    /// The disk is full, or has room again.
    DiskFull(bool),
    /// There is no room to set aside, or there is again.
    ReserveFails(bool),
    /// Requests per second of a service.
    Rate(String, u64),
    /// A stored artifact is changed.
    Spoil(Digest),
    /// The machine has too little room, or enough again.
    HostLow(bool),
    /// Secret values are gone, or there again.
    SecretsGone(bool),
    /// A secret reference leads to another version.
    Secret(&'static str, &'static str),
    /// Somebody asks for something.
    Ask(Who, Ask),
    /// Somebody writes to ops on the meeting board.
    Mention(&'static str, String),
    /// Where nothing of this service is healthy, a person starts by hand a good version that lies
    /// stopped.
    HandStart(ServiceName),
    /// The team commits another `ops.yaml`.
    Commit(u64),
    /// The same, and it asks for less.
    Loosen(u64),
    /// Everything that was broken works again, and nothing breaks any more.
    Mend,
}

impl Happening {
    /// Its name, for tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::File(_) => "a ticket",
            Self::Built(_) => "a build",
            Self::Round(..) => "a new round",
            Self::PullBack(_) => "pulled back",
            Self::Revoke(_) => "revoked",
            Self::Remark(_) => "a remark",
            Self::Hide(..) => "a ticket denied",
            Self::Kill(_) => "daemon killed",
            Self::DieAt(_) => "daemon dies at a write",
            Self::StandStill(_) => "daemon stands still",
            Self::Upgrade => "ops is upgraded",
            Self::Downgrade => "ops is downgraded",
            Self::NodeFails(..) => "a node fails",
            Self::HostAway(..) => "a host is away",
            Self::Reboot => "reboot",
            Self::Suspend(_) => "suspend",
            Self::StepWall(_) => "wall clock set",
            Self::DoorRestart => "door restarts",
            Self::ReplicaDies(_) => "a replica dies",
            Self::Blip(..) => "a replica blips",
            Self::Down(..) => "a part is down",
            Self::Slow(..) => "a part is slow",
            Self::DiskFull(true) => "disk full",
            Self::DiskFull(false) => "disk has room",
            Self::ReserveFails(_) => "no room to reserve",
            Self::Rate(..) => "traffic changes",
            Self::Spoil(_) => "an artifact is spoilt",
            Self::HostLow(_) => "little room",
            Self::SecretsGone(_) => "secrets gone",
            Self::Secret(..) => "another secret",
            Self::Ask(..) => "a person asks",
            Self::Mention(..) => "a person writes",
            Self::HandStart(_) => "started by hand",
            Self::Commit(_) => "another ops.yaml",
            Self::Loosen(_) => "a looser ops.yaml",
            Self::Mend => "all is mended",
        }
    }
}

impl World {
    /// Lets it happen, as far as it is about the world.
    pub fn happen(&mut self, happening: &Happening) {
        let t = self.t();
        match happening {
            Happening::File(wish) => {
                self.build(wish);
                self.planning.file(wish);
            }
            Happening::Built(wish) => self.build(wish),
            Happening::Round(ticket, wish) => {
                self.build(wish);
                self.planning.again(ticket, wish);
            }
            Happening::PullBack(ticket) => self.planning.pull_back(ticket, t),
            Happening::Revoke(ticket) => self.planning.revoke(ticket, t),
            Happening::Remark(ticket) => self.planning.say(ticket, DEV, "I am happy with this."),
            Happening::Hide(ticket, ms) => {
                self.planning.hidden.insert(ticket.clone(), t + ms);
            }
            Happening::Reboot => self.reboot(),
            Happening::StepWall(by) => self.clock.step_wall(*by),
            Happening::DoorRestart => self.door.restart(t),
            Happening::ReplicaDies(n) => {
                let count = self.target.replicas.len().max(1);
                self.target.crash(*n as usize % count, t);
            }
            Happening::NodeFails(node, ms) => self.target.node_fails(*node, t, t + ms),
            Happening::HostAway(n, ms) => {
                let host = HOSTS[*n as usize % HOSTS.len()];
                self.target.cut(host, t + ms);
            }
            Happening::Blip(n, ms) => {
                let count = self.target.replicas.len().max(1);
                if let Some(replica) = self.target.replicas.get_mut(*n as usize % count) {
                    replica.blip_until = t + ms;
                }
            }
            Happening::Down(part, ms) => self.faults.down(*part, t + ms),
            Happening::Slow(part, ms) => self.faults.slow(*part, t + ms),
            Happening::Rate(service, rate) => {
                self.rates.insert(service.clone(), *rate);
            }
            Happening::Spoil(digest) => self.store.spoil(digest, t),
            Happening::HostLow(low) => self.host.disk_free = if *low { 1 << 20 } else { 100 << 30 },
            Happening::Secret(reference, version) => {
                self.secret_versions.insert((*reference).to_owned(), (*version).to_owned());
            }
            Happening::SecretsGone(gone) => self.secrets = !gone,
            Happening::Mention(who, text) => self.meeting.post("ops", who, text, true),
            Happening::HandStart(service) => self.start_by_hand(service),
            Happening::Commit(n) => self.commit(*n, false),
            Happening::Loosen(n) => self.commit(*n, true),
            Happening::Mend => self.mend(),
            Happening::Kill(_)
            | Happening::DieAt(_)
            | Happening::StandStill(_)
            | Happening::Upgrade
            | Happening::Downgrade
            | Happening::Suspend(_)
            | Happening::DiskFull(_)
            | Happening::ReserveFails(_)
            | Happening::Ask(..) => {}
        }
    }

    /// The build leaves an artifact at its path.
    fn build(&mut self, wish: &Wish) {
        if wish.governs.is_none() {
            self.store.paths.insert(wish.artifact.clone(), Some(wish.digest.clone()));
        }
        self.sources.extend(wish.commit.clone());
    }

    fn commit(&mut self, n: u64, loose: bool) {
        let settings = std::sync::Arc::new(ops_core::settings::Settings {
            advisor: self.model.advisor.clone(),
            ..crate::world::wishes::settings(n, loose, self.hosts)
        });
        self.units = crate::world::wishes::units(&settings);
        let name = settings.revision.commit.clone().unwrap_or_default();
        if loose {
            self.loose.insert(name.clone());
        }
        self.commits.insert(name, std::sync::Arc::clone(&settings));
        self.settings = settings;
    }

    fn start_by_hand(&mut self, service: &ServiceName) {
        let t = self.t();
        if self.target.of(service).any(|one| one.healthy(t)) {
            return;
        }
        let routed = self.units.get(service).is_some_and(|unit| unit.route.is_some());
        let served = |release: &ReleaseId| {
            let mut all = self.ledger.applied.iter();
            all.any(
                |one| matches!(&one.deed, Deed::Route { route } if route.weight_of(release) == 100),
            )
        };
        if routed && !self.door.served.contains_key(service) {
            // Nobody would reach it.
            return;
        }
        // Nobody starts what was never on all traffic.
        let known = |one: &SimReplica| !routed || served(&one.release);
        let stopped = |one: &&SimReplica| {
            one.life == Life::Stopped && one.conduct().kind.good() && known(one)
        };
        let release = self.target.of(service).find(stopped).map(|one| one.release.clone());
        if let Some(release) = release {
            self.target.hand_start(&release, t);
        }
    }

    fn mend(&mut self) {
        self.faults.stop();
        self.target.heal();
        self.planning.hidden.clear();
        self.store.mend();
        self.secrets = true;
        self.host.disk_free = 100 << 30;
        for rate in self.rates.values_mut() {
            *rate = 40;
        }
    }
}

/// PO, who is listed as an operator.
pub fn operator() -> Who {
    Who { identity: PO.into(), local: false }
}

/// Somebody who is not.
pub fn developer() -> Who {
    Who { identity: DEV.into(), local: false }
}
