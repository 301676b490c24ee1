//! The simulated world: everything that the program touches through its ports.

pub mod clock;
pub mod conduct;
pub mod door;
pub mod faults;
pub mod ledger;
pub mod meeting;
pub mod model;
pub mod planning;
mod ports;
mod senses;
pub mod store;
pub mod target;
mod traffic;
pub mod wishes;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ops_core::{
    id::{Digest, ReleaseId, ServiceName, Stamp, TicketId},
    route::Route,
    settings::{Service, Settings},
    world::{Fault, ReleaseSpec},
};
use ops_engine::ports::{Act, ActError, HostFacts};

use crate::{dice::Dice, injections::Injections, story::Story};
use clock::SimClock;
use conduct::{Conduct, Kind};
use faults::{Fate, Faults, Part};
use ledger::{Applied, Deed, Ledger};

pub use ports::ports;

/// An act that reached the world.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of the port calls of the same name")]
pub enum Deal {
    /// Bring an artifact into the store.
    Import { reference: String, digest: Digest },
    /// Make a release run.
    Start { stamp: Stamp, spec: Box<ReleaseSpec> },
    /// Tell it to stop.
    Stop { stamp: Stamp, service: ServiceName, release: ReleaseId },
    /// Forget it.
    Remove { stamp: Stamp, service: ServiceName, release: ReleaseId },
    /// Replace a route.
    SetRoute { stamp: Stamp, route: Box<Route> },
    /// Remove a route.
    RemoveRoute { stamp: Stamp, service: ServiceName },
    /// Comment on a ticket.
    Comment { ticket: TicketId, text: String },
    /// Close a ticket.
    Close { ticket: TicketId },
    /// Post a message.
    Post { channel: String, text: String },
}

impl Deal {
    /// Names of all acts, for tables.
    pub const NAMES: [&'static str; 9] = [
        "import",
        "start",
        "stop",
        "remove",
        "set-route",
        "remove-route",
        "comment",
        "close",
        "post",
    ];

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Import { .. } => "import",
            Self::Start { .. } => "start",
            Self::Stop { .. } => "stop",
            Self::Remove { .. } => "remove",
            Self::SetRoute { .. } => "set-route",
            Self::RemoveRoute { .. } => "remove-route",
            Self::Comment { .. } => "comment",
            Self::Close { .. } => "close",
            Self::Post { .. } => "post",
        }
    }

    fn part(&self) -> Part {
        match self {
            Self::Import { .. } => Part::Store,
            Self::Start { .. } | Self::Stop { .. } | Self::Remove { .. } => Part::Target,
            Self::SetRoute { .. } | Self::RemoveRoute { .. } => Part::Door,
            Self::Comment { .. } | Self::Close { .. } => Part::Planning,
            Self::Post { .. } => Part::Meeting,
        }
    }

    /// Whether it is an act on a board.
    pub fn letter(&self) -> bool {
        matches!(self, Self::Comment { .. } | Self::Close { .. } | Self::Post { .. })
    }

    /// The marker of a letter.
    pub fn marker(&self) -> Option<&str> {
        match self {
            Self::Comment { text, .. } | Self::Post { text, .. } => marker(text),
            _ => None,
        }
    }
}

/// The markers of a text: one of each letter that it is.
pub fn markers(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some(found) = marker(rest) {
        all.push(found);
        rest = rest.split_once(found).map_or("", |(_, behind)| behind);
    }
    all
}

/// The marker by which a letter is found.
pub fn marker(text: &str) -> Option<&str> {
    let from = text.find("<!-- ops:D-").or_else(|| text.find("<!-- ops:re:"))?;
    let end = text[from..].find("-->")?;
    text.get(from..from + end + 3)
}

/// A process that somebody else than the program started.
#[derive(Debug, Clone)]
pub struct Elsewhere {
    /// What it runs.
    pub artifact: Digest,
    /// Whether it answers healthy.
    pub well: bool,
}

