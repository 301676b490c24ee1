//! Gathers the facts for the checks. Only reads.

mod around;
mod outside;
mod rivals;
mod trees;

use std::{collections::BTreeMap, sync::Arc};

use ops_core::{
    checks::{ArtifactFact, Facts, HostFact, LimitFacts, Tally, candidate_of},
    deploy::Created,
    id::{Digest, EnvironmentName, ServiceName},
    notes::{FoundNotes, Notes, NotesFound},
    plan::{Kind, KnownRelease, Senses},
    secrets,
    settings::{Environment, Role, Service, Settings},
    signal::SignalSecond,
    ticket::Ticket,
    world::{Compose, DoorView, EngineView, Fault, Project, TargetView},
};

pub(super) use super::look::{beside, dependency, probe_all};
use super::sense;
use crate::{
    jobs::Known,
    notebook::Notebook,
    ports::{Look, Ports},
};

/// What is written: settings, the ticket, its notes.
struct Paper {
    settings: Look<Arc<Settings>>,
    ticket: Look<Option<Ticket>>,
    found: Option<Box<FoundNotes>>,
    proposed: Option<Look<Arc<Settings>>>,
    /// The service as configured for all its stages.
    whole: Option<Service>,
    place: Option<Place>,
    artifact: Option<Look<ArtifactFact>>,
}

impl Paper {
    fn read(ports: &Ports, created: &Created, known: &Known) -> Self {
        let settings = governing(ports, known.governs.as_deref());
        let ticket = ticket(ports, created);
        let found = match (&settings, &ticket) {
            (Ok(settings), Ok(Some(ticket))) if created.kind == Kind::Release => {
                notes_of(ticket, settings, &known.notebook)
            }
            _ => None,
        };
        let notes = found.as_ref().map(|found| &found.notes);
        let asked = match &created.kind {
            Kind::Settings { commit } => Some(commit.as_str()),
            _ => notes.and_then(|notes| notes.config_commit.as_deref()),
        };
        let proposed = asked.map(|commit| ports.wishes.at(commit));
        let name = notes
            .map(|notes| notes.service.clone())
            .or_else(|| known.undo.as_ref().map(|undo| undo.candidate.service.clone()))
            .or_else(|| (created.kind == Kind::Adoption).then(|| created.service.clone()));
        let source = proposed.as_ref().unwrap_or(&settings).as_ref().ok();
        let whole = source.zip(name).and_then(|(source, name)| source.services.get(&name)).cloned();
        let mut paper =
            Self { settings, ticket, found, proposed, whole, place: None, artifact: None };
        paper.artifact = paper.look_for_artifact(ports, created, known);
        paper.place = Place::of(paper.whole.as_ref(), created, paper.candidate().as_ref(), known);
        paper
    }

    /// The candidate's hash, as far as it can be told.
    fn candidate(&self) -> Option<Digest> {
        let artifact = self.artifact.as_ref()?.as_ref().ok()?.digest.clone();
        Some(candidate_of(self.found.as_ref()?, self.whole.as_ref()?, artifact).hash())
    }

    fn notes(&self) -> Option<&Notes> {
        self.found.as_ref().map(|found| &found.notes)
    }

    /// What would run: what the notes name, or, for a rollback, what lies in the store of what
    /// served before.
    fn look_for_artifact(
        &self,
        ports: &Ports,
        created: &Created,
        known: &Known,
    ) -> Option<Look<ArtifactFact>> {
        if created.kind == Kind::Adoption {
            let adopt = self.whole.as_ref()?.adopts_in(&created.environment)?;
            let next =
                "run `ops init --adopt` on the machine where it runs: it takes in what runs there";
            return Some(stored(ports, &adopt.artifact, next));
        }
        if let (None, Some(undo)) = (&self.found, &known.undo) {
            let next = "build and deploy that version again by a ticket of its own";
            return Some(stored(ports, &undo.spec.artifact, next));
        }
        let named = self.notes().zip(self.whole.as_ref());
        named.map(|(notes, service)| artifact(ports, notes, service))
    }
}

