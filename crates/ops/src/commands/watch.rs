//! `ops watch`.

mod replay;
mod selftest;

use super::{Named, explain};
use crate::{
    context::Context,
    exit::Exit,
    follow::{self, Until},
    problem::Problem,
};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    /// The deployment or its ticket
    #[arg(value_name = "D|T", required = true)]
    what: Option<Named>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What else can be asked of the watch.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run the detectors over recorded or exported series, and say what they decide and when
    Replay(replay::Args),
    /// Mix regressions into a service's recorded traffic, and say when each would be caught
    Selftest(selftest::Args),
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    let id = match (&args.command, &args.what) {
        (Some(Command::Replay(args)), _) => return replay::run(context, args),
        (Some(Command::Selftest(args)), _) => return selftest::run(context, args),
        (None, Some(Named::Deployment(id))) => *id,
        (None, Some(Named::Ticket(ticket))) => {
            explain::of_ticket(context, ticket)?.ok_or_else(|| explain::never(context, ticket))?
        }
        (None, None) => {
            return Err(Problem::refused("it is not said what to watch")
                .hint("`ops status` shows what is under way"));
        }
    };
    context.daemon().ping()?;
    follow::follow(context, id, Until::Ended)
}
