//! `ops audit`.

use std::time::{Duration, Instant};

use ops_boards::ListQuery;
use ops_core::{
    id::{Digest, Identity, TicketId},
    settings::Settings,
};
use ops_engine::ports::{Journal as _, Seq};
use ops_store::SqliteJournal;
use serde::Serialize;

use crate::{context::Context, exit::Exit, past, problem::Problem, team::Team};

/// What stands before a head of the journal in ops's own comments.
const HEAD: &str = "<!-- ops:journal:";
/// Tickets that are read at once.
const PAGE: usize = 100;
/// How long heads may be read when a daemon begins: what runs waits to be looked after meanwhile.
const AT_START: Duration = Duration::from_secs(10);

/// Subcommands.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Check the chain, and the heads that stand on tickets against it
    Verify,
}

#[derive(Serialize)]
struct Answer {
    records: Seq,
    head: Digest,
    anchors: usize,
}

pub(crate) fn run(context: &Context, command: &Command) -> Result<Exit, Problem> {
    match command {
        Command::Verify => verify(context),
    }
}

fn verify(context: &Context) -> Result<Exit, Problem> {
    let journal = context.journal()?;
    let anchors = if let Ok(settings) = context.governing() {
        match &settings.boards.devteam {
            None => anchors(context, &settings.boards.me)?,
            Some(_) => foreign_anchors(context, &settings, &journal, None)?,
        }
    } else {
        context.ui.warning("ops.yaml cannot be read, so heads on tickets are left out");
        Vec::new()
    };
    let (records, head) = ops_store::verify_anchors(&journal, &anchors)?;
    let answer = Answer { records, head, anchors: anchors.len() };
    context.ui.answer(&answer, |_| {
        format!(
            "{} records fit the chain, and {} heads on tickets fit it too; head {}",
            answer.records, answer.anchors, answer.head
        )
    })?;
    if answer.anchors == 0 {
        context.ui.warning(
            "no head stands on a ticket yet: the chain alone cannot show that its end was cut off",
        );
    }
    Ok(Exit::Ok)
}

/// Refuses a journal that is not what ops wrote, or that ends before what stands on tickets: who
/// governs and who was judged bad would be what somebody else says.
pub(crate) fn unchanged(context: &Context, journal: &SqliteJournal) -> Result<(), Problem> {
    let knowledge = past::knowledge(journal);
    let governing = knowledge.ok().and_then(|known| {
        let governs = ops_config::load_at(&context.config, known.governs.as_deref()?).ok()?;
        Some(governs.settings)
    });
    let settings = match governing {
        Some(settings) => settings,
        None => context.load()?.settings,
    };
    let anchors = if settings.boards.devteam.is_some() {
        // A board that is away must not keep ops from looking after what runs (S14).
        foreign_anchors(context, &settings, journal, Some(AT_START)).unwrap_or_else(|problem| {
            context.ui.warning(&format!("heads on tickets are left out: {}", problem.what));
            Vec::new()
        })
    } else if context.has_boards() {
        anchors(context, &settings.boards.me)?
    } else {
        Vec::new()
    };
    ops_store::verify_anchors(journal, &anchors)?;
    Ok(())
}

/// The heads that ops wrote on tickets.
fn anchors(context: &Context, me: &Identity) -> Result<Vec<(Seq, Digest)>, Problem> {
    let boards = context.boards()?;
    let mut anchors = Vec::new();
    let mut offset = 0;
    loop {
        let query = ListQuery { limit: Some(PAGE), offset, ..ListQuery::default() };
        let page = boards.list(&query)?;
        offset += page.len();
        let last = page.len() < PAGE;
        for ticket in page {
            let own = ticket.comments.iter().filter(|comment| comment.author == me.as_str());
            anchors.extend(own.flat_map(|comment| heads(&comment.text)));
        }
        if last {
            return Ok(anchors);
        }
    }
}

/// The heads that ops wrote on the tickets of its newest deployments, on boards of others.
fn foreign_anchors(
    context: &Context,
    settings: &Settings,
    journal: &SqliteJournal,
    within: Option<Duration>,
) -> Result<Vec<(Seq, Digest)>, Problem> {
    let (planning, _) = Team::known(context, settings)?.ports(&settings.boards.me)?;
    let mut tickets: Vec<TicketId> = Vec::new();
    for summary in journal.summaries(false, PAGE)? {
        for ticket in past::brief(summary)?.tickets {
            if !tickets.contains(&ticket) {
                tickets.push(ticket);
            }
        }
    }
    let begun = Instant::now();
    let mut anchors = Vec::new();
    for (read, id) in tickets.iter().enumerate() {
        if within.is_some_and(|within| begun.elapsed() > within) {
            context.ui.warning(&format!(
                "the planning board answers slowly: heads on {} tickets are left out",
                tickets.len() - read
            ));
            break;
        }
        let read = planning.ticket(id);
        let read = read.map_err(|fault| Problem::refused(fault.what).hint(fault.next))?;
        let comments = read.into_iter().flat_map(|ticket| ticket.comments);
        let own = comments.filter(|comment| comment.author == settings.boards.me);
        anchors.extend(own.flat_map(|comment| heads(&comment.text)));
    }
    Ok(anchors)
}

/// `<!-- ops:journal:128:sha256:… -->`, wherever it stands in a text.
fn heads(text: &str) -> Vec<(Seq, Digest)> {
    let rest = text.match_indices(HEAD).filter_map(|(at, _)| text.get(at + HEAD.len()..));
    rest.filter_map(|rest| {
        let (seq, hash) = rest.split_once(" -->")?.0.split_once(':')?;
        Some((seq.parse().ok()?, hash.parse().ok()?))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p14_heads_are_read_from_what_ops_wrote() {
        let hash = Digest::of(b"x");
        let text = format!(
            "Deployed.\n\n<!-- ops:D-1:3 -->\n<!-- ops:journal:128:{hash} -->\n\
             <!-- ops:journal:x:{hash} --> <!-- ops:journal:3:sha256:0 --> <!-- ops:journal:4"
        );
        assert_eq!(heads(&text), [(128, hash)]);
    }
}
