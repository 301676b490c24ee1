//! Posts on the meeting board: one per event, by number, with what happens next.

use super::{
    asked_by, duration, is_adoption, is_own, is_rollback, is_rotation,
    judgement::{judgement_halt_post, judgement_hold_post},
    person, previous, quoted, ticket_stays, version,
};
use crate::{
    deploy::{Deployment, HoldCause, Phase},
    id::Identity,
    judgement::{ADVISOR, Point},
    plan::Kind,
};

pub(super) fn name(deployment: &Deployment) -> String {
    format!("{} ({})", asked_by(deployment), deployment.id())
}

/// The same, and for a rollback what it takes back: its ticket alone would not say so.
fn name_and_task(deployment: &Deployment) -> String {
    match deployment.created.kind {
        Kind::Rollback { of, .. } => format!("{}, which takes {of} back,", name(deployment)),
        _ => name(deployment),
    }
}

fn environment(deployment: &Deployment) -> &str {
    deployment.created.environment.as_str()
}

/// A ticket is held.
pub fn hold_post(deployment: &Deployment, cause: &HoldCause) -> String {
    if matches!(cause, HoldCause::Checks { ids } if ids == &["advisor"])
        && deployment.advice.halts_now(Point::Plan)
    {
        return judgement_hold_post(deployment);
    }
    let next = match cause {
        HoldCause::Checks { .. } | HoldCause::Prepare { .. } if is_own(deployment) => {
            &held_without_ticket(deployment)
        }
        HoldCause::Aborted { .. } => "An operator says resume to go on.",
        HoldCause::Checks { .. } | HoldCause::Prepare { .. } => {
            "What must happen first is on the ticket; it goes on by itself."
        }
    };
    let why = quoted(&cause.words(), 300);
    format!("OPS: {} is held: {why}. Nothing was changed. {next}", name_and_task(deployment))
}

/// There is no ticket on which it could stand what must happen first.
fn held_without_ticket(deployment: &Deployment) -> String {
    let list = deployment.checklist.as_ref();
    let first = list.and_then(|list| list.failing().next()).map(|check| check.remedy.as_str());
    let more = format!("`ops explain {}` says more", deployment.id());
    match first.filter(|first| !first.is_empty()) {
        Some(first) => format!("First: {}. {more}.", quoted(first, 500)),
        None => format!("{more}; it goes on by itself."),
    }
}

/// Users can notice from now on.
pub fn start_post(deployment: &Deployment) -> String {
    if is_rotation(deployment) {
        return format!(
            "OPS: {} begins: {} is deployed anew on {}, with the value that is there now. The way \
             back is the same version with the value before, which is proven to be there. Rollback \
             is armed.",
            name(deployment),
            version(deployment),
            environment(deployment)
        );
    }
    if is_adoption(deployment) {
        return format!(
            "OPS: {} begins on {}: a copy of what runs there starts beside it and is watched. What \
             runs is not touched. Rollback is armed.",
            name(deployment),
            environment(deployment)
        );
    }
    let what = match &deployment.created.kind {
        Kind::Release | Kind::Settings { .. } | Kind::Rotation { .. } | Kind::Adoption => {
            format!("deploying {}", version(deployment))
        }
        Kind::Rollback { of, by } => {
            format!("taking back {of}, asked by {}: deploying {}", person(by), version(deployment))
        }
    };
    format!(
        "OPS: {} {what} to {}. Previous version: {}. Rollback is armed.",
        name(deployment),
        environment(deployment),
        previous(deployment)
    )
}

/// It goes back.
pub fn back_post(deployment: &Deployment) -> String {
    let why = deployment.cause().map(crate::deploy::Cause::words).unwrap_or_default();
    let next = if is_rotation(deployment) {
        "the copies with the previous value take all traffic"
    } else if is_adoption(deployment) {
        "the copy and its route are removed"
    } else {
        "the previous version takes all traffic"
    };
    format!(
        "OPS: {} is rolling back {} on {}: {}. Next: {next}.",
        name(deployment),
        version(deployment),
        environment(deployment),
        quoted(&why, 400)
    )
}

/// It went back.
pub fn failure_post(deployment: &Deployment) -> String {
    let stays = ticket_stays(deployment);
    let serves = match deployment.phase {
        Phase::Thawed { new: true, .. } => {
            "its way back failed, and what it brought serves on as the only healthy version".into()
        }
        Phase::Thawed { .. } => "its way back failed at first; what serves now is healthy".into(),
        _ => format!("rolled back; {} serves", previous(deployment)),
    };
    if is_rotation(deployment) {
        let id = deployment.id();
        return format!(
            "OPS: {} failed, {serves} on {}. It says nothing against the version. Next: ops tries \
             again when the value changes again, or when a listed person says `resume {id}`; \
             `ops show {id}` has the details.",
            name(deployment),
            environment(deployment)
        );
    }
    if is_adoption(deployment) {
        let id = deployment.id();
        let copy = match deployment.phase {
            Phase::Thawed { new: true, .. } => "its way back failed, and the copy serves on",
            _ => "what ops had started of it is gone",
        };
        return format!(
            "OPS: {} failed on {}; {copy}. What somebody else started was not touched. Next: `ops \
             show {id}` says why; ops tries again when a listed person says `resume {id}`, or when \
             ops.yaml names another digest.",
            name(deployment),
            environment(deployment)
        );
    }
    format!(
        "OPS: {} {} failed, {serves} on {}. {} {stays}, details are on it.",
        name_and_task(deployment),
        if is_rollback(deployment) { "has" } else { "deployment" },
        environment(deployment),
        asked_by(deployment)
    )
}

