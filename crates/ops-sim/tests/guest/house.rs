//! The whole: simulated world, real engine, real client, real boards, and the team that works there.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use ops_boards::{
    BoardSettings, BoardStore, Edit, Member, MessageQuery, NewMember, NewTicket, Rate, Rates, Role,
    TicketWire, router,
};
use ops_core::{
    id::{Digest, ServiceName, TicketId},
    settings::{RouteMatch, Service, Settings},
};
use ops_engine::ports::Ports;
use ops_sim::{
    dice::Dice,
    scheduler::{Sim, happening::Happening},
    story::Story,
    world::{
        World,
        conduct::{Conduct, Kind},
        lock, marker,
        planning::{CQ, DEV, Lacks, ME, PO, QA, Road, Wish},
        wishes::{CART, settings, units},
    },
};

use crate::{
    front::Front,
    mirror::{Guest, WorldClock},
};

const TEAM: [(&str, Role); 5] =
    [(PO, Role::Po), (DEV, Role::Dev), (CQ, Role::Cq), (QA, Role::Qa), (ME, Role::Ops)];
/// Where ops tells the team of what it does.
pub(crate) const CHANNEL: &str = "standup";
/// Requests per second of each service.
const RATE: u64 = 20;

pub(crate) struct House {
    pub(crate) sim: Sim,
    pub(crate) guest: Arc<Guest>,
    pub(crate) front: Arc<Front>,
    pub(crate) dice: Dice,
    store: Arc<BoardStore>,
    path: PathBuf,
    /// Entries of each ticket's history that the boards have, but for ops's own.
    known: BTreeMap<TicketId, usize>,
    made: u64,
    _folder: tempfile::TempDir,
}

impl House {
    /// A world with so many services of their own lock groups.
    pub(crate) fn new(seed: u64, services: usize) -> Self {
        let mut dice = Dice::new(seed);
        // In memory where that can be: of the durability of these boards nothing here depends.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let path = folder.path().join("boards.db");
        let front = Arc::new(Front::open());
        let made: Mutex<Option<(Arc<Guest>, Arc<BoardStore>)>> = Mutex::default();
        let own = dice.fork(3);
        let sim = Sim::with_ports(seed, Story::kept(), |world, ports| {
            furnish(&mut lock(world), services);
            let store = BoardStore::open(&path, Arc::new(WorldClock(Arc::clone(world)))).unwrap();
            for (email, role) in TEAM {
                let id = email.split('@').next().unwrap().to_owned();
                let name = id.to_uppercase();
                let (email, avatar, gateway) = (email.to_owned(), String::new(), None);
                let member = NewMember { id, email, name, role, avatar, gateway };
                store.put_member(&member).unwrap();
            }
            let token = store.issue_token("ops").unwrap();
            let guest = Arc::new(Guest::new(world, &front, &token, own));
            *made.lock().unwrap() = Some((Arc::clone(&guest), Arc::new(store)));
            Ports { planning: Arc::clone(&guest) as _, meeting: guest as _, ..ports }
        });
        let (guest, store) = made.into_inner().unwrap().unwrap();
        let known = BTreeMap::new();
        let house = Self { sim, guest, front, dice, store, path, known, made: 0, _folder: folder };
        house.boards_open();
        house
    }

    fn boards_open(&self) {
        let fast = Rate { per_second: 1e9, burst: 1e9 };
        let rates = Rates { writes: fast, reads: fast, anonymous: fast };
        let settings = BoardSettings { permissive: true, rates, ..BoardSettings::default() };
        let _inside = self.front.runtime().enter();
        self.front.lead_to(router(Arc::clone(&self.store), settings));
    }

    /// The boards stop and start again with what they had stored.
    pub(crate) fn boards_restart(&mut self) {
        let clock = Arc::new(WorldClock(Arc::clone(&self.sim.world)));
        self.store = Arc::new(BoardStore::open(&self.path, clock).unwrap());
        self.boards_open();
    }

    /// ops stops and starts again.
    pub(crate) fn ops_restarts(&mut self) {
        self.guest.forget();
        self.sim.happen(&Happening::Kill(3_000));
    }

    /// Lets one thing happen.
    #[track_caller]
    pub(crate) fn step(&mut self) {
        let goes_on = self.sim.step();
        self.guest.catch_up();
        assert_eq!(self.sim.violation, None, "{}", self.story());
        assert!(goes_on, "nothing happens any more\n{}", self.story());
    }

    /// Runs until something holds.
    #[track_caller]
    pub(crate) fn until(&mut self, within_ms: u64, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = self.sim.t() + within_ms;
        while !holds(self) {
            assert!(
                self.sim.t() < end,
                "it did not come to that: {what}; {}\n{}",
                self.sim.unrest(),
                self.story()
            );
            self.step();
        }
    }

