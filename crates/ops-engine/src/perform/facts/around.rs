//! What a service leans on: dependencies, shared infrastructure, its machine, alerts, its users.

use std::{collections::BTreeMap, sync::Arc};

use ops_core::{
    checks::{Alert, DependencyFact, Fixed, LimitFacts, Tally, Trace},
    id::{EnvironmentName, ServiceName},
    notes::Notes,
    plan::KnownRelease,
    settings::{Environment, Settings},
    world::Fault,
};

use super::{Place, dependency};
use crate::{
    jobs::Known,
    ports::{Look, Ports},
};

const HOUR_SECONDS: i64 = 3_600;

pub(super) fn dependencies(
    ports: &Ports,
    settings: &Look<Arc<Settings>>,
    place: Option<&Place>,
    known: &Known,
) -> Vec<DependencyFact> {
    let (Ok(settings), Some(place)) = (settings, place) else {
        return Vec::new();
    };
    let one = |name: &ServiceName| {
        let here = settings.services.get(name).and_then(|one| one.in_stage(&place.environment));
        let health = match &here {
            Some(service) => dependency(ports, service),
            None => Ok(Some("ops.yaml has no such service there".into())),
        };
        let serves = here.and_then(|service| serving(known, &place.environment, &service.name));
        let version = serves.map(|release| release.candidate.version.clone());
        DependencyFact { service: name.clone(), health, version }
    };
    place.service.depends_on.iter().map(|wanted| one(&wanted.service)).collect()
}

fn serving<'a>(
    known: &'a Known,
    environment: &EnvironmentName,
    unit: &ServiceName,
) -> Option<&'a KnownRelease> {
    known
        .serving
        .iter()
        .find(|(there, release)| there == environment && release.spec.service == *unit)
        .map(|(_, release)| release)
}

pub(super) fn limits(
    ports: &Ports,
    settings: Option<&Settings>,
    environment: Option<&Environment>,
) -> LimitFacts {
    let Some((settings, environment)) = settings.zip(environment) else {
        return LimitFacts::default();
    };
    let limits = &environment.host;
    LimitFacts {
        load_per_core: limits.load_per_core.map(|_| ports.host.load_per_core()),
        clock_ms: limits.clock_ms.map(|_| ports.host.clock_ms()),
        certificates: settings
            .certificates(environment)
            .into_iter()
            .map(|path| (path.to_owned(), ports.host.certificate(path)))
            .collect(),
    }
}

pub(super) fn alerts(
    ports: &Ports,
    settings: Option<&Settings>,
) -> Vec<(String, Result<Vec<Alert>, Fault>)> {
    let sources = settings.map_or(&[][..], |settings| settings.gate.alerts.as_slice());
    sources.iter().map(|source| (source.name.clone(), ports.alerts.firing(source))).collect()
}

pub(super) fn tally(place: Option<&Place>, known: &Known) -> Tally {
    let Some((place, budget)) =
        place.and_then(|place| Some((place, place.service.budget.as_ref()?)))
    else {
        return Tally::default();
    };
    let hour = known.at.as_second().div_euclid(HOUR_SECONDS) - i64::from(budget.days) * 24;
    let key = (place.environment.clone(), place.service.name.clone());
    known.tallies.get(&key).map_or_else(Tally::default, |book| book.since(hour))
}

/// The state of everything that a service leans on.
pub(super) fn traces(
    ports: &Ports,
    place: Option<&Place>,
    known: &Known,
) -> BTreeMap<String, Trace> {
    let Some(place) = place else { return BTreeMap::new() };
    let mut items = BTreeMap::new();
    for wanted in &place.service.depends_on {
        let unit = [
            wanted.service.clone(),
            ServiceName::new(format!("{}@{}", wanted.service, place.environment)),
        ];
        let serves = unit.iter().find_map(|unit| serving(known, &place.environment, unit));
        let by = serves.map(|release| match known.shipped.get(&release.by) {
            Some(ticket) => format!("{} ({ticket})", release.by),
            None => release.by.to_string(),
        });
        // What ops has not deployed there has the same state as long as that stays so.
        let state = serves.map_or_else(
            || ops_core::id::Digest::of(b"nothing deployed by ops"),
            |release| release.candidate.hash(),
        );
        items.insert(format!("service {}", wanted.service), Trace { state: Some(state), by });
    }
    for thing in &place.service.infrastructure {
        let state = ports.host.state(&thing.read).ok();
        items.insert(thing.name.clone(), Trace { state, by: None });
    }
    items
}

/// What the notes say the ticket fixes, as far as ops knows it.
pub(super) fn fixes(notes: Option<&Notes>, known: &Known) -> Vec<Fixed> {
    let names = notes.map_or(&[][..], |notes| notes.fixes.as_slice());
    let one = |named: &String| {
        let wanted = named.to_uppercase();
        let found = known.standing.iter().find(|one| one.named == wanted);
        Fixed {
            deployment: found.map(|one| one.id),
            named: named.clone(),
            stands: found.is_some(),
            green: found.map(|one| one.green.clone()).unwrap_or_default(),
            left: found.and_then(|one| one.left.clone()),
        }
    };
    names.iter().map(one).collect()
}
