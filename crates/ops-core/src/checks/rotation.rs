//! Checks of secrets: what lets a rotation begin (S16), and with what a release goes back (S17).

use super::{
    Check, Verdict,
    each::{check, error, soon, waits_for},
    judge::Desk,
};
use crate::{
    plan::{Kind, KnownRelease},
    secrets::{self, Changed},
    settings::Service,
};

/// The references with which what is deployed starts, by variable.
pub(super) fn starts_with(desk: &Desk<'_>) -> Option<Vec<(String, String)>> {
    let service = desk.service.as_ref()?;
    if let Some(again) = desk.facts.undo.as_ref().filter(|_| desk.again()) {
        // A rotation takes nothing but other values of the references that were approved.
        let recorded = || again.spec.secrets.clone();
        return Some(if desk.rotation() { recorded() } else { secrets::current(again, service) });
    }
    Some(service.secrets.iter().map(|(name, one)| (name.clone(), one.from.clone())).collect())
}

/// The references with which what serves is started where the way back needs a copy of it.
pub(super) fn goes_back_with(desk: &Desk<'_>) -> Option<Vec<(String, String)>> {
    let (old, service) = (desk.facts.old.as_ref()?, governing(desk)?);
    if !desk.rotation() {
        return Some(secrets::current(old, &service));
    }
    let changed = secrets::changed(old, &service, &desk.facts.secrets);
    let mut back = old.spec.secrets.clone();
    for (name, reference) in &mut back {
        let previous = changed.iter().find(|one| one.name == *name);
        if let Some(previous) = previous.and_then(|one| one.previous.as_ref()) {
            reference.clone_from(previous);
        }
    }
    Some(back)
}

/// What keeps a copy of what serves from starting on the way back: a secret that it needs and what
/// is deployed does not need has no value. Those of both are the check `variables`' to tell.
pub(super) fn unready(desk: &Desk<'_>) -> Option<Check> {
    let (id, at) = ("rollback-plan", "the way back");
    let starts = starts_with(desk).unwrap_or_default();
    let version = &desk.facts.old.as_ref()?.candidate.version;
    let told = |reference: &String| starts.iter().any(|(_, one)| one == reference);
    for (name, reference) in goes_back_with(desk)?.iter().filter(|(_, one)| !told(one)) {
        let lacks = match desk.facts.secrets.get(reference) {
            Some(Ok(Some(_))) => continue,
            Some(Err(fault)) => return Some(error(id, at, fault)),
            Some(Ok(None)) => "has no value",
            None => "was not looked at",
        };
        let seen = format!("{name}, which {version} needs to start, {lacks}");
        return Some(check(id, at, Verdict::Fail, seen).remedy(soon(&format!(
            "somebody with access to this machine sets the value of {name} for {version}: without \
             it there is no way back"
        ))));
    }
    None
}

/// The service as it is configured by what governs, whatever a candidate proposes.
fn governing(desk: &Desk<'_>) -> Option<Service> {
    desk.settings?.services.get(desk.named()?)?.in_stage(&desk.environment)
}

/// What a rotation brings to what serves.
fn changes<'d>(desk: &'d Desk<'_>) -> Option<(&'d KnownRelease, Vec<Changed>)> {
    let serves = desk.facts.undo.as_ref()?;
    let changed = secrets::changed(serves, desk.service.as_ref()?, &desk.facts.secrets);
    Some((serves, changed))
}

/// Why a rotation has nothing to do any more, if everything that tells was read.
pub(super) fn moot(desk: &Desk<'_>) -> Option<String> {
    let Kind::Rotation { of } = desk.created.kind else { return None };
    if desk.facts.undo.is_none() {
        return Some(format!("what {of} brought does not serve any more"));
    }
    let (serves, changed) = changes(desk)?;
    let read = |(_, reference): &(String, String)| secrets::version(&desk.facts.secrets, reference);
    let all = serves.spec.secrets.iter().all(|one| read(one).is_some());
    let version = &serves.candidate.version;
    (all && changed.is_empty())
        .then(|| format!("its secrets have the values again with which {version} serves"))
}

