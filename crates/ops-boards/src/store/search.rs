//! Searches tickets as `DevTeam`'s board does: by a pattern, whatever the case.

use regex::{Regex, RegexBuilder};

use crate::{BoardError, limits, wire::TicketWire};

/// A compiled pattern. It runs in time linear in the text, whatever it is.
pub(super) struct Search(Regex);

impl Search {
    /// Compiles a pattern.
    pub(super) fn new(pattern: &str) -> Result<Self, BoardError> {
        RegexBuilder::new(pattern)
            .case_insensitive(true)
            .size_limit(limits::SEARCH_COMPILED_BYTES)
            .dfa_size_limit(limits::SEARCH_COMPILED_BYTES)
            .build()
            .map(Self)
            .map_err(|why| BoardError::Pattern(why.to_string()))
    }

    /// Whether one of the four texts of a ticket holds the pattern.
    pub(super) fn finds(&self, ticket: &TicketWire) -> bool {
        let texts = [&ticket.name, &ticket.title, &ticket.description];
        texts.into_iter().flatten().any(|text| self.0.is_match(text))
            || self.0.is_match(&ticket.ticket_number)
    }
}
