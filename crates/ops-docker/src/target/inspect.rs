//! What the engine says of containers.

use std::collections::HashMap;

use bollard::{
    Docker,
    models::{ContainerInspectResponse, ContainerStateStatusEnum, ContainerSummary},
    query_parameters::ListContainersOptionsBuilder,
};
use ops_core::{
    id::{ReleaseId, ServiceName, Stamp},
    world::Fault,
};
use ops_engine::ports::ActError;

use super::{
    names,
    record::{Place, Record, stale},
};
use crate::engine::Trouble;

/// How a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Its process runs.
    Running,
    /// Somebody froze it.
    Paused,
    /// It ended and the engine will start it again.
    Restarting,
    /// It never ran, or ended and stays so.
    Down,
    /// It is going away.
    Leaving,
}

/// All containers that bear a service's label, whoever made them.
pub(super) async fn of(
    docker: &Docker,
    service: &ServiceName,
) -> Result<Vec<ContainerSummary>, Trouble> {
    listed(docker, &format!("{}={service}", names::SERVICE)).await
}

/// All containers that bear the label of any service.
pub(super) async fn all_labelled(docker: &Docker) -> Result<Vec<ContainerSummary>, Trouble> {
    listed(docker, names::SERVICE).await
}

async fn listed(docker: &Docker, label: &str) -> Result<Vec<ContainerSummary>, Trouble> {
    let filters = HashMap::from([("label", vec![label])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    Ok(docker.list_containers(Some(options)).await?)
}

/// Which of them is a replica's.
pub(super) fn seek(record: &Record, place: &Place, all: &[ContainerSummary]) -> Option<String> {
    let name = format!("/{}", record.name(place));
    let is_it = |one: &&ContainerSummary| {
        let token = one.labels.as_ref().and_then(|labels| labels.get(names::TOKEN));
        let named = one.names.as_ref().is_some_and(|names| names.contains(&name));
        let id = one.id.as_deref().unwrap_or_default();
        record.owns(place, id, token) && (place.id.is_some() || named)
    };
    all.iter().find(is_it).and_then(|one| one.id.clone())
}

/// Names those that bear our labels for a release and are none of ours.
pub(super) fn foreign(record: &Record, all: &[ContainerSummary]) -> Option<String> {
    let release = record.spec.release.as_str();
    let ours: Vec<String> =
        record.places.iter().filter_map(|place| seek(record, place, all)).collect();
    let bears = |one: &&ContainerSummary| {
        one.labels.as_ref().and_then(|l| l.get(names::RELEASE)).is_some_and(|r| r == release)
            && !one.id.as_ref().is_some_and(|id| ours.contains(id))
    };
    let stranger = all.iter().find(bears)?;
    let name = stranger.names.as_ref().and_then(|names| names.first());
    Some(name.map_or("(unnamed)", |name| name.trim_start_matches('/')).to_owned())
}

/// What is to be said of a container that is in the way and not ours.
pub(super) fn not_ours(name: &str, how: &str) -> Fault {
    Fault::new(
        format!("{how}, and ops has not made it: it is left alone"),
        format!("container {name}"),
        format!("see what it is (`docker inspect {name}`); rename or remove it, then try again"),
    )
}

/// Refuses an act that comes after one which our containers' labels tell of (P4).
pub(super) fn overtaken(
    service: &ServiceName,
    stamp: Stamp,
    records: &[Record],
    all: &[ContainerSummary],
) -> Result<(), ActError> {
    match highest_label(records, all) {
        Some(highest) if stamp < highest => Err(stale(service, stamp, highest)),
        _ => Ok(()),
    }
}

/// The highest stamp on the labels of our containers.
pub(super) fn highest_label(records: &[Record], all: &[ContainerSummary]) -> Option<Stamp> {
    let owned = |one: &ContainerSummary| {
        let labels = one.labels.as_ref()?;
        let token = labels.get(names::TOKEN)?;
        records.iter().find(|record| record.token == *token)?;
        names::read_stamp(labels.get(names::STAMP)?)
    };
    all.iter().filter_map(owned).max()
}

/// How an inspected container is.
pub(super) fn life(inspected: &ContainerInspectResponse) -> Life {
    use ContainerStateStatusEnum as S;
    let state = inspected.state.as_ref().and_then(|state| state.status);
    match state {
        Some(S::RUNNING | S::STOPPING) => Life::Running,
        Some(S::PAUSED) => Life::Paused,
        Some(S::RESTARTING) => Life::Restarting,
        Some(S::REMOVING) => Life::Leaving,
        Some(S::CREATED | S::EXITED | S::DEAD | S::EMPTY) | None => Life::Down,
    }
}

/// Inspects a container; `None` if it is gone.
pub(super) async fn inspect(
    docker: &Docker,
    id: &str,
) -> Result<Option<ContainerInspectResponse>, Trouble> {
    match docker.inspect_container(id, None).await.map_err(Trouble::from) {
        Ok(inspected) => Ok(Some(inspected)),
        Err(trouble) if trouble.is_absent() => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// Says that a release is only to be asked for by names that containers can have.
pub(super) fn check_names(service: &ServiceName, release: &ReleaseId) -> Result<(), ActError> {
    names::check(service.as_str())
        .and_then(|()| names::check(release.as_str()))
        .map_err(ActError::NotApplied)
}
