//! Channels of the meeting board.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Map, json};

use super::{BoardStore, Member, audit, bounded, millis, plain, random_id};
use crate::{
    BoardError, limits,
    wire::{ChannelWire, rfc3339_ms},
};

impl BoardStore {
    /// All channels, in the order in which they were made.
    pub fn channels(&self) -> Result<Vec<ChannelWire>, BoardError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT id, name, description, created_at FROM channel ORDER BY seq",
            )?;
            let rows = query.query_map([], |row| {
                Ok(ChannelWire {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    description: row.get(2)?,
                    created_at: rfc3339_ms(row.get(3)?),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Makes a channel.
    pub fn create_channel(
        &self,
        by: &Member,
        name: &str,
        about: &str,
    ) -> Result<ChannelWire, BoardError> {
        let (name, about) = (name.trim(), about.trim());
        if name.is_empty() {
            return Err(BoardError::Refused("channel name is required".to_owned()));
        }
        plain("a channel's name", name)?;
        bounded("a channel's description", about, limits::CHANNEL_DESCRIPTION_BYTES)?;
        self.write(|db, now| {
            if seq_of(db, "name", name)?.is_some() {
                return Err(BoardError::ChannelExists(name.to_owned()));
            }
            let known: i64 = db.query_row("SELECT count(*) FROM channel", [], |row| row.get(0))?;
            if known >= limits::CHANNELS {
                return Err(BoardError::Full(format!(
                    "the board holds {} channels, which is its bound: use one of them",
                    limits::CHANNELS
                )));
            }
            let id = random_id(millis(now))?;
            db.execute(
                "INSERT INTO channel (id, name, description, created_at) VALUES (?, ?, ?, ?)",
                params![id, name, about, millis(now)],
            )?;
            let mut details = Map::new();
            details.insert("channel_id".to_owned(), json!(id));
            details.insert("channel_name".to_owned(), json!(name));
            audit::note(db, by.id(), "channel.create", details, millis(now))?;
            Ok(ChannelWire {
                id,
                name: name.to_owned(),
                description: about.to_owned(),
                created_at: now.to_string(),
            })
        })
    }
}

/// A channel's sequence number and id.
pub(super) fn seq_of(
    db: &Connection,
    column: &'static str,
    value: &str,
) -> Result<Option<(i64, String)>, BoardError> {
    let sql = format!("SELECT seq, id FROM channel WHERE {column} = ?");
    let row = db
        .prepare_cached(&sql)?
        .query_row([value], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(row)
}
