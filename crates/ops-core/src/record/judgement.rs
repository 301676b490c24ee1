//! What is told of a model's judgement: always marked as such, always beside the facts.

use std::fmt::Write as _;

use super::{duration, post::name, quoted};
use crate::{
    deploy::{Deployment, HALT_MS},
    judgement::{Answer, HALTS_MAX},
};

/// Characters that are quoted of what it says.
const SHOWN: usize = 800;
/// Moments of a failure that are told: the last ones.
const MILESTONES_MAX: usize = 12;
/// Characters of each.
const MILESTONE_SHOWN: usize = 200;

fn last(deployment: &Deployment) -> Option<&Answer> {
    deployment.advice.last.as_ref().map(|given| &*given.answer)
}

/// What it asks, as one text.
fn questions(answer: &Answer) -> Option<String> {
    match answer {
        Answer::Judged(judgement) if !judgement.questions.is_empty() => {
            Some(quoted(&judgement.questions.join(" "), SHOWN))
        }
        _ => None,
    }
}

/// Who can free its halt, and how.
fn way_on(deployment: &Deployment) -> String {
    let ticket = deployment.created.tickets.first().map_or("the ticket", |id| id.as_str());
    let named = format!("an operator says `answer {ticket}: why`");
    if deployment.advice.halts >= HALTS_MAX {
        return format!("It has halted this candidate twice: {named}.");
    }
    format!("DEV, CQ, QA or PO answer on the ticket and it is judged again, or {named}.")
}

/// It holds a ticket before anything was done.
pub(super) fn judgement_hold_post(deployment: &Deployment) -> String {
    let answer = last(deployment);
    let words = answer.map(Answer::words).unwrap_or_default();
    let asks = answer.and_then(questions).map(|asks| format!(" It asks: {asks}"));
    format!(
        "OPS: {} is held: all other checks pass, but {}.{} Nothing was changed. {}",
        name(deployment),
        quoted(&words, SHOWN),
        asks.unwrap_or_default(),
        way_on(deployment)
    )
}

/// It halts a deployment in mid-traffic.
pub(super) fn judgement_halt_post(deployment: &Deployment) -> String {
    let words = last(deployment).map(Answer::words).unwrap_or_default();
    format!(
        "OPS: {} is halted by the model in its watch: {}. Unless that is answered within {} it rolls back. {}",
        name(deployment),
        quoted(&words, SHOWN),
        duration(HALT_MS),
        way_on(deployment)
    )
}

/// The same on the ticket, where people can answer.
pub fn judgement_comment(deployment: &Deployment) -> String {
    let mut out = String::from("## Deployment Halted\n\n");
    let answer = last(deployment);
    let words = answer.map(Answer::words).unwrap_or_default();
    let id = deployment.id();
    let _ = writeln!(
        out,
        "{id} is halted in its watch: too little was seen to judge it by numbers, and {}.",
        quoted(&words, SHOWN)
    );
    if let Some(asks) = answer.and_then(questions) {
        let _ = writeln!(out, "\n- it asks: {asks}");
    }
    let _ = write!(
        out,
        "\nBoth versions serve. A model's judgement can only stop; users are watched by the detectors \
         as before. {} Unless that happens within {} it rolls back.",
        way_on(deployment),
        duration(HALT_MS)
    );
    out
}

/// Facts of a failure for a post-mortem, in the order in which they happened.
pub fn postmortem_post(deployment: &Deployment) -> String {
    let why = deployment.cause().map(crate::deploy::Cause::words).unwrap_or_default();
    let mut out = format!("OPS: post-mortem of {}: {}.\n", name(deployment), quoted(&why, SHOWN));
    let last = deployment.milestones.len().saturating_sub(MILESTONES_MAX);
    for one in deployment.milestones.iter().skip(last) {
        let at = one.at.strftime("%H:%M:%S");
        let _ = writeln!(out, "- {at} {}", quoted(&one.words, MILESTONE_SHOWN));
    }
    if deployment.condemns() {
        let id = deployment.id();
        let _ = writeln!(
            out,
            "Guard: this candidate is not deployed again before a CQ and QA round names {id}."
        );
    }
    out
}
