//! What can be asked of a ticket's fields, and what they can hold.

use serde_json::{Map, Value};

use super::{bounded, plain};
use crate::{BoardError, limits, wire::TicketWire};

/// The types of tickets.
pub(crate) const KINDS: [&str; 3] = ["initiative", "epic", "story"];

/// A ticket to be filed. What is `None` gets the board's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewTicket {
    /// Becomes both title and name; `Untitled` if empty.
    pub title: String,
    /// Title and name are stored as they are given instead, as the endpoint of `DevTeam`'s web form
    /// does.
    pub as_sent: bool,
    /// Only with `as_sent`.
    pub name: Option<String>,
    /// Markdown.
    pub description: Option<String>,
    /// `backlog` by default.
    pub status: Option<String>,
    /// 3 by default.
    pub priority: Option<i64>,
    /// 3 by default.
    pub complexity: Option<i64>,
    /// Nobody by default.
    pub assignee: Option<String>,
    /// Free texts.
    pub labels: Option<Vec<String>>,
    /// Meant like `v1.2.0`.
    pub release: Option<String>,
    /// `story` by default.
    pub kind: Option<String>,
    /// The first board by default.
    pub board_id: Option<String>,
    /// Free fields: `parentId`, and any other on a permissive board.
    pub more: Map<String, Value>,
}

/// What becomes of a field that can be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum FieldChange<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It becomes empty.
    Clear,
    /// It becomes this.
    To(T),
}

impl<T> FieldChange<T> {
    /// The new value of the field; `None` if it stays.
    #[expect(clippy::option_option, reason = "the outer one says whether, the inner one what")]
    fn new_value(self) -> Option<Option<T>> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(None),
            Self::To(value) => Some(Some(value)),
        }
    }

    /// The text or list that would be written.
    pub(crate) fn value(&self) -> Option<&T> {
        match self {
            Self::To(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }

    /// The value, where clearing and keeping are the same: in a ticket that is not filed yet.
    pub(crate) fn into_value(self) -> Option<T> {
        match self {
            Self::To(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

impl<T> From<Option<T>> for FieldChange<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Clear, Self::To)
    }
}

/// A change of a ticket. What is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// The name alone.
    pub name: Option<String>,
    /// The title alone.
    pub title: Option<String>,
    /// Markdown.
    pub description: FieldChange<String>,
    /// 1 to 5.
    pub priority: Option<i64>,
    /// 0 to 100.
    pub complexity: Option<i64>,
    /// An e-mail by convention.
    pub assignee: FieldChange<String>,
    /// Free texts.
    pub labels: FieldChange<Vec<String>>,
    /// Meant like `v1.2.0`.
    pub release: FieldChange<String>,
    /// `initiative`, `epic` or `story`.
    pub kind: Option<String>,
    /// A move.
    pub status: Option<String>,
    /// Free fields to be set: `parentId`, and any other on a permissive board.
    pub more: Map<String, Value>,
}

/// Writes the fields of a change into a ticket; the status is a move and not among them.
pub(super) fn set(ticket: &mut TicketWire, edit: &Edit) {
    fn put<T>(place: &mut T, new: Option<T>) {
        if let Some(new) = new {
            *place = new;
        }
    }
    put(&mut ticket.name, edit.name.clone().map(Some));
    put(&mut ticket.title, edit.title.clone().map(Some));
    put(&mut ticket.description, edit.description.clone().new_value());
    put(&mut ticket.priority, edit.priority);
    put(&mut ticket.complexity, edit.complexity);
    put(&mut ticket.assignee, edit.assignee.clone().new_value());
    put(&mut ticket.labels, edit.labels.clone().new_value());
    put(&mut ticket.release, edit.release.clone().new_value());
    put(&mut ticket.kind, edit.kind.clone());
    ticket.more.extend(edit.more.clone());
}

/// Refuses what no ticket can hold.
pub(super) fn check(edit: &Edit) -> Result<(), BoardError> {
    for (what, text) in [("a name", &edit.name), ("a title", &edit.title)] {
        if let Some(text) = text {
            bounded(what, text, limits::TITLE_BYTES)?;
            if text.trim().is_empty() {
                return Err(BoardError::Refused(format!("{what} must not be empty")));
            }
        }
    }
    if let Some(text) = edit.description.value() {
        bounded("a description", text, limits::DESCRIPTION_BYTES)?;
    }
    for (what, text) in [("an assignee", &edit.assignee), ("a release", &edit.release)] {
        if let Some(text) = text.value() {
            plain(what, text)?;
        }
    }
    if let Some(labels) = edit.labels.value() {
        if labels.len() > limits::LABELS {
            return Err(BoardError::Full(format!(
                "a ticket has at most {} labels",
                limits::LABELS
            )));
        }
        labels.iter().try_for_each(|label| plain("a label", label))?;
    }
    if edit.more.keys().any(|name| name.len() > limits::FREE_NAME_BYTES) {
        return Err(BoardError::Refused(format!(
            "the name of a field holds at most {} bytes",
            limits::FREE_NAME_BYTES
        )));
    }
    check_numbers(edit)
}

/// The free fields of a ticket as they are stored, if they keep within their bounds.
pub(super) fn free_fields(ticket: &TicketWire) -> Result<Option<String>, BoardError> {
    if ticket.more.is_empty() {
        return Ok(None);
    }
    let text = serde_json::json!(ticket.more).to_string();
    bounded("all free fields of a ticket together", &text, limits::FREE_BYTES)?;
    if ticket.more.len() > limits::FREE_FIELDS {
        return Err(BoardError::Full(format!(
            "a ticket has at most {} free fields",
            limits::FREE_FIELDS
        )));
    }
    Ok(Some(text))
}

fn check_numbers(edit: &Edit) -> Result<(), BoardError> {
    if edit.priority.is_some_and(|priority| !(1..=5).contains(&priority)) {
        return Err(BoardError::Refused(
            "priority must be a whole number from 1 (lowest) to 5 (critical)".to_owned(),
        ));
    }
    if edit.complexity.is_some_and(|points| !(0..=limits::COMPLEXITY).contains(&points)) {
        return Err(BoardError::Refused(format!(
            "complexity must be a whole number from 0 to {}",
            limits::COMPLEXITY
        )));
    }
    if edit.kind.as_deref().is_some_and(|kind| !KINDS.contains(&kind)) {
        return Err(BoardError::Refused(format!(
            "Invalid type '{}'. Must be one of: {}",
            edit.kind.as_deref().unwrap_or_default(),
            KINDS.join(", ")
        )));
    }
    Ok(())
}

/// The history entries of a change, in the board's words.
pub(super) fn changes(before: &TicketWire, after: &TicketWire) -> Vec<(&'static str, String)> {
    let mut entries = Vec::new();
    if before.status != after.status {
        entries.push(("status_change", format!("Status: {} → {}", before.status, after.status)));
    }
    if before.assignee != after.assignee {
        let details = match &after.assignee {
            Some(assignee) => format!("Assigned to: {assignee}"),
            None => "Assigned to: Unassigned".to_owned(),
        };
        entries.push(("assignee_change", details));
    }
    if before.kind != after.kind {
        entries.push(("type_change", format!("Type: {} → {}", before.kind, after.kind)));
    }
    entries
}