/// S16: a rotation ships no candidate: the one that serves has its evidence, and ops.yaml, which CQ
/// and QA passed, lets its secrets rotate.
pub(super) fn evidence(desk: &Desk<'_>, of: crate::id::DeploymentId) -> Check {
    let (id, at) = ("evidence", "what serves, and what ops.yaml says of its secrets");
    let Some(settings) = desk.settings else {
        return waits_for(id, at, "settings");
    };
    let Some(serves) = &desk.facts.undo else {
        let seen = format!("what {of} brought does not serve any more");
        return check(id, at, Verdict::Fail, seen)
            .remedy("nobody needs to do anything: ops looks again and lets it go");
    };
    let Some((_, changed)) = changes(desk) else {
        let seen = format!("ops.yaml has no service `{}` there any more", desk.created.service);
        return check(id, at, Verdict::Fail, seen)
            .remedy(soon("DEV puts it back, or takes the service down"));
    };
    let names = |all: &[&Changed]| -> String {
        all.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (rotate, other): (Vec<&Changed>, Vec<&Changed>) =
        changed.iter().partition(|one| one.rotates);
    let version = &serves.candidate.version;
    let commit = settings.revision.commit.as_deref().unwrap_or("no commit");
    if !other.is_empty() {
        let seen = format!(
            "{} has another value than {version} started with, and ops.yaml at {commit} does not let \
             it rotate there",
            names(&other)
        );
        return check(id, at, Verdict::Fail, seen).remedy(soon(
            "somebody with access to this machine puts the former value back; or DEV deploys it by \
             a ticket of its own; or ops.yaml says `rotate: true` for it, which takes a ticket that \
             CQ and QA pass",
        ));
    }
    if rotate.is_empty() {
        return check(id, at, Verdict::Fail, "no secret is seen to have another value")
            .remedy(soon("see the check variables; nobody needs to do anything else"));
    }
    let seen = format!(
        "{version} serves and passed its watch under ops ({of}); ops.yaml at {commit} declares that \
         {} rotates",
        names(&rotate)
    );
    check(id, at, Verdict::Pass, seen)
}

/// S16: the way back of a rotation is the previous value, proven to be the one that serves.
pub(super) fn way_back(desk: &Desk<'_>, passed: Check) -> Check {
    let (id, at) = ("rollback-plan", passed.looked_at.clone());
    let Some((_, changed)) = changes(desk) else { return passed };
    let mut proven = Vec::new();
    for one in &changed {
        let name = &one.name;
        let lacks = |seen: String| {
            check(id, at.clone(), Verdict::Fail, seen).remedy(soon(&format!(
                "somebody with access to this machine puts the value of {name} that the serving \
                 copies have where `previous` of that secret in ops.yaml points, and leaves it there \
                 until the watch has passed"
            )))
        };
        let Some(previous) = &one.previous else {
            return check(id, at, Verdict::Fail, format!("ops.yaml names no previous {name}"))
                .remedy(soon(&format!(
                    "DEV names under `secrets.{name}.previous` of the service in ops.yaml where the \
                     value before is found, and somebody with access to this machine puts it there"
                )));
        };
        match desk.facts.secrets.get(previous) {
            None => return lacks(format!("nobody looked whether a previous {name} is there")),
            Some(Err(fault)) => return error(id, &at, fault),
            Some(Ok(None)) => return lacks(format!("there is no previous {name}")),
            Some(Ok(Some(version))) if *version != one.was => {
                return lacks(format!("the previous {name} is not the one that serves"));
            }
            Some(Ok(Some(_))) => proven.push(name.as_str()),
        }
    }
    let seen =
        format!("{}; the previous {} is proven to be there", passed.evidence, proven.join(", "));
    Check { evidence: seen, ..passed }
}

/// S17: a pinned secret of a release leads to the very version that the release had.
pub(super) fn pins(desk: &Desk<'_>, release: &KnownRelease, unrecorded: Verdict) -> Option<Check> {
    let (id, at) = ("variables", "pinned secrets of what is brought back");
    let service = governing(desk)?;
    for (name, reference) in &release.spec.secrets {
        if !service.secrets.get(name).is_some_and(|secret| secret.pinned) {
            continue;
        }
        let version = &release.candidate.version;
        let was = release.secret_versions.get(name);
        let seen = match (was, desk.facts.secrets.get(reference)) {
            (None, _) if unrecorded.lets_pass() => continue,
            (_, Some(Err(fault))) => return Some(error(id, at, fault)),
            (Some(was), Some(Ok(Some(is)))) if was == is => continue,
            (None, _) => format!("which {name} {version} had was not recorded"),
            (_, Some(Ok(Some(_)))) => format!("{name} is not the one that {version} had any more"),
            (_, Some(Ok(None))) => format!("{name} of {version} has no value any more"),
            (_, None) => format!("{name} of {version} was not looked at"),
        };
        let seen = format!("pinned in ops.yaml: {seen}");
        return Some(check(id, at, Verdict::Fail, seen).remedy(soon(&format!(
            "somebody with access to this machine puts the value of {name} back with which {version} \
             ran; or a ticket that CQ and QA pass takes `pinned` from it in ops.yaml, and {version} \
             then starts with the current value"
        ))));
    }
    None
}
