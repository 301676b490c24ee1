//! One look at the world for one deployment.

use std::collections::BTreeMap;

use ops_core::{
    deploy::LookOrder,
    plan::{Plan, Via, Which},
    settings::{Health, Service, SmokeRequest},
    world::{DoorView, Fault, OwnHealth, Replica, ReplicaState, TargetView},
};

use super::facts::governing;
use crate::{
    jobs::{Looked, ProbeAnswer},
    ports::{Look, Ports, Probe, ProbeKind},
};

/// Milliseconds until a smoke request counts as failed.
const SMOKE_TIMEOUT_MS: u64 = 3_000;

pub(super) fn look(ports: &Ports, plan: &Plan, order: &LookOrder) -> Looked {
    let service = &plan.service;
    let target = ports.target.look(&service.name);
    let door = match service.route {
        Some(_) => ports.door.look(&service.name),
        None => Ok(DoorView::default()),
    };
    let ours: Vec<_> = [Which::New, Which::Old, Which::Rehearsal]
        .iter()
        .filter_map(|w| plan.release(*w))
        .collect();
    let probes = target.as_ref().map_or_else(
        |_| BTreeMap::new(),
        |view| {
            let mine = view.replicas.iter().filter(|replica| ours.contains(&replica.release));
            let mut answers = probe_all(ports, service, mine);
            answers.extend(beside(view.beside.iter().filter(|one| ours.contains(&one.release))));
            answers
        },
    );
    let signals = order.signals_after.map(|after| ports.door.signals(&service.name, after));
    let smoke = order.smoke.map(|via| smoke(ports, plan, via, &target));
    let stored = order.stored.as_ref().map(|digest| ports.artifacts.verify(digest));
    let sick_dependencies = if plan.service.runs_twice { Vec::new() } else { sick(ports, plan) };
    Looked { target, door, probes, signals, smoke, stored, sick_dependencies }
}

/// Probes each replica whose process runs.
pub(super) fn probe_all<'a>(
    ports: &Ports,
    service: &Service,
    replicas: impl Iterator<Item = &'a Replica>,
) -> BTreeMap<String, ProbeAnswer> {
    use OwnHealth::Healthy;
    let mut answers = BTreeMap::new();
    let mut asked = Vec::new();
    let mut probes = Vec::new();
    for replica in replicas {
        let answer = match (&replica.state, &replica.address) {
            (ReplicaState::Running, _) if replica.health.is_some_and(|is| is != Healthy) => {
                own_health(replica)
            }
            (ReplicaState::Running, Some(address)) => {
                asked.push(replica.id.clone());
                probes.push(health_probe(&service.health, service, address));
                continue;
            }
            (ReplicaState::Running, None) => Ok(None),
            (ReplicaState::BackingOff, _) => Ok(Some(format!(
                "it ended with {}",
                replica.last_exit.as_deref().unwrap_or("an unknown status")
            ))),
            (ReplicaState::Unknown, _) => Err(unseen(replica)),
            (ReplicaState::Stopping | ReplicaState::Stopped, _) => continue,
        };
        answers.insert(replica.id.clone(), answer);
    }
    answers.extend(asked.into_iter().zip(ports.prober.probe_all(&probes)));
    answers
}

/// How what stands beside the replicas is: what its target says, since ops asks nothing of it. What
/// ended well has done what it had to do.
pub(super) fn beside<'a>(
    all: impl Iterator<Item = &'a Replica>,
) -> impl Iterator<Item = (String, ProbeAnswer)> {
    all.map(|one| {
        let ended = |why: &str| Ok(Some(format!("it ended with {why}")));
        let answer = match (&one.state, &one.last_exit) {
            (ReplicaState::Running, _) => own_health(one),
            (ReplicaState::Stopped | ReplicaState::Stopping, None) => Ok(None),
            (ReplicaState::Unknown, _) => Err(unseen(one)),
            (_, why) => ended(why.as_deref().unwrap_or("an unknown status")),
        };
        (one.id.clone(), answer)
    })
}

fn unseen(replica: &Replica) -> Fault {
    let place = format!("replica {}", replica.id);
    Fault::new("it could not be looked at", place, "`ops doctor` says why")
}

/// Why a replica whose artifact brings its own health check is not healthy. What the check printed
/// is not passed on: nobody knows what it holds (P13).
fn own_health(replica: &Replica) -> ProbeAnswer {
    match replica.health {
        None | Some(OwnHealth::Healthy) => Ok(None),
        Some(OwnHealth::Starting) => Ok(Some("its own health check has not passed yet".into())),
        Some(OwnHealth::Unhealthy) => Ok(Some("its own health check fails".into())),
        Some(OwnHealth::Silent) => Err(Fault::new(
            "nothing is told of its own health check",
            format!("replica {}", replica.id),
            "see that the image still brings one, or declare `health:` in ops.yaml",
        )),
    }
}

