//! `ops halt`, `resume`, `abort`, `rollback`, `acknowledge`: what people ask of the daemon.

use ops_core::id::{DeploymentId, TicketId};
use ops_engine::{Ask, Reply};

use super::Named;
use crate::{
    context::Context,
    exit::Exit,
    follow::{self, Until},
    problem::Problem,
};

/// A deployment, or everything.
#[derive(Debug, clap::Args)]
pub(crate) struct Maybe {
    /// The deployment, such as D-12; everything if left out
    #[arg(value_name = "D")]
    deployment: Option<DeploymentId>,
}

/// A deployment.
#[derive(Debug, clap::Args)]
pub(crate) struct One {
    /// The deployment, such as D-12
    #[arg(value_name = "D")]
    deployment: DeploymentId,
}

/// A deployment or a ticket, or everything.
#[derive(Debug, clap::Args)]
pub(crate) struct Resume {
    /// A halted deployment, or a ticket that ops does not try again by itself; everything if left out
    #[arg(value_name = "D|T")]
    what: Option<Named>,
}

/// An answer to a model's halt.
#[derive(Debug, clap::Args)]
pub(crate) struct Answer {
    /// The ticket that it holds, such as MNS-7
    #[arg(value_name = "T", value_parser = super::ticket)]
    ticket: TicketId,
    /// Why it may go on; goes into the journal and onto the record
    #[arg(value_name = "WHY")]
    words: String,
}

/// A closed deployment.
#[derive(Debug, clap::Args)]
pub(crate) struct Rollback {
    /// The deployment, such as D-12
    #[arg(value_name = "D")]
    deployment: DeploymentId,
    /// Follow the deployment that takes it back
    #[arg(long)]
    wait: bool,
}

pub(crate) fn halt(context: &Context, args: &Maybe) -> Result<Exit, Problem> {
    ask(context, Ask::Halt { deployment: args.deployment }).map(|_| Exit::Ok)
}

pub(crate) fn resume(context: &Context, args: &Resume) -> Result<Exit, Problem> {
    let asked = match &args.what {
        None => Ask::Resume { deployment: None },
        Some(Named::Deployment(id)) => Ask::Resume { deployment: Some(*id) },
        Some(Named::Ticket(ticket)) => Ask::Again { ticket: ticket.clone() },
    };
    ask(context, asked).map(|_| Exit::Ok)
}

pub(crate) fn abort(context: &Context, args: &One) -> Result<Exit, Problem> {
    ask(context, Ask::Abort { deployment: args.deployment }).map(|_| Exit::Ok)
}

pub(crate) fn acknowledge(context: &Context, args: &One) -> Result<Exit, Problem> {
    ask(context, Ask::Acknowledge { deployment: args.deployment }).map(|_| Exit::Ok)
}

pub(crate) fn answer(context: &Context, args: &Answer) -> Result<Exit, Problem> {
    let asked = Ask::Answer { ticket: args.ticket.clone(), words: args.words.clone() };
    ask(context, asked).map(|_| Exit::Ok)
}

pub(crate) fn rollback(context: &Context, args: &Rollback) -> Result<Exit, Problem> {
    if !args.wait {
        return ask(context, Ask::Rollback { deployment: args.deployment }).map(|_| Exit::Ok);
    }
    let reply = refused_or(context.daemon().ask(Ask::Rollback { deployment: args.deployment })?)?;
    context.ui.status(&reply.words);
    match reply.deployment {
        Some(id) => follow::follow(context, id, Until::Decided),
        None => Ok(Exit::Ok),
    }
}

/// Asks, and gives the daemon's words as the answer.
pub(super) fn ask(context: &Context, asked: Ask) -> Result<Reply, Problem> {
    let reply = refused_or(context.daemon().ask(asked)?)?;
    context.ui.answer(&reply, |_| reply.words.clone())?;
    Ok(reply)
}

/// The daemon's words are one sentence: what, and behind the semicolon what to do instead.
fn refused_or(reply: Reply) -> Result<Reply, Problem> {
    if reply.done {
        return Ok(reply);
    }
    Err(match reply.words.split_once("; ") {
        Some((what, next)) => Problem::refused(what).hint(next),
        None => Problem::refused(reply.words),
    })
}
