//! The boards for people at the shell, over the daemon's HTTP.

use std::{fmt, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{
    Edit, FieldChange, ListQuery, MessageQuery, NewTicket,
    wire::{AgentWire, ChannelWire, CommentWire, MeWire, MessageWire, TicketWire, iso_ms},
};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a whole exchange may take.
const EXCHANGE: Duration = Duration::from_secs(30);
/// Bytes of an answer that are read at most.
const ANSWER_BYTES: u64 = 256 * 1024 * 1024;

/// What went wrong, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is not one that can be used.
    #[error("`{0}` is no address of a board: write it like http://127.0.0.1:8088 (without TLS)")]
    Address(String),
    /// The token cannot be sent.
    #[error("the token holds characters that no token has: copy it again, without line breaks")]
    TokenText,
    /// Nobody listens there.
    #[error("no daemon answers at {base} ({why}): start it with `ops serve`")]
    NoDaemon {
        /// The address.
        base: String,
        /// What the system said.
        why: String,
    },
    /// The exchange broke off.
    #[error(
        "the board at {base} did not finish its answer ({why}): what was asked may have been done, \
         look before trying again"
    )]
    NoAnswer {
        /// The address.
        base: String,
        /// What happened.
        why: String,
    },
    /// 401.
    #[error(
        "the board at {base} does not know this token: get a new one with `ops board token`, and \
         give it in the variable that your command names"
    )]
    Token {
        /// The address.
        base: String,
    },
    /// 403.
    #[error("{said}{}", open_to(.role.as_deref(), .allowed))]
    Forbidden {
        /// What the board said: what was refused, and who may.
        said: String,
        /// The caller's role, where the board told it.
        role: Option<String>,
        /// What the caller may do instead.
        allowed: Vec<String>,
    },
    /// 404.
    #[error(
        "{what}: {said} (`ops board list` shows the tickets, `ops board channels` the channels)"
    )]
    NotThere {
        /// What was asked for.
        what: String,
        /// What the board said.
        said: String,
    },
    /// 400, 409 or 413, or an id that is none.
    #[error("the board refused {what}: {said}")]
    Refused {
        /// What was asked for.
        what: String,
        /// What the board said.
        said: String,
    },
    /// Any other answer.
    #[error("the board answered {status} to {what}: {said}; see the daemon's log")]
    Broken {
        /// What was asked for.
        what: String,
        /// The status.
        status: u16,
        /// What the board said.
        said: String,
    },
    /// The answer is not what a board gives.
    #[error("what answers at {base} is not a board ({why}): check the address")]
    NotABoard {
        /// The address.
        base: String,
        /// What did not fit.
        why: String,
    },
}

fn open_to(role: Option<&str>, allowed: &[String]) -> String {
    match (role, allowed) {
        (Some(role), []) => format!("; from here {role} may move it nowhere"),
        (Some(role), some) if !some.is_empty() => format!(" (open to {role}: {})", some.join(", ")),
        _ => String::new(),
    }
}

/// A caller of both boards with one token.
pub struct BoardClient {
    base: String,
    bearer: String,
    agent: ureq::Agent,
}