pub(super) fn gather(ports: &Ports, created: &Created, known: &Known) -> Facts {
    let paper = Paper::read(ports, created, known);
    if known.only_candidate {
        return nothing(paper, known);
    }
    let place = paper.place.as_ref();
    let service = place.map(|place| &place.service);
    let target = match service {
        Some(service) => ports.target.look(&service.name),
        None => Ok(TargetView::default()),
    };
    let door = match service {
        Some(Service { name, route: Some(_), .. }) => ports.door.look(name),
        _ => Ok(DoorView::default()),
    };
    let old = place.and_then(|place| old(&known.serving, place));
    let health = match (service, &old, &target) {
        (Some(service), Some(old), Ok(view)) => {
            let mut answers = probe_all(ports, service, view.running(&old.spec.release));
            answers.extend(beside(view.beside.iter()));
            answers
        }
        _ => BTreeMap::new(),
    };
    let settings = paper.settings.as_deref().ok();
    let limits = place.zip(settings);
    let limits = limits.and_then(|(place, all)| all.environments.get(&place.environment));
    let ours = rivals::Ours {
        people: settings.map(|settings| &settings.people),
        found: paper.found.as_deref(),
        service: paper.whole.as_ref(),
        old: old.as_ref(),
    };
    let kin = rivals::kin(ports, known, created, &ours);
    let asking = paper.ticket.as_ref().ok().and_then(Option::as_ref);
    Facts {
        trees: trees::same(ports, asking, &ours),
        siblings: siblings(ports, created),
        old_stored: old.as_ref().map(|old| ports.artifacts.verify(&old.spec.artifact)),
        host: host(ports, limits, service),
        engines: engines(ports, service, paper.artifact.as_ref()),
        secrets: secrets(ports, paper.settings.as_deref().ok(), place, &[&old, &known.undo]),
        dependencies: around::dependencies(ports, &paper.settings, place, known),
        limits: around::limits(ports, settings, limits),
        alerts: around::alerts(ports, settings),
        tally: around::tally(place, known),
        now: around::traces(ports, place, known),
        signals: signals(ports, service),
        declared: sense::before(ports, service, old.as_ref(), &target, &known.now),
        senses: sense::can(ports, service, settings, old.as_ref(), &known.now),
        outside: outside::look(ports, created, place, known),
        fixes: around::fixes(paper.notes(), known),
        surpassed: kin.as_ref().is_ok_and(|kin| kin.surpassed),
        descends: kin.as_ref().map_or_else(|_| Vec::new(), |kin| kin.descends.clone()),
        rivals: kin.map(|kin| kin.rivals),
        old,
        target,
        door,
        health,
        ..nothing(paper, known)
    }
}

/// What lies in the store already; `next` says what to do where it does not.
fn stored(ports: &Ports, digest: &Digest, next: &str) -> Look<ArtifactFact> {
    if ports.artifacts.verify(digest)? {
        return Ok(ArtifactFact { digest: digest.clone(), size: 0, image: None });
    }
    Err(Fault::new(
        format!("{} is not in the artifact store, or not intact", digest.short()),
        "the artifact store",
        next,
    ))
}

/// Facts in which nothing was looked at but what makes the candidate.
fn nothing(paper: Paper, known: &Known) -> Facts {
    let fault = || Fault::new("it was not looked at", "the gathering of facts", "look at it");
    Facts {
        at: known.at,
        settings: paper.settings,
        proposed: paper.proposed,
        ticket: paper.ticket,
        siblings: Vec::new(),
        artifact: paper.artifact,
        old: None,
        old_stored: None,
        undo: known.undo.clone(),
        target: Err(fault()),
        door: Err(fault()),
        health: BTreeMap::new(),
        host: Err(fault()),
        engines: Err(fault()),
        secrets: secrets::Found::new(),
        dependencies: Vec::new(),
        limits: LimitFacts::default(),
        alerts: Vec::new(),
        tally: Tally::default(),
        then: known.then.clone(),
        soaked: known.soaked.clone(),
        now: BTreeMap::new(),
        rivals: Err(fault()),
        surpassed: false,
        descends: Vec::new(),
        trees: Err(fault()),
        fixes: Vec::new(),
        promoted: known.promoted.clone(),
        outside: None,
        signals: Err(fault()),
        declared: Vec::new(),
        senses: Senses::default(),
        conflicts: known.conflicts.clone(),
        condemned: known.condemned.clone(),
        answered: known.answered,
    }
}

/// The settings that govern: those of a commit that the journal names, or, before it names one,
/// of the newest.
pub(super) fn governing(ports: &Ports, governs: Option<&str>) -> Look<Arc<Settings>> {
    match governs {
        Some(commit) => ports.wishes.at(commit),
        None => ports.wishes.newest(),
    }
}

/// A service in the environment of a deployment.
pub(super) struct Place {
    /// Its name in `ops.yaml`.
    pub(super) whole: ServiceName,
    pub(super) service: Service,
    pub(super) environment: EnvironmentName,
}

impl Place {
    fn of(
        whole: Option<&Service>,
        created: &Created,
        candidate: Option<&Digest>,
        known: &Known,
    ) -> Option<Self> {
        let whole = whole?;
        let stage = match created.kind {
            Kind::Release => whole.stage_of(candidate, known.soaked.as_ref()),
            Kind::Rollback { .. }
            | Kind::Rotation { .. }
            | Kind::Adoption
            | Kind::Settings { .. } => None,
        };
        let environment = stage.unwrap_or(&created.environment).clone();
        let service = whole.in_stage(&environment)?;
        Some(Self { whole: whole.name.clone(), service, environment })
    }
}

