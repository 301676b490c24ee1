//! What requests to the planning board ask for, read from their fields.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Map, Value};

use super::super::form::{Entry, Form};
use crate::{BoardError, BoardStore, Edit, FieldChange, ListQuery, Member, NewTicket};

/// Fields of a ticket that a request may hold without being refused, though they are ignored: the
/// team's documents send them.
const IGNORED: [&str; 3] = ["author", "changed_by", "rank"];
/// Fields that are the board's own, whatever a request says. A permissive board drops them.
const OWN: [&str; 8] = [
    "ticketNumber",
    "boardId",
    "candidate",
    "attachments",
    "createdAt",
    "createdBy",
    "updatedAt",
    "updatedBy",
];
/// The free field that every board takes.
const PARENT: &str = "parentId";
/// Fields that a change may hold.
const EDITABLE: [&str; 10] = [
    "name",
    "title",
    "description",
    "priority",
    "complexity",
    "assignee",
    "labels",
    "release",
    "status",
    "type",
];

type Fields = Map<String, Value>;

/// Reads the filters of a list: `Ok(None)` where a filter can match nothing, `Err` for an offset
/// that `DevTeam`'s board breaks on.
pub(super) fn list_query(form: &Form) -> Result<Option<ListQuery>, String> {
    let mut query = ListQuery::default();
    let texts = [
        ("status", &mut query.status),
        ("assignee", &mut query.assignee),
        ("boardId", &mut query.board_id),
        ("type", &mut query.kind),
        ("label", &mut query.label),
        ("parent_id", &mut query.parent),
        ("search", &mut query.search),
    ];
    for (name, place) in texts {
        match form.entry(name) {
            Entry::One("") | Entry::None => {}
            Entry::One(value) => *place = Some(value.to_owned()),
            Entry::Odd => return Ok(None),
        }
    }
    let times = [
        ("created_after", &mut query.created_after),
        ("created_before", &mut query.created_before),
        ("updated_after", &mut query.updated_after),
        ("updated_before", &mut query.updated_before),
    ];
    for (name, place) in times {
        *place = form.first(name).filter(|text| !text.is_empty()).map(time);
    }
    match form.entry("priority") {
        Entry::One("") | Entry::None => {}
        Entry::One(value) => match integer(value) {
            Some(priority) => query.priority = Some(priority),
            None => return Ok(None),
        },
        Entry::Odd => return Ok(None),
    }
    query.limit = form
        .first("limit")
        .and_then(integer)
        .and_then(|limit| usize::try_from(limit).ok())
        .filter(|limit| *limit > 0);
    query.offset = usize::try_from(form.first("offset").and_then(integer).unwrap_or(0))
        .map_err(|_| "offset must not be negative".to_owned())?;
    Ok(Some(query))
}

/// Reads the few filters that the list without a limit knows; `None` where one matches nothing.
pub(super) fn task_query(form: &Form) -> Option<ListQuery> {
    let one = |name: &str| match form.entry(name) {
        Entry::One("") | Entry::None => Some(None),
        Entry::One(value) => Some(Some(value.to_owned())),
        Entry::Odd => None,
    };
    Some(ListQuery {
        status: one("status")?,
        assignee_exactly: one("assignee")?,
        board_id: one("boardId")?,
        kind: one("type")?,
        ..ListQuery::default()
    })
}

/// The leading digits, as JavaScript reads an integer.
fn integer(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
    let value: i64 = digits[..end].parse().ok()?;
    Some(if text.starts_with('-') { -value } else { value })
}

/// A time in milliseconds; what is no time becomes 1970, as on `DevTeam`'s board.
fn time(text: &str) -> i64 {
    let midnight = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok();
    text.parse::<Timestamp>()
        .ok()
        .or_else(|| midnight().map(|date| date.timestamp()))
        .map_or(0, Timestamp::as_millisecond)
}

