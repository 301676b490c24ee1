//! The board: one column per status.

use maud::{Markup, html};

use super::frame::{self, Html, Visit};
use crate::store::{Card, Column};

pub(super) fn page(visit: &Visit, columns: &[Column], permissive: bool) -> Html {
    let main = html! {
        h1 { "Board" }
        div.columns {
            @for column in columns {
                section.column aria-labelledby={ "column-" (column.status) } {
                    h2 id={ "column-" (column.status) } {
                        (column.status.label()) " " span.count { "(" (column.count) ")" }
                    }
                    @if column.cards.is_empty() {
                        p.empty { "No tickets" }
                    } @else {
                        ul { @for card in &column.cards { li { (one(card)) } } }
                    }
                    @if column.left_out() > 0 {
                        p.empty { (column.left_out()) " more, by the API alone" }
                    }
                }
            }
        }
    };
    frame::page("Board", Some(visit), permissive, &main)
}

fn one(card: &Card) -> Markup {
    html! {
        article.card {
            h3 { a href={ "/tickets/" (card.number) } { (card.number) " " (card.title) } }
            p {
                (card.kind) ", priority " (card.priority) ", "
                @match &card.assignee {
                    Some(assignee) => { (assignee) }
                    None => { "nobody assigned" }
                }
                @if card.comments == 1 { ", 1 comment" }
                @else if card.comments > 1 { ", " (card.comments) " comments" }
            }
        }
    }
}
