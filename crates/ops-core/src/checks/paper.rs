//! Checks of paper: what governs, what the ticket says, and the artifact that it names.

use super::{
    Check, Verdict,
    each::{check, error, soon, waits_for},
    judge::Desk,
    proof,
};
use crate::{
    evidence::{Bond, Evidence},
    id::Digest,
    mutation::{Mutation, on},
    notes::{NotesFound, missing_notes_question},
    plan::Kind,
    record::person,
    settings::{Migrations, Settings, loosened_service},
    ticket::Ticket,
};

pub(super) fn settings(desk: &Desk<'_>) -> Check {
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
            "DEV takes the loosening out of that commit; or DEV opens a ticket of its own whose \
             `ops` block is the one line `settings: {commit}`, and CQ and QA pass that one first. \
             This one then goes on by itself"
        ))
}

pub(super) fn evidence(desk: &Desk<'_>) -> Check {
    let at = "verdicts of CQ and QA in the ticket's comments and history";
    if let Kind::Rollback { of, .. } = &desk.created.kind {
        let seen = format!("goes back to what served before {of}, which passed its own CQ and QA");
        return check("evidence", at, Verdict::Pass, seen);
    }
    if let Kind::Rotation { of } = desk.created.kind {
        return super::rotation::evidence(desk, of);
    }
    if desk.adoption() {
        return super::adoption::evidence(desk);
    }
    let ticket = match &desk.facts.ticket {
        Err(fault) => return error("evidence", at, fault),
        Ok(None) => {
            return check("evidence", at, Verdict::Fail, "the board has no such ticket").remedy(
                soon("whoever asked for it names a ticket that is on the board, or restores this one"),
            );
        }
        Ok(Some(ticket)) => ticket,
    };
    if desk.settings.is_none() {
        return waits_for("evidence", at, "settings");
    }
    let (Some(found), Some(judged)) = (desk.found_notes(), proof::evidence(desk)) else {
        return waits_for("evidence", at, "notes");
    };
    if let Some(fault) = proof::uncompared(desk, &judged) {
        return error("evidence", "whether the source tree is the one that CQ passed", fault);
    }
    match judged {
        Evidence::Passed { cq, qa, solo } => {
            let tree = match cq.bond {
                Bond::SameTree => format!(" for the same source tree as in {}", found.place),
                Bond::Stamped | Bond::Named | Bond::AfterNotes => String::new(),
            };
            let solo = if solo { "; solo mode: one identity had two of the roles" } else { "" };
            let seen = format!(
                "CQ passed by {} ({}){tree}, QA by {} ({}){solo}",
                person(&cq.author),
                cq.at,
                person(&qa.author),
                qa.at
            );
            check("evidence", at, Verdict::Pass, seen)
        }
        Evidence::Held { .. } if on(Mutation::ShipWithoutVerdicts) => {
            check("evidence", at, Verdict::Pass, "")
        }
        Evidence::Held { words, question, .. } => {
            let question = question.unwrap_or_else(|| {
                "DEV mends what is said here, CQ and QA pass this candidate, QA moves the ticket to \
                 rfp; ops reads it again on every change and goes on by itself"
                    .to_owned()
            });
            let (words, question) = (named(ticket, words), named(ticket, question));
            let held = check("evidence", at, Verdict::Fail, words).remedy(question);
            super::promoted::first_reading(desk, held)
        }
    }
}

/// The same text with people instead of addresses, as far as they wrote on the ticket.
fn named(ticket: &Ticket, text: String) -> String {
    let authors = ticket.comments.iter().map(|comment| &comment.author);
    authors.fold(text, |text, who| text.replace(who.as_str(), &person(who)))
}

