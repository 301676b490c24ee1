//! A shop, its settings, a ticket that passed, and a world that does as it is told: for tests of
//! the rules.

mod wishes;

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use crate::{
    checks::{ArtifactFact, Facts, HostFact, Outside},
    deploy::{
        Act, Created, Deployment, Health, Input, LeaseAnswer, Outcome, Sense, Sensed, View, decide,
        owed,
    },
    id::{DeploymentId, Digest, EnvironmentName, Generation, OpId, ReleaseId, ServiceName, Stamp},
    judgement::{Answer, Dossier},
    plan::{Kind, KnownRelease},
    reading::Reading,
    route::ServedRoute,
    secrets,
    settings::{Secret, Settings, Strategy},
    signal::{Arm, Probes, SignalSecond},
    ticket::{Change, Comment, Ticket},
    time::{BootId, Now},
    world::{DoorView, Foreign, Proof, ReleaseSpec, Replica, ReplicaState, TargetView},
};

pub(crate) use wishes::{adopt, canary, settings};

pub(crate) fn now(ms: u64) -> Now {
    let wall = jiff::Timestamp::from_millisecond(1_790_000_000_000 + ms as i64).unwrap();
    Now { boot: BootId("boot-1".into()), ms, wall }
}

/// A ticket whose round of CQ and QA passed for this version.
pub(crate) fn ticket(version: &str) -> Ticket {
    let mut ticket = Ticket {
        id: "MNS-7".into(),
        title: "A nicer greeting".into(),
        description: String::new(),
        status: "rfp".into(),
        priority: 3,
        kind: "story".into(),
        comments: Vec::new(),
        history: Vec::new(),
    };
    let notes = format!(
        "```ops\nservice: shop\nartifact: dist/{version}\ndigest: {}\nversion: {version}\n\
         migrations: none\nrollback: previous\n```",
        Digest::of(version.as_bytes())
    );
    change(&mut ticket, "created", "pia@example.org", "Task created");
    moved(&mut ticket, "dan@example.org", "todo", "in-progress");
    comment(&mut ticket, "dan@example.org", &notes);
    moved(&mut ticket, "dan@example.org", "in-progress", "in-review");
    comment(&mut ticket, "cleo@example.org", "APPROVED. Reviewed.");
    moved(&mut ticket, "cleo@example.org", "in-review", "in-qa");
    comment(&mut ticket, "quinn@example.org", "## QA PASS");
    moved(&mut ticket, "quinn@example.org", "in-qa", "rfp");
    ticket
}

fn change(ticket: &mut Ticket, action: &str, user: &str, details: &str) {
    let at = format!("2026-11-22T07:{:02}:00.000Z", ticket.history.len());
    ticket.history.push(Change {
        action: action.into(),
        user: user.into(),
        details: details.into(),
        at,
    });
}

pub(crate) fn moved(ticket: &mut Ticket, user: &str, from: &str, to: &str) {
    change(ticket, "status_change", user, &format!("Status: {from} → {to}"));
    ticket.status = to.into();
}

pub(crate) fn comment(ticket: &mut Ticket, user: &str, text: &str) {
    let short: String = text.chars().take(100).collect();
    let dots = if text.chars().count() > 100 { "..." } else { "" };
    change(ticket, "comment_added", user, &format!("Comment: {short}{dots}"));
    ticket.comments.push(Comment {
        id: format!("c{}", ticket.comments.len()),
        author: user.into(),
        text: text.into(),
        at: "2026-11-22T07:00:00.000Z".into(),
        candidate: None,
    });
}

pub(crate) fn created(id: u64) -> Created {
    Created {
        id: DeploymentId(id),
        kind: Kind::Release,
        tickets: vec!["MNS-7".into()],
        service: "shop".into(),
        environment: EnvironmentName::new("production"),
        group: "production/production".into(),
        me: "ops@example.org".into(),
        channel: "standup".into(),
        retries: 0,
    }
}

