//! One deployment, short and whole.

use std::fmt::Write as _;

use ops_core::{metrics::Metrics, record::duration};
use ops_engine::DeploymentView;

use super::{Table, checks, watch};
use crate::ui::Paint;

/// The phase with a style that fits its meaning.
pub(crate) fn phase(phase: &str, paint: Paint) -> String {
    match phase {
        "closed" => paint.green(phase),
        "frozen" | "rolled-back" | "rolling-back" => paint.red(phase),
        "held" | "withdrawn" | "kept-not-closed" => paint.yellow(phase),
        _ => paint.bold(phase),
    }
}

/// Its tickets; what no ticket asked for says what it is.
pub(super) fn tickets(view: &DeploymentView) -> String {
    if view.kind == "rotation" {
        let secrets = view.secrets.join(", ");
        let secrets = if secrets.is_empty() { "secrets" } else { &secrets };
        return format!("rotation of {secrets}");
    }
    if view.kind == "adoption" {
        return "adoption".to_owned();
    }
    let names: Vec<_> = view.tickets.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// What goes where: `shop v1 → v2`; a rotation changes no version.
pub(super) fn what(view: &DeploymentView) -> String {
    let service = &view.service;
    if let ("rotation", Some(same)) = (view.kind.as_str(), &view.version) {
        return format!("{service} {same}");
    }
    match (&view.previous, &view.version) {
        (Some(old), Some(new)) => format!("{service} {old} → {new}"),
        (None, Some(new)) => format!("{service} {new}"),
        (_, None) => service.clone(),
    }
}

/// The share of traffic and the evidence, where there is any.
pub(super) fn traffic(view: &DeploymentView) -> String {
    match view.weight {
        Some(weight) if view.observed_seconds > 0 => format!(
            "{weight} % new, {} observed, {} requests, {} failed, evidence of harm {:.2} of 1",
            duration(view.observed_seconds * 1_000),
            view.requests,
            view.errors,
            view.evidence
        ),
        Some(weight) => format!("{weight} % new"),
        None => String::new(),
    }
}

/// What is waited for, until when, and what happens then (P9).
pub(super) fn waits(view: &DeploymentView) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(who) = &view.halted_by {
        lines.push(format!("halted by {who}; `ops resume {}` lets it go on", view.id));
    }
    if !view.ended
        && let Some(waiting) = &view.waiting
    {
        lines.push(waiting.clone());
    }
    if let Some(cause) = &view.cause {
        lines.push(format!("because {cause}"));
    }
    if view.owed_words > 0 {
        lines.push(format!("{} still to be written on the boards", view.owed_words));
    }
    lines
}

/// What a deployment waits for, and the checks that hold it.
pub(crate) fn explain(view: &DeploymentView, paint: Paint) -> String {
    let mut text = format!(
        "{} ({}) of {} on {} is {}.\n",
        paint.bold(&view.id),
        tickets(view),
        what(view),
        view.environment,
        phase(&view.phase, paint)
    );
    let mut table = Table::default();
    if let Some(cause) = &view.cause {
        table.row(["Because".into(), cause.clone()]);
    }
    if let Some(who) = &view.halted_by {
        table.row(["Halted by".into(), format!("{who}; `ops resume {}` lets it go on", view.id)]);
    }
    if !view.ended {
        if let Some(waiting) = &view.waiting_for {
            table.row(["Waits until".into(), waiting.clone()]);
        }
        if let Some(left) = view.left_ms {
            table.row(["At most".into(), duration(left)]);
        }
        if let Some(then) = &view.then {
            table.row(["Then".into(), then.clone()]);
        }
    }
    if let Some(weight) = view.weight {
        table.row(["Traffic".into(), format!("{weight} % on the new version")]);
    }
    text.push_str(&table.text("  "));
    if let Some(seen) = &view.watch {
        if !view.ended && view.observed_seconds > 0 {
            text.push_str(&watch::watch(seen, paint));
        }
        text.push_str(&watch::harm(seen, paint));
    }
    let failing: Vec<_> =
        view.checks.iter().filter(|check| !check.verdict.lets_pass()).cloned().collect();
    if !failing.is_empty() {
        let _ = writeln!(text, "{}", paint.bold("Checks that hold it"));
        text.push_str(&checks(&failing, paint, "  "));
    }
    text
}

/// Everything about a deployment.
pub(crate) fn record(view: &DeploymentView, paint: Paint) -> String {
    let mut text = explain(view, paint);
    let mut table = Table::default();
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            table.row([name.to_owned(), value]);
        }
    };
    fact("Kind", Some(view.kind.clone()));
    fact("Began", Some(time(view.began)));
    fact("Last change", Some(time(view.last)));
    fact("Artifact", view.artifact.clone());
    fact("Plan", view.plan.clone());
    fact("ops.yaml", view.revision.clone());
    text.push_str(&table.text("  "));
    if let Some(seen) = &view.watch {
        if view.ended || view.observed_seconds == 0 {
            text.push_str(&watch::watch(seen, paint));
        }
        text.push_str(&watch::streams(seen, paint));
    }
    if !view.steps.is_empty() {
        let _ = writeln!(text, "{}", paint.bold("Steps"));
        let mut steps = Table::default();
        for step in &view.steps {
            let sign = match step.state.as_str() {
                "done" => paint.green("✓"),
                "current" => paint.bold("▸"),
                _ => paint.dim("·"),
            };
            steps.row([sign, step.words.clone()]);
        }
        text.push_str(&steps.text("  "));
    }
    if !view.milestones.is_empty() {
        let _ = writeln!(text, "{}", paint.bold("What happened"));
        let mut milestones = Table::default();
        for (at, words) in &view.milestones {
            milestones.row([time(*at), words.clone()]);
        }
        text.push_str(&milestones.text("  "));
    }
    if !view.checks.is_empty() {
        let _ = writeln!(text, "{}", paint.bold("Checks"));
        text.push_str(&checks(&view.checks, paint, "  "));
    }
    text
}

/// A list, newest first.
pub(crate) fn history(views: &[DeploymentView]) -> String {
    if views.is_empty() {
        return "nothing was deployed yet\n".to_owned();
    }
    let mut table = Table::default();
    for view in views {
        table.row([
            view.id.clone(),
            time(view.began),
            tickets(view),
            what(view),
            view.environment.clone(),
            view.phase.clone(),
            view.cause.clone().unwrap_or_default(),
        ]);
    }
    table.text("")
}

/// Figures with their window.
pub(crate) fn metrics(found: &Metrics) -> String {
    let mut table = Table::default();
    for (name, value) in found.lines() {
        table.row([name.to_owned(), value]);
    }
    format!("Deployments on last stages, {}\n{}", found.window_words(), table.text("  "))
}

/// A label, in UTC.
pub(super) fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
