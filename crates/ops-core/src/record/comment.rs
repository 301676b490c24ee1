//! Comments on tickets.

use std::fmt::Write as _;

use super::{
    asked_by, duration, hurt::hurt, is_rollback, person, previous, quoted, ticket_stays, version,
};
use crate::{
    checks::{Checklist, Verdict},
    deploy::{Deployment, HoldCause, Phase},
    plan::{Kind, Plan},
    settings::Strategy,
};

/// Longest remedy or evidence that a comment quotes, in characters.
const QUOTE: usize = 1_500;

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn field(out: &mut String, name: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "**{name}:** {value}");
}

fn stamp(deployment: &Deployment) -> String {
    deployment.last.wall.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn sha(deployment: &Deployment) -> String {
    deployment.plan.as_ref().map_or_else(String::new, |plan| {
        let commit = plan.new.candidate.commit.as_deref().unwrap_or("not named");
        format!("{} (commit {})", plan.new.candidate.artifact, quoted(commit, 64))
    })
}

fn checklist(out: &mut String, checklist: &Checklist) {
    for check in &checklist.checks {
        if check.verdict == Verdict::Pass {
            let _ = writeln!(out, "- [x] {}: {}", check.id, quoted(&check.evidence, 200));
        }
        // Nobody passed it, and nobody had to (S21).
        if check.verdict == Verdict::NoJudgement {
            let _ = writeln!(out, "- {}: {}", check.id, quoted(&check.evidence, 200));
        }
    }
    let undeclared: Vec<_> = checklist
        .checks
        .iter()
        .filter(|check| check.verdict == Verdict::NotDeclared)
        .map(|check| check.id.as_str())
        .collect();
    if !undeclared.is_empty() {
        let _ = writeln!(out, "- not declared in ops.yaml: {}", undeclared.join(", "));
    }
}

/// Why the ticket waits: what was stopped, why, what must happen first, when ops looks again.
pub fn hold_comment(deployment: &Deployment, cause: &HoldCause) -> String {
    let mut out = String::new();
    line(&mut out, "## Deployment Held");
    line(&mut out, "");
    let what = version(deployment);
    let _ = writeln!(out, "{} of {what} was not started. Nothing was changed.", deployment.id());
    line(&mut out, "");
    match (cause, &deployment.checklist) {
        (HoldCause::Checks { .. }, Some(checklist)) => {
            for check in checklist.failing().filter(|check| check.verdict != Verdict::Inconclusive)
            {
                let _ = writeln!(
                    out,
                    "- **{}** ({}): {}",
                    check.id,
                    check.verdict.text(),
                    quoted(&check.evidence, QUOTE)
                );
                if !check.remedy.is_empty() {
                    let _ = writeln!(out, "  First: {}", remedy(&check.remedy));
                }
            }
            let waiting: Vec<_> = checklist
                .failing()
                .filter(|check| check.verdict == Verdict::Inconclusive)
                .map(|check| check.id.as_str())
                .collect();
            if !waiting.is_empty() {
                let _ = writeln!(out, "- cannot be told before that: {}", waiting.join(", "));
            }
        }
        (cause, _) => {
            let _ = writeln!(out, "- {}", quoted(&cause.words(), QUOTE));
            if matches!(cause, HoldCause::Prepare { .. }) {
                let id = deployment.id();
                let _ = writeln!(
                    out,
                    "  First: what does not answer works again; somebody with access to the \
                     machine sees in `ops explain {id}` and `ops doctor` what that is"
                );
            }
        }
    }
    line(&mut out, "");
    line(&mut out, &goes_on(deployment, cause));
    out
}

/// How a hold ends, and when ops looks again.
fn goes_on(deployment: &Deployment, cause: &HoldCause) -> String {
    if let HoldCause::Aborted { .. } = cause {
        let id = deployment.id();
        return format!("It waits for a listed person, who says `ops resume {id}`.");
    }
    let again = match &deployment.phase {
        Phase::Held { recheck, .. } => format!(", in {} at the latest", duration(recheck.length)),
        _ => String::new(),
    };
    format!(
        "It goes on by itself when this is gone. ops looks again on every change of the \
         ticket{again}."
    )
}

/// What held it is gone, and it goes on.
pub fn solved_comment(deployment: &Deployment, cause: &HoldCause) -> String {
    let mut out = String::new();
    line(&mut out, "## Deployment Hold Solved");
    line(&mut out, "");
    let (id, what) = (deployment.id(), version(deployment));
    let _ = writeln!(out, "{id} of {what} waited: {}.", quoted(&cause.words(), QUOTE));
    line(&mut out, "Every check passes now, and it goes on. Nobody needs to do anything.");
    out
}

/// A remedy may hold a block to paste, so its lines stay; mentions and markers do not.
fn remedy(text: &str) -> String {
    text.chars().take(4_000).collect::<String>().replace('@', "(at)").replace("<!--", "< !--")
}

fn strategy(plan: &Plan) -> String {
    match (&plan.service.strategy, &plan.old) {
        (_, None) => "first deployment: all traffic after smoke requests".into(),
        (Strategy::Canary { steps }, Some(_)) => {
            let shares: Vec<_> = steps.iter().map(|step| format!("{} %", step.weight)).collect();
            format!("canary: {} and then 100 %", shares.join(", "))
        }
        (Strategy::BlueGreen, Some(_)) => {
            "blue-green: all traffic at once, the old version warm".into()
        }
        (Strategy::Recreate, Some(_)) => format!(
            "recreate: requests wait at the door for at most {}",
            duration(plan.service.gap_limit_ms)
        ),
    }
}

fn way_back(plan: &Plan) -> &'static str {
    match plan.old {
        Some(_) => {
            "all traffic to the previous version, health and smoke requests, new version stopped"
        }
        None => "route and processes removed",
    }
}

