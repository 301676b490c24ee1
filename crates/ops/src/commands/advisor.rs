//! `ops advisor`: what a model is told, and what it has said.

use std::sync::Arc;

use ops_advisor::{request_body, scrubbed};
use ops_core::{
    id::TicketId,
    judgement::{Dossier, for_judgement},
};
use serde::Serialize;

use super::plan;
use crate::{context::Context, exit::Exit, past, problem::Problem, serve};

/// What can be said of the advisor.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print exactly what would be sent to the model about a ticket; sends nothing
    Show(Show),
}

/// About which ticket.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The ticket, such as MNS-7
    #[arg(value_name = "T", value_parser = super::ticket)]
    ticket: TicketId,
}

#[derive(Serialize)]
struct Request {
    /// Where it would go.
    to: String,
    /// Whether a key would go along; never the key itself.
    with_key: bool,
    /// What would go.
    body: serde_json::Value,
}

pub(crate) fn run(context: &Context, command: &Command) -> Result<Exit, Problem> {
    match command {
        Command::Show(show) => shown(context, &show.ticket),
    }
}

/// What the model was last shown of a ticket that is under way.
fn asked_about(context: &Context, ticket: &TicketId) -> Result<Option<Arc<Dossier>>, Problem> {
    if !context.journal_path().exists() {
        return Ok(None);
    }
    let open = past::open(&context.journal()?)?;
    let own = open.into_iter().find(|one| one.created.tickets.contains(ticket));
    Ok(own.and_then(|one| match one.advice.sought {
        Some(sought) => Some(sought.dossier),
        None => one.advice.last.map(|given| given.dossier),
    }))
}

fn shown(context: &Context, ticket: &TicketId) -> Result<Exit, Problem> {
    let settings = context.governing()?;
    let Some(advisor) = &settings.advisor else {
        return Err(Problem::refused("no model is configured: nothing would be sent to anybody")
            .hint("`advisor: { model: … }` in ops.yaml names one; see docs/advisor.md"));
    };
    if !context.state.is_dir() {
        return Err(Problem::refused(format!("there is no state in {}", context.state.display()))
            .hint("`ops serve` makes it, with the boards that hold the tickets"));
    }
    let ports = serve::looking_ports(context, &settings)?;
    let (judged, _) = plan::judged(context, &ports, ticket)?;
    // Where it was asked about just this, what left the house is shown, not what would today.
    let same = |given: &&Arc<Dossier>| {
        judged.dossier.as_ref().is_some_and(|dossier| dossier.key == given.key)
    };
    let asked = asked_about(context, ticket)?;
    let Some(dossier) = asked.as_ref().filter(same).or(judged.dossier.as_ref()) else {
        return Err(Problem::refused(format!("there is nothing to show of {ticket} yet"))
            .hint(format!("`ops plan {ticket}` says what it lacks to be a candidate")));
    };
    let prompt = for_judgement(dossier, advisor.answer_tokens);
    let prompt = scrubbed(&prompt, &crate::advisor::secrets_out_of(&settings));
    let request = Request {
        to: format!("{}/chat/completions", advisor.url),
        with_key: advisor.key.is_some(),
        body: request_body(advisor, &prompt),
    };
    context.ui.answer(&request, |_| {
        let key = if request.with_key { ", with the key" } else { "" };
        let body = serde_json::to_string_pretty(&request.body).unwrap_or_default();
        format!("POST {}{key}\n\n{body}\n\nNothing was sent.\n", request.to)
    })?;
    Ok(Exit::Ok)
}