/// Reads a ticket to be filed.
pub(super) fn new_ticket(
    store: &BoardStore,
    by: &Member,
    fields: &Fields,
) -> Result<NewTicket, BoardError> {
    let mut title = String::new();
    for name in ["name", "title", "summary"] {
        let given = text(fields, name)?.into_value().unwrap_or_default();
        if title.is_empty() {
            title = given;
        }
    }
    let board_id = text(fields, "boardId")?.into_value().filter(|id| !id.is_empty());
    if let Some(id) = board_id.as_ref().filter(|id| !is_hex(id)) {
        return Err(BoardError::NotAnId(id.clone()));
    }
    Ok(NewTicket {
        title,
        as_sent: false,
        name: None,
        description: text(fields, "description")?.into_value(),
        status: text(fields, "status")?.into_value(),
        priority: number(fields, "priority")?,
        complexity: number(fields, "complexity")?,
        assignee: text(fields, "assignee")?.into_value(),
        labels: labels(fields)?.into_value(),
        release: text(fields, "release")?.into_value(),
        kind: text(fields, "type")?.into_value(),
        board_id,
        more: free(store, by, fields, &["summary", "boardId"])?,
    })
}

/// Reads a ticket to be filed by the web form: it names its board, and title and name stay as they
/// are sent.
pub(super) fn new_task(
    store: &BoardStore,
    by: &Member,
    fields: &Fields,
) -> Result<NewTicket, BoardError> {
    let new = new_ticket(store, by, fields)?;
    if new.board_id.is_none() {
        return Err(BoardError::Refused("boardId is required".to_owned()));
    }
    Ok(NewTicket {
        title: text(fields, "title")?.into_value().unwrap_or_default(),
        name: text(fields, "name")?.into_value(),
        as_sent: true,
        ..new
    })
}

