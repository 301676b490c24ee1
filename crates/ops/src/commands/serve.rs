//! `ops serve`.

use crate::{context::Context, exit::Exit, problem::Problem, serve};

/// Runs until Ctrl-C or TERM. Services and the edge go on without it. The variable `OPS_LOG` says
/// how much it logs: `warn`, `info`, `debug`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave the edge to somebody else, such as a service manager
    #[arg(long)]
    no_edge: bool,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    serve::run(context, !args.no_edge)
}
