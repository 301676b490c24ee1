//! Gathers the facts for the checks. Only reads.

use std::collections::BTreeMap;

use ops_core::{
    checks::{ArtifactFact, Facts, HostFact},
    deploy::Created,
    id::{EnvironmentName, ServiceName},
    notes::{Notes, NotesFound, find_notes},
    plan::{Kind, KnownRelease},
    settings::{Role, Service, Settings},
    ticket::Ticket,
    world::{DoorView, Fault, TargetView},
};

use super::look::{dependency, probe_all};
use crate::{
    jobs::Work,
    ports::{Look, Ports},
};

pub(super) fn gather(ports: &Ports, work: &Work) -> Facts {
    let Work::Gather { created, serving, undo, conflicts, condemned, answered } = work else {
        unreachable!("only gathering gathers")
    };
    let mut settings = ports.wishes.current();
    let ticket = ticket(ports, created);
    let notes = match (&settings, &ticket) {
        (Ok(settings), Ok(Some(ticket))) => notes_of(ticket, settings),
        _ => None,
    };
    if let Some(commit) = notes.as_ref().and_then(|notes| notes.config_commit.as_deref()) {
        settings = ports.wishes.at(commit);
    }
    let name = match (&notes, undo) {
        (Some(notes), _) => Some(notes.service.clone()),
        (None, Some(undo)) => Some(undo.spec.service.clone()),
        (None, None) => None,
    };
    let service = match (&settings, &name) {
        (Ok(settings), Some(name)) => settings.services.get(name).cloned(),
        _ => None,
    };
    let target = match &name {
        Some(name) => ports.target.look(name),
        None => Ok(TargetView::default()),
    };
    let door = match (&name, service.as_ref().and_then(|service| service.route.as_ref())) {
        (Some(name), Some(_)) => ports.door.look(name),
        _ => Ok(DoorView::default()),
    };
    let old = service.as_ref().and_then(|service| old(serving, service));
    let health = match (&service, &old, &target) {
        (Some(service), Some(old), Ok(view)) => {
            probe_all(ports, service, view.running(&old.spec.release))
        }
        _ => BTreeMap::new(),
    };
    Facts {
        artifact: notes.as_ref().zip(service.as_ref()).map(|(notes, s)| artifact(ports, notes, s)),
        siblings: siblings(ports, created),
        old_stored: old.as_ref().map(|old| ports.artifacts.verify(&old.spec.artifact)),
        undo: undo.as_ref().map(|undo| (**undo).clone()),
        host: host(ports, &settings, service.as_ref()),
        secrets: secrets(ports, service.as_ref()),
        dependencies: dependencies(ports, &settings, service.as_ref()),
        signals: signals(ports, name.as_ref(), service.as_ref()),
        conflicts: conflicts.clone(),
        condemned: condemned.clone(),
        answered: *answered,
        settings,
        ticket,
        old,
        target,
        door,
        health,
    }
}

/// What serves of a service on the environment where it would be deployed.
fn old(serving: &[(EnvironmentName, KnownRelease)], service: &Service) -> Option<KnownRelease> {
    let stage = service.stages.first()?;
    let here = |(environment, release): &&(EnvironmentName, KnownRelease)| {
        environment == stage && release.spec.service == service.name
    };
    serving.iter().find(here).map(|(_, release)| release.clone())
}

fn ticket(ports: &Ports, created: &Created) -> Look<Option<Ticket>> {
    match (&created.kind, created.tickets.first()) {
        (Kind::Release, Some(id)) => ports.planning.ticket(id),
        _ => Ok(None),
    }
}

fn notes_of(ticket: &Ticket, settings: &Settings) -> Option<Notes> {
    match find_notes(ticket, |who| settings.people.is(who, Role::Dev)) {
        NotesFound::Found(found) => Some(found.notes),
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
    settings: &Look<std::sync::Arc<Settings>>,
    service: Option<&Service>,
) -> Look<HostFact> {
    let facts = ports.host.facts()?;
    let environment = match (settings, service.and_then(|service| service.stages.first())) {
        (Ok(settings), Some(stage)) => settings.environments.get(stage),
        _ => None,
    };
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

fn dependencies(
    ports: &Ports,
    settings: &Look<std::sync::Arc<Settings>>,
    service: Option<&Service>,
) -> Vec<(ServiceName, Result<Option<String>, Fault>)> {
    let (Ok(settings), Some(service)) = (settings, service) else {
        return Vec::new();
    };
    service
        .depends_on
        .iter()
        .map(|name| {
            let answer = match settings.services.get(name) {
                Some(service) => dependency(ports, service),
                None => Ok(Some("ops.yaml has no such service".into())),
            };
            (name.clone(), answer)
        })
        .collect()
}

fn signals(
    ports: &Ports,
    name: Option<&ServiceName>,
    service: Option<&Service>,
) -> Look<Vec<ops_core::signal::SignalSecond>> {
    match (name, service.and_then(|service| service.route.as_ref())) {
        (Some(name), Some(_)) => ports.door.signals(name, 0),
        _ => Ok(Vec::new()),
    }
}
