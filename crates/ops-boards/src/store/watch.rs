//! Who is told of what: the columns that members watch and the gateways they are reached at.

use rusqlite::{Connection, params};
use serde_json::json;

use super::{BoardStore, Member, bounded, rows::from_json};
use crate::{BoardError, limits, role::Role, wire::WatchWire};

/// A member who can be told something.
#[derive(Debug, Clone)]
pub(crate) struct Recipient {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) gateway: String,
    pub(crate) secret: Option<String>,
    pub(crate) watch: Vec<String>,
}

impl BoardStore {
    /// What a member is told of.
    pub fn watch(&self, of: &Member) -> Result<WatchWire, BoardError> {
        self.read(|db| {
            let (watch, notify): (Option<String>, bool) = db
                .prepare_cached("SELECT watch, notify FROM member WHERE id = ?")?
                .query_row([of.id()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(WatchWire {
                user_email: of.email().to_owned(),
                user_name: of.name().to_owned(),
                role: of.role().as_str().to_owned(),
                enabled: notify,
                watch_columns: columns(of.role(), watch.as_deref())?,
            })
        })
    }

    /// Replaces what a member is told of.
    pub fn set_watch(
        &self,
        of: &Member,
        columns: &[String],
        enabled: bool,
    ) -> Result<(), BoardError> {
        if columns.len() > limits::WATCHED {
            return Err(BoardError::Full(format!(
                "a member watches at most {} columns",
                limits::WATCHED
            )));
        }
        for column in columns {
            bounded("a column", column, limits::SHORT_BYTES)?;
        }
        self.write(|db, _| {
            db.execute(
                "UPDATE member SET watch = ?, notify = ? WHERE id = ?",
                params![json!(columns).to_string(), enabled, of.id()],
            )?;
            Ok(())
        })
    }
}

/// Everybody who has a gateway and wants to be told, in the order in which they joined.
pub(super) fn recipients(db: &Connection) -> Result<Vec<Recipient>, BoardError> {
    let mut query = db.prepare_cached(
        "SELECT id, email, name, gateway, gateway_secret, watch, role FROM member
         WHERE gateway IS NOT NULL AND notify ORDER BY seq",
    )?;
    let rows = query.query_map([], |row| {
        let watch: Option<String> = row.get(5)?;
        let role: String = row.get(6)?;
        let role = Role::parse(&role).unwrap_or(Role::Human);
        Ok(Recipient {
            id: row.get(0)?,
            email: row.get(1)?,
            name: row.get(2)?,
            gateway: row.get(3)?,
            secret: row.get(4)?,
            watch: columns(role, watch.as_deref())?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The columns as the member set them, else those of the role.
fn columns(role: Role, set: Option<&str>) -> rusqlite::Result<Vec<String>> {
    match set {
        Some(text) => from_json(5, text),
        None => Ok(role.watches().iter().map(|column| (*column).to_owned()).collect()),
    }
}
