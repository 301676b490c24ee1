//! Other candidates of the same service, and how commits stand to each other (S8, S10).

use ops_core::{
    checks::{Age, Rival},
    deploy::Created,
    id::DeploymentId,
    notes::{FoundNotes, Notes, NotesFound},
    plan::{Kind, KnownRelease},
    settings::{People, Role, Service},
    ticket::Ticket,
};

use crate::{
    jobs::Known,
    notebook::Notebook,
    ports::{Look, Ports},
};

/// What commits and other tickets say of a candidate.
#[derive(Default)]
pub(super) struct Kin {
    pub(super) rivals: Vec<Rival>,
    pub(super) surpassed: bool,
    pub(super) descends: Vec<DeploymentId>,
}

/// A candidate, as far as it is known.
pub(super) struct Ours<'a> {
    pub(super) people: Option<&'a People>,
    pub(super) found: Option<&'a FoundNotes>,
    pub(super) service: Option<&'a Service>,
    pub(super) old: Option<&'a KnownRelease>,
}

pub(super) fn kin(
    ports: &Ports,
    known: &Known,
    created: &Created,
    candidate: &Ours<'_>,
) -> Look<Kin> {
    let Ours { people: Some(people), found: Some(ours), service: Some(service), old } = *candidate
    else {
        return Ok(Kin::default());
    };
    if created.kind != Kind::Release {
        return Ok(Kin::default());
    }
    let commit = ours.notes.commit.as_deref();
    let serves = old.and_then(|old| old.candidate.commit.as_deref());
    let surpassed = serves != commit && newer(ports, serves, commit)? == Some(true);
    let mut descends = Vec::new();
    for bad in known.condemned.iter().filter(|bad| bad.service == ours.notes.service) {
        if bad.commit.as_deref() != commit
            && newer(ports, commit, bad.commit.as_deref())? == Some(true)
        {
            descends.push(bad.by);
        }
    }
    Ok(Kin {
        rivals: rivals(ports, people, ours, created, service, &known.notebook)?,
        surpassed,
        descends,
    })
}

fn rivals(
    ports: &Ports,
    people: &People,
    ours: &FoundNotes,
    created: &Created,
    service: &Service,
    notebook: &Notebook,
) -> Look<Vec<Rival>> {
    let mut rivals = Vec::new();
    let queue = ports.planning.ready()?;
    let since = queue
        .iter()
        .find(|ticket| created.tickets.first() == Some(&ticket.id))
        .map(|ticket| crate::heartbeat::ready_since(ticket).to_owned());
    for ticket in queue {
        if created.tickets.contains(&ticket.id) {
            continue;
        }
        let NotesFound::Found(found) = notebook.find(&ticket, |who| people.is(who, Role::Dev))
        else {
            continue;
        };
        let theirs = found.notes;
        if found.hash == ours.hash || theirs.service != service.name {
            continue;
        }
        let age = age(ports, (ours, since.as_deref()), (&theirs, &ticket))?;
        let reference = theirs.artifact.reference();
        // What cannot be found passes nothing, so it overtakes nothing either.
        let artifact = ports.artifacts.resolve(&reference, &service.command).ok();
        rivals.push(Rival { ticket, age, artifact: artifact.map(|found| found.digest) });
    }
    Ok(rivals)
}

fn age(
    ports: &Ports,
    (ours, since): (&FoundNotes, Option<&str>),
    (theirs, ticket): (&Notes, &Ticket),
) -> Look<Age> {
    let (mine, other) = (ours.notes.commit.as_deref(), theirs.commit.as_deref());
    if mine != other {
        if newer(ports, other, mine)? == Some(true) {
            return Ok(Age::Newer);
        }
        if newer(ports, mine, other)? == Some(true) {
            return Ok(Age::Ancestor);
        }
    }
    // Nothing says which holds which: what became ready later counts as newer.
    let later = since.is_some_and(|since| crate::heartbeat::ready_since(ticket) > since);
    Ok(if later { Age::Newer } else { Age::Older })
}

/// Whether one commit holds the other; `None` where that cannot be told.
fn newer(ports: &Ports, newer: Option<&str>, older: Option<&str>) -> Look<Option<bool>> {
    match (newer, older) {
        (Some(newer), Some(older)) => ports.wishes.holds(newer, older),
        _ => Ok(None),
    }
}
