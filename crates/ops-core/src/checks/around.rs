//! Checks of what a service leans on: other services, shared infrastructure, its machine, alerts.

use std::collections::BTreeMap;

use super::{
    Check, DependencyFact, LimitFacts, Trace, Verdict,
    each::{check, error, not_declared, soon, waits_for},
    judge::Desk,
};
use crate::{
    id::ServiceName,
    settings::{Dependency, HostLimits, Service},
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
    let mut rows: Vec<Row> = undeclared.into_iter().map(only_in_notes).collect();
    for wanted in &service.depends_on {
        let fact = desk.facts.dependencies.iter().find(|fact| fact.service == wanted.service);
        rows.push(match fact {
            Some(fact) => dependency(wanted, fact),
            None => Row::unasked(wanted.service.as_str()),
        });
    }
    together(id, at, &rows)
}

/// One of several things that a check looks at.
pub(super) struct Row {
    verdict: Verdict,
    words: String,
    remedy: String,
}

impl Row {
    pub(super) fn new(verdict: Verdict, name: &str, seen: &str, remedy: impl Into<String>) -> Self {
        Self { verdict, words: format!("{name}: {seen}"), remedy: remedy.into() }
    }

    pub(super) fn pass(name: &str, seen: &str) -> Self {
        Self::new(Verdict::Pass, name, seen, "")
    }

    pub(super) fn error(name: &str, fault: &Fault) -> Self {
        Self::new(Verdict::Error, name, &format!("{} ({})", fault.what, fault.place), &*fault.next)
    }

    pub(super) fn unasked(name: &str) -> Self {
        let remedy = "`ops doctor` says whether it can be looked at";
        Self::new(Verdict::Error, name, "it was not looked at", remedy)
    }
}

/// The worst of all, with what was seen of each and what must happen for those that hold.
pub(super) fn together(id: &str, at: &str, rows: &[Row]) -> Check {
    let worst = rows.iter().map(|row| row.verdict).fold(Verdict::Pass, worse);
    let seen: Vec<_> = rows.iter().map(|row| row.words.as_str()).collect();
    let check = check(id, at, worst, seen.join("; "));
    let mut remedies: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|row| !row.verdict.lets_pass()) {
        if !remedies.contains(&row.remedy.as_str()) {
            remedies.push(&row.remedy);
        }
    }
    if remedies.is_empty() { check } else { check.remedy(soon(&remedies.join("; "))) }
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

fn only_in_notes(name: &ServiceName) -> Row {
    let remedy = format!(
        "DEV adds {name} to `depends_on` of the service in ops.yaml, or takes it out of the notes"
    );
    let seen = "the notes name it, and ops.yaml does not";
    Row::new(Verdict::Fail, name.as_str(), seen, remedy)
}

fn dependency(wanted: &Dependency, fact: &DependencyFact) -> Row {
    let name = wanted.service.as_str();
    match &fact.health {
        Ok(None) => {}
        Ok(Some(why)) => {
            let remedy = format!("whoever looks after {name} makes it healthy first");
            return Row::new(Verdict::Fail, name, why, remedy);
        }
        Err(fault) => return Row::error(name, fault),
    }
    let Some(needs) = &wanted.version else {
        return Row::pass(name, "healthy");
    };
    let first =
        format!("a ticket that ships {name} {needs} goes first; or DEV corrects `depends_on`");
    let Some(serves) = &fact.version else {
        let seen = format!("{needs} is needed, and ops deployed no version of it");
        return Row::new(Verdict::Fail, name, &seen, first);
    };
    let version = semver::Version::parse(serves.trim_start_matches(['v', 'V']));
    match (semver::VersionReq::parse(needs), version) {
        (Ok(needs), Ok(version)) if needs.matches(&version) => {
            Row::pass(name, &format!("healthy, {serves} serves and {needs} is needed"))
        }
        (Ok(needs), Ok(_)) => {
            let seen = format!("{serves} serves and {needs} is needed");
            Row::new(Verdict::Fail, name, &seen, first)
        }
        (Err(why), _) => {
            let seen = format!("`{needs}` is no requirement: {why}");
            let remedy = "DEV corrects `depends_on` of the service in ops.yaml";
            Row::new(Verdict::Error, name, &seen, remedy)
        }
        (_, Err(_)) => {
            let seen = format!("{serves} serves, which cannot be compared with {needs}");
            Row::new(Verdict::Fail, name, &seen, first)
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
            // Its limits are not known, so nothing may relax them.
            Verdict::Error,
            format!("ops.yaml has no environment `{}`", desk.environment),
        )
        .remedy("DEV names one of its environments under the service's `stages` in ops.yaml");
    };
    let certificates = settings.certificates(environment);
    let rows = limits(&environment.host, &certificates, &desk.facts.limits);
    if rows.is_empty() {
        return not_declared(id, at);
    }
    together(id, at, &rows)
}

fn limits(limits: &HostLimits, certificates: &[&str], facts: &LimitFacts) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(most) = limits.load_per_core {
        let remedy = "somebody with access to the machine finds out what loads it, and ends that";
        rows.push(bound("load per core", facts.load_per_core.as_ref(), remedy, |load| {
            (*load <= most, format!("{load:.2}, at most {most:.2}"))
        }));
    }
    if let Some(most) = limits.clock_ms {
        let remedy = "somebody with access to the machine lets a time service set its clock";
        rows.push(bound("clock", facts.clock_ms.as_ref(), remedy, |off| {
            (*off <= most, format!("right within {off} ms, at most {most} ms"))
        }));
    }
    let least = i64::from(limits.certificate_days);
    for path in certificates {
        let found = facts.certificates.iter().find(|(name, _)| name == path).map(|(_, left)| left);
        let remedy = format!("somebody with access to the machine renews the certificate {path}");
        rows.push(bound(path, found, &remedy, |left| {
            let days = left.div_euclid(DAY_SECONDS);
            let seen = if *left < 0 {
                "not valid any more".into()
            } else {
                format!("valid for {days} days")
            };
            (days >= least, format!("{seen}, at least {least} days are wanted"))
        }));
    }
    rows
}

fn bound<T>(
    name: &str,
    found: Option<&Result<T, Fault>>,
    remedy: &str,
    within: impl Fn(&T) -> (bool, String),
) -> Row {
    match found {
        None => Row::unasked(name),
        Some(Err(fault)) => Row::error(name, fault),
        Some(Ok(found)) => match within(found) {
            (true, words) => Row::pass(name, &words),
            (false, words) => Row::new(Verdict::Fail, name, &words, remedy),
        },
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
    if desk.rotation() || desk.adoption() {
        return check(id, at, Verdict::Pass, "bound to no verdict: it serves already");
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