/// What serves of a service on the environment where it would be deployed.
fn old(serving: &[(EnvironmentName, KnownRelease)], place: &Place) -> Option<KnownRelease> {
    let here = |(environment, release): &&(EnvironmentName, KnownRelease)| {
        *environment == place.environment && release.spec.service == place.service.name
    };
    serving.iter().find(here).map(|(_, release)| release.clone())
}

fn ticket(ports: &Ports, created: &Created) -> Look<Option<Ticket>> {
    match (&created.kind, created.tickets.first()) {
        (Kind::Release | Kind::Settings { .. }, Some(id)) => ports.planning.ticket(id),
        _ => Ok(None),
    }
}

fn notes_of(ticket: &Ticket, settings: &Settings, notebook: &Notebook) -> Option<Box<FoundNotes>> {
    match notebook.find(ticket, |who| settings.people.is(who, Role::Dev)) {
        NotesFound::Found(found) => Some(found),
        NotesFound::Missing | NotesFound::Invalid { .. } => None,
    }
}

fn siblings(ports: &Ports, created: &Created) -> Vec<Ticket> {
    let others = created.tickets.get(1..).unwrap_or_default();
    // A sibling that cannot be read simply does not ship with this one.
    others
        .iter()
        .filter_map(|id| ports.planning.ticket(id).ok().flatten())
        .filter(|ticket| ticket.status == "rfp")
        .collect()
}

fn artifact(ports: &Ports, notes: &Notes, service: &Service) -> Look<ArtifactFact> {
    let reference = notes.artifact.reference();
    let found = match &service.compose {
        Some(compose) => {
            let compose = Compose { images: notes.images.clone(), ..(**compose).clone() };
            let env = service.env.iter().map(|(name, value)| (name.clone(), value.clone()));
            let project = Project { compose, env: env.collect() };
            ports.artifacts.resolve_project(&reference, &project)?
        }
        None => ports.artifacts.resolve(&reference, &service.command)?,
    };
    Ok(ArtifactFact { digest: found.digest, size: found.size, image: found.image })
}

fn engines(
    ports: &Ports,
    service: Option<&Service>,
    artifact: Option<&Look<ArtifactFact>>,
) -> Look<Vec<EngineView>> {
    let Some(service) = service else { return Ok(Vec::new()) };
    let digest = artifact.and_then(|found| found.as_ref().ok()).map(|found| &found.digest);
    ports.target.engines(service, digest)
}

fn host(
    ports: &Ports,
    environment: Option<&Environment>,
    service: Option<&Service>,
) -> Look<HostFact> {
    let facts = ports.host.facts()?;
    let hosts = service.map_or(&[][..], Service::hosts);
    let ports_free = match environment {
        Some(environment) => {
            ports.target.free_ports(environment.ports.0, environment.ports.1, hosts)?
        }
        None => 0,
    };
    let fixed_port_free = match service {
        Some(Service { fixed_port: Some(port), name, .. }) => {
            Some(ports.target.port_free(*port, name, hosts)?)
        }
        _ => None,
    };
    Ok(HostFact {
        disk_free: facts.disk_free,
        inodes_free: facts.inodes_free,
        memory_free: facts.memory_free,
        ports_free,
        fixed_port_free,
    })
}

/// Every reference that bears on the deployment: those of the service as it is deployed, of the one
/// that governs, of what serves and of what is brought back.
fn secrets(
    ports: &Ports,
    settings: Option<&Settings>,
    place: Option<&Place>,
    releases: &[&Option<KnownRelease>],
) -> secrets::Found {
    let Some(place) = place else { return secrets::Found::new() };
    let governs = settings.and_then(|all| all.services.get(&place.whole));
    let releases = || releases.iter().filter_map(|one| one.as_ref());
    let services = governs.into_iter().chain([&place.service]);
    versions(ports, services.flat_map(|service| secrets::references(service, releases())))
}

/// Which versions these references lead to.
pub(super) fn versions<'a>(
    ports: &Ports,
    references: impl IntoIterator<Item = &'a String>,
) -> secrets::Found {
    let mut found = secrets::Found::new();
    for reference in references {
        if !found.contains_key(reference) {
            found.insert(reference.clone(), ports.secrets.version(reference));
        }
    }
    found
}

fn signals(ports: &Ports, service: Option<&Service>) -> Look<Vec<SignalSecond>> {
    match service {
        Some(Service { name, route: Some(_), .. }) => ports.door.signals(name, 0),
        _ => Ok(Vec::new()),
    }
}
