//! What somebody else started and is to be adopted (S2).

use ops_core::{
    checks::{ArtifactFact, Outside},
    deploy::Created,
    id::Digest,
    plan::Kind,
    world::Fault,
};

use super::{super::look::health_probe, Place};
use crate::{
    jobs::Known,
    ports::{Look, Ports},
};

pub(super) fn look(
    ports: &Ports,
    created: &Created,
    place: Option<&Place>,
    known: &Known,
) -> Option<Outside> {
    if created.kind != Kind::Adoption {
        return None;
    }
    let Place { service, environment, .. } = place?;
    let adopt = service.adopts_in(environment)?;
    let found = ports.target.outside(adopt, &service.command);
    let runs = matches!(&found, Ok(Some(_)));
    let health = adopt
        .listens
        .as_ref()
        .filter(|_| runs)
        .map(|address| ports.prober.probe(&health_probe(&service.health, service, address)));
    Some(Outside { found, health, seen: known.seen.clone() })
}

/// What was taken in when somebody asked for the adoption.
pub(super) fn stored(ports: &Ports, digest: &Digest) -> Look<ArtifactFact> {
    if ports.artifacts.verify(digest)? {
        return Ok(ArtifactFact { digest: digest.clone(), size: 0 });
    }
    Err(Fault::new(
        format!("{} is not in the artifact store, or not intact", digest.short()),
        "the artifact store",
        "run `ops init --adopt` on the machine where it runs: it takes in what runs there",
    ))
}
