//! What the web page's board shows: a few facts of each ticket, by column.

use rusqlite::params;

use super::{BoardStore, rows::number_text};
use crate::{BoardError, role::Status};

/// A column of the board.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) status: Status,
    /// Tickets with this status.
    pub(crate) count: i64,
    /// The first of them.
    pub(crate) cards: Vec<Card>,
}

/// A ticket on the board.
#[derive(Debug, Clone)]
pub(crate) struct Card {
    pub(crate) number: String,
    pub(crate) title: String,
    pub(crate) kind: String,
    pub(crate) priority: i64,
    pub(crate) assignee: Option<String>,
    pub(crate) comments: i64,
}

impl Column {
    /// How many tickets are not among its cards.
    pub(crate) fn left_out(&self) -> i64 {
        self.count - i64::try_from(self.cards.len()).unwrap_or(i64::MAX)
    }
}

impl BoardStore {
    /// All columns in the order of the way, the tickets of each by rank, then the last updated
    /// first; at most so many each.
    pub(crate) fn columns(&self, most: usize) -> Result<Vec<Column>, BoardError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.read(|db| {
            let mut count = db.prepare_cached("SELECT count(*) FROM ticket WHERE status = ?")?;
            let mut cards = db.prepare_cached(
                "SELECT number, coalesce(title, name, 'Untitled'), kind, priority, assignee, comments
                 FROM ticket WHERE status = ?
                 ORDER BY rank = 0, rank, updated_at DESC, seq DESC LIMIT ?",
            )?;
            let mut columns = Vec::new();
            for status in Status::ALL {
                let found = cards.query_map(params![status.as_str(), most], |row| {
                    Ok(Card {
                        number: number_text(row.get(0)?),
                        title: row.get(1)?,
                        kind: row.get(2)?,
                        priority: row.get(3)?,
                        assignee: row.get(4)?,
                        comments: row.get(5)?,
                    })
                })?;
                columns.push(Column {
                    status,
                    count: count.query_row([status.as_str()], |row| row.get(0))?,
                    cards: found.collect::<Result<_, _>>()?,
                });
            }
            Ok(columns)
        })
    }
}