/// A world that does what it is told, at once, unless told otherwise.
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) ticket: Ticket,
    pub(crate) siblings: Vec<Ticket>,
    pub(crate) version: String,
    pub(crate) old: Option<KnownRelease>,
    /// What a rollback brings back.
    pub(crate) undo: Option<KnownRelease>,
    /// What somebody else runs and is to be adopted.
    pub(crate) outside: Option<Foreign>,
    pub(crate) target: TargetView,
    pub(crate) door: DoorView,
    pub(crate) state: Deployment,
    pub(crate) now: Now,
    /// The new version fails this share of its requests, in percent.
    pub(crate) failing: u64,
    /// What both versions fail besides, in percent of requests, by the world and the second.
    pub(crate) outage: fn(&Self, u64) -> u64,
    /// Dependencies that do not answer.
    pub(crate) sick_dependencies: Vec<String>,
    /// Whether the door sends a request of its own each second.
    pub(crate) probed: bool,
    /// Requests per second.
    pub(crate) crowd: f64,
    /// What the door saw of the old version before: ten minutes, of which a request in 500 failed.
    pub(crate) history: bool,
    /// New replicas that never answer.
    pub(crate) sick: Vec<ReleaseId>,
    /// Hosts on which new replicas never answer; `worker` is what a project has beside them, and with
    /// `unseen` nobody knows how that is.
    pub(crate) sick_hosts: Vec<&'static str>,
    /// Hosts that hear nothing.
    pub(crate) silent_hosts: Vec<&'static str>,
    /// Acts with these names fail.
    pub(crate) broken: Vec<&'static str>,
    /// Letters of these kinds are answered like this.
    pub(crate) refused_letters: Vec<(crate::deploy::About, Outcome)>,
    /// What secret references lead to.
    pub(crate) secrets: secrets::Found,
    /// Whether the target does not answer looks.
    pub(crate) target_away: bool,
    /// What declared signals said before, and what else can be read.
    pub(crate) declared: Vec<(String, Result<Vec<Reading>, crate::world::Fault>)>,
    pub(crate) senses: crate::plan::Senses,
    /// What the senses beside the door say when they are asked.
    pub(crate) tells: fn(&Self, &Sense) -> Option<Sensed>,
    /// What a model says of a dossier, given how often it was asked before; `None`: nothing comes.
    pub(crate) model: fn(&Dossier, usize) -> Option<Answer>,
    /// What it was shown.
    pub(crate) shown: Vec<Dossier>,
    last_second: u64,
}

impl World {
    /// The first deployment of a version.
    pub(crate) fn new(strategy: Strategy, version: &str) -> Self {
        let start = now(1_000_000);
        Self {
            settings: settings(strategy),
            ticket: ticket(version),
            siblings: Vec::new(),
            version: version.into(),
            old: None,
            undo: None,
            outside: None,
            target: TargetView::default(),
            door: DoorView::default(),
            state: Deployment::begin(created(1), &start),
            now: start,
            failing: 0,
            outage: |_, _| 0,
            sick_dependencies: Vec::new(),
            probed: false,
            crowd: 100.0,
            history: false,
            sick: Vec::new(),
            sick_hosts: Vec::new(),
            silent_hosts: Vec::new(),
            broken: Vec::new(),
            secrets: BTreeMap::new(),
            target_away: false,
            declared: Vec::new(),
            senses: crate::plan::Senses::default(),
            tells: |_, _| None,
            model: |_, _| None,
            shown: Vec::new(),
            refused_letters: Vec::new(),
            last_second: 1_000,
        }
    }

    /// The next deployment, after this one has closed.
    pub(crate) fn next(mut self, version: &str) -> Self {
        let plan = self.state.plan.clone().unwrap();
        self.old = Some(plan.new.clone());
        self.version = version.into();
        self.ticket = ticket(version);
        self.state = Deployment::begin(created(self.state.id().0 + 1), &self.now);
        self
    }

    /// The first deployment of a version with a secret that rotates.
    pub(crate) fn with_secret(strategy: Strategy, version: &str) -> Self {
        let mut world = Self::new(strategy, version);
        let previous = Some("env:KEY_BEFORE".into());
        let secret = Secret { previous, rotate: true, ..Secret::from("env:KEY") };
        let shop = world.settings.services.get_mut(&ServiceName::new("shop")).unwrap();
        shop.secrets.insert("KEY".into(), secret);
        world.leads("env:KEY", "version 1");
        world
    }

    /// A reference leads to a version from now on.
    pub(crate) fn leads(&mut self, reference: &str, version: &str) {
        self.secrets.insert(reference.into(), Ok(Some(version.into())));
    }

    /// The rotation to another value, after this deployment has closed.
    pub(crate) fn rotation(mut self) -> Self {
        let of = self.state.id();
        self.old = Some(self.state.plan.clone().unwrap().new.clone());
        self.leads("env:KEY_BEFORE", "version 1");
        self.leads("env:KEY", "version 2");
        let id = of.0 + 1;
        let created = Created { kind: Kind::Rotation { of }, tickets: Vec::new(), ..created(id) };
        self.state = Deployment::begin(created, &self.now);
        self
    }

