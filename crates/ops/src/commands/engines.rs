//! What `ops doctor` and `ops check --online` tell of the engines that run containers.

use ops_core::{
    settings::{Service, Settings, TargetKind},
    world::{EngineView, Fault},
};
use ops_engine::ports::{Look, Target};

use super::findings::Findings;
use crate::places::Docker;

/// Bytes of memory or disk below which somebody should worry.
const LOW: u64 = 1 << 30;
const MB: u64 = 1 << 20;

/// Looks at the engine of every service that runs as containers, in each of its stages, and at the
/// credentials for registries. Says nothing where no service does.
pub(super) fn look(target: &dyn Target, settings: &Settings, findings: &mut Findings) {
    let services = settings.services.values().filter(|one| one.target == TargetKind::Docker);
    let staged: Vec<Service> = services
        .flat_map(|service| service.environments().filter_map(|here| service.in_stage(here)))
        .collect();
    if staged.is_empty() {
        return;
    }
    let mut told = Vec::new();
    for service in &staged {
        match target.engines(service, None) {
            Ok(views) => {
                for view in views {
                    changes(service, &view, findings);
                    if !told.contains(&view.place) {
                        told.push(view.place.clone());
                        engine(&view, findings);
                    }
                }
            }
            // One that is away is told once.
            Err(fault) if told.contains(&fault.place) => {}
            Err(fault) => {
                told.push(fault.place.clone());
                findings.look("engine", Err(fault));
            }
        }
    }
    findings.look("registries", credentials());
}

fn credentials() -> Look<String> {
    Docker::credentials().map(|seen| format!("credentials {seen}"))
}

fn engine(view: &EngineView, findings: &mut Findings) {
    let EngineView { place, version, architecture, memory_bytes, memory_promised, .. } = view;
    let about = |bytes: Option<u64>| {
        bytes.map_or_else(|| "an unknown amount".to_owned(), |bytes| format!("{} MB", bytes / MB))
    };
    let seen = format!(
        "{place}: version {version}, {architecture}, {} of disk and {} of {} MB of memory free; \
         replicas may take {} MB",
        about(view.disk_free),
        about(view.memory_free),
        memory_bytes / MB,
        memory_promised / MB
    );
    let low = |bytes: Option<u64>| bytes.is_some_and(|bytes| bytes < LOW);
    let next = if low(view.disk_free) {
        "free room where the engine keeps its data: `docker system df` shows what takes it"
    } else if low(view.memory_free) || memory_promised > memory_bytes {
        "give the machine more memory, or the services less: `container.memory` in ops.yaml"
    } else {
        return findings.good("engine", seen);
    };
    findings.bad("engine", seen, next);
}

fn changes(service: &Service, view: &EngineView, findings: &mut Findings) {
    for one in &view.changed {
        let next =
            "take back what was changed by hand; what is meant to stay belongs into ops.yaml";
        let seen = format!("{}: {}", one.replica, one.how.join(", "));
        findings.look(
            &format!("service {}", service.name),
            Err(Fault::new(seen, view.place.clone(), next)),
        );
    }
}