fn is_hex(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Reads a change.
pub(super) fn edit(store: &BoardStore, by: &Member, fields: &Fields) -> Result<Edit, BoardError> {
    Ok(Edit {
        name: solid(fields, "name")?,
        title: solid(fields, "title")?,
        description: text(fields, "description")?,
        priority: number(fields, "priority")?,
        complexity: number(fields, "complexity")?,
        assignee: text(fields, "assignee")?,
        labels: labels(fields)?,
        release: text(fields, "release")?,
        kind: solid(fields, "type")?,
        status: solid(fields, "status")?,
        more: free(store, by, fields, &[])?,
    })
}

/// Reads what a member wants to be told of: the columns, and whether anything at all.
pub(super) fn watch(fields: &Fields) -> Result<(Vec<String>, bool), BoardError> {
    let wrong = || BoardError::Refused("watchColumns must be a list of texts".to_owned());
    let columns = match fields.get("watchColumns") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list
            .iter()
            .map(|column| column.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(wrong()),
    };
    Ok((columns, fields.get("enabled") != Some(&Value::Bool(false))))
}

/// Reads a move.
pub(super) fn status(fields: &Fields) -> Result<String, BoardError> {
    let required = || BoardError::Refused("status is required".to_owned());
    text(fields, "status")?.into_value().filter(|status| !status.is_empty()).ok_or_else(required)
}

/// Reads an assignment.
pub(super) fn assignee(fields: &Fields) -> Result<Edit, BoardError> {
    let given = match text(fields, "assignee")? {
        FieldChange::Keep => text(fields, "email")?,
        given => given,
    };
    if given == FieldChange::Keep {
        return Err(BoardError::Refused("assignee is required".to_owned()));
    }
    Ok(Edit { assignee: given, ..Edit::default() })
}

/// Reads a comment: `text`, else `body`, else nothing at all; `None` if it is not text.
pub(super) fn comment(fields: &Fields) -> Option<String> {
    let truthy = |name: &str| {
        fields.get(name).filter(|value| {
            !matches!(value, Value::Null | Value::Bool(false)) && **value != "" && **value != 0
        })
    };
    match truthy("text").or_else(|| truthy("body")) {
        None => Some(String::new()),
        Some(Value::String(text)) => Some(text.clone()),
        Some(_) => None,
    }
}

/// The free fields of a request. What cannot be written is refused, and so is what is no field of a
/// ticket, unless the board is permissive and keeps it.
fn free(
    store: &BoardStore,
    by: &Member,
    fields: &Fields,
    more: &[&str],
) -> Result<Fields, BoardError> {
    let permissive = store.settings().permissive;
    let mut free = Fields::new();
    for (name, value) in fields {
        let plain = name.as_str();
        if matches!(plain, "comments" | "history") {
            return Err(BoardError::Forbidden {
                role: by.role(),
                what: format!("overwrite `{name}`"),
                allowed: "nobody may: POST /api/tickets/:id/comments adds a comment".to_owned(),
            });
        }
        if plain == "_id" {
            return Err(BoardError::Immutable(name.clone()));
        }
        if EDITABLE.contains(&plain) || more.contains(&plain) || IGNORED.contains(&plain) {
            continue;
        }
        let parent = plain == PARENT && (value.is_string() || value.is_null());
        if parent || permissive && !OWN.contains(&plain) {
            free.insert(name.clone(), value.clone());
        } else if !permissive {
            return Err(BoardError::Refused(format!(
                "`{name}` is no field of a ticket that can be written: use {}; put anything else \
                 into a comment",
                EDITABLE.join(", ")
            )));
        }
    }
    Ok(free)
}

fn text(fields: &Fields, name: &str) -> Result<FieldChange<String>, BoardError> {
    match fields.get(name) {
        None => Ok(FieldChange::Keep),
        Some(Value::Null) => Ok(FieldChange::Clear),
        Some(Value::String(text)) => Ok(FieldChange::To(text.clone())),
        Some(_) => Err(BoardError::Refused(format!("{name} must be a text"))),
    }
}

/// A text that cannot be cleared.
fn solid(fields: &Fields, name: &str) -> Result<Option<String>, BoardError> {
    match text(fields, name)? {
        FieldChange::Keep => Ok(None),
        FieldChange::To(text) => Ok(Some(text)),
        FieldChange::Clear => Err(BoardError::Refused(format!("{name} cannot be cleared"))),
    }
}

fn number(fields: &Fields, name: &str) -> Result<Option<i64>, BoardError> {
    let wrong = || BoardError::Refused(format!("{name} must be a whole number"));
    // A form has only texts.
    let read = |value: &Value| match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_i64(),
    };
    let given = fields.get(name).filter(|value| !value.is_null() && **value != "");
    given.map(|value| read(value).ok_or_else(wrong)).transpose()
}

fn labels(fields: &Fields) -> Result<FieldChange<Vec<String>>, BoardError> {
    let wrong = || BoardError::Refused("labels must be a list of texts".to_owned());
    match fields.get("labels") {
        None => Ok(FieldChange::Keep),
        Some(Value::Null) => Ok(FieldChange::Clear),
        Some(Value::Array(values)) => values
            .iter()
            .map(|value| value.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect::<Result<_, _>>()
            .map(FieldChange::To),
        Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_offsets_are_read_as_javascript_reads_them() {
        let limit = |text: &str| list_query(&Form::read(text)).unwrap().unwrap().limit;
        assert_eq!(limit("limit=1000"), Some(1000));
        assert_eq!(limit("limit=7up"), Some(7));
        for junk in ["", "limit=", "limit=0", "limit=x", "limit=-5", "limit=99999999999999999999"] {
            assert_eq!(limit(junk), None, "{junk}");
        }
        assert!(list_query(&Form::read("offset=-1")).is_err());
    }

    #[test]
    fn odd_filters_match_nothing_and_never_everything() {
        for odd in ["status=a&status=b", "status[$ne]=rfp", "priority=x", "search[$ne]=1"] {
            assert_eq!(list_query(&Form::read(odd)), Ok(None), "{odd}");
        }
    }

    #[test]
    fn junk_times_are_1970() {
        assert_eq!(time("2026-11-22T06:59:11.154Z"), 1_795_330_751_154);
        assert_eq!(time("2026-11-22"), 1_795_305_600_000);
        assert_eq!(time("soon"), 0);
    }
}