/// The plan, before the first act.
pub fn plan_comment(deployment: &Deployment) -> String {
    let mut out = String::new();
    let Some(plan) = &deployment.plan else {
        return out;
    };
    line(&mut out, "## Deployment Planned");
    line(&mut out, "");
    field(&mut out, "Deployment", &deployment.id().to_string());
    field(&mut out, "Version", &version(deployment));
    field(&mut out, "Artifact", &sha(deployment));
    field(&mut out, "Environment", plan.environment.as_str());
    field(&mut out, "Previous version", &previous(deployment));
    field(&mut out, "Traffic", &strategy(plan));
    field(&mut out, "Way back", way_back(plan));
    field(&mut out, "Plan", &plan.hash().to_string());
    let commit = plan.revision.commit.as_deref().unwrap_or("not in git");
    field(&mut out, "ops.yaml", &format!("{} ({commit})", plan.revision.hash.short()));
    line(&mut out, "");
    line(&mut out, "### Checks");
    if let Some(list) = &deployment.checklist {
        checklist(&mut out, list);
    }
    out
}

fn timeline(out: &mut String, deployment: &Deployment) {
    for milestone in &deployment.milestones {
        let at = milestone.at.strftime("%H:%M:%S");
        let _ = writeln!(out, "- {at} {}", quoted(&milestone.words, 400));
    }
}

fn observed(out: &mut String, deployment: &Deployment) {
    let Some(watching) = &deployment.watching else {
        return;
    };
    let _ = writeln!(
        out,
        "- observed {} s: new version {} requests, {} failed; previous version {} requests, {} failed",
        watching.seconds,
        watching.requests,
        watching.errors,
        watching.control_requests,
        watching.control_errors
    );
    hurt(out, watching);
    for concern in &watching.concerns {
        let _ = writeln!(out, "- seen, and no proof of harm: {}", quoted(concern, 300));
    }
    if watching.gaps > 0 {
        let _ = writeln!(out, "- {} gaps in the signals, not counted as watch time", watching.gaps);
    }
    if let Some(gap) = deployment.gap.as_ref().and_then(|gap| gap.lasted_ms) {
        let _ = writeln!(out, "- requests waited at the door for {}", duration(gap));
    }
}

fn header(out: &mut String, deployment: &Deployment) {
    field(out, "Deployed", &version(deployment));
    field(out, "Deployment", &deployment.id().to_string());
    if let Some(plan) = &deployment.plan {
        field(out, "Environment", plan.environment.as_str());
    }
    field(out, "Timestamp", &stamp(deployment));
    field(out, "Version/Tag", &sha(deployment));
    field(out, "Previous version", &previous(deployment));
    let by = match &deployment.created.kind {
        Kind::Release | Kind::Settings { .. } | Kind::Rotation { .. } | Kind::Adoption => {
            "ops".to_owned()
        }
        Kind::Rollback { by, .. } => format!("ops, asked by {}", person(by)),
    };
    field(out, "Deployed by", &by);
}

