//! What somebody else started and is to be adopted (S2).

use ops_core::{checks::Outside, deploy::Created, plan::Kind};

use super::{super::look::health_probe, Place};
use crate::{jobs::Known, ports::Ports};

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
