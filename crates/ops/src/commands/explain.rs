//! `ops explain`.

use ops_boards::BoardError;
use ops_core::id::{DeploymentId, TicketId};
use ops_engine::{DeploymentView, ports::Journal as _};

use super::{Named, show};
use crate::{context::Context, exit::Exit, past, problem::Problem, team::Team, words};

/// Deployments that are searched for a ticket, counted from the newest.
const SEARCHED: usize = 1_000;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A ticket or a deployment; everything under way if left out
    #[arg(value_name = "T|D")]
    what: Option<Named>,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    let views = match &args.what {
        None => open(context)?,
        Some(Named::Deployment(id)) => vec![show::view(context, *id)?],
        Some(Named::Ticket(ticket)) => match of_ticket(context, ticket)? {
            Some(id) => vec![show::view(context, id)?],
            None => return Err(never(context, ticket)),
        },
    };
    context.ui.answer(&views, |paint| {
        if views.is_empty() {
            return "nothing is under way\n".to_owned();
        }
        let texts: Vec<_> = views.iter().map(|view| words::explain(view, paint)).collect();
        texts.join("\n")
    })?;
    Ok(Exit::Ok)
}

fn open(context: &Context) -> Result<Vec<DeploymentView>, Problem> {
    if let Ok(status) = context.daemon().status() {
        return Ok(status.deployments);
    }
    let journal = context.journal()?;
    let open = journal.summaries(true, SEARCHED)?;
    open.into_iter().map(|summary| show::view(context, summary.id)).collect()
}

/// The newest deployment of a ticket.
pub(super) fn of_ticket(
    context: &Context,
    ticket: &TicketId,
) -> Result<Option<DeploymentId>, Problem> {
    if !context.journal_path().exists() {
        return Ok(None);
    }
    for summary in context.journal()?.summaries(false, SEARCHED)? {
        let id = summary.id;
        if past::brief(summary)?.tickets.contains(ticket) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Why nothing was ever begun for a ticket.
pub(super) fn never(context: &Context, ticket: &TicketId) -> Problem {
    let status = match status(context, ticket) {
        Ok(status) => status,
        Err(problem) => return problem,
    };
    match status {
        Some(status) if status == "rfp" => {
            Problem::refused(format!("{ticket} is ready, and ops has not begun with it yet"))
                .hint("`ops status` shows the queue; without a daemon, start `ops serve`")
        }
        Some(status) => Problem::refused(format!("{ticket} is {status} and not rfp"))
            .hint("ops begins when QA has moved it to rfp, ready for production"),
        None => Problem::refused(format!("there is no ticket {ticket}"))
            .hint("`ops board list` shows the tickets"),
    }
}

/// The status of a ticket; `None` if there is none.
fn status(context: &Context, ticket: &TicketId) -> Result<Option<String>, Problem> {
    if let Ok(settings) = context.governing()
        && settings.boards.devteam.is_some()
    {
        let (planning, _) = Team::known(context, &settings)?.ports(&settings.boards.me)?;
        let read = planning.ticket(ticket);
        let read = read.map_err(|fault| Problem::refused(fault.what).hint(fault.next))?;
        return Ok(read.map(|ticket| ticket.status));
    }
    match context.boards()?.ticket(ticket.as_str()) {
        Ok(found) => Ok(Some(found.status)),
        Err(BoardError::NoTicket(_) | BoardError::NotAnId(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
