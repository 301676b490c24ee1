//! Tickets and messages on a terminal.

use std::fmt::Write as _;

use ops_boards::{ChannelWire, MessageWire, TicketWire};

use crate::{ui::Paint, words::Table};

/// Tickets, one per line.
pub(super) fn tickets(tickets: &[TicketWire]) -> String {
    if tickets.is_empty() {
        return "no tickets\n".to_owned();
    }
    let mut table = Table::default();
    for ticket in tickets {
        table.row([
            ticket.ticket_number.clone(),
            ticket.status.clone(),
            ticket.priority.to_string(),
            clean(ticket.shown()),
        ]);
    }
    table.text("")
}

/// A ticket, whole.
pub(super) fn ticket(ticket: &TicketWire, paint: Paint) -> String {
    let mut text = format!(
        "{} {}\n{}, priority {}, by {}\n",
        paint.bold(&ticket.ticket_number),
        clean(ticket.shown()),
        ticket.status,
        ticket.priority,
        ticket.created_by
    );
    if let Some(candidate) = &ticket.candidate {
        let _ = writeln!(text, "candidate {candidate}");
    }
    if let Some(description) = &ticket.description {
        let _ = writeln!(text, "\n{}", clean(description).trim_end());
    }
    for comment in &ticket.comments {
        let head = format!("{} {}", comment.author, comment.timestamp);
        let _ = writeln!(text, "\n{}\n{}", paint.bold(&head), clean(&comment.text).trim_end());
    }
    text
}

/// Channels, one per line.
pub(super) fn channels(channels: &[ChannelWire]) -> String {
    let mut table = Table::default();
    for channel in channels {
        table.row([format!("#{}", channel.name), clean(&channel.description)]);
    }
    table.text("")
}

/// Messages, oldest first.
pub(super) fn messages(messages: &[MessageWire], paint: Paint) -> String {
    let mut text = String::new();
    for message in messages {
        let head = format!("{} {}", message.author, message.created_at);
        let _ = writeln!(text, "{}\n{}\n", paint.bold(&head), clean(&message.content).trim_end());
    }
    text
}

/// Other people's text must not steer the terminal.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}