    /// The adoption of what somebody else runs.
    pub(crate) fn adoption(strategy: Strategy) -> Self {
        let mut world = Self::new(strategy, "v0");
        let shop = world.settings.services.get_mut(&ServiceName::new("shop")).unwrap();
        shop.adopt = Some(adopt());
        let since = "2026-09-01T08:00:00Z".parse().unwrap();
        world.outside = Some(Foreign { pid: 4_711, since, proof: Proof::Program });
        let created = Created { kind: Kind::Adoption, tickets: Vec::new(), ..created(1) };
        world.state = Deployment::begin(created, &world.now);
        world
    }

    fn outside(&self) -> Option<Outside> {
        let adoption = self.state.created.kind == Kind::Adoption;
        adoption.then(|| Outside {
            found: Ok(self.outside.clone()),
            health: self.outside.as_ref().map(|_| Ok(None)),
            seen: None,
        })
    }

    pub(crate) fn facts(&self) -> Facts {
        let rotation = matches!(self.state.created.kind, Kind::Rotation { .. });
        Facts {
            at: self.now.wall,
            proposed: None,
            soaked: None,
            limits: crate::checks::LimitFacts::default(),
            alerts: Vec::new(),
            tally: crate::checks::Tally::default(),
            then: None,
            now: BTreeMap::new(),
            rivals: Ok(Vec::new()),
            surpassed: false,
            descends: Vec::new(),
            trees: Ok(std::collections::BTreeSet::new()),
            fixes: Vec::new(),
            promoted: None,
            outside: self.outside(),
            settings: Ok(Arc::new(self.settings.clone())),
            ticket: Ok(self.state.created.kind.by_ticket().then(|| self.ticket.clone())),
            siblings: self.siblings.clone(),
            artifact: (!rotation).then(|| {
                Ok(ArtifactFact {
                    digest: Digest::of(self.version.as_bytes()),
                    size: 1 << 20,
                    image: None,
                })
            }),
            old: self.old.clone(),
            old_stored: self.old.as_ref().map(|_| Ok(true)),
            undo: self.undo.clone().or_else(|| self.old.clone().filter(|_| rotation)),
            target: Ok(self.target.clone()),
            door: Ok(self.door.clone()),
            health: self.probes(),
            host: Ok(HostFact {
                disk_free: 100 << 30,
                inodes_free: 1_000_000,
                memory_free: 8 << 30,
                ports_free: 100,
                fixed_port_free: self.settings.services[&ServiceName::new("shop")]
                    .fixed_port
                    .map(|_| true),
            }),
            engines: Ok(Vec::new()),
            secrets: self.secrets.clone(),
            dependencies: Vec::new(),
            signals: Ok(self.history()),
            declared: self.declared.clone(),
            senses: self.senses,
            conflicts: Vec::new(),
            condemned: Vec::new(),
            answered: false,
        }
    }

    fn history(&self) -> Vec<SignalSecond> {
        let Some(old) = self.old.as_ref().filter(|_| self.history) else { return Vec::new() };
        let second = |second: u64| {
            let s5xx = u64::from(second.is_multiple_of(5));
            let arm = Arm { requests: 100, s2xx: 100 - s5xx, s5xx, ..Arm::default() };
            let arms = vec![(old.spec.release.clone(), arm)];
            SignalSecond { second, arms, ..SignalSecond::default() }
        };
        (0..600).map(second).collect()
    }

    /// Each running replica of what serves was asked, and is healthy.
    fn probes(&self) -> BTreeMap<String, Result<Option<String>, crate::world::Fault>> {
        let Some(old) = &self.old else { return BTreeMap::new() };
        let running = self.target.running(&old.spec.release);
        running.map(|replica| (replica.id.clone(), Ok(None))).collect()
    }

    /// Feeds an input; panics if it is refused.
    pub(crate) fn feed(&mut self, input: &Input) {
        for event in decide(&self.state, input, &self.now).unwrap() {
            self.state.apply(&event, &self.now);
        }
    }

    fn stamp(&self, op: OpId) -> Stamp {
        let generation = self.state.lease.unwrap_or_default();
        Stamp { generation, deployment: self.state.id().0, op }
    }