pub(super) fn health_probe(health: &Health, service: &Service, address: &str) -> Probe {
    let kind = match &health.path {
        None => ProbeKind::Connect,
        Some(path) => ProbeKind::Http {
            method: "GET".into(),
            host: service.route.as_ref().and_then(|route| route.host.clone()),
            path: path.clone(),
            status: (200, 399),
            contains: None,
        },
    };
    Probe { address: address.to_owned(), kind, timeout_ms: health.timeout_ms }
}

fn smoke(
    ports: &Ports,
    plan: &Plan,
    via: Via,
    target: &Look<TargetView>,
) -> Result<Vec<String>, Fault> {
    let addresses = match via {
        Via::Replicas => {
            let view = target.as_ref().map_err(Clone::clone)?;
            view.running(&plan.new.spec.release).filter_map(|r| r.address.clone()).collect()
        }
        Via::Door => ports.door.addresses()?,
    };
    if addresses.is_empty() {
        return Ok(vec!["there is no address to send smoke requests to".into()]);
    }
    let mut failures = Vec::new();
    for address in &addresses {
        for request in &plan.service.smoke {
            if let Some(why) = ports.prober.probe(&smoke_probe(plan, request, address))? {
                failures.push(format!("{} {}: {why}", request.method, request.path));
            }
        }
    }
    Ok(failures)
}

fn smoke_probe(plan: &Plan, request: &SmokeRequest, address: &str) -> Probe {
    let route = plan.service.route.as_ref();
    Probe {
        address: address.to_owned(),
        kind: ProbeKind::Http {
            method: request.method.clone(),
            host: route.and_then(|route| route.host.clone()),
            path: request.path.clone(),
            status: (request.status, request.status),
            contains: request.contains.clone(),
        },
        timeout_ms: SMOKE_TIMEOUT_MS,
    }
}

/// Dependencies that do not answer healthy, by the `ops.yaml` that the plan was made from.
fn sick(ports: &Ports, plan: &Plan) -> Vec<String> {
    let Ok(settings) = governing(ports, plan.revision.commit.as_deref()) else {
        return Vec::new();
    };
    let asked = |name| {
        let service = settings.services.get(name)?.in_stage(&plan.environment)?;
        Some(dependency(ports, &service))
    };
    plan.service
        .depends_on
        .iter()
        .filter(|wanted| !matches!(asked(&wanted.service), Some(Ok(None))))
        .map(|wanted| wanted.service.to_string())
        .collect()
}

/// Whether a dependency answers healthy: `None`, or why not.
pub(super) fn dependency(ports: &Ports, service: &Service) -> Look<Option<String>> {
    let view = ports.target.look(&service.name)?;
    let alive: Vec<_> =
        view.replicas.iter().filter(|replica| replica.state != ReplicaState::Stopped).collect();
    if alive.is_empty() {
        return Ok(Some("none of its replicas runs".into()));
    }
    for (replica, answer) in probe_all(ports, service, alive.into_iter()) {
        if let Some(why) = answer? {
            return Ok(Some(format!("{replica}: {why}")));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use ops_core::id::{Digest, Stamp};

    use super::*;

    #[test]
    fn p8_what_stands_beside_is_well_only_if_its_target_says_so() {
        use OwnHealth::{Healthy, Silent, Starting, Unhealthy};
        use ReplicaState::{BackingOff, Running, Stopped, Unknown};
        let answer = |state, last_exit: Option<&str>, health| {
            let one = Replica {
                id: "worker (ab12)".into(),
                release: "new".into(),
                artifact: Digest::of(b""),
                address: None,
                state,
                restarts: 0,
                last_exit: last_exit.map(str::to_owned),
                stamp: Stamp::default(),
                health,
            };
            beside([&one].into_iter()).next().unwrap().1
        };
        let well = |answer: ProbeAnswer| matches!(answer, Ok(None));
        assert!(well(answer(Running, None, None)));
        assert!(well(answer(Running, Some("exit status 3"), Some(Healthy))));
        assert!(well(answer(Stopped, None, None)), "a job that did what it had to do");
        for (state, exit, health, why) in [
            (Running, None, Some(Starting), "has not passed yet"),
            (Running, None, Some(Unhealthy), "its own health check fails"),
            (Stopped, Some("exit status 3"), None, "it ended with exit status 3"),
            (BackingOff, None, None, "it ended with an unknown status"),
        ] {
            let Ok(Some(told)) = answer(state, exit, health) else { panic!("{why}") };
            assert!(told.contains(why), "{told}");
        }
        assert!(answer(Running, None, Some(Silent)).is_err());
        assert!(answer(Unknown, None, None).is_err());
    }
}
