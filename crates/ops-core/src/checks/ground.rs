//! Checks of the ground on which it is deployed: what serves, room, variables, the way back.

use super::{
    Check, HostFact, Verdict, adoption,
    each::{check, error, soon, waits_for},
    engines::{self, Room},
    judge::Desk,
    rotation,
};
use crate::settings::{Service, Strategy};

/// Bytes of disk that stay free beside what a deployment needs.
const DISK_MARGIN: u64 = 256 << 20;
/// Inodes that must be free.
const INODES_MIN: u64 = 10_000;
/// Bytes of memory that stay free beside what a deployment needs.
const MEMORY_MARGIN: u64 = 64 << 20;
const MB: u64 = 1 << 20;

pub(super) fn service_health(desk: &Desk<'_>) -> Check {
    let at = "the version that serves now";
    let Some(old) = &desk.facts.old else {
        return check("service-health", at, Verdict::Pass, "none: this is its first deployment");
    };
    let target = match &desk.facts.target {
        Ok(target) => target,
        Err(fault) => return error("service-health", at, fault),
    };
    let running: Vec<_> = target.running(&old.spec.release).map(|replica| &replica.id).collect();
    let mut sick = Vec::new();
    let mut unknown = Vec::new();
    for (id, answer) in &desk.facts.health {
        match answer {
            Ok(None) => {}
            Ok(Some(why)) => sick.push(format!("{id}: {why}")),
            Err(fault) => unknown.push(format!("{id}: {}", fault.what)),
        }
    }
    let unasked = running.iter().filter(|id| !desk.facts.health.contains_key(**id));
    unknown.extend(unasked.map(|id| format!("{id}: its health was not asked")));
    let (running, wanted) = (running.len(), old.spec.replicas as usize);
    let version = &old.candidate.version;
    let verdict = match (unknown.is_empty(), running >= wanted && sick.is_empty()) {
        (true, true) => {
            let seen = format!("{running} of {wanted} replicas of {version} are healthy");
            return check("service-health", at, Verdict::Pass, seen);
        }
        (true, false) => Verdict::Fail,
        // What is not known cannot be told from what is worse.
        (false, _) => Verdict::Error,
    };
    let mut seen = vec![format!("{running} of {wanted} replicas of {version} run")];
    seen.extend(sick.into_iter().chain(unknown));
    check("service-health", at, verdict, seen.join("; ")).remedy(soon(
        "somebody who knows the service makes the serving version healthy first, since a \
         deployment now could not be judged: `ops status` shows its replicas, their logs say why. \
         If a deployment brought this, a listed person may say `ops rollback` with its number",
    ))
}

pub(super) fn room(desk: &Desk<'_>) -> Check {
    let at = "disk, memory and ports for both versions";
    let Some(service) = &desk.service else {
        return waits_for("room", at, "notes");
    };
    let host = match &desk.facts.host {
        Ok(host) => host,
        Err(fault) => return error("room", at, fault),
    };
    let size = match &desk.facts.artifact {
        Some(Ok(found)) => found.size,
        Some(Err(_)) => return waits_for("room", at, "artifact"),
        // What a rollback brings back lies in the store already.
        None if desk.again() => 0,
        None => return waits_for("room", at, "artifact"),
    };
    let Some(engines) = engines::asked(desk, service) else {
        return waits_for("room", at, "engine");
    };
    if service.fixed_port.is_some() && host.fixed_port_free.is_none() {
        return check("room", at, Verdict::Error, "whether the fixed port is free was not asked")
            .remedy(soon("`ops doctor` says whether this machine can be asked"));
    }
    let Room { mut lacks, seen: mut there, untold } = Room::of(desk, service, engines, size);
    lacks.extend(lacks_here(service, host, size));
    if lacks.is_empty() {
        let own = format!(
            "{} MB of disk, {} MB of memory, {} ports free",
            host.disk_free / MB,
            host.memory_free / MB,
            host.ports_free
        );
        there.insert(0, own);
        let seen = there.join("; ");
        if untold.is_empty() {
            return check("room", at, Verdict::Pass, seen);
        }
        let seen = format!("{seen}; not told: {}", untold.join("; "));
        return check("room", at, Verdict::NotDeclared, seen);
    }
    check("room", at, Verdict::Fail, lacks.join("; ")).remedy(soon(
        "somebody with access to this machine, or to the engine that is named, frees what is \
         missing, or ends what uses the port; or the service asks for less in ops.yaml (`needs`, \
         `replicas`, `container.memory`), or its environment has more `ports`",
    ))
}

/// What this machine lacks for both versions.
fn lacks_here(service: &Service, host: &HostFact, size: u64) -> Vec<String> {
    // What runs elsewhere takes nothing here but the place for its artifact; ports are the places' own.
    let replicas = if service.hosts().is_empty() { u64::from(service.replicas) } else { 0 };
    let megabytes = |each: u64, of: u64| each.saturating_mul(MB).saturating_mul(of);
    let disk_needed = size
        .saturating_mul(2)
        .saturating_add(megabytes(service.needs.disk_mb, replicas))
        .saturating_add(DISK_MARGIN);
    let beside = if service.strategy == Strategy::Recreate { replicas.min(1) } else { replicas };
    let memory = megabytes(service.needs.memory_mb, beside).saturating_add(MEMORY_MARGIN);
    let ports = if service.fixed_port.is_some() { 0 } else { service.replicas.saturating_add(1) };
    let mut lacks = Vec::new();
    if host.disk_free < disk_needed {
        lacks.push(format!(
            "{} MB of disk free, {} MB needed",
            host.disk_free / MB,
            disk_needed.div_ceil(MB)
        ));
    }
    if host.inodes_free < INODES_MIN {
        lacks.push(format!("{} inodes free, {INODES_MIN} needed", host.inodes_free));
    }
    if host.memory_free < memory {
        lacks.push(format!(
            "{} MB of memory free, {} MB needed",
            host.memory_free / MB,
            memory.div_ceil(MB)
        ));
    }
    if host.ports_free < ports {
        lacks.push(format!("{} ports free, {ports} needed", host.ports_free));
    }
    if host.fixed_port_free == Some(false) {
        lacks.push("the fixed port is used by something that is not this service".into());
    }
    lacks
}

