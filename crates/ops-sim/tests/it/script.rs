//! Words for scripted scenarios.

use std::sync::Arc;

use ops_core::{
    deploy::PhaseName,
    id::{DeploymentId, Digest, ServiceName, TicketId},
    settings::{Adopt, Advisor, Secret, Service, Settings},
};
use ops_sim::{
    scheduler::{Sim, happening::Happening},
    story::Story,
    world::{
        Elsewhere,
        conduct::{Conduct, Kind},
        lock,
        model::{Mind, SimModel},
        planning::Wish,
        wishes::units,
    },
};

/// First lines of comments by ops.
pub(crate) const HELD: &str = "## Deployment Held";
pub(crate) const SOLVED: &str = "## Deployment Hold Solved";
pub(crate) const PLANNED: &str = "## Deployment Planned";
pub(crate) const COMPLETE: &str = "## Deployment Complete";
pub(crate) const FAILED: &str = "## Deployment Failed";

/// What the pipeline built of a version of a service.
pub(crate) fn digest(service: &str, version: &str) -> Digest {
    Digest::of(format!("{service} {version}").as_bytes())
}

/// A scenario: a calm world with a fixed seed.
pub(crate) struct Script {
    pub(crate) sim: Sim,
}

impl Script {
    pub(crate) fn new() -> Self {
        let mut script = Self { sim: Sim::new(7, Story::kept()) };
        script.names(None);
        script
    }

    /// The first `ops.yaml` names a model; only before anything has happened.
    pub(crate) fn advise(&mut self, required: bool) {
        self.names(Some(SimModel::named(required)));
    }

    fn names(&mut self, advisor: Option<Advisor>) {
        lock(&self.sim.world).model.advisor.clone_from(&advisor);
        self.wishes(|settings| settings.advisor = advisor);
    }

    /// How the model answers from now on.
    pub(crate) fn think(&mut self, mind: Mind) {
        lock(&self.sim.world).model.mind = mind;
    }

    /// A version of a service as the pipeline hands it over.
    pub(crate) fn wish(&self, service: &str, version: &str, kind: Kind) -> Wish {
        let digest = digest(service, version);
        lock(&self.sim.world).conducts.insert(digest.clone(), Conduct::of(kind));
        Wish::of(service, version, digest)
    }

    /// Declares a secret of a service in the first `ops.yaml`; only before anything has happened.
    pub(crate) fn secret(&mut self, service: &str, name: &str, secret: Secret) {
        self.declare(service, |service| {
            service.secrets.insert(name.to_owned(), secret);
        });
    }

    /// Somebody else runs a version of a service, and the first `ops.yaml` adopts it; only before
    /// anything has happened.
    pub(crate) fn adopts(&mut self, service: &str, version: &str, listens: &str, kind: Kind) {
        let digest = self.wish(service, version, kind).digest;
        {
            let mut world = lock(&self.sim.world);
            world.store.stored.insert(digest.clone(), true);
            let runs = Elsewhere { artifact: digest.clone(), well: true };
            world.outside.insert(listens.to_owned(), runs);
        }
        self.declare(service, |service| {
            service.adopt = Some(Adopt {
                artifact: digest,
                version: version.to_owned(),
                commit: None,
                listens: Some(listens.to_owned()),
            });
        });
    }

    /// Changes a service in the first `ops.yaml`.
    fn declare(&mut self, service: &str, change: impl FnOnce(&mut Service)) {
        self.wishes(|settings| {
            if let Some(service) = settings.services.get_mut(&ServiceName::from(service)) {
                change(service);
            }
        });
    }

    /// Changes the first `ops.yaml`; only before anything has happened.
    pub(crate) fn wishes(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut world = lock(&self.sim.world);
        let mut settings = Settings::clone(&world.settings);
        change(&mut settings);
        let settings = Arc::new(settings);
        let commit = settings.revision.commit.clone().unwrap_or_default();
        world.units = units(&settings);
        world.commits.insert(commit, Arc::clone(&settings));
        world.settings = settings;
    }

    /// Versions of a secret of a service in the copies that users reach, or that are told to run.
    pub(crate) fn versions(&self, service: &str, name: &str) -> Vec<String> {
        let world = lock(&self.sim.world);
        let service = ServiceName::from(service);
        let alive = world.target.of(&service).filter(|one| one.alive());
        alive.filter_map(|one| one.secrets.get(name).cloned()).collect()
    }

    /// Files a ticket and returns its number.
    pub(crate) fn file(&mut self, wish: &Wish) -> TicketId {
        self.sim.happen(&Happening::File(wish.clone()));
        let tickets = &lock(&self.sim.world).planning.tickets;
        TicketId::new(format!("SIM-{}", tickets.len()))
    }

