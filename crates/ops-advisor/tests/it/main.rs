//! A server that lies, one that is real, and the texts that want something.

#![cfg(test)]

mod dossier;
mod failures;
mod hostile;
mod protocol;
mod real;
mod secrets;
mod server;

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use ops_advisor::{ChatModel, Clock};
use ops_core::{
    judgement::{Prompt, Said},
    settings,
};

/// A judgement that halts.
pub(crate) const HALT: &str =
    r#"{"verdict":"halt","concerns":["x"],"questions":["DEV: why?"],"confidence":0.5}"#;

/// Time that passes only where somebody waits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ticks(Arc<(AtomicU64, Mutex<Vec<u64>>)>);

impl Ticks {
    /// How long was waited, each time.
    pub(crate) fn waits(&self) -> Vec<u64> {
        self.0.1.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn pass(&self, ms: u64) {
        self.0.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Ticks {
    fn now_ms(&self) -> u64 {
        self.0.0.load(Ordering::SeqCst)
    }

    fn wait(&self, ms: u64) {
        self.pass(ms);
        self.0.1.lock().unwrap_or_else(PoisonError::into_inner).push(ms);
    }

    fn random(&self) -> u64 {
        0
    }
}

/// A model without key and secrets.
pub(crate) fn model(clock: &Ticks) -> ChatModel {
    ChatModel::with_clock(clock.clone(), |_| Ok(None), str::to_owned)
}

pub(crate) fn advisor(url: &str) -> settings::Advisor {
    settings::Advisor {
        url: url.to_owned(),
        model: "small".into(),
        key: None,
        required: false,
        timeout_seconds: 30,
        answer_tokens: 200,
        tokens_per_day: 100_000,
        money: None,
        drafts: true,
    }
}

pub(crate) fn prompt() -> Prompt {
    let (system, user) = ("Answer with a judgement.".into(), "Dossier:\n{}".into());
    Prompt { system, user, judgement: true, answer_tokens: 200 }
}

/// Why nothing came.
pub(crate) fn nothing(said: &Said) -> &str {
    match said {
        Said::Nothing { why } => why,
        other => panic!("nothing was expected: {other:?}"),
    }
}

/// Why what came is no answer.
pub(crate) fn unfit(said: &Said) -> &str {
    match said {
        Said::Unfit { why } => why,
        other => panic!("something unfit was expected: {other:?}"),
    }
}
