//! `ops history`.

use jiff::Timestamp;
use ops_core::metrics::{Change, Window, metrics};
use ops_engine::ports::Journal as _;

use crate::{context::Context, exit::Exit, past, problem::Problem, words};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many
    #[arg(long, short = 'n', default_value_t = 20)]
    limit: usize,
    /// Figures instead: frequency, lead time, change failure rate, time to restore
    #[arg(long)]
    metrics: bool,
    /// Over how many days the figures are counted
    #[arg(long, default_value_t = 28, requires = "metrics", value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    if args.metrics {
        return figures(context, args.days);
    }
    let summaries = context.journal()?.summaries(false, args.limit)?;
    let views = summaries.into_iter().map(past::brief).collect::<Result<Vec<_>, _>>()?;
    context.ui.answer(&views, |_| words::history(&views))?;
    Ok(Exit::Ok)
}

fn figures(context: &Context, days: u32) -> Result<Exit, Problem> {
    let journal = context.journal()?;
    let mut changes: Vec<Change> = Vec::new();
    for summary in journal.summaries(false, usize::MAX)? {
        changes.extend(past::brief(summary)?.change);
    }
    let incidents = past::knowledge(&journal)?.incidents;
    let found = metrics(&changes, &incidents, Window::days(Timestamp::now(), days));
    context.ui.answer(&found, |_| words::metrics(&found))?;
    Ok(Exit::Ok)
}