    #[track_caller]
    pub(crate) fn run(&mut self, ms: u64) {
        let end = self.sim.t() + ms;
        while self.sim.t() < end {
            self.step();
        }
    }

    /// Runs until nothing is under way any more, and checks what must hold then.
    #[track_caller]
    pub(crate) fn rest(&mut self) {
        self.until(3 * 3_600_000, "rest", |house| house.sim.at_rest() && !house.guest.owes());
        self.sim.check(true);
        assert_eq!(self.sim.violation, None, "{}", self.story());
        self.stands_once();
    }

    pub(crate) fn story(&self) -> String {
        lock(&self.sim.world).story.text(150)
    }

    /// A version of a service as the pipeline hands it over.
    pub(crate) fn wish(&mut self, service: &str, kind: Kind, lacks: Lacks) -> Wish {
        self.made += 1;
        let version = format!("v{}", self.made);
        let digest = Digest::of(format!("{service} {version}").as_bytes());
        lock(&self.sim.world).conducts.insert(digest.clone(), Conduct::of(kind));
        Wish { lacks, ..Wish::of(service, &version, digest) }
    }

    /// The team walks a ticket to `rfp`.
    pub(crate) fn file(&mut self, road: Road, wish: &Wish) -> TicketId {
        self.sim.happen(&Happening::Built(wish.clone()));
        let id = lock(&self.sim.world).planning.file_as("MNS", road, wish);
        self.on_the_boards(&id);
        id
    }

    /// Somebody of whom `ops.yaml` knows nothing joins the boards.
    pub(crate) fn joins(&mut self, id: &str) {
        let (name, email) = (id.to_owned(), format!("{id}@example.org"));
        let (avatar, gateway, role) = (String::new(), None, Role::Human);
        let member = NewMember { id: id.to_owned(), email, name, role, avatar, gateway };
        self.store.put_member(&member).unwrap();
    }

    /// Somebody says something on a ticket.
    pub(crate) fn says(&mut self, id: &TicketId, who: &str, words: &str) {
        lock(&self.sim.world).planning.say(id, who, words);
        self.on_the_boards(id);
    }

    /// The boards give ops another token, of which it does not know yet.
    pub(crate) fn another_token(&mut self) -> String {
        self.store.issue_token("ops").unwrap()
    }

    /// Something happens to a ticket.
    pub(crate) fn happens(&mut self, id: &TicketId, happening: &Happening) {
        self.sim.happen(happening);
        self.on_the_boards(id);
    }

    /// Does on the boards what the team did in the world. ops is told, mostly.
    fn on_the_boards(&mut self, id: &TicketId) {
        let (ticket, commented) = {
            let world = lock(&self.sim.world);
            let ticket = world.planning.tickets[id].clone();
            let mut comments = ticket.comments.iter().map(|comment| comment.text.clone());
            let commented: Vec<_> = ticket
                .history
                .iter()
                .map(|entry| (entry.action == "comment_added").then(|| comments.next().unwrap()))
                .collect();
            (ticket, commented)
        };
        let by = |email: &str| self.store.member(email.split('@').next().unwrap()).unwrap();
        let entries = ticket.history.iter().zip(commented);
        let theirs: Vec<_> = entries.filter(|(entry, _)| entry.user.as_str() != ME).collect();
        let known = self.known.entry(id.clone()).or_default();
        for (entry, comment) in theirs.iter().skip(*known) {
            let who: Member = by(entry.user.as_str());
            match (entry.action.as_str(), comment) {
                (_, Some(text)) => drop(self.store.comment(&who, id.as_str(), text).unwrap()),
                ("created", _) => {
                    let new = NewTicket {
                        title: ticket.title.clone(),
                        description: Some(ticket.description.clone()),
                        priority: Some(i64::from(ticket.priority)),
                        ..NewTicket::default()
                    };
                    let made = self.store.create(&who, &new).unwrap();
                    assert_eq!(made.ticket_number, id.as_str());
                }
                (_, None) => {
                    let to = entry.details.split("→ ").nth(1).unwrap().to_owned();
                    let change = Edit { status: Some(to), ..Edit::default() };
                    self.store.edit(&who, id.as_str(), &change).unwrap();
                }
            }
        }
        *known = theirs.len();
        if self.dice.chance(900)
            && let Some(engine) = &mut self.sim.engine
        {
            engine.nudge();
        }
    }

    /// A ticket as it truly stands on the board.
    pub(crate) fn ticket(&self, id: &TicketId) -> TicketWire {
        self.store.ticket(id.as_str()).unwrap()
    }

    /// First lines of the comments that ops wrote on a ticket.
    pub(crate) fn said(&self, id: &TicketId) -> Vec<String> {
        let ours = self.ticket(id).comments.into_iter().filter(|one| one.author == ME);
        ours.map(|one| one.text.lines().next().unwrap_or_default().to_owned()).collect()
    }