/// Everything.
#[derive(Debug, Clone)]
pub struct World {
    /// What somebody else started, by the address on which it listens.
    pub outside: BTreeMap<String, Elsewhere>,
    /// When each artifact was last seen to run there and to be healthy.
    pub ran: BTreeMap<Digest, u64>,
    /// Time.
    pub clock: SimClock,
    /// Chance.
    pub dice: Dice,
    /// What goes wrong.
    pub faults: Faults,
    /// What is done to this run, counted.
    pub injections: Injections,
    /// What people were told outside of the boards.
    pub notices: Vec<(u64, ops_core::record::Notice)>,
    /// The door.
    pub door: door::SimDoor,
    /// Where services run.
    pub target: target::SimTarget,
    /// Artifacts.
    pub store: store::SimStore,
    /// Tickets.
    pub planning: planning::SimPlanning,
    /// Messages.
    pub meeting: meeting::SimMeeting,
    /// Whether one service runs on several hosts.
    pub hosts: bool,
    /// The newest settings.
    pub settings: Arc<Settings>,
    /// What runs of their services, by the names under which it does.
    pub units: BTreeMap<ServiceName, Service>,
    /// Settings by commit.
    pub commits: BTreeMap<String, Arc<Settings>>,
    /// Commits whose `ops.yaml` asks for less than the first one.
    pub loose: BTreeSet<String>,
    /// Source commits in the repository.
    pub sources: BTreeSet<String>,
    /// Merges that brought nothing new: such a commit and the one whose source tree it has.
    pub merges: BTreeMap<String, String>,
    /// What the machine has left.
    pub host: HostFacts,
    /// Whether secret references lead to values.
    pub secrets: bool,
    /// Versions to which references lead; `v1` for all others.
    pub secret_versions: BTreeMap<String, String>,
    /// Versions with which every service that has them answers errors.
    pub bad_secrets: BTreeSet<String>,
    /// How each artifact behaves.
    pub conducts: BTreeMap<Digest, Conduct>,
    /// Requests per second, per service.
    pub rates: BTreeMap<String, u64>,
    /// What really happened.
    pub ledger: Ledger,
    /// The model.
    pub model: model::SimModel,
    /// Whether the boards are not those of the simulation: then what is on [`Self::planning`] and
    /// [`Self::meeting`] was copied from there.
    pub guest: bool,
    /// For how long the calls of the job that is being done have kept it waiting, as far as that is
    /// not in the simulation's own hands.
    pub waited: u64,
    /// For people.
    pub story: Story,
    late: Vec<(u64, u64, Deal)>,
    /// When what takes effect now was sent, where that is not now.
    sent: Option<u64>,
    second: u64,
}

/// The world as the ports and the scheduler share it.
pub type Shared = Arc<Mutex<World>>;

