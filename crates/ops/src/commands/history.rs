//! `ops history`.

use ops_engine::ports::Journal as _;

use crate::{context::Context, exit::Exit, past, problem::Problem, words};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many
    #[arg(long, short = 'n', default_value_t = 20)]
    limit: usize,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    let summaries = context.journal()?.summaries(false, args.limit)?;
    let views = summaries.into_iter().map(past::brief).collect::<Result<Vec<_>, _>>()?;
    context.ui.answer(&views, |_| words::history(&views))?;
    Ok(Exit::Ok)
}
