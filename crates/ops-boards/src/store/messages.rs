//! Messages and mentions of the meeting board.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::{Map, json};

use super::{
    BoardStore, Member, audit, bounded, channels::seq_of, is_id, members, millis, random_id,
};
use crate::{
    BoardError,
    feed::Topic,
    limits,
    mention::Handles,
    role::Role,
    wire::{MessageWire, go_escaped, json_text, rfc3339_ms},
};

/// Which messages a list shows, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageQuery {
    /// Written strictly later than this, in whole milliseconds since 1970.
    pub since: Option<i64>,
    /// How many at most; `None` is 50. It cuts the newest off.
    pub limit: Option<usize>,
}

const COLUMNS: &str = "message.id, channel.id, thread_id, author, author_name, author_role, \
     content, mentions, message.at, channel.name, message.seq";

/// A message with what only the ports need.
pub(crate) struct Posted {
    pub(crate) wire: MessageWire,
    pub(crate) channel: String,
}

impl BoardStore {
    /// Posts in the channel of this name (one `#` in front is taken off).
    pub fn post(
        &self,
        by: &Member,
        channel: &str,
        text: &str,
        thread: Option<&str>,
    ) -> Result<MessageWire, BoardError> {
        let channel = channel.strip_prefix('#').unwrap_or(channel);
        self.post_where(by, ("name", channel), text, thread)
    }

    /// Posts in the channel of this id.
    pub fn post_by_id(
        &self,
        by: &Member,
        channel: &str,
        text: &str,
        thread: Option<&str>,
    ) -> Result<MessageWire, BoardError> {
        self.post_where(by, ("id", channel), text, thread)
    }

