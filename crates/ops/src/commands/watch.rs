//! `ops watch`.

use super::{Named, explain};
use crate::{
    context::Context,
    exit::Exit,
    follow::{self, Until},
    problem::Problem,
};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The deployment or its ticket
    #[arg(value_name = "D|T")]
    what: Named,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    let id = match &args.what {
        Named::Deployment(id) => *id,
        Named::Ticket(ticket) => {
            explain::of_ticket(context, ticket)?.ok_or_else(|| explain::never(context, ticket))?
        }
    };
    context.daemon().ping()?;
    follow::follow(context, id, Until::Ended)
}
