//! The shapes on the wire: camelCase for the planning board, `snake_case` for the meeting board.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketWire {
    /// 24 hex digits.
    #[serde(rename = "_id")]
    pub id: String,
    /// Shown first; absent on tickets that have only a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Shown where there is no title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// One of the nine statuses.
    pub status: String,
    /// 1 lowest to 5 critical.
    pub priority: i64,
    /// `initiative`, `epic` or `story`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The board that it belongs to.
    pub board_id: String,
    /// `MNS-7`.
    pub ticket_number: String,
    /// Position in the backlog from 1; 0 if it was filed at the end of the way.
    pub rank: i64,
    /// 1, 2, 3, 5, 8, 13, 21 by convention.
    pub complexity: i64,
    /// An e-mail by convention.
    pub assignee: Option<String>,
    /// Free texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// Meant like `v1.2.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// The candidate that the board was last told for this ticket (not on `DevTeam`'s board).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
    /// Oldest first.
    #[serde(default)]
    pub comments: Vec<CommentWire>,
    /// Oldest first.
    #[serde(default)]
    pub history: Vec<HistoryWire>,
    /// ISO 8601 with milliseconds.
    pub created_at: String,
    /// E-mail.
    pub created_by: String,
    /// ISO 8601 with milliseconds; moves on comments too.
    pub updated_at: String,
    /// E-mail; does not move on comments.
    pub updated_by: String,
    /// Free fields, such as `parentId`.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl TicketWire {
    /// What a person reads first: the title, else the name.
    pub fn shown(&self) -> &str {
        self.title.as_deref().or(self.name.as_deref()).unwrap_or("Untitled")
    }
}

/// A comment on a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommentWire {
    /// 24 hex digits.
    pub id: String,
    /// E-mail, from the token.
    pub author: String,
    /// Display name.
    pub author_name: String,
    /// Markdown.
    #[serde(default)]
    pub text: String,
    /// The same as `text`.
    #[serde(default)]
    pub body: String,
    /// ISO 8601 with milliseconds.
    pub timestamp: String,
    /// The candidate that the board stamped on a verdict (not on `DevTeam`'s board).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
}

/// An entry of a ticket's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryWire {
    /// `created`, `status_change`, `assignee_change`, `type_change` or `comment_added`.
    pub action: String,
    /// ISO 8601 with milliseconds.
    pub timestamp: String,
    /// E-mail.
    pub user: String,
    /// In the board's words.
    pub details: String,
}

/// Who a token belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MeWire {
    /// E-mail: the author of what this token writes on the planning board.
    pub email: String,
    /// Display name.
    pub name: String,
    /// Whether it is an agent.
    pub is_agent: bool,
    /// Whether it has a token.
    pub has_api_token: bool,
    /// The id: the author on the meeting board (not on `DevTeam`'s board).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The role, which decides what may be moved (not on `DevTeam`'s board).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// A person or agent as the planning board lists them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserWire {
    /// Display name.
    pub name: String,
    /// E-mail.
    pub email: String,
    /// An emoji.
    pub avatar: String,
    /// Whether it is an agent.
    #[serde(default)]
    pub is_agent: bool,
}

/// A board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BoardWire {
    /// 24 hex digits.
    #[serde(rename = "_id")]
    pub id: String,
    /// Name.
    pub name: String,
    /// Words.
    pub description: String,
    /// Columns in the order of the way; `closed` has none.
    pub columns: Vec<String>,
    /// ISO 8601 with milliseconds.
    pub created_at: String,
}

/// What a member is told of without asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchWire {
    /// E-mail.
    pub user_email: String,
    /// Display name.
    pub user_name: String,
    /// Role.
    pub role: String,
    /// Whether anything is told at all.
    pub enabled: bool,
    /// The columns of which every entering ticket is told.
    pub watch_columns: Vec<String>,
}

/// A person or agent as the meeting board lists them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentWire {
    /// The author of their messages.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Role.
    pub role: String,
    /// An emoji.
    pub avatar: String,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelWire {
    /// 24 hex digits.
    pub id: String,
    /// Name, without `#`.
    pub name: String,
    /// Words.
    pub description: String,
    /// RFC 3339, milliseconds without trailing zeros.
    pub created_at: String,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageWire {
    /// 24 hex digits.
    pub id: String,
    /// The channel.
    pub channel_id: String,
    /// The message that it replies to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    /// Id of who wrote it, from the token.
    pub author: String,
    /// Display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author_name: Option<String>,
    /// Role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author_role: Option<String>,
    /// Text.
    pub content: String,
    /// Ids and role names that it mentions.
    #[serde(default)]
    pub mentions: Vec<String>,
    /// RFC 3339: nanoseconds in the answer to a post, else milliseconds, without trailing zeros.
    pub created_at: String,
}

/// An entry of the meeting board's audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditWire {
    /// 24 hex digits.
    pub id: String,
    /// Id of who acted.
    pub actor: String,
    /// `message.post` or `channel.create`.
    pub action: String,
    /// What it was about.
    pub details: Map<String, Value>,
    /// RFC 3339, milliseconds without trailing zeros.
    pub timestamp: String,
}

/// What a follower of the planning board is told.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(crate) enum EventWire<'a> {
    TaskCreated {
        task: &'a TicketWire,
        user: &'a str,
    },
    TaskUpdated {
        task: &'a TicketWire,
        user: &'a str,
        changes: ChangesWire<'a>,
    },
    CommentAdded {
        task_id: &'a str,
        comment: &'a CommentWire,
        user: &'a str,
    },
    TaskDeleted {
        task_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<&'a str>,
    },
}

/// What of a ticket changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangesWire<'a> {
    pub(crate) status_changed: bool,
    pub(crate) assignee_changed: bool,
    pub(crate) old_status: Option<&'a str>,
    pub(crate) new_status: Option<&'a str>,
}

/// JSON text; these shapes hold nothing that JSON cannot say.
pub(crate) fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// `2026-11-22T06:59:11.154Z`, as the planning board writes times.
pub(crate) fn iso_ms(ms: i64) -> String {
    instant(ms).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// `2026-11-22T06:59:14.64Z`, as the meeting board writes stored times.
pub(crate) fn rfc3339_ms(ms: i64) -> String {
    instant(ms).to_string()
}

/// Milliseconds are kept in the range that a timestamp can have; what the clock port gave always is.
fn instant(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Go's encoder escapes these characters, which in JSON only occur inside strings.
pub(crate) fn go_escaped(body: &str) -> String {
    let mut text = String::with_capacity(body.len());
    for letter in body.chars() {
        match letter {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_each_board_writes_them() {
        assert_eq!(iso_ms(1_795_330_751_154), "2026-11-22T06:59:11.154Z");
        assert_eq!(iso_ms(1_795_330_751_000), "2026-11-22T06:59:11.000Z");
        assert_eq!(rfc3339_ms(1_795_330_751_640), "2026-11-22T06:59:11.64Z");
        assert_eq!(rfc3339_ms(1_795_330_751_000), "2026-11-22T06:59:11Z");
    }
}
