//! The gut feeling: a model behind the chat-completions protocol, asked for a judgement that can
//! only stop (P12), and for better words.
//!
//! [`ChatModel`] asks any server that speaks this protocol: one question, one answer, within its time-out
//! whatever the server does, since nothing that it says is trusted. What is sent is what
//! [`request_body`] shows, without the secret values that are known ([`scrubbed`]), and a key in a
//! header. What a model writes is read by `ops_core::judgement` and nowhere else.

mod answer;
mod attempt;
mod breaker;
mod clock;
mod model;
mod request;
mod scrub;
mod sse;
#[doc(hidden)]
pub mod untrusted;

pub use attempt::BODY_MAX;
pub use breaker::{FAILURES_MAX, OPEN_MS};
pub use clock::{Clock, MachineClock};
pub use model::{ChatModel, TRIES_MAX};
pub use request::request_body;
pub use scrub::scrubbed;
