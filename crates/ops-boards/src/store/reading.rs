//! Reads tickets whole: three statements for a list, however long it is.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, params_from_iter, types::Value};

use super::{
    BoardStore, bounded, is_id,
    rows::{COLUMNS, PREFIX, Stored, change, comment, from_json, stored},
    search::Search,
};
use crate::{
    BoardError, limits,
    wire::{BoardWire, CommentWire, HistoryWire, TicketWire, iso_ms},
};

/// Which tickets a list shows. The default shows the 100 that were updated last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Exactly this status.
    pub status: Option<String>,
    /// Exactly this assignee; `none` for tickets without one.
    pub assignee: Option<String>,
    /// Exactly this assignee, `none` included.
    pub assignee_exactly: Option<String>,
    /// Exactly this board.
    pub board_id: Option<String>,
    /// Exactly this type.
    pub kind: Option<String>,
    /// Exactly this priority.
    pub priority: Option<i64>,
    /// One of the labels.
    pub label: Option<String>,
    /// Created at or after this time, in milliseconds since 1970.
    pub created_after: Option<i64>,
    /// Created at or before.
    pub created_before: Option<i64>,
    /// Updated at or after.
    pub updated_after: Option<i64>,
    /// Updated at or before.
    pub updated_before: Option<i64>,
    /// Exactly this `parentId`.
    pub parent: Option<String>,
    /// A pattern that name, title, description or number contain, whatever its case.
    pub search: Option<String>,
    /// How many at most; `None` is 100.
    pub limit: Option<usize>,
    /// How many are left out first.
    pub offset: usize,
}

impl BoardStore {
    /// Tickets, whole, the last updated first.
    pub fn list(&self, query: &ListQuery) -> Result<Vec<TicketWire>, BoardError> {
        self.listed(query, query.limit.unwrap_or(limits::LIST_DEFAULT))
    }

    /// All tickets that a query finds, whatever its limit.
    pub fn list_all(&self, query: &ListQuery) -> Result<Vec<TicketWire>, BoardError> {
        self.listed(query, usize::try_from(limits::TICKETS).unwrap_or(usize::MAX))
    }

    fn listed(&self, query: &ListQuery, limit: usize) -> Result<Vec<TicketWire>, BoardError> {
        let Some(pattern) = &query.search else {
            let (sql, values) = select(query, Some((limit, query.offset)));
            return self.read(|db| {
                let mut statement = db.prepare_cached(&sql)?;
                let rows = statement.query_map(params_from_iter(values), stored)?;
                whole(db, rows.collect::<Result<Vec<_>, _>>()?)
            });
        };
        bounded("a search text", pattern, limits::SEARCH_BYTES)?;
        let search = Search::new(pattern)?;
        let (sql, values) = select(query, None);
        self.read(|db| {
            let mut statement = db.prepare_cached(&sql)?;
            let rows = statement.query_map(params_from_iter(values), stored)?;
            let fits = |row: &rusqlite::Result<Stored>| {
                row.as_ref().map_or(true, |row| search.finds(&row.wire))
            };
            let found = rows.filter(fits).skip(query.offset).take(limit);
            whole(db, found.collect::<Result<Vec<_>, _>>()?)
        })
    }

    /// One ticket, whole, by number or id.
    pub fn ticket(&self, id: &str) -> Result<TicketWire, BoardError> {
        self.read(|db| one(db, id))
    }

    /// Fails as reading a ticket does if there is none.
    pub(crate) fn ticket_exists(&self, id: &str) -> Result<(), BoardError> {
        self.read(|db| find(db, id).map(drop))
    }

    /// A ticket's comments, oldest first.
    pub fn comments(&self, id: &str) -> Result<Vec<CommentWire>, BoardError> {
        Ok(self.ticket(id)?.comments)
    }

    /// A ticket's history, oldest first.
    pub fn history(&self, id: &str) -> Result<Vec<HistoryWire>, BoardError> {
        Ok(self.ticket(id)?.history)
    }

