//! Checks of what a service leans on: other services, shared infrastructure, its machine, alerts.

use std::collections::BTreeMap;

use super::{
    Check, DependencyFact, Trace, Verdict,
    each::{check, error, not_declared, soon, waits_for},
    judge::Desk,
};
use crate::{
    id::ServiceName,
    settings::{Dependency, Service},
    world::Fault,
};

const DAY_SECONDS: i64 = 24 * 3_600;

pub(super) fn dependencies(desk: &Desk<'_>) -> Check {
    let (id, at) = ("dependencies", "declared dependencies, their health and their versions");
    let Some(service) = &desk.service else {
        return waits_for(id, at, "notes");
    };
    let undeclared = undeclared(desk, service);
    if service.depends_on.is_empty() && undeclared.is_empty() {
        return check(id, at, Verdict::Pass, "none declared");
    }
    let mut worst = Verdict::Pass;
    let mut seen = Vec::new();
    for name in undeclared {
        worst = Verdict::Fail;
        seen.push(format!("{name}: the notes name it, and ops.yaml does not"));
    }
    for wanted in &service.depends_on {
        let fact = desk.facts.dependencies.iter().find(|fact| fact.service == wanted.service);
        let (verdict, words) = match fact {
            Some(fact) => dependency(wanted, fact),
            None => (Verdict::Error, "it was not looked at".to_owned()),
        };
        worst = worse(worst, verdict);
        seen.push(format!("{}: {words}", wanted.service));
    }
    let check = check(id, at, worst, seen.join("; "));
    if worst == Verdict::Pass {
        return check;
    }
    check.remedy(soon(
        "whoever looks after the service named here makes it healthy, or ships the version that is \
         needed, first; what only the notes name, DEV adds to `depends_on` of the service in \
         ops.yaml or takes out of the notes",
    ))
}

/// What the notes say must be healthy, and ops.yaml does not know: nobody looks at it.
fn undeclared<'a>(desk: &'a Desk<'_>, service: &Service) -> Vec<&'a ServiceName> {
    let known = |name: &ServiceName| service.depends_on.iter().any(|one| one.service == *name);
    let named = desk.notes().map_or(&[][..], |notes| notes.depends_on.as_slice());
    named.iter().filter(|name| !known(name)).collect()
}

/// What is not known cannot be told from what is worse: an error hides behind no failure.
fn worse(one: Verdict, other: Verdict) -> Verdict {
    match (one, other) {
        (Verdict::Error, _) | (_, Verdict::Error) => Verdict::Error,
        (Verdict::Pass, other) => other,
        (one, _) => one,
    }
}

fn dependency(wanted: &Dependency, fact: &DependencyFact) -> (Verdict, String) {
    match &fact.health {
        Ok(None) => {}
        Ok(Some(why)) => return (Verdict::Fail, why.clone()),
        Err(fault) => return (Verdict::Error, fault.what.clone()),
    }
    let Some(needs) = &wanted.version else {
        return (Verdict::Pass, "healthy".to_owned());
    };
    let Some(serves) = &fact.version else {
        return (Verdict::Fail, format!("{needs} is needed, and ops deployed no version of it"));
    };
    let version = semver::Version::parse(serves.trim_start_matches(['v', 'V']));
    match (semver::VersionReq::parse(needs), version) {
        (Ok(needs), Ok(version)) if needs.matches(&version) => {
            (Verdict::Pass, format!("healthy, {serves} serves and {needs} is needed"))
        }
        (Ok(needs), Ok(_)) => (Verdict::Fail, format!("{serves} serves and {needs} is needed")),
        (Err(why), _) => (Verdict::Error, format!("`{needs}` is no requirement: {why}")),
        (_, Err(_)) => {
            (Verdict::Fail, format!("{serves} serves, which cannot be compared with {needs}"))
        }
    }
}

pub(super) fn host(desk: &Desk<'_>) -> Check {
    let (id, at) = ("host", "load, clock and certificates of the machine");
    if desk.rollback() {
        return check(id, at, Verdict::Pass, "no limit of the machine holds a rollback");
    }
    let Some(settings) = desk.settings else {
        return waits_for(id, at, "settings");
    };
    let Some(environment) = settings.environments.get(&desk.environment) else {
        return check(
            id,
            at,
            Verdict::Fail,
            format!("ops.yaml has no environment `{}`", desk.environment),
        )
        .remedy("DEV names one of its environments under the service's `stages` in ops.yaml");
    };
    let limits = &environment.host;
    let facts = &desk.facts.limits;
    let mut rows: Vec<(Verdict, String)> = Vec::new();
    if let Some(most) = limits.load_per_core {
        rows.push(bound("load per core", facts.load_per_core.as_ref(), |load| {
            (*load <= most, format!("{load:.2}, at most {most:.2}"))
        }));
    }
    if let Some(most) = limits.clock_ms {
        rows.push(bound("clock", facts.clock_ms.as_ref(), |off| {
            (*off <= most, format!("right within {off} ms, at most {most} ms"))
        }));
    }
    let least = i64::from(limits.certificate_days);
    for path in &limits.certificates {
        let found = facts.certificates.iter().find(|(name, _)| name == path).map(|(_, left)| left);
        rows.push(bound(path, found, |left| {
            let days = left.div_euclid(DAY_SECONDS);
            (days >= least, format!("valid for {days} days, at least {least}"))
        }));
    }
    if rows.is_empty() {
        return not_declared(id, at);
    }
    let worst = rows.iter().map(|(verdict, _)| *verdict).fold(Verdict::Pass, worse);
    let words: Vec<_> = rows.into_iter().map(|(_, words)| words).collect();
    let check = check(id, at, worst, words.join("; "));
    if worst == Verdict::Pass {
        return check;
    }
    check.remedy(soon(
        "somebody with access to the machine brings it within the limits of ops.yaml \
         (`environments`, `host`): find what loads it, let a time service set its clock, renew the \
         certificate",
    ))
}

