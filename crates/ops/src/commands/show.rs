//! `ops show`.

use ops_core::id::DeploymentId;
use ops_engine::{
    DeploymentView,
    ports::{Clock as _, Journal as _},
};
use ops_signals::SystemClock;

use crate::{context::Context, exit::Exit, past, problem::Problem, words};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The deployment, such as D-12
    #[arg(value_name = "D")]
    deployment: DeploymentId,
    /// The journal's own records instead, as JSON
    #[arg(long)]
    records: bool,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    let journal = context.journal()?;
    if args.records {
        let records = journal.stream(Some(args.deployment))?;
        if records.is_empty() {
            return Err(past::unknown(args.deployment));
        }
        let text = serde_json::to_string_pretty(&records).unwrap_or_default();
        context.ui.answer(&records, |_| text)?;
        return Ok(Exit::Ok);
    }
    let view = view(context, args.deployment)?;
    context.ui.answer(&view, |paint| words::record(&view, paint))?;
    Ok(Exit::Ok)
}

/// A deployment from the daemon, or from the journal where no daemon runs.
pub(super) fn view(context: &Context, id: DeploymentId) -> Result<DeploymentView, Problem> {
    if let Ok(found) = context.daemon().show(id) {
        return found.ok_or_else(|| past::unknown(id));
    }
    let journal = context.journal()?;
    let found = past::deployment(&journal, id)?.ok_or_else(|| past::unknown(id))?;
    Ok(DeploymentView::full(&found, &SystemClock::new()?.now()))
}
