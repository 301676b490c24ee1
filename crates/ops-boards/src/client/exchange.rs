//! One request and its answer.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{BoardClient, ClientError};

/// Bytes of an answer that are read at most.
const ANSWER_BYTES: u64 = 256 * 1024 * 1024;

/// Characters of a board's own words that are repeated at most.
const WORDS_MAX: usize = 400;
/// Moves that a board offers instead, of which at most so many are repeated.
const MOVES_MAX: usize = 20;
/// Characters of one of them.
const MOVE_MAX: usize = 40;

impl BoardClient {
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let answer = request.header("Authorization", &self.bearer).call();
        self.take(&format!("GET {path}"), answer)
    }

    pub(super) fn send<T: DeserializeOwned>(
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
        let answer = request.header("Authorization", &self.bearer).send_json(body);
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
        self.read(what, status, &text)
    }

    /// Reads an answer.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        what: &str,
        status: u16,
        text: &str,
    ) -> Result<T, ClientError> {
        if (200..300).contains(&status) {
            return serde_json::from_str(text).map_err(|why| ClientError::NotABoard {
                base: self.base.clone(),
                why: shown(&why.to_string()),
            });
        }
        Err(self.told(what, status, text))
    }

    fn unreached(&self, error: &ureq::Error) -> ClientError {
        let refused = match error {
            ureq::Error::Io(why) => why.kind() == std::io::ErrorKind::ConnectionRefused,
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => true,
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => true,
            _ => false,
        };
        if refused {
            return ClientError::NoDaemon { base: self.base.clone(), why: error.to_string() };
        }
        self.broken_off(error)
    }

    fn broken_off(&self, error: &ureq::Error) -> ClientError {
        ClientError::NoAnswer { base: self.base.clone(), why: error.to_string() }
    }

    /// Errors are JSON from handlers and HTML or plain text from elsewhere.
    fn told(&self, what: &str, status: u16, text: &str) -> ClientError {
        let body: Value = serde_json::from_str(text).unwrap_or_default();
        let said = match body.get("error").and_then(Value::as_str) {
            Some(said) => shown(said),
            None if status == 413 => "it is longer than 100 kB: shorten it".to_owned(),
            None => format!("status {status}"),
        };
        let what = what.to_owned();
        match status {
            401 => ClientError::Token { base: self.base.clone() },
            403 => ClientError::Forbidden {
                said,
                role: body.get("to").and(body.get("role")).and_then(Value::as_str).map(shown),
                allowed: body
                    .get("allowed")
                    .and_then(Value::as_array)
                    .map(|list| {
                        let moves = list.iter().filter_map(Value::as_str).take(MOVES_MAX);
                        moves.map(|to| shown(to).chars().take(MOVE_MAX).collect()).collect()
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

/// Words of a board as they may be repeated: on one line, not longer than is read, and nothing in them
/// steers a terminal.
fn shown(words: &str) -> String {
    let line = words.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(WORDS_MAX).collect()
}

/// The path of a ticket; without an id it would be the list.
pub(super) fn ticket_path(id: &str, more: &str) -> Result<String, ClientError> {
    if id.is_empty() {
        return Err(ClientError::Refused {
            what: "a ticket without a name".to_owned(),
            said: "name it by its number, like MNS-7".to_owned(),
        });
    }
    Ok(format!("/api/tickets/{}{more}", encoded(id)))
}

pub(super) fn with_query(path: &str, pairs: &[(&str, Option<String>)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .filter_map(|(name, value)| {
            value.as_ref().map(|value| format!("{name}={}", encoded(value)))
        })
        .collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// Everything but letters, digits and `-_~` as `%XX`, dots too, so that no text can step out of
/// its place in a path.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = fmt::Write::write_fmt(&mut out, format_args!("%{byte:02X}"));
        }
        out
    })
}