/// The record of a deployment that passed its watch.
pub fn success_comment(deployment: &Deployment) -> String {
    let mut out = String::new();
    if let Kind::Rollback { of, .. } = &deployment.created.kind {
        let _ = writeln!(out, "## Deployment Rolled Back Later\n\n{of} was taken back.");
    } else {
        line(&mut out, "## Deployment Complete");
    }
    line(&mut out, "");
    header(&mut out, deployment);
    line(&mut out, "");
    line(&mut out, "### Steps");
    timeline(&mut out, deployment);
    line(&mut out, "");
    line(&mut out, "### Checks before");
    if let Some(list) = &deployment.checklist {
        checklist(&mut out, list);
    }
    line(&mut out, "");
    line(&mut out, "### Post-deployment verification");
    line(&mut out, "- [x] all replicas run the approved artifact, read back");
    if let Some(plan) = &deployment.plan {
        if plan.service.route.is_some() {
            line(&mut out, "- [x] the door sends all traffic to them, read back");
        }
        if !plan.service.smoke.is_empty() {
            line(&mut out, "- [x] smoke requests succeeded");
        }
    }
    line(&mut out, "- [x] no detector tripped during the whole watch");
    observed(&mut out, deployment);
    line(&mut out, "");
    line(&mut out, "### Rollback plan");
    if deployment.plan.as_ref().is_some_and(|plan| plan.old.is_some()) {
        let id = deployment.id();
        let _ = writeln!(out, "`ops rollback {id}` brings {} back.", previous(deployment));
    } else {
        line(&mut out, "Nothing served before: a mended version takes its place.");
    }
    line(&mut out, "");
    let status = if is_rollback(deployment) {
        &format!(
            "**Status: the previous version serves; this ticket {}.**",
            ticket_stays(deployment)
        )
    } else {
        match deployment.plan.as_ref().and_then(|plan| plan.soak.as_ref()) {
            Some(_) => {
                "**Status: recorded on this stage; the ticket stays in rfp for the next one.**"
            }
            None => "**Status: deployed and healthy.**",
        }
    };
    line(&mut out, status);
    out
}

/// The record of a deployment that went back.
pub fn failure_comment(deployment: &Deployment) -> String {
    let mut out = String::new();
    let withdrawn = matches!(deployment.phase, Phase::Withdrawn { .. });
    line(&mut out, if withdrawn { "## Deployment Withdrawn" } else { "## Deployment Failed" });
    line(&mut out, "");
    field(&mut out, "Attempted", &version(deployment));
    field(&mut out, "Deployment", &deployment.id().to_string());
    if let Some(plan) = &deployment.plan {
        field(&mut out, "Environment", plan.environment.as_str());
    }
    field(&mut out, "Timestamp", &stamp(deployment));
    field(&mut out, "Version/Tag", &sha(deployment));
    line(&mut out, "");
    line(&mut out, "### What happened");
    timeline(&mut out, deployment);
    observed(&mut out, deployment);
    line(&mut out, "");
    line(&mut out, "### Actions taken");
    let serves = match deployment.plan.as_ref().and_then(|plan| plan.old.as_ref()) {
        Some(_) if matches!(deployment.phase, Phase::Thawed { new: true, .. }) => format!(
            "The way back failed: nothing of {} was healthy. The version that was taken back serves \
             on, read back healthy for {}. It did not pass its watch: the next deployment must \
             replace it.",
            previous(deployment),
            duration(crate::deploy::THAW_MS)
        ),
        Some(_) if matches!(deployment.phase, Phase::Thawed { .. }) => format!(
            "The way back failed. What serves now was read back healthy for {}; `ops status` names it.",
            duration(crate::deploy::THAW_MS)
        ),
        Some(_) => format!("Rolled back; {} serves, read back healthy.", previous(deployment)),
        None => "Route and processes were removed, read back; nothing of it serves.".into(),
    };
    line(&mut out, &serves);
    line(&mut out, "");
    line(&mut out, "### Root cause and next steps");
    let (why, next) = match (&deployment.phase, deployment.cause()) {
        (Phase::Withdrawn { words, .. }, _) => {
            (words.clone(), "Move it to rfp again when it shall ship.".to_owned())
        }
        (_, Some(cause)) if deployment.condemns() => (
            cause.words(),
            format!(
                "This candidate is not deployed again. Mend it, then a CQ and QA round that names {}.",
                deployment.id()
            ),
        ),
        (_, Some(cause)) if cause.retries() => {
            let again = crate::deploy::retry_pause_ms(deployment.created.retries);
            let next =
                format!("The candidate is not to blame: ops tries again in {}.", duration(again));
            (cause.words(), next)
        }
        (_, Some(cause)) => (cause.words(), "An operator says `ops resume` to try again.".into()),
        (_, None) => ("unknown".into(), String::new()),
    };
    let _ = writeln!(out, "{} {next}", sentence(&why));
    line(&mut out, "");
    if is_rollback(deployment) {
        let stays = ticket_stays(deployment);
        let _ = writeln!(out, "**Status: the rollback was taken back; this ticket {stays}.**");
    } else if withdrawn {
        line(&mut out, "**Status: withdrawn.**");
    } else {
        let _ = writeln!(out, "**Status: failed; {} remains in rfp.**", asked_by(deployment));
    }
    out
}