/// Locks the world. The simulation has one thread, so this never waits.
pub fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// A world in which nothing runs yet.
    pub fn new(seed: u64, story: Story) -> Self {
        let model = model::SimModel::of(seed);
        let settings = Arc::new(Settings {
            advisor: model.advisor.clone(),
            ..wishes::settings(0, false, false)
        });
        let commit = settings.revision.commit.clone().unwrap_or_default();
        Self {
            outside: BTreeMap::new(),
            ran: BTreeMap::new(),
            clock: SimClock::default(),
            dice: Dice::new(seed),
            faults: Faults::default(),
            injections: Injections::default(),
            notices: Vec::new(),
            door: door::SimDoor::default(),
            target: target::SimTarget::default(),
            store: store::SimStore::default(),
            planning: planning::SimPlanning::default(),
            meeting: meeting::SimMeeting::default(),
            commits: BTreeMap::from([(commit, Arc::clone(&settings))]),
            loose: BTreeSet::new(),
            sources: BTreeSet::new(),
            merges: BTreeMap::new(),
            hosts: false,
            units: wishes::units(&settings),
            settings,
            host: HostFacts { disk_free: 100 << 30, inodes_free: 1 << 20, memory_free: 16 << 30 },
            secrets: true,
            secret_versions: BTreeMap::new(),
            bad_secrets: BTreeSet::new(),
            conducts: BTreeMap::new(),
            rates: wishes::UNITS.iter().map(|name| ((*name).to_owned(), 40)).collect(),
            ledger: Ledger::default(),
            model,
            guest: false,
            waited: 0,
            story,
            late: Vec::new(),
            sent: None,
            second: 0,
        }
    }

    /// From its beginning on, this world has a service that runs on several hosts.
    pub fn with_hosts(&mut self) {
        let advisor = self.model.advisor.clone();
        let settings = Arc::new(Settings { advisor, ..wishes::settings(0, false, true) });
        self.hosts = true;
        self.units = wishes::units(&settings);
        let commit = settings.revision.commit.clone().unwrap_or_default();
        self.commits.insert(commit, Arc::clone(&settings));
        self.settings = settings;
        self.rates.insert(wishes::GRID.to_owned(), 40);
    }

    /// Whether a commit is in the repository.
    pub fn has_commit(&self, commit: &str) -> bool {
        self.commits.contains_key(commit) || self.sources.contains(commit)
    }

    /// Simulated time.
    pub fn t(&self) -> u64 {
        self.clock.t
    }

    /// Lets time pass until `t`.
    pub fn advance(&mut self, t: u64) {
        loop {
            let due = self.late.iter().enumerate().filter(|(_, (at, ..))| *at <= t);
            let next = due.min_by_key(|(n, (at, ..))| (*at, *n)).map(|(n, _)| n);
            let Some(next) = next else { break };
            let (at, sent, deal) = self.late.remove(next);
            self.pass(at);
            self.sent = Some(sent);
            let done = self.apply(&deal);
            self.sent = None;
            if done.is_ok() {
                self.note_late(&deal);
            }
            let late = self.clock.t;
            self.story.tell(late, || format!("late {} takes effect: {done:?}", deal.name()));
        }
        self.pass(t);
    }

    fn pass(&mut self, t: u64) {
        let until = self.clock.boot_ms(t.max(self.clock.t)) / 1_000;
        let kept = door::KEPT_SECONDS as u64;
        self.second = self.second.max(until.saturating_sub(kept));
        while self.second < until {
            let from = self.clock.of_boot_ms(self.second * 1_000);
            let span = (from, from + 1_000);
            self.target.advance(span.1.min(t).max(self.clock.t));
            self.one_second(span);
            self.second += 1;
        }
        self.clock.t = t.max(self.clock.t);
        for one in self.outside.values().filter(|one| one.well) {
            match self.ran.get_mut(&one.artifact) {
                Some(at) => *at = self.clock.t,
                None => {
                    self.ran.insert(one.artifact.clone(), self.clock.t);
                }
            }
        }
        self.target.advance(self.clock.t);
    }

    fn one_second(&mut self, span: (u64, u64)) {
        for (name, rate) in &self.rates {
            let service = ServiceName::from(name.as_str());
            let routed = self.units.get(&service).is_some_and(|unit| unit.route.is_some());
            if routed {
                let served = self.door.served.get(&service);
                let dice = &mut self.dice;
                let second = traffic::second(self.second, span, *rate, served, &self.target, dice);
                self.door.keep(&service, second);
            }
        }
        self.door.mind_guards(span.1, self.second);
    }

    /// An act arrives: its fate decides what becomes of it.
    #[expect(clippy::needless_pass_by_value, reason = "an act is handed over, not lent")]
    pub fn act(&mut self, deal: Deal) -> Act {
        let t = self.clock.t;
        let name = deal.name();
        if self.faults.is_down(deal.part(), t) {
            let fault = Fault::new(format!("{name} found nobody"), deal.part().name(), "again");
            return Err(ActError::NotApplied(fault));
        }
        let fate = self.faults.fate(name, &mut self.dice, &mut self.injections);
        let unknown = || {
            let fault = Fault::new(format!("{name}: no answer came"), "the network", "look");
            Err(ActError::Unknown(fault))
        };
        let answer = match fate {
            Fate::Done => self.apply(&deal),
            Fate::DoneThenError => {
                let _ = self.apply(&deal);
                unknown()
            }
            Fate::Half => {
                let _ = self.apply_half(&deal);
                unknown()
            }
            Fate::Refused => {
                Err(ActError::NotApplied(Fault::new(format!("{name} failed"), "there", "again")))
            }
            Fate::Lost => unknown(),
            Fate::Hollow => Ok(()),
            Fate::Late => {
                self.later(deal.clone());
                unknown()
            }
            Fate::LateThoughOk => {
                self.later(deal.clone());
                Ok(())
            }
            Fate::Outrun => {
                self.outrun(&deal);
                self.apply(&deal)
            }
        };
        self.story.tell(t, || {
            let told = match &answer {
                Ok(()) => "ok".to_owned(),
                Err(why) => why.to_string(),
            };
            format!("{}: {} → {told}", said(&deal), fate.name())
        });
        answer
    }

    fn later(&mut self, deal: Deal) {
        // A board may write many seconds later; a door or keeper gives a request up before.
        let most = if deal.letter() { 30_000 } else { 9_000 };
        let at = self.clock.t + self.dice.between(300, most);
        self.late.push((at, self.clock.t, deal));
    }

    /// Puts off an act that a dying daemon had already sent.
    pub fn in_flight(&mut self, deal: Deal) {
        self.later(deal);
    }

    /// Puts off an act by so many milliseconds.
    pub fn at(&mut self, ms: u64, deal: Deal) {
        let at = self.clock.t + ms;
        self.late.push((at, self.clock.t, deal));
    }

    /// Whether an act is still to take effect.
    pub fn late_acts(&self) -> usize {
        self.late.len()
    }

    fn note_late(&mut self, deal: &Deal) {
        let (late, text) = match deal {
            Deal::Comment { text, .. } => (&mut self.planning.late, text),
            Deal::Post { text, .. } => (&mut self.meeting.late, text),
            _ => return,
        };
        late.extend(markers(text).into_iter().map(str::to_owned));
    }

    fn outrun(&mut self, deal: &Deal) {
        match deal {
            Deal::Start { spec, .. } => self.target.outrun(&spec.service),
            Deal::Stop { service, .. } | Deal::Remove { service, .. } => {
                self.target.outrun(service);
            }
            Deal::SetRoute { route, .. } => self.door.outrun(&route.service),
            Deal::RemoveRoute { service, .. } => self.door.outrun(service),
            _ => {}
        }
    }

    /// The first of several replicas is started or stopped; what is one thing is done.
    fn apply_half(&mut self, deal: &Deal) -> Act {
        match deal {
            Deal::Start { stamp, spec } => {
                let first = spec.on_first(1);
                let replicas = first.replicas.min(1);
                self.start(*stamp, &ReleaseSpec { replicas, ..first })
            }
            Deal::Stop { stamp, service, release } => {
                let said = self.target.stop_some(*stamp, service, release, self.clock.t, 1);
                let deed = Deed::Stop { release: release.clone(), ran: true };
                self.write_unless_refused(said, *stamp, service, deed)
            }
            whole => self.apply(whole),
        }
    }

    fn apply(&mut self, deal: &Deal) -> Act {
        let t = self.clock.t;
        match deal {
            Deal::Import { reference, digest } => self.store.import(reference, digest),
            Deal::Start { stamp, spec } => self.start(*stamp, spec),
            Deal::Stop { stamp, service, release } => {
                let ran = self.target.of(service).any(|one| one.release == *release && one.alive());
                let said = self.target.stop(*stamp, service, release, t);
                let deed = Deed::Stop { release: release.clone(), ran };
                self.write_unless_refused(said, *stamp, service, deed)
            }
            Deal::Remove { stamp, service, release } => {
                let known = self.target.of(service).any(|one| one.release == *release);
                let said = self.target.remove(*stamp, service, release);
                if !known {
                    return said;
                }
                let deed = Deed::Remove { release: release.clone() };
                self.write_unless_refused(said, *stamp, service, deed)
            }
            Deal::SetRoute { stamp, route } => {
                self.door.set_route(*stamp, route, t)?;
                self.write(*stamp, &route.service, Deed::Route { route: route.clone() });
                Ok(())
            }
            Deal::RemoveRoute { stamp, service } => {
                let routed = self.door.served.contains_key(service);
                self.door.remove_route(*stamp, service)?;
                if routed {
                    self.write(*stamp, service, Deed::Unroute);
                }
                Ok(())
            }
            Deal::Comment { ticket, text } => {
                self.planning.say(ticket, planning::ME, text);
                Ok(())
            }
            Deal::Close { ticket } => self.planning.close(ticket, t),
            Deal::Post { channel, text } => {
                self.meeting.post(channel, planning::ME, text, false);
                Ok(())
            }
        }
    }

    fn start(&mut self, stamp: Stamp, spec: &ReleaseSpec) -> Act {
        if !self.store.intact(&spec.artifact) {
            let what = format!("the artifact of {} is not in the store", spec.release);
            return Err(ActError::NotApplied(Fault::new(what, "the target", "import it")));
        }
        let good = Conduct::of(Kind::Good);
        let mut conduct = self.conducts.get(&spec.artifact).cloned().unwrap_or(good);
        let one = |(name, from): &(String, String)| (name.clone(), self.secret_version(from));
        let secrets: BTreeMap<String, String> = spec.secrets.iter().map(one).collect();
        if secrets.values().any(|version| self.bad_secrets.contains(version)) {
            conduct = Conduct::of(Kind::Errors);
        }
        let all = || self.target.of(&spec.service).filter(|one| one.release == spec.release);
        let fresh = all().next().is_none();
        let ran = all().filter(|one| one.wanted && one.alive()).count() >= spec.replicas as usize;
        let said = self.target.start(stamp, spec, (&conduct, &secrets), self.clock.t);
        let (release, artifact) = (spec.release.clone(), spec.artifact.clone());
        let config = spec.env.iter().find(|(name, _)| name == "CONFIG");
        let config = config.and_then(|(_, commit)| commit.parse().ok()).unwrap_or(0);
        let deed = Deed::Start { release, artifact, config, fresh, ran };
        self.write_unless_refused(said, stamp, &spec.service, deed)
    }

    /// Notes an act that was done, at least on some hosts.
    fn write_unless_refused(
        &mut self,
        said: Act,
        stamp: Stamp,
        service: &ServiceName,
        deed: Deed,
    ) -> Act {
        if matches!(said, Ok(()) | Err(ActError::Unknown(_))) {
            self.write(stamp, service, deed);
        }
        said
    }

    /// The version to which a reference leads.
    pub fn secret_version(&self, reference: &str) -> String {
        self.secret_versions.get(reference).cloned().unwrap_or_else(|| "v1".to_owned())
    }

    fn write(&mut self, stamp: Stamp, service: &ServiceName, deed: Deed) {
        let t = self.clock.t;
        let sent = self.sent.unwrap_or(t);
        let applied = Applied { t, sent, stamp, service: service.clone(), deed };
        self.ledger.applied.push(applied);
    }

    /// The machine is switched off and on again.
    pub fn reboot(&mut self) {
        self.clock.reboot();
        self.late.clear();
        for seen in self.ledger.seen.values_mut() {
            seen.last = 0;
        }
        self.second = self.clock.second();
        let t = self.clock.t;
        self.door.restart(t);
        self.target.reboot(t);
    }
}

