//! One board, one token: requests, and what becomes of them.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ops_core::world::Fault;
use ops_engine::ports::{Act, ActError};
use serde_json::Value;
use ureq::{
    Agent, Body, Error,
    http::{Response, StatusCode, header},
};

use crate::limits;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a whole exchange may take: well within a lease. A write may take the board longer, since
/// it waits for gateways; it was applied by then, and is read back.
const EXCHANGE: Duration = Duration::from_secs(8);
/// The boards close what idles for 5 s.
const IDLE: Duration = Duration::from_secs(4);
/// Bytes of an answer that are read at most.
const ANSWER_BYTES: u64 = 256 << 20;
/// Characters of a board's own words that are repeated at most.
const WORDS: usize = 200;

/// How long a whole exchange with a board may take, asked before each.
pub type Patience = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Reads the token of a board anew, where it may have been changed; `None` if it cannot be read.
pub type Renew = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// The address or the token of a board cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The address.
    #[error("`{0}` is no address of a board: write it like http://project-board:3000")]
    Address(String),
    /// The token. It is not repeated.
    #[error(
        "the token of {0} is empty or holds characters that no token has: without one the meeting \
         board would take ops for the manager, so nothing is sent"
    )]
    Token(String),
}

/// A board and the token with which it is asked.
pub(super) struct Line {
    base: String,
    bearer: Mutex<String>,
    agent: Agent,
    patience: Patience,
    renew: Renew,
}

/// What a look brought.
pub(super) enum Found {
    /// JSON, with the tag under which it can be asked for again.
    Fresh(Value, Option<String>),
    /// What was known under that tag is still so.
    Same,
    /// The board says that there is no such thing.
    Nothing,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Line {
    /// Nothing is sent yet.
    pub(super) fn new(base: &str, token: &str) -> Result<Self, AddressError> {
        let base = base.trim_end_matches('/');
        let host = base.strip_prefix("http://").or_else(|| base.strip_prefix("https://"));
        let host = host.unwrap_or_default();
        let odd = |c: char| c.is_whitespace() || c.is_control() || "/?#@".contains(c);
        if host.is_empty() || host.contains(odd) {
            return Err(AddressError::Address(shown(base)));
        }
        let Some(bearer) = bearer(token) else {
            return Err(AddressError::Token(base.to_owned()));
        };
        let (patience, renew): (Patience, Renew) = (Arc::new(|| EXCHANGE), Arc::new(|| None));
        let (base, bearer) = (base.to_owned(), Mutex::new(bearer));
        Ok(Self { base, bearer, agent: agent(), patience, renew })
    }

    /// The same with another patience.
    pub(super) fn waiting(&self, patience: Patience) -> Self {
        Self { patience, ..self.again() }
    }

    /// The same, asking for the token anew where the board does not know it any more.
    pub(super) fn renewing(&self, renew: Renew) -> Self {
        Self { renew, ..self.again() }
    }

    fn again(&self) -> Self {
        Self {
            base: self.base.clone(),
            bearer: Mutex::new(self.bearer()),
            agent: self.agent.clone(),
            patience: Arc::clone(&self.patience),
            renew: Arc::clone(&self.renew),
        }
    }

    /// Reads the token anew. True if it is another one, with which it is worth asking again.
    fn renewed(&self) -> bool {
        let Some(new) = (self.renew)().and_then(|token| bearer(&token)) else { return false };
        let mut known = self.bearer.lock().unwrap_or_else(PoisonError::into_inner);
        let other = *known != new;
        *known = new;
        other
    }

    /// Where it is.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// What it is asked with.
    pub(super) fn bearer(&self) -> String {
        self.bearer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A look at what must be there.
    pub(super) fn value(&self, path: &str) -> Result<Value, Fault> {
        match self.look(path, None)? {
            Found::Fresh(value, _) => Ok(value),
            Found::Nothing | Found::Same => Err(Fault::new(
                format!("the board does not know {path}"),
                &self.base,
                "check the address of the board",
            )),
        }
    }

    /// Looks. With a tag that the board still knows, nothing comes.
    pub(super) fn look(&self, path: &str, tag: Option<&str>) -> Result<Found, Fault> {
        // A look may be repeated: the board may have closed the connection that was kept.
        let answer = match self.ask(path, tag) {
            Err(Error::Io(_) | Error::ConnectionFailed) => self.ask(path, tag),
            other => other,
        };
        let mut answer = answer.map_err(|why| self.silent(&why))?;
        if answer.status() == StatusCode::UNAUTHORIZED && self.renewed() {
            answer = self.ask(path, tag).map_err(|why| self.silent(&why))?;
        }
        if answer.status().as_u16() == 304 {
            return Ok(Found::Same);
        }
        let tag = answer.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
        let tag = tag.map(str::to_owned);
        let text = read(&mut answer).map_err(|why| self.silent(&why))?;
        let value: Option<Value> = serde_json::from_str(&text).ok();
        match (answer.status().as_u16(), value) {
            (200..300, Some(value)) => Ok(Found::Fresh(value, tag)),
            // Only in the board's own words: a page says that the address is wrong.
            (404, Some(value)) if value.get("error").is_some() => Ok(Found::Nothing),
            (status, value) => Err(self.told(status, value.as_ref(), &text)),
        }
    }

    /// Writes, once.
    pub(super) fn write(&self, method: Method, path: &str, body: &Value) -> Act {
        let bytes = body.to_string();
        if bytes.len() > limits::BODY_BYTES {
            return Err(ActError::NotApplied(Fault::new(
                format!(
                    "{} bytes are more than the board takes ({})",
                    bytes.len(),
                    limits::BODY_BYTES
                ),
                &self.base,
                "shorten what is to be written",
            )));
        }
        let mut answer = self.send(method, path, &bytes).map_err(|why| self.unanswered(&why))?;
        // Whoever is not let in has written nothing.
        if answer.status() == StatusCode::UNAUTHORIZED && self.renewed() {
            answer = self.send(method, path, &bytes).map_err(|why| self.unanswered(&why))?;
        }
        let status = answer.status().as_u16();
        let text = read(&mut answer).map_err(|why| ActError::Unknown(self.silent(&why)))?;
        let value: Option<Value> = serde_json::from_str(&text).ok();
        match (status, value) {
            (200..300, Some(_)) => Ok(()),
            (300..500, value) => {
                Err(ActError::NotApplied(self.told(status, value.as_ref(), &text)))
            }
            (status, value) => Err(ActError::Unknown(self.told(status, value.as_ref(), &text))),
        }
    }

    fn send(&self, method: Method, path: &str, bytes: &str) -> Result<Response<Body>, Error> {
        let url = format!("{}{path}", self.base);
        let request = match method {
            Method::Post => self.agent.post(url),
            Method::Put => self.agent.put(url),
        };
        let request = request.config().timeout_global(Some((self.patience)())).build();
        let request = request.header(header::AUTHORIZATION, self.bearer());
        request.header(header::CONTENT_TYPE, "application/json").send(bytes)
    }

    fn ask(&self, path: &str, tag: Option<&str>) -> Result<Response<Body>, Error> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let request = request.config().timeout_global(Some((self.patience)())).build();
        let request = request.header(header::AUTHORIZATION, self.bearer());
        match tag {
            Some(tag) => request.header(header::IF_NONE_MATCH, tag).call(),
            None => request.call(),
        }
    }

    /// A write that was not answered. Only one that found nobody was certainly not done.
    fn unanswered(&self, why: &Error) -> ActError {
        let refused =
            matches!(why, Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused);
        let unsent = matches!(
            why,
            Error::HostNotFound
                | Error::ConnectionFailed
                | Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve)
        );
        let fault = self.silent(why);
        if refused || unsent { ActError::NotApplied(fault) } else { ActError::Unknown(fault) }
    }

