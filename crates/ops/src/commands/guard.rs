//! `ops guard`: candidates that were judged bad, and lifting what stands against them.

use ops_core::{checks::Condemned, id::DeploymentId};
use ops_engine::Ask;
use serde::Serialize;

use super::steer;
use crate::{context::Context, exit::Exit, past, problem::Problem, ui::Paint, words};

/// What can be said of guards.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the guards, newest first
    List,
    /// Show one guard
    Show(One),
    /// Let what it holds be deployed again; for people whom `operators` in ops.yaml lists
    Lift(Lift),
}

/// One guard.
#[derive(Debug, clap::Args)]
pub(crate) struct One {
    /// The deployment that showed it, such as D-12
    #[arg(value_name = "D")]
    guard: DeploymentId,
}

/// Lifting one.
#[derive(Debug, clap::Args)]
pub(crate) struct Lift {
    /// The deployment that showed it, such as D-12
    #[arg(value_name = "D")]
    guard: DeploymentId,
    /// Why it may be deployed again; goes into the journal
    #[arg(long)]
    reason: String,
}

#[derive(Serialize)]
struct Guard {
    #[serde(flatten)]
    condemned: Condemned,
    lifted_by: Option<String>,
    reason: Option<String>,
}

pub(crate) fn run(context: &Context, command: &Command) -> Result<Exit, Problem> {
    match command {
        Command::List => {
            let guards = guards(context)?;
            context.ui.answer(&guards, |paint| list(&guards, paint))?;
            Ok(Exit::Ok)
        }
        Command::Show(one) => {
            let guards = guards(context)?;
            let found = guards.into_iter().find(|guard| guard.condemned.by == one.guard);
            let guard = found.ok_or_else(|| {
                Problem::refused(format!("{} condemned nothing", one.guard))
                    .hint("`ops guard list` lists the guards")
            })?;
            context.ui.answer(&guard, |paint| shown(&guard, paint))?;
            Ok(Exit::Ok)
        }
        Command::Lift(lift) => {
            let asked = Ask::Lift { guard: lift.guard, reason: lift.reason.clone() };
            steer::ask(context, asked).map(|_| Exit::Ok)
        }
    }
}

fn guards(context: &Context) -> Result<Vec<Guard>, Problem> {
    let knowledge = past::knowledge(&context.journal()?)?;
    let guard = |condemned: &Condemned| {
        let lifted = knowledge.lifted.get(&condemned.by);
        Guard {
            condemned: condemned.clone(),
            lifted_by: lifted.map(|(by, _)| by.to_string()),
            reason: lifted.map(|(_, reason)| reason.clone()),
        }
    };
    Ok(knowledge.condemned.iter().rev().map(guard).collect())
}

fn list(guards: &[Guard], paint: Paint) -> String {
    if guards.is_empty() {
        return "Nothing was judged bad.\n".to_owned();
    }
    let mut table = words::Table::default();
    for guard in guards {
        let state = if guard.lifted_by.is_some() { "lifted" } else { "stands" };
        table.row([
            guard.condemned.by.to_string(),
            guard.condemned.service.to_string(),
            guard.condemned.artifact.short().to_owned(),
            state.to_owned(),
            guard.condemned.words.clone(),
        ]);
    }
    format!("{}\n{}", paint.bold("Guards"), table.text("  "))
}

fn shown(guard: &Guard, paint: Paint) -> String {
    let mut table = words::Table::default();
    table.row(["service".to_owned(), guard.condemned.service.to_string()]);
    table.row(["artifact".to_owned(), guard.condemned.artifact.to_string()]);
    table.row(["candidate".to_owned(), guard.condemned.candidate.to_string()]);
    table.row([
        "commit".to_owned(),
        guard.condemned.commit.clone().unwrap_or_else(|| "not named".into()),
    ]);
    table.row(["showed".to_owned(), guard.condemned.words.clone()]);
    if let (Some(by), Some(reason)) = (&guard.lifted_by, &guard.reason) {
        table.row(["lifted".to_owned(), format!("by {by}: {reason}")]);
    }
    format!("{}\n{}", paint.bold(&guard.condemned.by.to_string()), table.text("  "))
}