fn sentence(words: &str) -> String {
    let mut text = quoted(words, QUOTE);
    if let Some(first) = text.get(..1) {
        let upper = first.to_uppercase();
        text.replace_range(..1, &upper);
    }
    text.push('.');
    text
}

/// The way back failed.
pub fn frozen_comment(deployment: &Deployment) -> String {
    let mut out = String::new();
    line(&mut out, "## Deployment Frozen");
    line(&mut out, "");
    let (why, words) = match &deployment.phase {
        Phase::Frozen { cause, words, .. } => (cause.words(), words.clone()),
        _ => (String::new(), String::new()),
    };
    let _ = writeln!(out, "{} went back because {}.", deployment.id(), quoted(&why, QUOTE));
    let _ = writeln!(out, "The way back failed: {}.", quoted(&words, QUOTE));
    line(&mut out, "");
    let _ = writeln!(
        out,
        "The healthiest copy serves. The lock group {} is blocked until one version is read back \
     healthy for {}.",
        deployment.created.group,
        duration(crate::deploy::THAW_MS)
    );
    let id = deployment.id();
    let _ = writeln!(
        out,
        "First: `ops explain {id}` and `ops doctor` say what does not answer; make the previous version start again. ops goes on by itself then."
    );
    out
}

/// Another `ops.yaml` governs.
pub fn settings_comment(deployment: &Deployment, commit: &str) -> String {
    let mut out = String::new();
    line(&mut out, "## Deployment Complete");
    line(&mut out, "");
    field(&mut out, "Deployed", &format!("ops.yaml at {}", quoted(commit, 64)));
    field(&mut out, "Deployment", &deployment.id().to_string());
    field(&mut out, "Timestamp", &stamp(deployment));
    line(&mut out, "");
    line(&mut out, "### Pre-deployment checks");
    if let Some(list) = &deployment.checklist {
        checklist(&mut out, list);
    }
    line(&mut out, "");
    line(&mut out, "### Rollback plan");
    line(&mut out, "A commit that holds deployments more than this one governs at once.");
    line(&mut out, "");
    line(&mut out, "**Status: it governs from now on. No service was touched.**");
    out
}

/// It was withdrawn while it soaked on a stage that is not the last one.
pub fn recalled_comment(deployment: &Deployment, words: &str) -> String {
    let mut out = String::new();
    line(&mut out, "## Deployment Withdrawn");
    line(&mut out, "");
    field(&mut out, "Deployment", &deployment.id().to_string());
    field(&mut out, "Environment", deployment.created.environment.as_str());
    field(&mut out, "Why", &quoted(words, QUOTE));
    line(&mut out, "");
    line(
        &mut out,
        &format!(
            "It passed its watch on this stage and does not go on to the next one. {}.",
            super::what_comes_back(deployment)
        ),
    );
    line(&mut out, "");
    line(&mut out, "**The ticket keeps its status.**");
    out
}

/// The ticket was pulled back after the watch.
pub fn kept_comment(deployment: &Deployment, words: &str) -> String {
    format!(
        "## Deployed, Not Closed\n\n{} passed its watch and {} serves. Meanwhile the ticket was pulled \
     back ({}), so ops leaves its status alone. `ops rollback {}` takes it back.\n",
        deployment.id(),
        version(deployment),
        quoted(words, 300),
        deployment.id()
    )
}