    /// Whether ops has said on a ticket that it is held.
    pub(crate) fn held(&self, id: &TicketId) -> bool {
        self.said(id).iter().any(|one| one == "## Deployment Held")
    }

    /// Everything in a channel.
    pub(crate) fn posts(&self, channel: &str) -> Vec<String> {
        let mut all = Vec::new();
        let mut since = None;
        loop {
            let query = MessageQuery { since, limit: Some(1_000) };
            let page = self.store.messages(channel, &query).unwrap();
            let more = page.len() == 1_000;
            since = page.last().map(|last| {
                let at: jiff_ms::Ms = last.created_at.parse().unwrap();
                at.0 - 1
            });
            for message in page {
                if !all.iter().any(|(id, _)| *id == message.id) {
                    all.push((message.id, message.content));
                }
            }
            if !more {
                return all.into_iter().map(|(_, content)| content).collect();
            }
        }
    }

    /// The boards have what the world has, and whatever ops wrote stands there once.
    #[track_caller]
    pub(crate) fn stands_once(&self) {
        let (planning, meeting) = {
            let world = lock(&self.sim.world);
            (world.planning.clone(), world.meeting.clone())
        };
        let doubled: BTreeSet<&str> =
            planning.late.iter().chain(&meeting.late).map(String::as_str).collect();
        for (id, ticket) in &planning.tickets {
            let real = self.ticket(id);
            let of = |texts: &mut dyn Iterator<Item = &str>| {
                let mut all: Vec<_> = texts.filter_map(marker).map(str::to_owned).collect();
                all.sort();
                all
            };
            let own = real.comments.iter().filter(|one| one.author == ME);
            let markers = of(&mut own.map(|one| one.text.as_str()));
            let own = ticket.comments.iter().filter(|one| one.author.as_str() == ME);
            assert_eq!(markers, of(&mut own.map(|one| one.text.as_str())), "{id}");
            once(&markers, &doubled, id.as_str());
            assert_eq!(real.status, ticket.status, "{id}");
            let moves =
                real.history.iter().filter(|one| one.user == ME && one.action == "status_change");
            let moves: Vec<_> = moves.map(|one| one.details.as_str()).collect();
            let closed = real.status == "closed";
            assert_eq!(moves, vec!["Status: rfp → closed"; usize::from(closed)], "{id}");
        }
        let told: Vec<_> = self.posts(CHANNEL);
        let mut markers: Vec<_> =
            told.iter().filter_map(|one| marker(one)).map(str::to_owned).collect();
        markers.sort();
        let messages = meeting.messages.iter();
        let mut copied: Vec<_> =
            messages.filter_map(|one| marker(&one.text)).map(str::to_owned).collect();
        copied.sort();
        assert_eq!(markers, copied);
        once(&markers, &doubled, CHANNEL);
    }
}

#[track_caller]
fn once(sorted: &[String], doubled: &BTreeSet<&str>, place: &str) {
    for pair in sorted.windows(2) {
        let twice = pair[0] == pair[1] && !doubled.contains(pair[0].as_str());
        assert!(!twice, "{} stands twice: {place}", pair[0]);
    }
}

/// Times of messages in whole milliseconds.
mod jiff_ms {
    pub(super) struct Ms(pub(super) i64);

    impl std::str::FromStr for Ms {
        type Err = jiff::Error;

        fn from_str(text: &str) -> Result<Self, Self::Err> {
            Ok(Self(text.parse::<jiff::Timestamp>()?.as_millisecond()))
        }
    }
}

/// Names of services.
pub(crate) fn service(n: usize) -> String {
    format!("shop{n:02}")
}

/// The world of these tests: services that have nothing to do with each other, on boards of others.
fn furnish(world: &mut World, services: usize) {
    let mut wanted = Settings::clone(&settings(0, false, false));
    let cart = wanted.services[&ServiceName::from(CART)].clone();
    let one = |n| {
        let name = service(n);
        Service {
            route: Some(RouteMatch::of(Some(format!("{name}.example.org")), "/")),
            lock_group: Some(name.clone()),
            secrets: BTreeMap::new(),
            name: name.as_str().into(),
            ..cart.clone()
        }
    };
    wanted.services = (0..services).map(one).map(|one| (one.name.clone(), one)).collect();
    CHANNEL.clone_into(&mut wanted.boards.channel);
    let wanted = Arc::new(wanted);
    let commit = wanted.revision.commit.clone().unwrap_or_default();
    world.rates = (0..services).map(|n| (service(n), RATE)).collect();
    world.units = units(&wanted);
    world.commits.insert(commit, Arc::clone(&wanted));
    world.settings = wanted;
    world.guest = true;
}
