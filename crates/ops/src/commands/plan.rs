//! `ops plan`: the checks and the plan of a ticket, by looking only.

use std::fmt::Write as _;

use ops_core::{
    checks::{Check, Facts, Judged, judge_advised},
    id::{EnvironmentName, TicketId},
    judgement::Advice,
    plan::Plan,
};
use ops_engine::{
    Knowledge,
    ports::{Clock as _, Ports},
};
use ops_signals::SystemClock;
use serde::Serialize;

use crate::{context::Context, exit::Exit, past, problem::Problem, serve, ui::Paint, words};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The ticket, such as MNS-7
    #[arg(value_name = "T", value_parser = super::ticket)]
    ticket: TicketId,
}

#[derive(Serialize)]
struct Answer {
    ticket: TicketId,
    passed: bool,
    candidate: Option<String>,
    checks: Vec<Check>,
    plan: Option<Box<Plan>>,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    let settings = context.governing()?;
    if !context.state.is_dir() {
        return Err(Problem::refused(format!("there is no state in {}", context.state.display()))
            .hint("`ops serve` makes it, with the boards that hold the tickets"));
    }
    let ports = serve::looking_ports(context, &settings)?;
    let (judged, status) = judged(context, &ports, &args.ticket)?;
    let mut checks = judged.checklist.checks.clone();
    if let Some(next) = status.as_deref().and_then(before_rfp) {
        for check in checks.iter_mut().filter(|check| check.id == "evidence") {
            next.clone_into(&mut check.remedy);
        }
    }
    let answer = Answer {
        ticket: args.ticket.clone(),
        passed: judged.checklist.passed(),
        candidate: judged.candidate.as_ref().map(ToString::to_string),
        checks,
        plan: judged.plan,
    };
    context.ui.answer(&answer, |paint| text(&answer, paint))?;
    Ok(if answer.passed { Exit::Ok } else { Exit::Held })
}

/// Who must do what until a ticket of this status is ready; `None` if it is, or where the board
/// has statuses of its own.
fn before_rfp(status: &str) -> Option<&'static str> {
    match status {
        "backlog" | "todo" => {
            Some("DEV takes it up and hands it to CQ; CQ and QA pass it; QA moves it to `rfp`")
        }
        "in-progress" => Some("DEV hands it to CQ; CQ and QA pass it; QA moves it to `rfp`"),
        "blocked" => Some("what blocks it ends; then DEV, CQ and QA, who moves it to `rfp`"),
        "in-review" => Some("CQ reviews it, then QA tests it and moves it to `rfp`"),
        "in-qa" => Some("QA tests it, writes its verdict and moves it to `rfp`"),
        "completed" => Some("DEV merges it and moves it to `rfp`"),
        "closed" => Some("nothing: it is done; what comes next needs a ticket of its own"),
        _ => None,
    }
}

/// Judges as a deployment would, with what the journal knows; nothing is written. Also gives the
/// ticket's status.
pub(super) fn judged(
    context: &Context,
    ports: &Ports,
    ticket: &TicketId,
) -> Result<(Judged, Option<String>), Problem> {
    let (knowledge, open) = if context.journal_path().exists() {
        let journal = context.journal()?;
        (past::knowledge(&journal)?, past::open(&journal)?)
    } else {
        (Knowledge::default(), Vec::new())
    };
    let now = SystemClock::new()?.now();
    let mut known = serve::nothing_known(knowledge.governs.clone(), now);
    known.serving = knowledge.serving_all();
    known.condemned = knowledge.guards().cloned().collect();
    known.tallies.clone_from(&knowledge.tallies);
    known.then = knowledge.fingerprints.get(ticket).cloned();
    known.answered = knowledge.again.contains(ticket);
    // Where it soaked already, the next stage is asked about.
    known.soaked = knowledge.tried.get(ticket).and_then(ops_engine::Tried::comes_next);
    let environment = EnvironmentName::new("production");
    let (created, facts) = serve::facts_of(ports, ticket, environment, known);
    let mut facts = facts.ok_or_else(|| Problem::internal("the facts could not be gathered"))?;
    let found = facts.ticket.as_ref().ok().and_then(Option::as_ref);
    let status = found.map(|ticket| ticket.status.clone());
    // What a model has said of it already, where it is under way.
    let own = open.iter().find(|one| one.created.tickets.contains(ticket));
    let none = Advice::none();
    let (advice, checked) = own.map_or((&none, 0), |one| (&one.advice, one.checked));
    let judge = |facts: &Facts| judge_advised(&created, facts, advice, checked);
    let Some(plan) = judge(&facts).plan else {
        return Ok((judge(&facts), status));
    };
    facts.conflicts = open
        .iter()
        .filter(|one| one.created.group == plan.group && one.blocks_group())
        .filter(|one| !one.created.tickets.contains(ticket))
        .map(ops_core::deploy::Deployment::id)
        .collect();
    Ok((judge(&facts), status))
}

fn text(answer: &Answer, paint: Paint) -> String {
    let mut text = format!("{}\n", paint.bold("Checks"));
    text.push_str(&words::checks(&answer.checks, paint, "  "));
    if let Some(plan) = &answer.plan {
        let was = plan.old.as_ref().map_or("nothing", |old| old.candidate.version.as_str());
        let _ = writeln!(
            text,
            "{}\n  {} {} → {} on {}",
            paint.bold("Plan"),
            plan.service.name,
            was,
            plan.new.candidate.version,
            plan.environment
        );
        let mut steps = words::Table::default();
        for (at, step) in plan.steps.iter().enumerate() {
            steps.row([
                format!("{}.", at + 1),
                step.goal.words(),
                format!("at most {}", ops_core::record::duration(step.deadline_ms)),
            ]);
        }
        text.push_str(&steps.text("  "));
    }
    text.push_str(if answer.passed {
        "It may ship. Nothing was changed.\n"
    } else {
        "It may not ship yet. Nothing was changed.\n"
    });
    text
}