impl fmt::Debug for BoardClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoardClient")
            .field("base", &self.base)
            .finish_non_exhaustive()
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
        Ok(Self {
            base: base.to_owned(),
            bearer: format!("Bearer {token}"),
            agent,
        })
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
            (
                "priority",
                query.priority.map(|priority| priority.to_string()),
            ),
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
        self.send(
            "PATCH",
            &format!("/api/tickets/{}", encoded(id)),
            &Value::Object(body),
        )
    }

    /// Adds a comment.
    pub fn comment(&self, id: &str, text: &str) -> Result<CommentWire, ClientError> {
        self.send(
            "POST",
            &ticket_path(id, "/comments")?,
            &json!({ "text": text }),
        )
    }

    /// Moves a ticket.
    pub fn move_ticket(&self, id: &str, to: &str) -> Result<TicketWire, ClientError> {
        self.send(
            "PUT",
            &ticket_path(id, "/status")?,
            &json!({ "status": to }),
        )
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

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let answer = request.header("Authorization", &self.bearer).call();
        self.take(&format!("GET {path}"), answer)
    }

    fn send<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<T, ClientError> {
        let url = format!("{}{path}", self.base);
        let request = match method {
            "POST" => self.agent.post(url),
            "PUT" => self.agent.put(url),
            _ => self.agent.patch(url),
        };
        let answer = request
            .header("Authorization", &self.bearer)
            .send_json(body);
        self.take(&format!("{method} {path}"), answer)
    }

    fn take<T: DeserializeOwned>(
        &self,
        what: &str,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<T, ClientError> {
        let mut answer = answer.map_err(|error| self.unreached(&error))?;
        let status = answer.status().as_u16();
        let text = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES)
            .read_to_string()
            .map_err(|error| self.broken_off(&error))?;
        if (200..300).contains(&status) {
            return serde_json::from_str(&text).map_err(|why| ClientError::NotABoard {
                base: self.base.clone(),
                why: why.to_string(),
            });
        }
        Err(self.told(what, status, &text))
    }

    fn unreached(&self, error: &ureq::Error) -> ClientError {
        let refused = match error {
            ureq::Error::Io(why) => why.kind() == std::io::ErrorKind::ConnectionRefused,
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => true,
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => true,
            _ => false,
        };
        if refused {
            return ClientError::NoDaemon {
                base: self.base.clone(),
                why: error.to_string(),
            };
        }
        self.broken_off(error)
    }

    fn broken_off(&self, error: &ureq::Error) -> ClientError {
        ClientError::NoAnswer {
            base: self.base.clone(),
            why: error.to_string(),
        }
    }

    /// Errors are JSON from handlers and HTML or plain text from elsewhere.
    fn told(&self, what: &str, status: u16, text: &str) -> ClientError {
        let body: Value = serde_json::from_str(text).unwrap_or_default();
        let said = match body.get("error").and_then(Value::as_str) {
            Some(said) => said.to_owned(),
            None => format!("status {status}"),
        };
        let what = what.to_owned();
        match status {
            401 => ClientError::Token {
                base: self.base.clone(),
            },
            403 => ClientError::Forbidden {
                said,
                role: body
                    .get("to")
                    .and(body.get("role"))
                    .and_then(Value::as_str)
                    .map(str::to_owned),
                allowed: body
                    .get("allowed")
                    .and_then(Value::as_array)
                    .map(|list| {
                        list.iter()
                            .filter_map(Value::as_str)
                            .map(str::to_owned)
                            .collect()
                    })
                    .unwrap_or_default(),
            },
            404 => ClientError::NotThere { what, said },
            400 | 409 | 413 => ClientError::Refused { what, said },
            500 if said.starts_with("input must be") => ClientError::Refused {
                what,
                said: "a ticket is named by its number, like MNS-7, or its id".to_owned(),
            },
            _ => ClientError::Broken { what, status, said },
        }
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

/// The path of a ticket; without an id it would be the list.
fn ticket_path(id: &str, more: &str) -> Result<String, ClientError> {
    if id.is_empty() {
        return Err(ClientError::Refused {
            what: "a ticket without a name".to_owned(),
            said: "name it by its number, like MNS-7".to_owned(),
        });
    }
    Ok(format!("/api/tickets/{}{more}", encoded(id)))
}

fn with_query(path: &str, pairs: &[(&str, Option<String>)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .filter_map(|(name, value)| {
            value
                .as_ref()
                .map(|value| format!("{name}={}", encoded(value)))
        })
        .collect();
    if pairs.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", pairs.join("&"))
    }
}

/// Everything but letters, digits and `-_~` as `%XX`, dots too, so that no text can step out of
/// its place in a path.
fn encoded(text: &str) -> String {
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut out, byte| {
            if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
                out.push(char::from(byte));
            } else {
                let _ = fmt::Write::write_fmt(&mut out, format_args!("%{byte:02X}"));
            }
            out
        })
}
