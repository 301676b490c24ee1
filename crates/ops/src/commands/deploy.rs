//! `ops deploy`.

use std::{
    thread,
    time::{Duration, Instant},
};

use ops_core::id::{DeploymentId, TicketId};
use ops_server::ControlClient;

use super::explain;
use crate::{
    context::Context,
    exit::Exit,
    follow::{self, Until},
    problem::Problem,
};

/// How long the daemon may take to begin with a ticket.
const BEGIN_WAIT: Duration = Duration::from_secs(20);
/// How long a ticket may stand in the queue without a deployment until it is told why.
const QUEUE_WAIT: Duration = Duration::from_secs(3);
/// Pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The ticket, such as MNS-7
    #[arg(value_name = "T", value_parser = super::ticket)]
    ticket: TicketId,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    let client = context.daemon();
    client.ping()?;
    // Before the daemon is asked: a deployment that ends quickly must still be found as a new one.
    let before = explain::of_ticket(context, &args.ticket)?;
    let id = begin(context, &client, &args.ticket, before)?;
    follow::follow(context, id, Until::Decided)
}

/// Has the queue read, and waits until a deployment of the ticket is there.
fn begin(
    context: &Context,
    client: &ControlClient,
    ticket: &TicketId,
    before: Option<DeploymentId>,
) -> Result<DeploymentId, Problem> {
    client.nudge()?;
    let since = Instant::now();
    loop {
        let status = client.status()?;
        let open = status.deployments.iter().find(|one| one.tickets.contains(ticket));
        if let Some(id) = open.and_then(ops_engine::DeploymentView::number) {
            return Ok(id);
        }
        let newest = explain::of_ticket(context, ticket)?;
        if let Some(id) = newest.filter(|_| newest != before) {
            return Ok(id);
        }
        let queued = status.queue.iter().any(|one| &one.id == ticket);
        let waited = since.elapsed();
        if waited >= BEGIN_WAIT || (waited >= QUEUE_WAIT && (queued || before.is_some())) {
            return Err(not_begun(context, ticket, before, queued));
        }
        if waited >= QUEUE_WAIT {
            return Err(explain::never(context, ticket));
        }
        thread::sleep(LOOK_PAUSE);
    }
}

fn not_begun(
    context: &Context,
    ticket: &TicketId,
    before: Option<DeploymentId>,
    queued: bool,
) -> Problem {
    match before {
        Some(id) if queued => Problem::refused(format!(
            "{ticket} was tried in {id}, and ops does not try it again by itself"
        ))
        .hint(format!(
            "`ops explain {id}` says why; a new round of CQ and QA, or `ops resume {ticket}` by a \
             listed person, has it tried again"
        )),
        Some(id) => {
            let problem = explain::never(context, ticket);
            problem.hint(format!("`ops show {id}` has its last deployment"))
        }
        None => explain::never(context, ticket),
    }
}
