//! Each check.

use super::{Check, Verdict, around, judge::Desk, rivals, season};
use crate::{
    candidate::Candidate,
    deploy::RETRIES_MAX,
    evidence::{self, Evidence},
    notes::{NotesFound, missing_notes_question},
    plan::Kind,
    record::person,
    settings::{Migrations, Settings, Strategy, loosened_service},
    world::Fault,
};

/// Bytes of disk that stay free beside what a deployment needs.
const DISK_MARGIN: u64 = 256 << 20;
/// Inodes that must be free.
const INODES_MIN: u64 = 10_000;
/// Bytes of memory that stay free beside what a deployment needs.
const MEMORY_MARGIN: u64 = 64 << 20;
const MB: u64 = 1 << 20;

pub(super) fn all(desk: &Desk<'_>) -> Vec<Check> {
    vec![
        settings(desk),
        evidence(desk),
        notes(desk),
        artifact(desk),
        rivals::overtaken(desk),
        service_health(desk),
        around::dependencies(desk),
        room(desk),
        around::host(desk),
        variables(desk),
        migrations(desk),
        rollback_plan(desk),
        around::fingerprint(desk),
        season::window(desk),
        season::error_budget(desk),
        around::alerts(desk),
        conflict(desk),
        rivals::guards(desk),
        retries(desk),
        not_declared("advisor", "the advisor's judgement"),
    ]
}

pub(super) fn check(
    id: &str,
    at: impl Into<String>,
    verdict: Verdict,
    seen: impl Into<String>,
) -> Check {
    Check {
        id: id.into(),
        looked_at: at.into(),
        verdict,
        evidence: seen.into(),
        remedy: String::new(),
    }
}

