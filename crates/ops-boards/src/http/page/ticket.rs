//! One ticket: what it says, all that happened to it in one order, and what its reader may do.

use maud::{Markup, html};

use super::{
    frame::{self, Html, Visit},
    open_moves,
};
use crate::{CommentWire, HistoryWire, Status, TicketWire};

pub(super) fn page(visit: &Visit, ticket: &TicketWire, permissive: bool) -> Html {
    let title = format!("{} {}", ticket.ticket_number, ticket.shown());
    let main = html! {
        h1 { (title) }
        (facts(ticket))
        section aria-labelledby="description" {
            h2 #description { "Description" }
            @match ticket.description.as_deref().filter(|text| !text.is_empty()) {
                Some(text) => div.text { (text) },
                None => p.empty { "None" },
            }
        }
        section aria-labelledby="history" {
            h2 #history { "Comments and history" }
            ol.history { @for entry in in_order(ticket) { li { (shown(&entry)) } } }
        }
        (forms(visit, ticket, permissive))
    };
    frame::page(&title, Some(visit), permissive, &main)
}

fn facts(ticket: &TicketWire) -> Markup {
    let labels = ticket.labels.as_ref().map(|labels| labels.join(", "));
    let facts = [
        ("Status", Some(label(&ticket.status).to_owned())),
        ("Type", Some(ticket.kind.clone())),
        ("Priority", Some(format!("{} of 5", ticket.priority))),
        ("Complexity", Some(ticket.complexity.to_string())),
        ("Assignee", Some(ticket.assignee.clone().unwrap_or_else(|| "nobody".to_owned()))),
        ("Labels", labels.filter(|labels| !labels.is_empty())),
        ("Release", ticket.release.clone()),
        ("Candidate", ticket.candidate.clone()),
        ("Created", Some(format!("{} by {}", ticket.created_at, ticket.created_by))),
        ("Updated", Some(ticket.updated_at.clone())),
    ];
    html! {
        dl.facts {
            @for (name, value) in facts {
                @if let Some(value) = value { div { dt { (name) } dd { (value) } } }
            }
        }
    }
}

fn label(status: &str) -> &str {
    match Status::parse(status) {
        Some(known) => known.label(),
        None => status,
    }
}

/// An entry of the history, with the comment that it announces.
struct Entry<'a> {
    change: &'a HistoryWire,
    comment: Option<&'a CommentWire>,
}

/// History is a total order: its k-th `comment_added` is the k-th comment.
fn in_order(ticket: &TicketWire) -> Vec<Entry<'_>> {
    let mut comments = ticket.comments.iter();
    let entries = ticket.history.iter().map(|change| {
        let comment = if change.action == "comment_added" { comments.next() } else { None };
        Entry { change, comment }
    });
    entries.collect()
}

fn shown(entry: &Entry<'_>) -> Markup {
    let change = entry.change;
    html! {
        @match entry.comment {
            Some(comment) => article.card id={ "comment-" (comment.id) } {
                p.meta {
                    strong { (comment.author_name) } " (" (comment.author) ") commented at "
                    time datetime=(comment.timestamp) { (comment.timestamp) }
                    @if let Some(candidate) = &comment.candidate { ", about " code { (candidate) } }
                }
                div.text { (comment.text) }
            },
            None => p.meta {
                (change.details) ", by " (change.user) " at "
                time datetime=(change.timestamp) { (change.timestamp) }
            },
        }
    }
}

fn forms(visit: &Visit, ticket: &TicketWire, permissive: bool) -> Markup {
    let moves = open_moves(&visit.member, &ticket.status, permissive);
    let here = format!("/tickets/{}", ticket.ticket_number);
    html! {
        section aria-labelledby="new-comment" {
            h2 #new-comment { "New comment" }
            form.card method="post" action={ (here) "/comments" } {
                (visit.seal())
                label for="text" { "Comment" }
                textarea #text name="text" rows="6" required {}
                button type="submit" { "Add comment" }
            }
        }
        section aria-labelledby="move" {
            h2 #move { "Move" }
            @if moves.is_empty() {
                p.empty { "From here " (visit.member.role()) " may move it nowhere." }
            } @else {
                form.card method="post" action={ (here) "/move" } {
                    (visit.seal())
                    label for="status" { "To" }
                    select #status name="status" required {
                        @for to in moves { option value=(to) { (to.label()) } }
                    }
                    button type="submit" { "Move ticket" }
                }
            }
        }
    }
}
