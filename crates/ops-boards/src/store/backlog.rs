//! The order of the backlog, the load of the team, and tickets that are taken off the board.

use rusqlite::{Connection, params};

use super::{BoardStore, Member, millis, reading};
use crate::{
    BoardError,
    feed::Topic,
    limits,
    role::Role,
    wire::{EventWire, json_text},
};

impl BoardStore {
    /// Gives tickets the ranks 1, 2, 3 … in the order named. The product owner's.
    pub fn reorder(&self, by: &Member, ids: &[String]) -> Result<(), BoardError> {
        if by.role() != Role::Po && !self.settings().permissive {
            return Err(BoardError::Forbidden {
                role: by.role(),
                what: "order the backlog".to_owned(),
                allowed: "that is for po".to_owned(),
            });
        }
        if ids.len() > limits::REORDERED {
            return Err(BoardError::Full(format!(
                "one reordering names at most {} tickets",
                limits::REORDERED
            )));
        }
        if let Some(odd) = ids.iter().find(|id| !super::is_id(id)) {
            return Err(BoardError::NotAnId(odd.clone()));
        }
        self.write(|db, now| {
            let mut place =
                db.prepare_cached("UPDATE ticket SET rank = ?, updated_at = ? WHERE id = ?")?;
            for (rank, id) in (1_i64..).zip(ids) {
                place.execute(params![rank, millis(now), id.to_ascii_lowercase()])?;
            }
            Ok(())
        })
    }

    /// How many open tickets each assignee has; tickets of nobody count as `unassigned`.
    pub fn workload(&self) -> Result<Vec<(String, i64)>, BoardError> {
        self.read(|db| {
            let mut counts = db.prepare_cached(
                "SELECT coalesce(nullif(assignee, ''), 'unassigned'), count(*) FROM ticket
                 WHERE status <> 'closed' GROUP BY 1 ORDER BY 1",
            )?;
            let rows = counts.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Takes a ticket off the board with all that it holds; its number is not given again. Only a
    /// permissive board does that: elsewhere tickets are evidence.
    pub fn delete(&self, by: &Member, id: &str, name_user: bool) -> Result<(), BoardError> {
        if !self.settings().permissive {
            return Err(BoardError::Forbidden {
                role: by.role(),
                what: "delete a ticket".to_owned(),
                allowed: "nobody may, tickets are evidence: po may move it to closed".to_owned(),
            });
        }
        self.write_told(
            |db, _| {
                let row = reading::find(db, id)?;
                db.execute("DELETE FROM comment WHERE ticket = ?", [row.seq])?;
                db.execute("DELETE FROM history WHERE ticket = ?", [row.seq])?;
                db.execute("DELETE FROM ticket WHERE seq = ?", [row.seq])?;
                Ok((row.wire, Vec::new()))
            },
            |feed, gone| {
                let user = name_user.then_some(by.email());
                let event = EventWire::TaskDeleted { task_id: &gone.id, user };
                feed.tell(Topic::Board(&gone.board_id), || json_text(&event));
            },
        )
        .map(drop)
    }
}

/// Makes room in the backlog for a new ticket, after the last of its priority or higher, and says
/// which rank it has.
pub(super) fn place(db: &Connection, priority: i64) -> Result<i64, BoardError> {
    let rank: i64 = db
        .prepare_cached(
            "SELECT coalesce(max(rank), 0) + 1 FROM ticket
             WHERE rank > 0 AND priority >= ? AND status NOT IN ('completed', 'rfp', 'closed')",
        )?
        .query_row([priority], |row| row.get(0))?;
    db.prepare_cached("UPDATE ticket SET rank = rank + 1 WHERE rank >= ?")?.execute([rank])?;
    Ok(rank)
}