    fn silent(&self, why: &Error) -> Fault {
        Fault::new(
            format!("the board does not answer ({})", shown(&why.to_string())),
            &self.base,
            "ops asks again by itself; if it lasts, look at the board's own log",
        )
    }

    fn told(&self, status: u16, value: Option<&Value>, text: &str) -> Fault {
        let said = value.and_then(|value| value.get("error")).and_then(Value::as_str);
        let said = match said {
            Some(said) => shown(said),
            None if text.trim_start().starts_with('<') => "a page instead of an answer".to_owned(),
            None if text.is_empty() => "nothing".to_owned(),
            None => "something that is no answer of a board".to_owned(),
        };
        let next = match status {
            401 => "check the token that ops was given for this board (its environment variable)",
            404 => "check the address of the board",
            413 => "shorten what is to be written",
            400..500 => "change what was asked for; trying again alone does not help",
            _ => "ops asks again by itself; if it lasts, look at the board's own log",
        };
        Fault::new(format!("the board answered {status} and said: {said}"), &self.base, next)
    }
}

/// What is shown of a token; `None` if it can be none.
fn bearer(token: &str) -> Option<String> {
    let fine = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    fine.then(|| format!("Bearer {token}"))
}

/// How something is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Method {
    Post,
    Put,
}

/// A caller that keeps its connections as long as the boards do.
fn agent() -> Agent {
    ops_web::config(CONNECT).max_idle_age(IDLE).build().new_agent()
}

fn read(answer: &mut Response<Body>) -> Result<String, Error> {
    answer.body_mut().with_config().limit(ANSWER_BYTES).lossy_utf8(true).read_to_string()
}

/// Words of somebody else as they may be repeated: one line, bounded, nothing that steers a
/// terminal or calls somebody.
fn shown(words: &str) -> String {
    let plain = words.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(WORDS).collect::<String>().replace('@', "(at)")
}