    /// How many tickets each status has; statuses without one are left out.
    pub fn summary(&self) -> Result<Vec<(String, i64)>, BoardError> {
        self.read(|db| {
            let mut counts = db
                .prepare_cached("SELECT status, count(*) FROM ticket GROUP BY status ORDER BY 1")?;
            let rows = counts.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The boards of the planning board.
    pub fn boards(&self) -> Result<Vec<BoardWire>, BoardError> {
        self.read(|db| {
            let mut boards = db.prepare_cached(
                "SELECT id, name, description, columns, created_at FROM board ORDER BY seq",
            )?;
            let rows = boards.query_map([], |row| {
                Ok(BoardWire {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    description: row.get(2)?,
                    columns: from_json(3, &row.get::<_, String>(3)?)?,
                    created_at: iso_ms(row.get(4)?),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// One ticket, whole, within a transaction.
pub(super) fn one(db: &Connection, id: &str) -> Result<TicketWire, BoardError> {
    let row = find(db, id)?;
    whole(db, vec![row])?.pop().ok_or_else(|| BoardError::NoTicket(id.to_owned()))
}

/// A ticket's own row. Text with a dash is a number, everything else must be 24 hex digits: the
/// difference between not found and not an id is on the wire.
pub(super) fn find(db: &Connection, id: &str) -> Result<Stored, BoardError> {
    let missing = || BoardError::NoTicket(id.to_owned());
    let (column, value) = if id.contains('-') {
        ("number", Value::Integer(number(id).ok_or_else(missing)?))
    } else if is_id(id) {
        ("id", Value::Text(id.to_ascii_lowercase()))
    } else {
        return Err(BoardError::NotAnId(id.to_owned()));
    };
    let sql = format!("SELECT {COLUMNS} FROM ticket WHERE {column} = ?");
    db.prepare_cached(&sql)?.query_row([value], stored).optional()?.ok_or_else(missing)
}

/// The number in `MNS-7`, in any case.
fn number(text: &str) -> Option<i64> {
    let (prefix, digits) = text.split_at_checked(PREFIX.len())?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (prefix.eq_ignore_ascii_case(PREFIX) && plain).then(|| digits.parse().ok())?
}

fn select(query: &ListQuery, page: Option<(usize, usize)>) -> (String, Vec<Value>) {
    let mut wheres = vec!["1"];
    let mut values = Vec::new();
    let mut both = |condition: &'static str, value: Option<Value>| {
        if let Some(value) = value {
            wheres.push(condition);
            values.push(value);
        }
    };
    let text = |text: &Option<String>| text.clone().map(Value::Text);
    both("status = ?", text(&query.status));
    both("board_id = ?", text(&query.board_id));
    both("assignee = ?", text(&query.assignee_exactly));
    both("kind = ?", text(&query.kind));
    both("priority = ?", query.priority.map(Value::Integer));
    both("EXISTS (SELECT 1 FROM json_each(labels) WHERE value = ?)", text(&query.label));
    both("created_at >= ?", query.created_after.map(Value::Integer));
    both("created_at <= ?", query.created_before.map(Value::Integer));
    both("updated_at >= ?", query.updated_after.map(Value::Integer));
    both("updated_at <= ?", query.updated_before.map(Value::Integer));
    both("json_extract(more, '$.parentId') = ?", text(&query.parent));
    match query.assignee.as_deref() {
        Some("none") => wheres.push("assignee IS NULL"),
        _ => both("assignee = ?", text(&query.assignee)),
    }
    let mut sql = format!(
        "SELECT {COLUMNS} FROM ticket WHERE {} ORDER BY updated_at DESC, seq DESC",
        wheres.join(" AND ")
    );
    if let Some((limit, offset)) = page {
        sql.push_str(" LIMIT ? OFFSET ?");
        values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        values.push(Value::Integer(i64::try_from(offset).unwrap_or(i64::MAX)));
    }
    (sql, values)
}

/// Adds comments and history to rows, with one statement each.
fn whole(db: &Connection, rows: Vec<Stored>) -> Result<Vec<TicketWire>, BoardError> {
    let size: usize = rows.iter().map(Stored::size).sum();
    if rows.len() > 1 && size > limits::LIST_BYTES {
        return Err(BoardError::Refused(format!(
            "these {} tickets hold {size} bytes, a list at most {}: page it with limit and offset",
            rows.len(),
            limits::LIST_BYTES
        )));
    }
    let places: HashMap<i64, usize> =
        rows.iter().enumerate().map(|(place, row)| (row.seq, place)).collect();
    let seqs = serde_json::json!(rows.iter().map(|row| row.seq).collect::<Vec<_>>()).to_string();
    let mut tickets: Vec<TicketWire> = rows.into_iter().map(|row| row.wire).collect();
    let mut comments = db.prepare_cached(
        "SELECT ticket, id, author, author_name, text, at, candidate FROM comment
         WHERE ticket IN (SELECT value FROM json_each(?)) ORDER BY seq",
    )?;
    for entry in comments.query_map([&seqs], |row| Ok((row.get(0)?, comment(row)?)))? {
        let (seq, comment): (i64, _) = entry?;
        if let Some(ticket) = places.get(&seq).and_then(|place| tickets.get_mut(*place)) {
            ticket.comments.push(comment);
        }
    }
    let mut history = db.prepare_cached(
        "SELECT ticket, action, at, user, details FROM history
         WHERE ticket IN (SELECT value FROM json_each(?)) ORDER BY seq",
    )?;
    for entry in history.query_map([&seqs], |row| Ok((row.get(0)?, change(row)?)))? {
        let (seq, change): (i64, _) = entry?;
        if let Some(ticket) = places.get(&seq).and_then(|place| tickets.get_mut(*place)) {
            ticket.history.push(change);
        }
    }
    Ok(tickets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_any_case_and_nothing_else_is() {
        assert_eq!(number("MNS-7"), Some(7));
        assert_eq!(number("mns-12"), Some(12));
        for wrong in ["MNS-", "MNS--1", "MNS-+1", "ABC-1", "-", "é-1", "MNS-99999999999999999999"]
        {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }
}