    /// Ships a version and waits until its ticket is closed.
    pub(crate) fn ship(&mut self, service: &str, version: &str, kind: Kind) -> TicketId {
        let wish = self.wish(service, version, kind);
        let ticket = self.file(&wish);
        self.until(900_000, |script| script.status(&ticket) == "closed");
        self.rest();
        ticket
    }

    /// Runs until something holds.
    #[track_caller]
    pub(crate) fn until(&mut self, within_ms: u64, holds: impl Fn(&Self) -> bool) {
        let end = self.sim.t() + within_ms;
        while !holds(self) {
            let fine = self.sim.t() < end && !self.sim.over() && self.sim.step();
            assert!(fine, "it did not come to that: {:?}\n{}", self.sim.violation, self.story());
        }
    }

    /// Runs until nothing is under way any more.
    #[track_caller]
    pub(crate) fn rest(&mut self) {
        self.until(7_200_000, |script| script.sim.at_rest());
        self.sim.check(true);
        assert_eq!(self.sim.violation, None, "{}", self.story());
    }

    pub(crate) fn run(&mut self, ms: u64) {
        let end = self.sim.t() + ms;
        self.until(ms + 60_000, |script| script.sim.t() >= end);
    }

    pub(crate) fn status(&self, ticket: &TicketId) -> String {
        lock(&self.sim.world).planning.tickets[ticket].status.clone()
    }

    /// First lines of the comments that ops wrote on a ticket.
    pub(crate) fn comments(&self, ticket: &TicketId) -> Vec<String> {
        let world = lock(&self.sim.world);
        let comments = &world.planning.tickets[ticket].comments;
        let ours = comments.iter().filter(|one| one.author.as_str().starts_with("ops"));
        ours.map(|one| one.text.lines().next().unwrap_or("").to_owned()).collect()
    }

    /// Says something to ops and gives its answer.
    #[track_caller]
    pub(crate) fn says(&mut self, who: &'static str, words: &str) -> String {
        let id = format!("m{:06}", lock(&self.sim.world).meeting.messages.len() + 1);
        self.sim.happen(&Happening::Mention(who, words.to_owned()));
        let marker = format!("<!-- ops:re:{id} -->");
        let answer = |script: &Self| {
            let world = lock(&script.sim.world);
            let mut all = world.meeting.messages.iter();
            all.find(|one| one.text.contains(&marker)).map(|one| one.text.clone())
        };
        self.until(600_000, |script| answer(script).is_some());
        answer(self).unwrap_or_default()
    }

    /// How many posts contain some words.
    pub(crate) fn posts(&self, words: &str) -> usize {
        let world = lock(&self.sim.world);
        world.meeting.messages.iter().filter(|message| message.text.contains(words)).count()
    }

    /// What the door sends where, as `version weight`.
    pub(crate) fn routed(&self, service: &str) -> Vec<(Digest, u8)> {
        let world = lock(&self.sim.world);
        let service = ServiceName::from(service);
        let Some(served) = world.door.served.get(&service) else { return Vec::new() };
        let artifact = |leg: &ops_core::route::Leg| {
            let mut replicas = world.target.of(&service).filter(|one| one.release == leg.release);
            replicas.next().map(|one| one.artifact.clone())
        };
        served.route.legs.iter().filter_map(|leg| Some((artifact(leg)?, leg.weight))).collect()
    }

    /// Replicas of a service whose process lives.
    pub(crate) fn alive(&self, service: &str) -> usize {
        let world = lock(&self.sim.world);
        world.target.of(&ServiceName::from(service)).filter(|one| one.alive()).count()
    }

    /// The phase of a deployment that has not ended.
    pub(crate) fn phase(&self, id: u64) -> Option<PhaseName> {
        let engine = self.sim.engine.as_ref()?;
        engine.deployment(DeploymentId(id)).map(ops_core::deploy::Deployment::phase_name)
    }

    /// Whether a deployment that has not ended holds its lease.
    pub(crate) fn leased(&self, id: u64) -> Option<bool> {
        let engine = self.sim.engine.as_ref()?;
        engine.deployment(DeploymentId(id)).map(|one| one.lease.is_some())
    }

    /// Whether requests to a service wait at the door.
    pub(crate) fn held(&self, service: &str) -> bool {
        let world = lock(&self.sim.world);
        let served = world.door.served.get(&ServiceName::from(service));
        served.is_some_and(|served| served.route.hold.is_some())
    }

    pub(crate) fn story(&self) -> String {
        lock(&self.sim.world).story.text(120)
    }
}
