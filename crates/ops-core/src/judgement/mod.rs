//! A model's judgement, which can only stop (P12).
//!
//! A model is shown a [`Dossier`] and answers `proceed` or `halt`. Its `halt` holds; its `proceed`
//! frees nothing. What it cannot say in the agreed form holds as well, since the dossier, which
//! quotes people, may have provoked it. What it does not say at all is recorded as «no judgement»:
//! the deterministic checks decide then, unless `advisor.required` is set.
//!
//! Nothing of what it writes is ever read as an instruction, a verdict, a request or a mention: it
//! is shown, made harmless, beside the facts.

mod advice;
mod answer;
mod dossier;
mod exchange;
#[cfg(test)]
mod hostile;
mod prompt;
mod redact;
#[cfg(test)]
mod tests;

pub use advice::{Advice, Freed, Given, Sought, Standing, Terms};
pub use answer::{ANSWER_MAX, Answer, Judgement, Malformed, Opinion, read};
pub use dossier::{Dossier, Material, Point, Watched, before_the_plan, in_the_watch};
pub use exchange::{Exchange, Said, estimated_tokens};
pub use prompt::{Prompt, for_draft, for_judgement, schema};
pub use redact::redact;

/// A candidate is halted by a model at most so often; then a person decides.
pub const HALTS_MAX: u8 = 2;

/// As whom the model halts.
pub const ADVISOR: &str = "advisor";
