//! What ops says to people: comments on tickets and posts on the meeting board.
//!
//! Short, exact, the same words for the same thing. No `@` that could wake somebody by accident,
//! no value of a variable, no raw request (P13).

mod comment;
mod daily;
mod digest;
mod hurt;
mod judgement;
mod notice;
mod post;

use crate::{
    deploy::{Deployment, Report},
    id::Identity,
    plan::Kind,
};

pub use comment::{
    failure_comment, frozen_comment, hold_comment, kept_comment, plan_comment, recalled_comment,
    settings_comment, solved_comment, success_comment,
};
pub use daily::{Daily, Day, Waiting};
pub use digest::{DIGEST_MIN, digest};
pub use judgement::{judgement_comment, postmortem_post};
pub use notice::Notice;
pub use post::{
    back_post, failure_post, frozen_post, halt_post, hold_post, kept_post, recalled_post,
    resume_post, settings_post, soak_post, start_post, success_post, withdrawn_post,
};

/// Longest name of a person that is written, in characters.
const NAME_MAX: usize = 64;

/// A person's name as it may stand in a message: boards take `@` for a mention, and nothing in a
/// name is markdown or markup.
pub fn person(who: &Identity) -> String {
    let name = who.as_str().split('@').next().unwrap_or_default();
    let plain = |c: char| c.is_alphanumeric() || "._+- ".contains(c);
    let clean = |c: char| if plain(c) { c } else { '?' };
    let name: String = name.chars().map(clean).take(NAME_MAX).collect();
    if name.is_empty() { "somebody".into() } else { name }
}

/// Words that a person wrote, to be shown beside words of ops: [`quoted`], and nothing in them is
/// markdown, HTML or a link, or hides from its reader.
pub fn said(text: &str, most: usize) -> String {
    let plain = |c: char| match c {
        '<' => '‹',
        '>' => '›',
        '[' | '{' => '(',
        ']' | '}' => ')',
        '`' => '\'',
        '*' | '_' | '~' | '|' | '#' | '\\' | '!' => ' ',
        other => other,
    };
    let hides = |c: &char| {
        matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}')
    };
    let shown: String = text.chars().filter(|c| !hides(c)).map(plain).collect();
    let words: Vec<&str> = shown.split_whitespace().collect();
    quoted(&words.join(" ").replace("://", ": //"), most)
}

/// Text from outside, made harmless: nothing in it can mention anybody, open a comment marker or
/// break out of its line; and no longer than `most` characters.
pub fn quoted(text: &str, most: usize) -> String {
    let mut out: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(most)
        .collect::<String>()
        .replace('@', "(at)")
        .replace("<!--", "< !--")
        .replace("```", "'''");
    if text.chars().count() > most {
        out.push('…');
    }
    out
}

/// Milliseconds as people say them: `4 min 10 s`, `850 ms`.
pub fn duration(ms: u64) -> String {
    let s = ms / 1_000;
    match (s / 3_600, s / 60 % 60, s % 60) {
        (0, 0, _) if ms < 1_000 => format!("{ms} ms"),
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

/// A report as one sentence.
pub fn report_sentence(report: &Report) -> String {
    match report.left_ms {
        Some(left) => format!(
            "waiting until {}; in {} at the latest: {}",
            report.waiting_for,
            duration(left),
            report.then
        ),
        None => format!("waiting until {}; otherwise: {}", report.waiting_for, report.then),
    }
}

/// `MNS-7`, or `MNS-7 and MNS-9`; what no ticket asked for has a name all the same.
pub fn asked_by(deployment: &Deployment) -> String {
    if is_rotation(deployment) {
        return rotation(deployment);
    }
    if is_adoption(deployment) {
        return format!("adoption of {}", version(deployment));
    }
    let names: Vec<_> = deployment.created.tickets.iter().map(ToString::to_string).collect();
    names.join(" and ")
}

/// The version in words, or the service where none is known yet.
pub(crate) fn version(deployment: &Deployment) -> String {
    match &deployment.plan {
        Some(plan) => {
            format!("{} {}", plan.service.name, quoted(&plan.new.candidate.version, 64))
        }
        None => deployment.created.service.to_string(),
    }
}

pub(crate) fn previous(deployment: &Deployment) -> String {
    match deployment.plan.as_ref().and_then(|plan| plan.old.as_ref()) {
        Some(old) => {
            format!("{} ({})", quoted(&old.candidate.version, 64), old.candidate.artifact.short())
        }
        None => "none (first deployment)".into(),
    }
}

pub(crate) fn is_rotation(deployment: &Deployment) -> bool {
    matches!(deployment.created.kind, Kind::Rotation { .. })
}

pub(crate) fn is_adoption(deployment: &Deployment) -> bool {
    deployment.created.kind == Kind::Adoption
}

/// Whether neither a ticket nor a person asked for it.
pub(crate) fn is_own(deployment: &Deployment) -> bool {
    is_rotation(deployment) || is_adoption(deployment)
}

/// `rotation of DB_URL of shop`; the secrets as far as they are known. Names of variables only.
fn rotation(deployment: &Deployment) -> String {
    let rotated = deployment.plan.as_ref().map_or_else(Vec::new, |plan| plan.rotated());
    let what = if rotated.is_empty() { "secrets".to_owned() } else { rotated.join(", ") };
    format!("rotation of {what} of {}", deployment.created.service)
}

pub(crate) fn is_rollback(deployment: &Deployment) -> bool {
    matches!(deployment.created.kind, Kind::Rollback { .. })
}

/// What a deployment that failed, or a rollback, leaves its ticket in. Ops takes back by itself what
/// was pulled back or condemned later (S12): wherever that ticket stands then.
fn ticket_stays(deployment: &Deployment) -> &'static str {
    match &deployment.created.kind {
        Kind::Rollback { by, .. } if *by == deployment.created.me => "stays as it is",
        Kind::Rollback { .. } => "stays closed",
        _ => "remains in rfp",
    }
}

/// What becomes of a stage whose candidate goes no further (S12).
fn what_comes_back(deployment: &Deployment) -> &'static str {
    if deployment.plan.as_ref().is_some_and(|plan| plan.old.is_some()) {
        "What served there before comes back, unless something newer serves already"
    } else {
        "Nothing served there before, so it stays there until something newer comes"
    }
}