pub(super) fn notes(desk: &Desk<'_>) -> Check {
    let at = "the `ops` block in the description or a comment by DEV";
    if desk.again() {
        let seen = if desk.rollback() {
            "a rollback uses the notes of what it brings back"
        } else {
            "a rotation starts anew what serves"
        };
        return check("notes", at, Verdict::Pass, seen);
    }
    match (&desk.found, &desk.service) {
        (None, _) if desk.settings.is_none() => waits_for("notes", at, "settings"),
        (None, _) if desk.adoption() => {
            check("notes", at, Verdict::Pass, "no ticket asks for an adoption: ops.yaml does")
        }
        (None, _) => waits_for("notes", at, "evidence"),
        (Some(NotesFound::Found(found)), Some(_)) => {
            let seen = format!("{} {}", found.notes.service, found.notes.version);
            check("notes", at, Verdict::Pass, seen)
        }
        // Which services there are is said by the commit that the notes name.
        (Some(NotesFound::Found(_)), None) if matches!(desk.facts.proposed, Some(Err(_))) => {
            waits_for("notes", at, "settings")
        }
        (Some(NotesFound::Found(found)), None) => {
            let known: Vec<_> = desk
                .settings
                .map(|settings| settings.services.keys().map(ToString::to_string).collect())
                .unwrap_or_default();
            let seen = format!("ops.yaml has no service `{}`", found.notes.service);
            check("notes", at, Verdict::Fail, seen).remedy(format!(
                "DEV posts the block again with one of its services ({}); a new service is \
                     added to ops.yaml first",
                known.join(", ")
            ))
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

pub(super) fn artifact(desk: &Desk<'_>) -> Check {
    let at = "the artifact that the notes name";
    if desk.again() {
        let Some(undo) = &desk.facts.undo else {
            return check("artifact", at, Verdict::Fail, "nothing served before").remedy(
                "there is nothing to go back to: DEV mends it and the new version takes its place. \
                 While it is still watched, a listed person may say `ops abort`",
            );
        };
        match &desk.facts.artifact {
            Some(Err(fault)) => return error("artifact", at, fault),
            Some(Ok(found)) if found.digest != undo.candidate.artifact => {
                let seen = differs(&found.digest, &undo.candidate.artifact, "what served then was");
                return check("artifact", at, Verdict::Fail, seen).remedy(soon(
                    "somebody with access to this machine puts the artifact of that version back \
                     into the store: `ops doctor` says where it belongs",
                ));
            }
            Some(Ok(_)) | None => {}
        }
        let seen = format!("{} of {}", undo.candidate.artifact.short(), undo.candidate.version);
        return check("artifact", at, Verdict::Pass, seen);
    }
    let adopted = desk.candidate.as_ref().filter(|_| desk.adoption());
    if let (Some(candidate), Some(Ok(found))) = (adopted, &desk.facts.artifact) {
        let seen = format!("{} of {}, in the store", found.digest.short(), candidate.version);
        return check("artifact", at, Verdict::Pass, seen);
    }
    // The check of the image says what is wrong with such a name.
    if super::engines::moving(desk).is_some() {
        return waits_for("artifact", at, "image");
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
                let seen = differs(&found.digest, &expected, "the notes say");
                check("artifact", at, Verdict::Fail, seen).remedy(soon(
                    "DEV puts the artifact with that digest back in its place; or, if the new one \
                     is meant, posts notes with its digest, and CQ and QA pass those",
                ))
            }
            _ => {
                let seen = format!("{}, {} kB", found.digest, found.size.div_ceil(1024));
                check("artifact", at, Verdict::Pass, seen)
            }
        },
    }
}

fn differs(found: &Digest, expected: &Digest, says: &str) -> String {
    format!("it is {} and {says} {}", found.short(), expected.short())
}

pub(super) fn migrations(desk: &Desk<'_>) -> Check {
    let at = "migrations that the notes declare";
    let declared = desk.candidate.as_ref().map(|candidate| candidate.migrations.clone());
    match declared {
        _ if desk.rotation() => check("migrations", at, Verdict::Pass, "none: the same version"),
        _ if desk.rollback() => check("migrations", at, Verdict::Pass, "none are undone"),
        None => waits_for("migrations", at, "artifact"),
        Some(none) if none.is_empty() => check("migrations", at, Verdict::Pass, "none"),
        Some(some) if at_start(desk) => {
            let seen =
                format!("{}: the service runs them when it starts, says ops.yaml", some.join(", "));
            check("migrations", at, Verdict::Pass, seen)
        }
        Some(some) => check(
            "migrations",
            at,
            Verdict::Fail,
            format!("{}, which nobody runs", some.join(", ")),
        )
        .remedy(
            "ops cannot run migrations. Either DEV has them run as a change of their own and posts \
             notes with `migrations: none`; or the service runs them at its start, in a way that \
             its previous version can live with, and ops.yaml says so for the service: \
             `migrations: at-start`. Both need CQ and QA anew",
        ),
    }
}

fn at_start(desk: &Desk<'_>) -> bool {
    desk.service.as_ref().is_some_and(|service| service.migrations == Migrations::AtStart)
}