impl Check {
    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

pub(super) fn not_declared(id: &str, looked_at: &str) -> Check {
    check(id, looked_at, Verdict::NotDeclared, "ops.yaml declares none")
}

pub(super) fn error(id: &str, at: &str, fault: &Fault) -> Check {
    let seen = format!("{} ({})", fault.what, fault.place);
    check(id, at, Verdict::Error, seen).remedy(fault.next.clone())
}

pub(super) fn waits_for(id: &str, at: &str, other: &str) -> Check {
    check(id, at, Verdict::Inconclusive, format!("cannot be told before the check {other} passes"))
        .remedy(format!("see the check {other}"))
}

fn settings(desk: &Desk<'_>) -> Check {
    let at = "ops.yaml";
    match &desk.facts.settings {
        Err(fault) => error("settings", at, fault),
        Ok(settings) => {
            let commit = settings.revision.commit.as_deref().unwrap_or("no commit");
            let seen = format!("{} at {commit}", settings.revision.hash.short());
            configuration(desk, settings, seen)
        }
    }
}

/// The service's configuration at the commit that the notes name may be anything but looser than
/// what governs (S3, S4).
fn configuration(desk: &Desk<'_>, governs: &Settings, seen: String) -> Check {
    let (id, at) = ("settings", "ops.yaml");
    let proposed = match &desk.facts.proposed {
        None => return check(id, at, Verdict::Pass, seen),
        Some(Err(fault)) => return error(id, at, fault),
        Some(Ok(proposed)) => proposed,
    };
    let commit = proposed.revision.commit.as_deref().unwrap_or("no commit");
    let (old, new) = match desk.notes().map(|notes| &notes.service) {
        Some(name) => (governs.services.get(name), proposed.services.get(name)),
        None => (None, None),
    };
    let looser: Vec<String> = match (old, new) {
        (Some(old), Some(new)) => {
            loosened_service(old, new).iter().map(ToString::to_string).collect()
        }
        _ => Vec::new(),
    };
    let seen = format!("{seen}; the service as configured at {commit}");
    if looser.is_empty() {
        return check(id, at, Verdict::Pass, seen);
    }
    check(id, at, Verdict::Fail, format!("{seen}, which loosens gates: {}", looser.join("; ")))
        .remedy(format!(
            "a ticket of its own with `settings: {commit}` in its notes passes CQ and QA first"
        ))
}

fn evidence(desk: &Desk<'_>) -> Check {
    let at = "verdicts of CQ and QA in the ticket's comments and history";
    if let Kind::Rollback { of, .. } = &desk.created.kind {
        let seen = format!("goes back to what served before {of}, which passed its own CQ and QA");
        return check("evidence", at, Verdict::Pass, seen);
    }
    let ticket = match &desk.facts.ticket {
        Err(fault) => return error("evidence", at, fault),
        Ok(None) => {
            return check("evidence", at, Verdict::Fail, "the board has no such ticket")
                .remedy("name a ticket that exists");
        }
        Ok(Some(ticket)) => ticket,
    };
    let Some(settings) = desk.settings else {
        return waits_for("evidence", at, "settings");
    };
    let Some(found) = desk.found_notes() else {
        return waits_for("evidence", at, "notes");
    };
    let candidate = desk.candidate.as_ref().map(Candidate::hash);
    match evidence::judge(ticket, &settings.people, found.into(), candidate.as_ref()) {
        Evidence::Passed { cq, qa, solo } => {
            let solo = if solo { "; solo mode: one identity had two of the roles" } else { "" };
            let seen = format!(
                "CQ passed by {} ({}), QA by {} ({}){solo}",
                person(&cq.author),
                cq.at,
                person(&qa.author),
                qa.at
            );
            check("evidence", at, Verdict::Pass, seen)
        }
        Evidence::Held { words, question, .. } => {
            let remedy =
                question.unwrap_or_else(|| "a round of CQ and QA for this candidate".into());
            check("evidence", at, Verdict::Fail, words).remedy(remedy)
        }
    }
}

fn notes(desk: &Desk<'_>) -> Check {
    let at = "the `ops` block in the description or a comment by DEV";
    if desk.rollback() {
        return check(
            "notes",
            at,
            Verdict::Pass,
            "a rollback uses the notes of what it brings back",
        );
    }
    match (&desk.found, &desk.service) {
        (None, _) if desk.settings.is_none() => waits_for("notes", at, "settings"),
        (None, _) => waits_for("notes", at, "evidence"),
        (Some(NotesFound::Found(found)), Some(_)) => {
            let seen = format!("{} {}", found.notes.service, found.notes.version);
            check("notes", at, Verdict::Pass, seen)
        }
        (Some(NotesFound::Found(found)), None) => {
            let known: Vec<_> = desk
                .settings
                .map(|settings| settings.services.keys().map(ToString::to_string).collect())
                .unwrap_or_default();
            let seen = format!("ops.yaml has no service `{}`", found.notes.service);
            check("notes", at, Verdict::Fail, seen)
                .remedy(format!("name one of its services: {}", known.join(", ")))
        }
        (Some(found @ NotesFound::Missing), _) => {
            check("notes", at, Verdict::Fail, "there is none").remedy(question(desk, found))
        }
        (Some(found @ NotesFound::Invalid { complaints, .. }), _) => {
            let seen = complaints.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            check("notes", at, Verdict::Fail, seen).remedy(question(desk, found))
        }
    }
}

/// The one question to DEV, with a block to paste.
fn question(desk: &Desk<'_>, found: &NotesFound) -> String {
    let services: Vec<_> =
        desk.settings.map_or_else(Vec::new, |settings| settings.services.keys().cloned().collect());
    desk.ticket
        .and_then(|ticket| missing_notes_question(&ticket.id, found, &services))
        .unwrap_or_default()
}

fn artifact(desk: &Desk<'_>) -> Check {
    let at = "the artifact that the notes name";
    if desk.rollback() {
        let Some(undo) = &desk.facts.undo else {
            return check("artifact", at, Verdict::Fail, "nothing served before")
                .remedy("a first deployment is taken back with `ops abort` while it is watched");
        };
        let seen = format!("{} of {}", undo.candidate.artifact.short(), undo.candidate.version);
        return check("artifact", at, Verdict::Pass, seen);
    }
    let expected = desk.notes().and_then(|notes| notes.bound_digest().cloned());
    match &desk.facts.artifact {
        None => waits_for("artifact", at, "notes"),
        Some(Err(fault)) => {
            let mut check = error("artifact", at, fault);
            check.verdict = Verdict::Fail;
            check
        }
        Some(Ok(found)) => match expected {
            Some(expected) if expected != found.digest => {
                let seen = format!(
                    "it is {} and the notes say {}",
                    found.digest.short(),
                    expected.short()
                );
                check("artifact", at, Verdict::Fail, seen)
                    .remedy("build it again from the approved commit, or correct the notes")
            }
            _ => {
                let seen = format!("{}, {} kB", found.digest, found.size.div_ceil(1024));
                check("artifact", at, Verdict::Pass, seen)
            }
        },
    }
}

fn service_health(desk: &Desk<'_>) -> Check {
    let at = "the version that serves now";
    let Some(old) = &desk.facts.old else {
        return check("service-health", at, Verdict::Pass, "none: this is its first deployment");
    };
    let target = match &desk.facts.target {
        Ok(target) => target,
        Err(fault) => return error("service-health", at, fault),
    };
    let release = &old.spec.release;
    let running = target.running(release).count();
    let sick: Vec<String> = desk
        .facts
        .health
        .iter()
        .filter_map(|(id, answer)| match answer {
            Ok(None) => None,
            Ok(Some(why)) => Some(format!("{id}: {why}")),
            Err(fault) => Some(format!("{id}: {}", fault.what)),
        })
        .collect();
    let wanted = old.spec.replicas as usize;
    if running >= wanted && sick.is_empty() {
        let seen =
            format!("{running} of {wanted} replicas of {} are healthy", old.candidate.version);
        return check("service-health", at, Verdict::Pass, seen);
    }
    let mut seen = format!("{running} of {wanted} replicas of {} run", old.candidate.version);
    for one in sick {
        seen.push_str("; ");
        seen.push_str(&one);
    }
    check("service-health", at, Verdict::Fail, seen)
        .remedy("make the serving version healthy first: a deployment now could not be judged")
}

fn room(desk: &Desk<'_>) -> Check {
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
        None => 0,
    };
    let replicas = u64::from(service.replicas);
    let disk_needed = size * 2 + service.needs.disk_mb * MB * replicas + DISK_MARGIN;
    let beside = if service.strategy == Strategy::Recreate { 0 } else { replicas };
    let memory = service.needs.memory_mb * MB * beside.max(1) + MEMORY_MARGIN;
    let ports = if service.fixed_port.is_some() { 0 } else { service.replicas + 1 };
    let mut lacks = Vec::new();
    if host.disk_free < disk_needed {
        lacks.push(format!(
            "{} MB of disk free, {} needed",
            host.disk_free / MB,
            disk_needed.div_ceil(MB)
        ));
    }
    if host.inodes_free < INODES_MIN {
        lacks.push(format!("{} inodes free, {INODES_MIN} needed", host.inodes_free));
    }
    if host.memory_free < memory {
        lacks.push(format!(
            "{} MB of memory free, {} needed",
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
    if lacks.is_empty() {
        let seen = format!(
            "{} MB of disk, {} MB of memory, {} ports free",
            host.disk_free / MB,
            host.memory_free / MB,
            host.ports_free
        );
        return check("room", at, Verdict::Pass, seen);
    }
    check("room", at, Verdict::Fail, lacks.join("; "))
        .remedy("free what is missing on this machine, or lower `needs` or `replicas` in ops.yaml")
}

fn variables(desk: &Desk<'_>) -> Check {
    let at = "variables and secrets that the notes and ops.yaml name";
    let Some(service) = &desk.service else {
        return waits_for("variables", at, "notes");
    };
    let mut missing = Vec::new();
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
    for (name, answer) in &desk.facts.secrets {
        match answer {
            Ok(true) => {}
            Ok(false) => missing.push(format!("a value for secret {name}")),
            Err(fault) => return error("variables", at, fault),
        }
    }
    if missing.is_empty() {
        let seen =
            format!("{} variables, {} secrets present", service.env.len(), service.secrets.len());
        return check("variables", at, Verdict::Pass, seen);
    }
    check("variables", at, Verdict::Fail, format!("missing: {}", missing.join(", "))).remedy(
        "declare them under the service's `env` or `secrets` in ops.yaml, and set the values",
    )
}

fn migrations(desk: &Desk<'_>) -> Check {
    let at = "migrations that the notes declare";
    let declared = desk.candidate.as_ref().map(|candidate| candidate.migrations.clone());
    match declared {
        _ if desk.rollback() => check("migrations", at, Verdict::Pass, "none are undone"),
        None => waits_for("migrations", at, "artifact"),
        Some(none) if none.is_empty() => check("migrations", at, Verdict::Pass, "none"),
        Some(some) if at_start(desk) => {
            let seen = format!("{}: the service runs them when it starts, says ops.yaml", some.join(", "));
            check("migrations", at, Verdict::Pass, seen)
        }
        Some(some) => check("migrations", at, Verdict::Fail, some.join(", ")).remedy(
            "ops cannot run migrations yet: run them as a change of their own and say `none`, or let the \
             service run them at its start, in a way that its previous version can live with, and say \
             so in ops.yaml: `migrations: at-start`",
        ),
    }
}

fn at_start(desk: &Desk<'_>) -> bool {
    desk.service.as_ref().is_some_and(|service| service.migrations == Migrations::AtStart)
}

fn rollback_plan(desk: &Desk<'_>) -> Check {
    let at = "the way back";
    let target = match &desk.facts.target {
        Ok(target) => target,
        Err(fault) => return error("rollback-plan", at, fault),
    };
    if let Err(fault) = &desk.facts.door {
        return error("rollback-plan", at, fault);
    }
    let Some(old) = &desk.facts.old else {
        let alive = target.replicas.len();
        if alive == 0 {
            let seen = "previous state: absent; the way back removes the route and the processes";
            return check("rollback-plan", at, Verdict::Pass, seen);
        }
        let seen = format!("{alive} replicas exist that no deployment of ops brought");
        return check("rollback-plan", at, Verdict::Fail, seen)
            .remedy("stop them, so that it is known what a way back leads to");
    };
    match &desk.facts.old_stored {
        Some(Ok(true)) => {
            let seen = format!(
                "to {} ({}), known good since {}, artifact in the store",
                old.candidate.version,
                old.candidate.artifact.short(),
                old.by
            );
            check("rollback-plan", at, Verdict::Pass, seen)
        }
        Some(Ok(false)) => {
            let seen = format!(
                "the artifact {} of the serving version is gone or changed",
                old.candidate.artifact.short()
            );
            check("rollback-plan", at, Verdict::Fail, seen)
                .remedy("bring that artifact back: `ops doctor` says where it belongs")
        }
        Some(Err(fault)) => error("rollback-plan", at, fault),
        None => waits_for("rollback-plan", at, "settings"),
    }
}

fn conflict(desk: &Desk<'_>) -> Check {
    let at = format!("other deployments in {}", desk.created.group);
    if desk.facts.conflicts.is_empty() {
        return check("conflict", at, Verdict::Pass, "none under way");
    }
    let names: Vec<_> = desk.facts.conflicts.iter().map(ToString::to_string).collect();
    check("conflict", at, Verdict::Fail, format!("{} under way", names.join(", ")))
        .remedy("it goes on by itself when they have ended")
}

/// Whether both verdicts that count name the failure: then the round was about it (S10).
pub(super) fn named(desk: &Desk<'_>, by: crate::id::DeploymentId) -> bool {
    let (Some(ticket), Some(settings), Some(found)) =
        (desk.ticket, desk.settings, desk.found_notes())
    else {
        return false;
    };
    let candidate = desk.candidate.as_ref().map(Candidate::hash);
    let judged = evidence::judge(ticket, &settings.people, found.into(), candidate.as_ref());
    let Evidence::Passed { cq, qa, .. } = judged else { return false };
    let names = |comment: usize| {
        ticket.comments.get(comment).is_some_and(|comment| {
            let mut words = comment.text.split(|c: char| !c.is_alphanumeric() && c != '-');
            words.any(|word| word.eq_ignore_ascii_case(&by.to_string()))
        })
    };
    names(cq.comment) && names(qa.comment)
}

fn retries(desk: &Desk<'_>) -> Check {
    let at = "earlier tries of this ticket that ended without a verdict";
    let n = desk.created.retries;
    if n < RETRIES_MAX || desk.facts.answered {
        return check("retries", at, Verdict::Pass, format!("{n} of at most {RETRIES_MAX}"));
    }
    check("retries", at, Verdict::Fail, format!("{n} tries, none could be judged"))
        .remedy("find out why, then an operator says `ops resume`")
}
