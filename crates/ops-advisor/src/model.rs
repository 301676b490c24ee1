//! The port: one question, within its time, whatever happens.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ops_core::{
    judgement::{Exchange, Prompt, Said, estimated_tokens},
    settings,
};
use ops_engine::ports::Advisor;
use ops_web::origin;
use ureq::{Agent, http::HeaderValue};

use crate::{
    attempt::{Came, Cost, attempt},
    breaker::Breaker,
    clock::{Clock, MachineClock},
    request::Dialect,
    scrub::{holds, scrubbed},
};

/// How long names may take to be looked up, and how long connections may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// Tries of a question that got no answer.
pub const TRIES_MAX: u32 = 4;
/// Parameters that can be left out for a server that does not know them.
pub(crate) const LEFT_OUT_MAX: u32 = 6;
/// Milliseconds between the first two tries; each further wait is twice as long.
const WAIT_MS: u64 = 500;
/// What stands where a secret was taken out.
const GONE: &str = "(redacted)";

type Key = dyn Fn(&str) -> Result<Option<String>, String> + Send + Sync;
type OutOf = dyn Fn(&str) -> String + Send + Sync;

/// A model behind the chat-completions protocol, wherever it is served.
pub struct ChatModel {
    agent: Agent,
    clock: Box<dyn Clock>,
    key: Box<Key>,
    out_of: Box<OutOf>,
    server: Mutex<Server>,
}

/// What is known of the server that was asked last.
#[derive(Default)]
struct Server {
    /// Which one, and as whom.
    who: Option<(String, String, Option<String>)>,
    breaker: Breaker,
    dialect: Dialect,
}

impl fmt::Debug for ChatModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatModel").finish_non_exhaustive()
    }
}

impl ChatModel {
    /// `key` says what a reference leads to, each time anew, since keys rotate; `out_of` takes the
    /// secret values that it knows out of a text, right before it is sent.
    pub fn new(
        key: impl Fn(&str) -> Result<Option<String>, String> + Send + Sync + 'static,
        out_of: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Self {
        Self::with_clock(MachineClock::new(), key, out_of)
    }

    /// The same with time and chance from elsewhere.
    pub fn with_clock(
        clock: impl Clock + 'static,
        key: impl Fn(&str) -> Result<Option<String>, String> + Send + Sync + 'static,
        out_of: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Self {
        Self {
            agent: ops_web::agent(CONNECT, None),
            clock: Box::new(clock),
            key: Box::new(key),
            out_of: Box::new(out_of),
            server: Mutex::default(),
        }
    }

    fn server<T>(&self, to: &settings::Advisor, with: impl FnOnce(&mut Server) -> T) -> T {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        let who = (to.url.clone(), to.model.clone(), to.key.clone());
        if server.who.as_ref() != Some(&who) {
            *server = Server { who: Some(who), ..Server::default() };
        }
        with(&mut server)
    }
}

impl Advisor for ChatModel {
    fn ask(&self, to: &settings::Advisor, prompt: &Prompt) -> Exchange {
        let begin = self.clock.now_ms();
        let limit_ms = to.timeout_seconds.saturating_mul(1_000);
        let origin = match origin(&to.url) {
            Ok(origin) => origin,
            Err(why) => return Exchange::none(format!("the model cannot be asked: {why}")),
        };
        let key = match to.key.as_deref().map(|reference| self.key(reference)).transpose() {
            Ok(key) => key,
            Err(why) => {
                return Exchange::none(format!("the model at {origin} is not asked: {why}"));
            }
        };
        if let Err(ms) = self.server(to, |server| server.breaker.admit(begin, limit_ms)) {
            let s = ms.div_ceil(1_000);
            return Exchange::none(format!(
                "the model at {origin} has not answered of late and is left alone for {s} s more"
            ));
        }
        let out_of = |text: &str| {
            let text = (self.out_of)(text);
            key.as_ref().map_or(text.clone(), |key| text.replace(&key.value, GONE))
        };
        let mut question = Question {
            model: self,
            to,
            prompt: scrubbed(prompt, &out_of),
            key: key.as_ref().map(|key| &key.header),
            url: format!("{}/chat/completions", to.url.trim_end_matches('/')),
            origin,
            until: begin.saturating_add(limit_ms),
            spent: Exchange::none(""),
            refused: false,
        };
        let said = match question.ask() {
            Said::Text { text } => harmless(out_of(&text), &out_of),
            said => said,
        };
        let now = self.clock.now_ms();
        let answered = !matches!(said, Said::Nothing { .. });
        // A refusal of the question is no absence, and a dossier could provoke it.
        let there = answered || question.refused;
        self.server(to, |server| server.breaker.ended(there, now));
        let exchange = Exchange { said, ms: now.saturating_sub(begin), ..question.spent };
        tracing::debug!(
            tries = exchange.tries,
            ms = exchange.ms,
            asked = exchange.asked_tokens,
            answered = exchange.answered_tokens,
            came = answered,
            "a model was asked"
        );
        exchange
    }
}

/// Whoever knows a secret may send it back, so that it ends in the journal (P13).
fn harmless(text: String, out_of: &dyn Fn(&str) -> String) -> Said {
    if holds(&text, out_of) {
        return Said::Unfit { why: "it tells a secret".to_owned() };
    }
    Said::Text { text }
}

struct Secret {
    value: String,
    header: HeaderValue,
}

impl ChatModel {
    fn key(&self, reference: &str) -> Result<Secret, String> {
        let value = (self.key)(reference)?.ok_or("its key's reference leads to no value")?;
        // A line's end after a key in a file does not belong to it.
        let value = value.trim_end_matches(['\r', '\n']).to_owned();
        let unfit = "its key is not one word that can be sent";
        if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(unfit.to_owned());
        }
        let mut header =
            HeaderValue::from_str(&format!("Bearer {value}")).map_err(|_| unfit.to_owned())?;
        header.set_sensitive(true);
        Ok(Secret { value, header })
    }
}

/// A question under way.
struct Question<'a> {
    model: &'a ChatModel,
    to: &'a settings::Advisor,
    prompt: Prompt,
    key: Option<&'a HeaderValue>,
    url: String,
    origin: String,
    until: u64,
    /// Tokens and tries so far.
    spent: Exchange,
    /// Whether the server has refused it for its form.
    refused: bool,
}

