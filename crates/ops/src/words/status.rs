//! What serves and what is under way.

use std::fmt::Write as _;

use ops_engine::{Status, TicketView};

use super::{Table, deployment, phase};
use crate::ui::Paint;

/// Digits of a digest that a person compares.
const DIGEST_CHARS: usize = 19;

/// Everything under way.
pub(crate) fn status(status: &Status, paint: Paint) -> String {
    let mut text = String::new();
    if let Some(who) = &status.halted_by {
        let _ = writeln!(
            text,
            "{} everything is halted by {who}; `ops resume` lets it go on\n",
            paint.yellow("HALTED")
        );
    }
    section(&mut text, paint, "Serving", &serving(status), "nothing yet");
    section(&mut text, paint, "Under way", &under_way(status, paint), "nothing");
    section(&mut text, paint, "Queue", &queue(&status.queue), "no ticket is ready for production");
    section(&mut text, paint, "ops.yaml", &governs(status), "none governs yet");
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn section(text: &mut String, paint: Paint, name: &str, lines: &str, none: &str) {
    text.push_str(&paint.bold(name));
    text.push('\n');
    if lines.is_empty() {
        let _ = writeln!(text, "  {none}");
    } else {
        text.push_str(lines);
    }
    text.push('\n');
}

fn serving(status: &Status) -> String {
    let mut table = Table::default();
    for one in &status.serving {
        table.row([
            one.environment.clone(),
            one.service.clone(),
            one.version.clone(),
            one.by.clone(),
            one.artifact.chars().take(DIGEST_CHARS).collect(),
        ]);
    }
    table.text("  ")
}

fn under_way(status: &Status, paint: Paint) -> String {
    let mut text = String::new();
    for one in &status.deployments {
        let mut table = Table::default();
        table.row([
            one.id.clone(),
            deployment::tickets(one),
            deployment::what(one),
            phase(&one.phase, paint),
            deployment::traffic(one),
        ]);
        text.push_str(&table.text("  "));
        for line in deployment::waits(one) {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

/// Each ticket, and below it what it waits for.
fn queue(queue: &[TicketView]) -> String {
    let mut table = Table::default();
    for ticket in queue {
        table.row([ticket.id.to_string(), ticket.title.clone(), ticket.state.clone()]);
    }
    let rows = table.text("  ");
    let mut text = String::new();
    for (row, ticket) in rows.lines().zip(queue) {
        let _ = writeln!(text, "{row}");
        if let Some(waiting) = &ticket.waiting {
            let when = ticket
                .expected
                .map_or_else(String::new, |at| format!(", {} at the latest", deployment::time(at)));
            let _ = writeln!(text, "    {waiting}{when}");
        }
    }
    text
}

/// Which settings govern, and what a newer one would loosen.
fn governs(status: &Status) -> String {
    let mut text = String::new();
    if let Some(commit) = &status.governs {
        let _ = writeln!(text, "  {commit} governs");
    }
    if let Some(newer) = &status.newer {
        let _ = writeln!(
            text,
            "  {} is newer and loosens gates; it waits for a ticket with `settings: {}`:",
            newer.commit, newer.commit
        );
        for one in &newer.loosens {
            let _ = writeln!(text, "    {one}");
        }
    }
    text
}