/// It is done.
pub fn success_post(deployment: &Deployment) -> String {
    if is_adoption(deployment) {
        return adopted_post(deployment);
    }
    let what = match deployment.created.kind {
        Kind::Rollback { .. } => "rolled back to",
        Kind::Rotation { .. } => "is done, now in use by",
        Kind::Release | Kind::Settings { .. } | Kind::Adoption => "deployed",
    };
    let after = deployment.last.ms.saturating_sub(deployment.began.ms);
    let after = if deployment.last.boot == deployment.began.boot {
        format!(" after {}", duration(after))
    } else {
        String::new()
    };
    format!(
        "OPS: {} {what} {} on {}{after}. Health: good, the whole watch passed.",
        name(deployment),
        version(deployment),
        environment(deployment)
    )
}

/// It is known good from now on.
fn adopted_post(deployment: &Deployment) -> String {
    let plan = deployment.plan.as_ref();
    let adopt = plan.and_then(|plan| plan.service.adopts_in(&plan.environment));
    let routed = plan.is_some_and(|plan| plan.service.route.is_some());
    let next = match adopt.and_then(|adopt| adopt.listens.as_deref()) {
        Some(former) if routed => format!(
            "Next: bring its users to the door; who still comes to {former} meets the former \
             process, which was not touched and can be stopped after that"
        ),
        _ => "What somebody else started of it was not touched".into(),
    };
    format!(
        "OPS: {} is done: it is known good on {}. Health: good, the whole watch passed. {next}.",
        name(deployment),
        environment(deployment)
    )
}

/// The way back failed.
pub fn frozen_post(deployment: &Deployment) -> String {
    let what = if is_own(deployment) {
        format!("`ops explain {}` says what to do", deployment.id())
    } else {
        "what to do is on the ticket".to_owned()
    };
    format!(
        "OPS: {} could not be rolled back on {}. The healthiest copy serves, {} is blocked. Somebody \
     must look now; {what}.",
        name(deployment),
        environment(deployment),
        deployment.created.group
    )
}

/// Somebody halted it.
pub fn halt_post(deployment: &Deployment, by: &Identity) -> String {
    if by.as_str() == ADVISOR {
        return judgement_halt_post(deployment);
    }
    let next = if deployment.acted() {
        format!("Unless resumed within {} it rolls back.", duration(crate::deploy::HALT_MS))
    } else {
        "Nothing was changed yet.".into()
    };
    format!("OPS: {} is halted by {}. {next}", name(deployment), person(by))
}

/// Somebody lets it go on.
pub fn resume_post(deployment: &Deployment, by: &Identity) -> String {
    if by.as_str() == ADVISOR {
        let name = name(deployment);
        return format!(
            "OPS: {name} is resumed by the model, which takes its halt back after the answer."
        );
    }
    format!("OPS: {} is resumed by {} and goes on.", name(deployment), person(by))
}

/// The ticket was pulled back.
pub fn withdrawn_post(deployment: &Deployment, words: &str) -> String {
    let serves = if deployment.touched() {
        format!("{} serves", previous(deployment))
    } else {
        "nothing was changed".into()
    };
    format!("OPS: {} is withdrawn: {}; {serves}.", name(deployment), quoted(words, 300))
}

/// Another `ops.yaml` governs.
pub fn settings_post(deployment: &Deployment, commit: &str) -> String {
    let short: String = commit.chars().take(12).collect();
    format!("OPS: {}: ops.yaml at {short} governs from now on.", name(deployment))
}

/// It serves on a stage and stays there for a while.
pub fn soak_post(deployment: &Deployment) -> String {
    let (seconds, next) = deployment
        .plan
        .as_ref()
        .and_then(|plan| plan.soak.as_ref())
        .map_or((0, "nothing"), |soak| (soak.seconds, soak.next.as_str()));
    format!(
        "OPS: {} passed its watch on {} and soaks there for {}. Next: {next}, with all checks anew.",
        name(deployment),
        environment(deployment),
        duration(seconds.saturating_mul(1_000))
    )
}

/// It was withdrawn while it soaked.
pub fn recalled_post(deployment: &Deployment, words: &str) -> String {
    format!(
        "OPS: {} is withdrawn after its watch on {}: {}. It does not go on to the next stage. {}.",
        name(deployment),
        environment(deployment),
        quoted(words, 300),
        super::what_comes_back(deployment)
    )
}

/// The ticket was pulled back after the watch.
pub fn kept_post(deployment: &Deployment, words: &str) -> String {
    format!(
        "OPS: {} serves on {}, and its ticket was pulled back meanwhile: {}. It is not closed.",
        name(deployment),
        environment(deployment),
        quoted(words, 300)
    )
}
