//! Gathers the facts for the checks. Only reads.

mod around;
mod rivals;

use std::{collections::BTreeMap, sync::Arc};

use ops_core::{
    checks::{ArtifactFact, Facts, HostFact},
    deploy::Created,
    id::EnvironmentName,
    notes::{FoundNotes, Notes, NotesFound, find_notes},
    plan::{Kind, KnownRelease},
    settings::{Environment, Role, Service, Settings},
    signal::SignalSecond,
    ticket::Ticket,
    world::{DoorView, Fault, TargetView},
};

pub(super) use super::look::{dependency, probe_all};
use crate::{
    jobs::Known,
    ports::{Look, Ports},
};

pub(super) fn gather(ports: &Ports, created: &Created, known: &Known) -> Facts {
    let settings = governing(ports, known.governs.as_deref());
    let ticket = ticket(ports, created);
    let found = match (&settings, &ticket) {
        (Ok(settings), Ok(Some(ticket))) if created.kind == Kind::Release => {
            notes_of(ticket, settings)
        }
        _ => None,
    };
    let notes = found.as_ref().map(|found| &found.notes);
    let asked = match &created.kind {
        Kind::Settings { commit } => Some(commit.as_str()),
        _ => notes.and_then(|notes| notes.config_commit.as_deref()),
    };
    let proposed = asked.map(|commit| ports.wishes.at(commit));
    let undo = known.undo.as_ref();
    let name = notes
        .map(|notes| notes.service.clone())
        .or_else(|| undo.map(|undo| undo.candidate.service.clone()));
    let source = proposed.as_ref().unwrap_or(&settings).as_ref().ok();
    let whole = source.zip(name.as_ref()).and_then(|(source, name)| source.services.get(name));
    let place = Place::of(whole, created);
    let service = place.as_ref().map(|place| &place.service);
    let unit = service.map(|service| service.name.clone());
    let target = match &unit {
        Some(unit) => ports.target.look(unit),
        None => Ok(TargetView::default()),
    };
    let door = match service {
        Some(Service { name, route: Some(_), .. }) => ports.door.look(name),
        _ => Ok(DoorView::default()),
    };
    let old = place.as_ref().and_then(|place| old(&known.serving, place));
    let health = match (service, &old, &target) {
        (Some(service), Some(old), Ok(view)) => {
            probe_all(ports, service, view.running(&old.spec.release))
        }
        _ => BTreeMap::new(),
    };
    let environment = place.as_ref().map(|place| &place.environment);
    let limits = environment.zip(settings.as_deref().ok());
    let limits = limits.and_then(|(name, settings)| settings.environments.get(name));
    let people = settings.as_deref().ok().map(|settings| &settings.people);
    let kin = rivals::kin(
        ports,
        people,
        &known.condemned,
        found.as_deref(),
        created,
        whole,
        old.as_ref(),
    );
    Facts {
        at: known.at,
        artifact: notes.zip(whole).map(|(notes, service)| artifact(ports, notes, service)),
        siblings: siblings(ports, created),
        old_stored: old.as_ref().map(|old| ports.artifacts.verify(&old.spec.artifact)),
        undo: undo.cloned(),
        host: host(ports, limits, service),
        secrets: secrets(ports, service),
        dependencies: around::dependencies(ports, &settings, place.as_ref(), known),
        limits: around::limits(ports, limits),
        alerts: around::alerts(ports, settings.as_deref().ok()),
        tally: around::tally(place.as_ref(), known),
        then: known.then.clone(),
        now: around::traces(ports, place.as_ref(), known),
        signals: signals(ports, service),
        conflicts: known.conflicts.clone(),
        condemned: known.condemned.clone(),
        answered: known.answered,
        fixes: around::fixes(notes, known),
        surpassed: kin.as_ref().is_ok_and(|kin| kin.surpassed),
        descends: kin.as_ref().map_or_else(|_| Vec::new(), |kin| kin.descends.clone()),
        rivals: kin.map(|kin| kin.rivals),
        proposed,
        settings,
        ticket,
        old,
        target,
        door,
        health,
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
    pub(super) service: Service,
    pub(super) environment: EnvironmentName,
}

impl Place {
    fn of(whole: Option<&Service>, created: &Created) -> Option<Self> {
        let whole = whole?;
        let environment = created.environment.clone();
        if let Some(service) = whole.in_stage(&environment) {
            return Some(Self { service, environment });
        }
        let environment = whole.stages.first()?.environment.clone();
        Some(Self { service: whole.in_stage(&environment)?, environment })
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

fn notes_of(ticket: &Ticket, settings: &Settings) -> Option<Box<FoundNotes>> {
    match find_notes(ticket, |who| settings.people.is(who, Role::Dev)) {
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
    let found = ports.artifacts.resolve(&notes.artifact.reference(), &service.command)?;
    Ok(ArtifactFact { digest: found.digest, size: found.size })
}

fn host(
    ports: &Ports,
    environment: Option<&Environment>,
    service: Option<&Service>,
) -> Look<HostFact> {
    let facts = ports.host.facts()?;
    let ports_free = match environment {
        Some(environment) => ports.target.free_ports(environment.ports.0, environment.ports.1)?,
        None => 0,
    };
    let fixed_port_free = match service {
        Some(Service { fixed_port: Some(port), name, .. }) => {
            Some(ports.target.port_free(*port, name)?)
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

fn secrets(ports: &Ports, service: Option<&Service>) -> Vec<(String, Result<bool, Fault>)> {
    let Some(service) = service else {
        return Vec::new();
    };
    service
        .secrets
        .iter()
        .map(|(name, reference)| {
            (name.clone(), ports.secrets.version(reference).map(|version| version.is_some()))
        })
        .collect()
}

fn signals(ports: &Ports, service: Option<&Service>) -> Look<Vec<SignalSecond>> {
    match service {
        Some(Service { name, route: Some(_), .. }) => ports.door.signals(name, 0),
        _ => Ok(Vec::new()),
    }
}