    fn act(&mut self, op: OpId, act: &Act) -> Outcome {
        if self.broken.contains(&act.name()) {
            let fault = crate::world::Fault::new("it does not work", "the test", "mend the test");
            return Outcome::NotApplied { fault };
        }
        let stamp = self.stamp(op);
        self.target.highest = self.target.highest.max(stamp.generation);
        if matches!(act, Act::SetRoute { .. } | Act::RemoveRoute { .. }) {
            self.door.last = Some(stamp);
        }
        match act {
            Act::Import { .. } => {}
            Act::Start { spec } => {
                self.stand(spec, stamp);
                for index in 0..spec.replicas {
                    let host = spec.hosts().get((index / spec.replicas_each()) as usize);
                    let host = host.map_or(String::new(), |host| format!("{host}/"));
                    let id = format!("{host}{}-{index}", spec.release);
                    self.target.replicas.retain(|replica| replica.id != id);
                    self.target.replicas.push(Replica {
                        id,
                        release: spec.release.clone(),
                        artifact: spec.artifact.clone(),
                        address: Some(format!("127.0.0.1:{}", 20_000 + index)),
                        state: ReplicaState::Running,
                        restarts: 0,
                        last_exit: None,
                        stamp,
                        health: None,
                    });
                }
            }
            Act::SetRoute { route } => {
                self.door.served = Some(ServedRoute {
                    route: route.clone(),
                    stamp,
                    probed: true,
                    in_flight: Vec::new(),
                });
            }
            Act::RemoveRoute { .. } => self.door.served = None,
            Act::Stop { release, .. } => {
                let silent = self.silent_hosts.clone();
                let hears = |replica: &Replica| !is_on(replica, &silent);
                for replica in self.target.replicas.iter_mut().filter(|one| hears(one)) {
                    if replica.release == *release {
                        replica.state = ReplicaState::Stopped;
                    }
                }
            }
            Act::Remove { release, .. } => {
                let silent = self.silent_hosts.clone();
                let stays = |one: &Replica| one.release != *release || is_on(one, &silent);
                self.target.replicas.retain(stays);
            }
        }
        Outcome::Applied
    }

    /// What stands of a project beside its front is what the release that was started last says; of
    /// one without a door, that is all of it.
    fn stand(&mut self, spec: &ReleaseSpec, stamp: Stamp) {
        let Some(compose) = &spec.compose else { return };
        self.target.beside = vec![Replica {
            id: format!("worker/{}", spec.release),
            release: spec.release.clone(),
            artifact: spec.artifact.clone(),
            address: None,
            state: ReplicaState::Running,
            restarts: 0,
            last_exit: None,
            stamp,
            health: None,
        }];
        for replica in self.target.replicas.iter_mut().filter(|_| compose.without_door) {
            replica.state = ReplicaState::Stopped;
        }
    }

    fn view(&mut self) -> View {
        let routed = self.settings.services.values().all(|service| service.route.is_some());
        let health = self
            .target
            .replicas
            .iter()
            .chain(&self.target.beside)
            .map(|replica| {
                let new = self.state.plan.as_ref().map(|plan| &plan.new.spec.release);
                let on = |host: &&str| replica.id.starts_with(&format!("{host}/"));
                let sick = self.sick.contains(&replica.release)
                    || new == Some(&replica.release) && self.sick_hosts.iter().any(on);
                let unseen = self.sick_hosts.contains(&"unseen")
                    && new.is_some_and(|new| replica.id == format!("worker/{new}"));
                let health = if unseen {
                    Health { good: 0, bad: 0, why: Some("it could not be looked at".into()) }
                } else if sick {
                    Health { good: 0, bad: 9, why: Some("answered 503".into()) }
                } else {
                    Health { good: 9, bad: 0, why: None }
                };
                (replica.id.clone(), health)
            })
            .collect();
        View {
            target: if self.target_away {
                Err(crate::world::Fault::new("no answer", "the target", "look again"))
            } else {
                Ok(self.target.clone())
            },
            door: Ok(self.door.clone()),
            health,
            signals: routed.then(|| Ok(self.seconds())),
            smoke: Some(Ok(Vec::new())),
            stored: Some(Ok(true)),
            sick_dependencies: self.sick_dependencies.clone(),
        }
    }

