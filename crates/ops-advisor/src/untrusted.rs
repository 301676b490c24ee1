//! What a model's server sends, read as it is read in earnest: plain functions over bytes, for those
//! who try to break the reading.

use crate::{answer::Answer, sse::Events};

pub use crate::{answer::Whole, sse::EVENT_MAX};

/// What a stream that came in these pieces and then ended says; `None` where an event is too long.
pub fn streamed<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Option<Whole> {
    let mut events = Events::default();
    let mut answer = Answer::default();
    let mut all = Vec::new();
    for piece in pieces {
        events.push(piece, &mut all).ok()?;
        if !all.drain(..).all(|data| answer.take(&data)) {
            return Some(answer.whole());
        }
    }
    if let Some(data) = events.finish() {
        answer.take(&data);
    }
    Some(answer.whole())
}

/// What a document of a server that does not stream says.
pub fn document(bytes: &[u8]) -> Whole {
    let mut answer = Answer::default();
    answer.take(&String::from_utf8_lossy(bytes));
    answer.whole()
}

/// Which words a server's refusal leads to: a body with less in it, or none.
pub fn refusal(words: &str) -> bool {
    crate::request::Dialect::default().without(words).is_some()
}