fn said(deal: &Deal) -> String {
    match deal {
        Deal::Start { spec, stamp } => format!("start {} {}", spec.release, stamped(*stamp)),
        Deal::Stop { release, stamp, .. } => format!("stop {release} {}", stamped(*stamp)),
        Deal::Remove { release, stamp, .. } => format!("remove {release} {}", stamped(*stamp)),
        Deal::SetRoute { route, stamp } => {
            let legs: Vec<_> =
                route.legs.iter().map(|leg| format!("{}={}", leg.release, leg.weight)).collect();
            let hold = if route.hold.is_some() { "hold" } else { "" };
            format!("route {} [{}{hold}] {}", route.service, legs.join(" "), stamped(*stamp))
        }
        Deal::RemoveRoute { service, stamp } => format!("unroute {service} {}", stamped(*stamp)),
        Deal::Import { digest, .. } => format!("import {}", digest.short()),
        Deal::Comment { ticket, text } => {
            format!("comment {ticket} `{}` {}", first_line(text), deal.marker().unwrap_or(""))
        }
        Deal::Post { text, .. } => {
            format!("post `{}` {}", first_line(text), deal.marker().unwrap_or(""))
        }
        Deal::Close { ticket } => format!("close {ticket}"),
    }
}

fn stamped(stamp: Stamp) -> String {
    format!("({}.{}.{})", stamp.generation, stamp.deployment, stamp.op.0)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or("")
}