impl Question<'_> {
    fn ask(&mut self) -> Said {
        let mut dialect = self.model.server(self.to, |server| server.dialect);
        let mut left_out = 0;
        let mut failures = 0;
        loop {
            let left_ms = self.until.saturating_sub(self.model.clock.now_ms());
            if left_ms == 0 {
                return self.nothing("it did not answer in time");
            }
            let body = dialect.body(self.to, &self.prompt);
            let (came, cost) = attempt(&self.model.agent, &self.url, self.key, &body, left_ms);
            self.spend(&cost);
            let (why, again, alone_ms, begun) = match came {
                Came::Text(text) => {
                    self.speaks(dialect);
                    return Said::Text { text };
                }
                Came::Unfit(why) => {
                    self.speaks(dialect);
                    return Said::Unfit { why: why.to_owned() };
                }
                Came::Form(words) => match dialect.without(&words) {
                    Some(less) if left_out < LEFT_OUT_MAX => {
                        left_out += 1;
                        dialect = less;
                        continue;
                    }
                    _ => {
                        self.refused = true;
                        return self.nothing("it does not take the question");
                    }
                },
                Came::Nothing { why, again, alone_ms, begun } => (why, again, alone_ms, begun),
            };
            failures += 1;
            let wait_ms = alone_ms.unwrap_or(0).max(self.pause_ms(failures));
            let now = self.model.clock.now_ms();
            if !again || failures == TRIES_MAX || now.saturating_add(wait_ms) >= self.until {
                // What has begun may have been provoked to end; silence cannot.
                let cut = begun && again;
                return if cut {
                    Said::Unfit { why: format!("it was cut off: {why}") }
                } else {
                    self.nothing(&why)
                };
            }
            self.model.clock.wait(wait_ms);
        }
    }

    /// Remembers what the server takes.
    fn speaks(&self, dialect: Dialect) {
        self.model.server(self.to, |server| server.dialect = dialect);
    }

    fn nothing(&self, why: &str) -> Said {
        let Exchange { tries, .. } = self.spent;
        let times = if tries > 1 { format!(" ({tries} tries)") } else { String::new() };
        Said::Nothing { why: format!("the model at {}: {why}{times}", self.origin) }
    }

    /// Between half of the wait and all of it.
    fn pause_ms(&self, failures: u32) -> u64 {
        let most = WAIT_MS << (failures - 1).min(TRIES_MAX);
        most / 2 + self.model.clock.random() % (most / 2 + 1)
    }

    fn spend(&mut self, cost: &Cost) {
        self.spent.tries += 1;
        if !cost.taken {
            return;
        }
        let (asked, answered) = if let Some(usage) = cost.usage {
            (usage.asked, usage.answered)
        } else {
            self.spent.counted = false;
            let Prompt { system, user, .. } = &self.prompt;
            let asked = estimated_tokens(system) + estimated_tokens(user);
            (asked, estimated_tokens(&cost.words))
        };
        self.spent.asked_tokens = self.spent.asked_tokens.saturating_add(asked);
        self.spent.answered_tokens = self.spent.answered_tokens.saturating_add(answered);
    }
}