    fn post_where(
        &self,
        by: &Member,
        (column, channel): (&'static str, &str),
        text: &str,
        thread: Option<&str>,
    ) -> Result<MessageWire, BoardError> {
        bounded("a message", text, limits::MESSAGE_BYTES)?;
        self.write_told(
            |db, now| {
                let (seq, id) = seq_of(db, column, channel)?
                    .ok_or_else(|| BoardError::NoChannel(channel.to_owned()))?;
                room(db, by)?;
                if let Some(thread) = thread {
                    check_thread(db, seq, thread)?;
                }
                let wire = compose(db, by, id, text, thread, now)?;
                store(db, seq, &wire, millis(now))?;
                let mut details = Map::new();
                details.insert("channel_id".to_owned(), json!(wire.channel_id));
                if column == "name" {
                    details.insert("channel_name".to_owned(), json!(channel));
                }
                details.insert("message_id".to_owned(), json!(wire.id));
                details.insert("mentions".to_owned(), json!(wire.mentions));
                audit::note(db, by.id(), "message.post", details, millis(now))?;
                Ok((wire, Vec::new()))
            },
            |feed, wire| {
                feed.tell(Topic::Channel(&wire.channel_id), || go_escaped(&json_text(wire)));
            },
        )
    }

    /// Messages of the channel of this name, replies left out.
    pub fn messages(
        &self,
        channel: &str,
        query: &MessageQuery,
    ) -> Result<Vec<MessageWire>, BoardError> {
        let channel = channel.strip_prefix('#').unwrap_or(channel);
        self.messages_where(("name", channel), query)
    }

    /// Messages of the channel of this id, replies left out.
    pub fn messages_by_id(
        &self,
        channel: &str,
        query: &MessageQuery,
    ) -> Result<Vec<MessageWire>, BoardError> {
        self.messages_where(("id", channel), query)
    }

    fn messages_where(
        &self,
        (column, channel): (&'static str, &str),
        query: &MessageQuery,
    ) -> Result<Vec<MessageWire>, BoardError> {
        let limit = query.limit.unwrap_or(limits::MESSAGES_DEFAULT).min(limits::MESSAGES_MAX);
        self.read(|db| {
            let (seq, _) = seq_of(db, column, channel)?
                .ok_or_else(|| BoardError::NoChannel(channel.to_owned()))?;
            let sql = format!(
                "SELECT {COLUMNS} FROM message JOIN channel ON channel.seq = message.channel
                 WHERE message.channel = ? AND thread_id IS NULL AND message.at > ?
                 ORDER BY message.seq LIMIT ?"
            );
            let since = query.since.unwrap_or(i64::MIN);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let found = posted(db, &sql, params![seq, since, limit])?;
            Ok(found.into_iter().map(|message| message.wire).collect())
        })
    }

    /// Messages of a channel that have replies, oldest first.
    pub fn threads(&self, channel: &str) -> Result<Vec<MessageWire>, BoardError> {
        self.read(|db| {
            let sql = format!(
                "SELECT {COLUMNS} FROM message JOIN channel ON channel.seq = message.channel
                 WHERE channel.id = ? AND message.id IN (SELECT thread_id FROM message)
                 ORDER BY message.seq LIMIT ?"
            );
            let limit = i64::try_from(limits::MESSAGES_MAX).unwrap_or(i64::MAX);
            let found = posted(db, &sql, params![channel, limit])?;
            Ok(found.into_iter().map(|message| message.wire).collect())
        })
    }

    /// Messages of all channels that mention a handle, later than `since`, replies included.
    pub fn mentions(&self, of: &str, since: i64) -> Result<Vec<MessageWire>, BoardError> {
        self.read(|db| {
            let sql = format!(
                "SELECT {COLUMNS} FROM mention JOIN message ON message.seq = mention.message
                 JOIN channel ON channel.seq = message.channel
                 WHERE who = ? AND message.at > ? ORDER BY message.seq LIMIT ?"
            );
            let limit = i64::try_from(limits::MESSAGES_MAX).unwrap_or(i64::MAX);
            let found = posted(db, &sql, params![of, since, limit])?;
            Ok(found.into_iter().map(|message| message.wire).collect())
        })
    }

    /// Messages of a channel after the one with this id, replies included: what a follower reads.
    pub(crate) fn follow_channel(
        &self,
        channel: &str,
        after: Option<&str>,
    ) -> Result<Vec<Posted>, BoardError> {
        self.read(|db| {
            let (seq, _) = seq_of(db, "name", channel)?
                .ok_or_else(|| BoardError::NoChannel(channel.to_owned()))?;
            let sql = format!(
                "SELECT {COLUMNS} FROM message JOIN channel ON channel.seq = message.channel
                 WHERE message.channel = ? AND message.seq > ? ORDER BY message.seq LIMIT ?"
            );
            posted(db, &sql, params![seq, place(db, after)?, port_limit()])
        })
    }

    /// Messages that mention either handle, after the one with this id.
    pub(crate) fn follow_mentions(
        &self,
        handles: [&str; 2],
        after: Option<&str>,
    ) -> Result<Vec<Posted>, BoardError> {
        self.read(|db| {
            let sql = format!(
                "SELECT {COLUMNS} FROM message JOIN channel ON channel.seq = message.channel
                 WHERE message.seq IN (SELECT message FROM mention WHERE who IN (?, ?) AND message > ?)
                 ORDER BY message.seq LIMIT ?"
            );
            let [id, role] = handles;
            posted(db, &sql, params![id, role, place(db, after)?, port_limit()])
        })
    }
}

fn port_limit() -> i64 {
    i64::try_from(limits::PORT_MESSAGES).unwrap_or(i64::MAX)
}

/// Where a follower goes on. An unknown id is an error: starting over would tell old news as new.
fn place(db: &Connection, after: Option<&str>) -> Result<i64, BoardError> {
    let Some(id) = after else { return Ok(0) };
    db.prepare_cached("SELECT seq FROM message WHERE id = ?")?
        .query_row([id], |row| row.get(0))
        .optional()?
        .ok_or_else(|| BoardError::NoMessage(id.to_owned()))
}

/// Messages are never deleted, so the highest sequence number is their count.
fn room(db: &Connection, by: &Member) -> Result<(), BoardError> {
    let ops = by.role() == Role::Ops;
    let bound = limits::MESSAGES + if ops { limits::RESERVED_MESSAGES_FOR_OPS } else { 0 };
    let known: i64 =
        db.query_row("SELECT coalesce(max(seq), 0) FROM message", [], |row| row.get(0))?;
    if known >= bound {
        return Err(BoardError::Full(format!(
            "the board holds {known} messages, which is its bound: begin a new board file"
        )));
    }
    Ok(())
}

fn check_thread(db: &Connection, channel: i64, thread: &str) -> Result<(), BoardError> {
    let invalid = || BoardError::Refused("invalid thread_id".to_owned());
    if !is_id(thread) {
        return Err(invalid());
    }
    db.prepare_cached("SELECT 1 FROM message WHERE id = ? AND channel = ?")?
        .query_row(params![thread, channel], |_| Ok(()))
        .optional()?
        .ok_or_else(invalid)
}

fn compose(
    db: &Connection,
    by: &Member,
    channel_id: String,
    text: &str,
    thread: Option<&str>,
    now: Timestamp,
) -> Result<MessageWire, BoardError> {
    let team: Vec<(String, String)> = members::all(db)?
        .iter()
        .map(|member| (member.id().to_owned(), member.name().to_owned()))
        .collect();
    Ok(MessageWire {
        id: random_id(millis(now))?,
        channel_id,
        thread_id: thread.map(str::to_owned),
        author: by.id().to_owned(),
        author_name: Some(by.name().to_owned()),
        author_role: Some(by.role().as_str().to_owned()),
        content: text.to_owned(),
        mentions: Handles::new(&team).find(text),
        created_at: now.to_string(),
    })
}

fn store(db: &Connection, channel: i64, wire: &MessageWire, now: i64) -> Result<(), BoardError> {
    db.prepare_cached(
        "INSERT INTO message (id, channel, thread_id, author, author_name, author_role, content,
             mentions, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        wire.id,
        channel,
        wire.thread_id,
        wire.author,
        wire.author_name,
        wire.author_role,
        wire.content,
        serde_json::json!(wire.mentions).to_string(),
        now
    ])?;
    let message = db.last_insert_rowid();
    let mut mention = db.prepare_cached("INSERT INTO mention (who, message) VALUES (?, ?)")?;
    for who in &wire.mentions {
        mention.execute(params![who, message])?;
    }
    Ok(())
}

fn posted(
    db: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<Posted>, BoardError> {
    let mut query = db.prepare_cached(sql)?;
    Ok(query.query_map(values, message)?.collect::<Result<_, _>>()?)
}

fn message(row: &Row<'_>) -> rusqlite::Result<Posted> {
    let mentions: String = row.get(7)?;
    let mentions = serde_json::from_str(&mentions).map_err(|why| {
        rusqlite::Error::FromSqlConversionFailure(7, rusqlite::types::Type::Text, why.into())
    })?;
    Ok(Posted {
        wire: MessageWire {
            id: row.get(0)?,
            channel_id: row.get(1)?,
            thread_id: row.get(2)?,
            author: row.get(3)?,
            author_name: row.get(4)?,
            author_role: row.get(5)?,
            content: row.get(6)?,
            mentions,
            created_at: rfc3339_ms(row.get(8)?),
        },
        channel: row.get(9)?,
    })
}