pub(super) fn variables(desk: &Desk<'_>) -> Check {
    let at = "variables and secrets that the notes and ops.yaml name";
    let Some(service) = &desk.service else {
        return waits_for("variables", at, "notes");
    };
    let mut missing = Vec::new();
    let mut unset = Vec::new();
    if let Some(notes) = desk.notes() {
        let declared =
            |name: &String| service.env.contains_key(name) || service.secrets.contains_key(name);
        missing.extend(
            notes
                .variables
                .iter()
                .filter(|name| !declared(name))
                .map(|name| format!("variable {name}")),
        );
        missing.extend(
            notes
                .secrets
                .iter()
                .filter(|name| !service.secrets.contains_key(*name))
                .map(|name| format!("secret {name}")),
        );
    }
    let secrets = rotation::starts_with(desk).unwrap_or_default();
    let asked = |reference: &String| desk.facts.secrets.contains_key(reference);
    let unasked: Vec<_> =
        secrets.iter().filter(|(_, from)| !asked(from)).map(|(name, _)| name.as_str()).collect();
    if !unasked.is_empty() {
        let seen = format!("not looked at: secret {}", unasked.join(", secret "));
        return check("variables", at, Verdict::Error, seen)
            .remedy(soon("`ops doctor` says whether secrets can be read here"));
    }
    for (name, reference) in &secrets {
        match desk.facts.secrets.get(reference) {
            Some(Ok(None)) => unset.push(format!("a value for secret {name}")),
            Some(Err(fault)) => return error("variables", at, fault),
            Some(Ok(Some(_))) | None => {}
        }
    }
    let back = desk.facts.undo.as_ref().filter(|_| desk.rollback());
    let pinned = back.and_then(|undo| rotation::pins(desk, undo, Verdict::Fail));
    if let Some(held) = pinned {
        return Check { looked_at: at.into(), ..held };
    }
    if missing.is_empty() && unset.is_empty() {
        let seen = format!("{} variables, {} secrets present", service.env.len(), secrets.len());
        return check("variables", at, Verdict::Pass, seen);
    }
    let mut first = Vec::new();
    if !missing.is_empty() {
        first.push(
            "DEV declares it for the service in ops.yaml (`env`, `secrets`), or takes it out of \
             the notes",
        );
    }
    if !unset.is_empty() {
        first.push(
            "somebody with access to this machine sets the value where the reference under \
             `secrets` in ops.yaml points",
        );
    }
    missing.append(&mut unset);
    check("variables", at, Verdict::Fail, format!("missing: {}", missing.join(", ")))
        .remedy(soon(&first.join("; ")))
}

pub(super) fn rollback_plan(desk: &Desk<'_>) -> Check {
    let at = "the way back";
    let target = match &desk.facts.target {
        Ok(target) => target,
        Err(fault) => return error("rollback-plan", at, fault),
    };
    if let Err(fault) = &desk.facts.door {
        return error("rollback-plan", at, fault);
    }
    let Some(old) = &desk.facts.old else {
        if let Some(held) = adoption::awaited(desk) {
            return held;
        }
        let alive = target.replicas.len();
        if alive == 0 {
            let seen = if desk.adoption() {
                "what ops starts and routes is removed again; what runs now stays untouched"
            } else {
                "previous state: absent; the way back removes the route and the processes"
            };
            return check("rollback-plan", at, Verdict::Pass, seen);
        }
        let seen = format!("{alive} replicas exist that no deployment of ops brought");
        return check("rollback-plan", at, Verdict::Fail, seen).remedy(soon(
            "somebody with access to this machine stops them, so that it is known what a way \
                 back  leads to",
        ));
    };
    match &desk.facts.old_stored {
        Some(Ok(true)) => {
            let seen = format!(
                "to {} ({}), known good since {}, artifact in the store",
                old.candidate.version,
                old.candidate.artifact.short(),
                old.by
            );
            let passed = check("rollback-plan", at, Verdict::Pass, seen);
            if desk.rotation() {
                return rotation::way_back(desk, passed);
            }
            // What serves keeps the values that it has; whether a copy of it could start with
            // them is known only where their versions were recorded.
            let pinned = || {
                let held = rotation::pins(desk, old, Verdict::Pass)?;
                Some(Check { id: "rollback-plan".into(), ..held })
            };
            rotation::unready(desk).or_else(pinned).unwrap_or(passed)
        }
        Some(Ok(false)) => {
            let seen = format!(
                "the artifact {} of the serving version is gone or changed",
                old.candidate.artifact.short()
            );
            check("rollback-plan", at, Verdict::Fail, seen).remedy(soon(
                "somebody with access to this machine brings that artifact back into the \
                     store: `ops doctor` says where it belongs",
            ))
        }
        Some(Err(fault)) => error("rollback-plan", at, fault),
        None => {
            let seen = "nobody looked whether the artifact of the serving version is still there";
            check("rollback-plan", at, Verdict::Error, seen)
                .remedy(soon("`ops doctor` says whether the artifact store can be read"))
        }
    }
}
