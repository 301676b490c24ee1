//! What members are told of when a ticket changes, in the words of `DevTeam`'s board.

use std::fmt::Write as _;

use crate::{
    role::Status,
    store::{Recipient, prefix_utf16},
    wire::TicketWire,
};

/// How much of a description a notice repeats, in UTF-16 units as `DevTeam`'s board counts.
const DESCRIBED: usize = 500;

/// A message for one gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Member whose gateway it is.
    pub(crate) to: String,
    /// `http://host:port`.
    pub(crate) gateway: String,
    /// Reference to the token that the gateway wants.
    pub(crate) secret: Option<String>,
    /// What is said.
    pub(crate) content: String,
}

/// What happened to a ticket.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Happening<'a> {
    /// It has a new assignee.
    Assigned,
    /// It moved.
    Moved { from: &'a str },
    /// Somebody wrote.
    Commented { text: &'a str },
    /// Something else changed.
    Updated,
}

/// The notices that a change calls for, in the order in which members joined.
pub(crate) fn notices(
    recipients: &[Recipient],
    ticket: &TicketWire,
    actor: &str,
    what: Happening<'_>,
    public_url: &str,
) -> Vec<Notice> {
    let mentioned = match what {
        Happening::Commented { text } => handles(text),
        _ => Vec::new(),
    };
    let told = recipients.iter().filter_map(|recipient| {
        let reason = reason(recipient, ticket, actor, what, &mentioned)?;
        Some(Notice {
            to: recipient.id.clone(),
            gateway: recipient.gateway.clone(),
            secret: recipient.secret.clone(),
            content: content(&reason, ticket, actor, what, public_url),
        })
    });
    told.collect()
}

/// Why somebody is told, or `None`. Of several reasons the last one stands, as on `DevTeam`'s board.
fn reason(
    recipient: &Recipient,
    ticket: &TicketWire,
    actor: &str,
    what: Happening<'_>,
    mentioned: &[String],
) -> Option<String> {
    let owns = ticket.assignee.as_deref() == Some(recipient.email.as_str());
    let others = owns && actor != recipient.email;
    let fixed = |text: &str| Some(text.to_owned());
    match what {
        Happening::Assigned if owns => fixed("📋 **Task Assigned to You**"),
        Happening::Moved { .. } if recipient.watch.contains(&ticket.status) => {
            Some(format!("👀 **Task Entered {}**", label(&ticket.status)))
        }
        Happening::Moved { .. } if others => fixed("🔄 **Task Status Changed**"),
        Happening::Commented { .. } if mentioned.contains(&recipient.name.to_lowercase()) => {
            fixed("📣 **You Were Mentioned**")
        }
        Happening::Commented { .. } if others => fixed("💬 **New Comment on Your Task**"),
        Happening::Updated if others => fixed("✏️ **Task Updated**"),
        _ => None,
    }
}

fn content(
    reason: &str,
    ticket: &TicketWire,
    actor: &str,
    what: Happening<'_>,
    public_url: &str,
) -> String {
    let name = ticket.name.as_deref().unwrap_or_else(|| ticket.shown());
    let mut text = format!(
        "[TaskBoard Notification]\n\n{reason}\n\n**Task:** {name}\n**Task ID:** {}\n**Status:** {}\n\
         **Priority:** {}\n**Updated By:** {actor}\n**URL:** {}/tickets/{}\n",
        ticket.id,
        label(&ticket.status),
        priority(ticket.priority),
        public_url.trim_end_matches('/'),
        ticket.ticket_number,
    );
    // Writing into a string cannot fail.
    if let Some(about) = ticket.description.as_deref().filter(|about| !about.is_empty()) {
        let part = prefix_utf16(about, DESCRIBED);
        let dots = if part.len() < about.len() { "..." } else { "" };
        let _ = write!(text, "\n**Description:**\n{part}{dots}\n");
    }
    match what {
        Happening::Commented { text: comment } if !comment.is_empty() => {
            let _ = write!(text, "\n**Comment:**\n{comment}\n");
        }
        Happening::Moved { from } => {
            let (from, to) = (label(from), label(&ticket.status));
            let _ = write!(text, "\n**Status Change:** {from} → {to}\n");
        }
        _ => {}
    }
    text.push_str("\n\nPlease acknowledge and take appropriate action.");
    text
}

/// What stands after each `@`, in lower case: letters, digits and underscores of ASCII.
fn handles(text: &str) -> Vec<String> {
    let after_at = text.split('@').skip(1);
    let names = after_at.map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        rest[..end.unwrap_or(rest.len())].to_ascii_lowercase()
    });
    names.filter(|name| !name.is_empty()).collect()
}

fn label(status: &str) -> &str {
    match Status::parse(status) {
        Some(known) => known.label(),
        None => status,
    }
}

fn priority(priority: i64) -> &'static str {
    match priority {
        5 => "🔴 Critical",
        4 => "🟠 High",
        3 => "🟡 Medium",
        2 => "🟢 Low",
        1 => "⚪ Lowest",
        _ => "Medium",
    }
}
