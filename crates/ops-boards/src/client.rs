//! The boards for people at the shell, over the daemon's HTTP.

mod error;
mod exchange;

use std::{fmt, time::Duration};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    Edit, FieldChange, ListQuery, MessageQuery, NewTicket,
    wire::{AgentWire, ChannelWire, CommentWire, MeWire, MessageWire, TicketWire, iso_ms},
};

pub use error::ClientError;
pub(crate) use exchange::encoded;
use exchange::{ticket_path, with_query};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a whole exchange may take.
const EXCHANGE: Duration = Duration::from_secs(30);

/// A caller of both boards with one token.
pub struct BoardClient {
    base: String,
    bearer: String,
    agent: ureq::Agent,
}

impl fmt::Debug for BoardClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoardClient").field("base", &self.base).finish_non_exhaustive()
    }
}

impl BoardClient {
    /// Takes the address of the boards, such as `http://127.0.0.1:8088`, and a member's token.
    /// Nothing is sent yet.
    pub fn new(base: &str, token: &str) -> Result<Self, ClientError> {
        let base = base.trim_end_matches('/');
        let host = base.strip_prefix("http://").unwrap_or_default();
        if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
            return Err(ClientError::Address(base.to_owned()));
        }
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ClientError::TokenText);
        }
        // A proxy of the environment or a redirect would carry the token elsewhere.
        let agent = ureq::Agent::config_builder()
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(EXCHANGE))
            .build()
            .new_agent();
        Ok(Self { base: base.to_owned(), bearer: format!("Bearer {token}"), agent })
    }

    /// Who the token belongs to.
    pub fn me(&self) -> Result<MeWire, ClientError> {
        self.get("/api/me")
    }

    /// Tickets, whole, the last updated first.
    pub fn list(&self, query: &ListQuery) -> Result<Vec<TicketWire>, ClientError> {
        let text = |value: &Option<String>| value.clone();
        let number = |value: Option<usize>| value.map(|value| value.to_string());
        let time = |value: Option<i64>| value.map(iso_ms);
        let pairs = [
            ("status", text(&query.status)),
            ("assignee", text(&query.assignee)),
            ("boardId", text(&query.board_id)),
            ("type", text(&query.kind)),
            ("priority", query.priority.map(|priority| priority.to_string())),
            ("label", text(&query.label)),
            ("created_after", time(query.created_after)),
            ("created_before", time(query.created_before)),
            ("updated_after", time(query.updated_after)),
            ("updated_before", time(query.updated_before)),
            ("search", text(&query.search)),
            ("limit", number(query.limit)),
            ("offset", number((query.offset > 0).then_some(query.offset))),
        ];
        self.get(&with_query("/api/tickets", &pairs))
    }

    /// One ticket, whole, by number or id.
    pub fn show(&self, id: &str) -> Result<TicketWire, ClientError> {
        self.get(&ticket_path(id, "")?)
    }

    /// Files a ticket.
    pub fn create(&self, new: &NewTicket) -> Result<TicketWire, ClientError> {
        let mut body = Map::new();
        body.insert("title".to_owned(), json!(new.title));
        let fields = [
            ("description", json!(new.description)),
            ("status", json!(new.status)),
            ("priority", json!(new.priority)),
            ("complexity", json!(new.complexity)),
            ("assignee", json!(new.assignee)),
            ("labels", json!(new.labels)),
            ("release", json!(new.release)),
            ("type", json!(new.kind)),
            ("boardId", json!(new.board_id)),
        ];
        body.extend(
            fields
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.to_owned(), value)),
        );
        self.send("POST", "/api/tickets", &Value::Object(body))
    }

    /// Changes a ticket.
    pub fn edit(&self, id: &str, edit: &Edit) -> Result<TicketWire, ClientError> {
        let fields = [
            ("name", edit.name.as_ref().map(|name| json!(name))),
            ("title", edit.title.as_ref().map(|title| json!(title))),
            ("description", changed(&edit.description)),
            ("priority", edit.priority.map(|priority| json!(priority))),
            ("complexity", edit.complexity.map(|points| json!(points))),
            ("assignee", changed(&edit.assignee)),
            ("labels", changed(&edit.labels)),
            ("release", changed(&edit.release)),
            ("type", edit.kind.as_ref().map(|kind| json!(kind))),
            ("status", edit.status.as_ref().map(|status| json!(status))),
        ];
        let body: Map<String, Value> = fields
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| (name.to_owned(), value)))
            .collect();
        self.send("PATCH", &ticket_path(id, "")?, &Value::Object(body))
    }

    /// Adds a comment.
    pub fn comment(&self, id: &str, text: &str) -> Result<CommentWire, ClientError> {
        self.send("POST", &ticket_path(id, "/comments")?, &json!({ "text": text }))
    }

    /// Moves a ticket.
    pub fn move_ticket(&self, id: &str, to: &str) -> Result<TicketWire, ClientError> {
        self.send("PUT", &ticket_path(id, "/status")?, &json!({ "status": to }))
    }

    /// The team, with roles.
    pub fn agents(&self) -> Result<Vec<AgentWire>, ClientError> {
        self.get("/api/agents")
    }

    /// The channels.
    pub fn channels(&self) -> Result<Vec<ChannelWire>, ClientError> {
        self.get("/api/channels")
    }

    /// Posts in a channel, as a reply where a message is named.
    pub fn post(
        &self,
        channel: &str,
        text: &str,
        thread: Option<&str>,
    ) -> Result<MessageWire, ClientError> {
        let body = json!({ "channel": channel, "content": text, "thread_id": thread });
        self.send("POST", "/api/messages", &body)
    }

    /// Messages of a channel, oldest first; the limit cuts the newest off.
    pub fn messages(
        &self,
        channel: &str,
        query: &MessageQuery,
    ) -> Result<Vec<MessageWire>, ClientError> {
        let pairs = [
            ("channel", Some(channel.to_owned())),
            ("since", query.since.map(iso_ms)),
            ("limit", query.limit.map(|limit| limit.to_string())),
        ];
        self.get(&with_query("/api/messages", &pairs))
    }

    /// Messages of the last day that mention the token's owner.
    pub fn mentions(&self) -> Result<Vec<MessageWire>, ClientError> {
        self.get("/api/mentions")
    }
}

/// A changed field: null clears it.
fn changed<T: Serialize>(change: &FieldChange<T>) -> Option<Value> {
    match change {
        FieldChange::Keep => None,
        FieldChange::Clear => Some(Value::Null),
        FieldChange::To(value) => Some(json!(value)),
    }
}
