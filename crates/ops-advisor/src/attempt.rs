//! One request and what comes of it.

use std::{io, time::Duration};

use ops_web::{Bound, Broken};
use serde_json::Value;
use ureq::{
    Agent, Body,
    http::{HeaderValue, Response},
};

use crate::{
    answer::{Answer, Usage, Whole},
    request::about_the_words,
    sse::Events,
};

/// As much of an answer's body is read, in bytes: 8,192 tokens take some 3 MB with what is said about
/// each.
pub const BODY_MAX: u64 = 4 << 20;
/// As much of a refusal is read.
const REFUSAL_MAX: u64 = 16 << 10;
/// Bytes that are read at a time.
const PIECE: usize = 8 << 10;

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// Words, whole.
    Text(String),
    /// An answer that is none, which the question may have provoked.
    Unfit(&'static str),
    /// No answer.
    Nothing {
        why: String,
        /// Whether it could be another time.
        again: bool,
        /// Milliseconds for which the server wants to be left alone.
        alone_ms: Option<u64>,
        /// Whether words of an answer had come.
        begun: bool,
    },
    /// It refuses the form of the question, in these words.
    Form(String),
}

/// What it cost.
#[derive(Debug, Default)]
pub(crate) struct Cost {
    /// Whether a model may have worked on it.
    pub(crate) taken: bool,
    /// What the server counted.
    pub(crate) usage: Option<Usage>,
    /// The words that came, to estimate what it did not count.
    pub(crate) words: String,
}

/// Sends a question whose answer must be there within `limit_ms`.
pub(crate) fn attempt(
    agent: &Agent,
    url: &str,
    key: Option<&HeaderValue>,
    body: &Value,
    limit_ms: u64,
) -> (Came, Cost) {
    let mut request = agent
        .post(url)
        .config()
        .timeout_global(Some(Duration::from_millis(limit_ms)))
        .build()
        .content_type("application/json")
        .header("Accept", "text/event-stream, application/json");
    if let Some(key) = key {
        request = request.header("Authorization", key);
    }
    match request.send(body.to_string()) {
        Ok(answer) if answer.status().is_success() => success(answer),
        Ok(answer) => (refused(answer), Cost::default()),
        Err(error) => {
            let broken = Broken::from(error);
            let cost = Cost { taken: !broken.unsent, ..Cost::default() };
            (nothing(broken, false), cost)
        }
    }
}

fn nothing(broken: Broken, begun: bool) -> Came {
    let Broken { bound, why, .. } = broken;
    if bound == Some(Bound::Length) {
        return Came::Unfit("it is too long to be one");
    }
    Came::Nothing { why, again: bound.is_none(), alone_ms: None, begun }
}

fn success(answer: Response<Body>) -> (Came, Cost) {
    let kind = answer.body().mime_type().unwrap_or_default().to_ascii_lowercase();
    if kind.contains("html") {
        let why = "it answered with a web page".to_owned();
        let came = Came::Nothing { why, again: true, alone_ms: None, begun: false };
        return (came, Cost::default());
    }
    let mut body = answer.into_body().into_with_config().limit(BODY_MAX).reader();
    let (said, ended) = if kind.contains("json") { document(&mut body) } else { stream(&mut body) };
    let cost = Cost { taken: true, usage: said.usage(), words: said.text().to_owned() };
    let begun = said.has_begun();
    let came = match ended {
        // A server that has said all and then does not close has said all.
        Err(broken) if !said.has_ended() => nothing(broken, begun),
        _ => match said.whole() {
            Whole::Text(text) => Came::Text(text),
            Whole::Unfit(why) => Came::Unfit(why),
            Whole::Cut(why) => {
                Came::Nothing { why: why.to_owned(), again: true, alone_ms: None, begun }
            }
        },
    };
    (came, cost)
}

fn document(body: &mut impl io::Read) -> (Answer, Result<(), Broken>) {
    let mut answer = Answer::default();
    let mut text = Vec::new();
    let read = body.read_to_end(&mut text).map_err(ureq::Error::from);
    if read.is_ok() {
        answer.take(&String::from_utf8_lossy(&text));
    }
    (answer, read.map(drop).map_err(Broken::from))
}

fn stream(body: &mut impl io::Read) -> (Answer, Result<(), Broken>) {
    let mut answer = Answer::default();
    let mut events = Events::default();
    let mut piece = [0; PIECE];
    let mut all = Vec::new();
    let ended = loop {
        let length = match body.read(&mut piece) {
            Ok(0) => break Ok(()),
            Ok(length) => length,
            Err(error) => break Err(Broken::from(ureq::Error::from(error))),
        };
        if events.push(piece.get(..length).unwrap_or_default(), &mut all).is_err() {
            break Err(Broken::by(Bound::Length, "a part of it is too long"));
        }
        if !all.drain(..).all(|data| answer.take(&data)) {
            return (answer, Ok(()));
        }
    };
    if let (Ok(()), Some(data)) = (&ended, events.finish()) {
        answer.take(&data);
    }
    (answer, ended)
}

fn refused(mut answer: Response<Body>) -> Came {
    let status = answer.status().as_u16();
    let alone_ms = answer
        .headers()
        .get("Retry-After")
        .and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok())
        .map(|seconds| seconds.saturating_mul(1_000));
    let nothing = |why: String, again| Came::Nothing { why, again, alone_ms, begun: false };
    match status {
        300..=399 => {
            nothing(format!("it answered {status}, and redirects are not followed"), false)
        }
        401 | 403 => {
            nothing(format!("it answered {status}: the key is missing, wrong or may not"), false)
        }
        404 => nothing("it answered 404: no such address or model there".to_owned(), false),
        408 | 429 | 500.. => nothing(format!("it answered {status}"), true),
        _ => {
            let body = answer.body_mut().with_config().limit(REFUSAL_MAX).read_to_vec();
            let words = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
            if about_the_words(status, &words) {
                Came::Unfit("its server refused the question for what stands in it")
            } else if matches!(status, 400 | 422) {
                Came::Form(words)
            } else {
                nothing(format!("it answered {status}"), false)
            }
        }
    }
}
