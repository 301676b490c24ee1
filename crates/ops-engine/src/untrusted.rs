//! What comes from outside, read as it is read in earnest: plain functions over bytes, for those who
//! try to break the reading.

use crate::{Ask, chat};

/// What a message on the meeting board asks ops to do, if it asks for an act.
pub fn asked(text: &str) -> Option<Ask> {
    match chat::parse(text) {
        chat::Request::Do(ask) => Some(ask),
        chat::Request::Status | chat::Request::Explain(_) | chat::Request::Unclear => None,
    }
}