    fn seconds(&mut self) -> Vec<SignalSecond> {
        let Some(served) = &self.door.served else { return Vec::new() };
        let until = self.now.ms / 1_000;
        let new = self.state.plan.as_ref().map(|plan| plan.new.spec.release.clone());
        let weights: Vec<_> =
            served.route.legs.iter().map(|leg| (leg.release.clone(), leg.weight)).collect();
        let arm = |second: u64, release: &ReleaseId, weight: u8| {
            // Whole requests, so that seldom ones come now and then.
            let until =
                |second: u64| (second as f64 * self.crowd * f64::from(weight) / 100.0) as u64;
            let requests = until(second + 1) - until(second);
            let own = if Some(release) == new.as_ref() { self.failing } else { 0 };
            let bad = own.max((self.outage)(self, second));
            let s5xx = (requests * bad).div_ceil(100);
            Arm { requests, s2xx: requests - s5xx, s5xx, ..Arm::default() }
        };
        let second = |second| SignalSecond {
            second,
            arms: weights
                .iter()
                .map(|(id, weight)| (id.clone(), arm(second, id, *weight)))
                .collect(),
            weights: weights.clone(),
            probes: self.probes_of(&weights, second),
            ..SignalSecond::default()
        };
        let seconds = (self.last_second + 1..until).map(second).collect();
        self.last_second = until.saturating_sub(1).max(self.last_second);
        seconds
    }

    /// The door's own request of a second: it meets the version with the most traffic.
    fn probes_of(&self, weights: &[(ReleaseId, u8)], second: u64) -> Probes {
        let most = weights.iter().max_by_key(|(_, weight)| *weight).filter(|_| self.probed);
        let Some((release, _)) = most else { return Probes::default() };
        let new = self.state.plan.as_ref().map(|plan| &plan.new.spec.release);
        let own = if Some(release) == new { self.failing } else { 0 };
        let failed = u64::from(own.max((self.outage)(self, second)) == 100);
        Probes { sent: 1, failed }
    }

    fn delivered(&self, n: u32) -> Outcome {
        let about = self.state.outbox.iter().find(|letter| letter.n == n).map(|one| one.about);
        let mut refused = self.refused_letters.iter();
        refused
            .find(|(kind, _)| Some(*kind) == about)
            .map_or(Outcome::Applied, |(_, outcome)| outcome.clone())
    }

    /// One second passes, and everything owed is done.
    pub(crate) fn step(&mut self) {
        use crate::deploy::Effect;
        self.now = now(self.now.ms + 1_000);
        self.feed(&Input::Tick);
        for effect in owed(&self.state, &self.now).effects {
            let input = match effect {
                Effect::AwaitTurn => Input::Turn,
                Effect::Gather => Input::Facts(Box::new(self.facts())),
                Effect::TakeLease => {
                    Input::Lease(LeaseAnswer::Taken(Generation(self.state.id().0)))
                }
                Effect::GiveLease => Input::Lease(LeaseAnswer::Released),
                Effect::Reserve => Input::Reserved(Ok(())),
                Effect::Act { op, act } => {
                    let outcome = self.act(op, &act);
                    Input::OpEnded { op, outcome }
                }
                Effect::Look(_) => Input::Looked(Box::new(self.view())),
                Effect::Sense(sense) => match (self.tells)(self, &sense) {
                    Some(sensed) => Input::Sensed(Box::new(sensed)),
                    None => continue,
                },
                Effect::ReadTicket { .. } => {
                    Input::TicketRead(Ok(Some(Box::new(self.ticket.clone()))))
                }
                Effect::Deliver { n } => Input::LetterEnded { n, outcome: self.delivered(n) },
                Effect::FindLetter { n } => Input::LetterLooked { n, found: Ok(true) },
                Effect::Judge(dossier) => match (self.model)(&dossier, self.shown.len()) {
                    Some(answer) => {
                        let (point, key) = (dossier.point, dossier.key.clone());
                        self.shown.push((*dossier).clone());
                        Input::Judged { point, key, answer }
                    }
                    None => continue,
                },
            };
            self.feed(&input);
        }
    }

    /// Runs until a condition holds; panics with the report if it never does.
    pub(crate) fn until(&mut self, what: impl Fn(&Self) -> bool) {
        for _ in 0..3_000 {
            if what(self) {
                return;
            }
            self.step();
        }
        panic!("never: {:?} {:?}", self.state.phase, owed(&self.state, &self.now).report);
    }

    pub(crate) fn ended(&mut self) {
        self.until(|world| world.state.ended());
    }

    /// All that was said: where, and what.
    pub(crate) fn words(&self) -> String {
        use crate::deploy::To;
        let mut out = String::new();
        for letter in &self.state.outbox {
            let to = match &letter.to {
                To::Comment { ticket } => format!("comment on {ticket}"),
                To::Close { ticket } => format!("close {ticket}"),
                To::Post { channel } => format!("post in #{channel}"),
            };
            let _ = writeln!(out, "--- {to}\n{}", letter.body);
        }
        out
    }
}

fn is_on(replica: &Replica, hosts: &[&str]) -> bool {
    hosts.iter().any(|host| replica.id.starts_with(&format!("{host}/")))
}