fn bound<T>(
    name: &str,
    found: Option<&Result<T, Fault>>,
    within: impl Fn(&T) -> (bool, String),
) -> (Verdict, String) {
    match found {
        None => (Verdict::Error, format!("{name}: it was not looked at")),
        Some(Err(fault)) => (Verdict::Error, format!("{name}: {}", fault.what)),
        Some(Ok(found)) => {
            let (holds, words) = within(found);
            let verdict = if holds { Verdict::Pass } else { Verdict::Fail };
            (verdict, format!("{name}: {words}"))
        }
    }
}

pub(super) fn alerts(desk: &Desk<'_>) -> Check {
    let (id, at) = ("alerts", "alerts of the service, its dependencies and its hosts");
    if desk.rollback() {
        return check(id, at, Verdict::Pass, "no alert holds a rollback");
    }
    let Some(settings) = desk.settings else {
        return waits_for(id, at, "settings");
    };
    if settings.gate.alerts.is_empty() {
        return not_declared(id, at);
    }
    let (Some(service), Some(name)) = (&desk.service, desk.named()) else {
        return waits_for(id, at, "notes");
    };
    let mut firing = Vec::new();
    for source in &settings.gate.alerts {
        let answer = desk.facts.alerts.iter().find(|(name, _)| *name == source.name);
        let alerts = match answer {
            Some((_, Ok(alerts))) => alerts,
            Some((_, Err(fault))) => return error(id, at, fault),
            None => {
                return check(id, at, Verdict::Error, format!("{} was not asked", source.name))
                    .remedy(soon("`ops doctor` says whether that source of alerts answers"));
            }
        };
        let ours = |about: &str| {
            about == name.as_str()
                || service.depends_on.iter().any(|one| one.service.as_str() == about)
        };
        let holds = alerts
            .iter()
            .filter(|alert| !source.ignore.contains(&alert.name))
            .filter(|alert| alert.service.as_deref().is_none_or(ours));
        for alert in holds {
            let about = alert.service.as_deref().unwrap_or("the hosts");
            firing
                .push(format!("{} of {about} since {} ({})", alert.name, alert.since, source.name));
        }
    }
    if firing.is_empty() {
        let names: Vec<_> =
            settings.gate.alerts.iter().map(|source| source.name.as_str()).collect();
        return check(id, at, Verdict::Pass, format!("none fires, says {}", names.join(", ")));
    }
    check(id, at, Verdict::Fail, firing.join("; ")).remedy(soon(
        "whoever is on call ends what fires, since a deployment now could not be judged; an alert \
         that says nothing of deployments is named under `ignore` of its source in ops.yaml",
    ))
}

pub(super) fn fingerprint(desk: &Desk<'_>) -> Check {
    let (id, at) = ("fingerprint", "what the service leans on, since QA's verdict was first seen");
    if desk.rollback() {
        return check(id, at, Verdict::Pass, "a rollback is bound to no verdict");
    }
    let Some(service) = &desk.service else {
        return waits_for(id, at, "notes");
    };
    if service.depends_on.is_empty() && service.infrastructure.is_empty() {
        return not_declared(id, at);
    }
    let unread: Vec<_> = desk
        .facts
        .now
        .iter()
        .filter(|(_, now)| now.state.is_none())
        .map(|(name, _)| name.clone())
        .chain(declared(service).filter(|name| !desk.facts.now.contains_key(name)))
        .collect();
    if !unread.is_empty() {
        let seen = format!("cannot be read: {}", unread.join(", "));
        return check(id, at, Verdict::Error, seen).remedy(soon(
            "somebody with access to this machine makes it readable for ops, or DEV corrects its \
             `file` or `command` under `infrastructure` in ops.yaml",
        ));
    }
    let Some(then) = &desk.facts.then else {
        return check(id, at, Verdict::Inconclusive, "QA's verdict has not been seen yet").remedy(
            "see the check evidence: what is there is noted as soon as QA's verdict counts",
        );
    };
    let changes = changes(&then.items, &desk.facts.now);
    if changes.is_empty() {
        let seen = format!("{} as on {}", names(&desk.facts.now), then.at);
        return check(id, at, Verdict::Pass, seen);
    }
    let seen = format!("changed since {}: {}", then.at, changes.join("; "));
    check(id, at, Verdict::Fail, seen).remedy(
        "QA tests it again with what is there now, and writes a new verdict on the ticket; ops \
         then goes on by itself. Or what changed is put back as it was",
    )
}

/// What the service leans on, as facts name it.
fn declared(service: &Service) -> impl Iterator<Item = String> {
    let services = service.depends_on.iter().map(|one| format!("service {}", one.service));
    services.chain(service.infrastructure.iter().map(|one| one.name.clone()))
}

fn names(items: &BTreeMap<String, Trace>) -> String {
    items.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn changes(then: &BTreeMap<String, Trace>, now: &BTreeMap<String, Trace>) -> Vec<String> {
    let mut changes = Vec::new();
    for (name, is) in now {
        let by = is.by.as_deref().map_or_else(String::new, |by| format!(", by {by}"));
        match then.get(name) {
            Some(was) if was.state.is_none() => {
                changes.push(format!("{name}, which could not be read then"));
            }
            Some(was) if was.state == is.state => {}
            Some(_) => changes.push(format!("{name}{by}")),
            None => changes.push(format!("{name} was not declared then")),
        }
    }
    changes.extend(
        then.keys()
            .filter(|name| !now.contains_key(*name))
            .map(|name| format!("{name} is not declared any more")),
    );
    changes
}
