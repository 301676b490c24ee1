//! Logs as counts of shapes: which kinds of line a service writes, how loud, how often.
//!
//! A line becomes a *template*: its level and head are taken off, and whatever differs from line to
//! line, or might name a person or a secret, becomes [`MARK`] (P13). After Drain (He, Zhu, Zheng and
//! Lyu, "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017), with one
//! difference: there a template grows more general as lines come in, so its text depends on what
//! was seen before. Here a template is a function of its line alone, because templates of two
//! versions are compared, and one that is new must be new and not just worded differently. Lines
//! are merged by likeness, as in Drain, only where masking leaves too many templates.
//!
//! Everything is bounded: bytes of a line, words of a template, templates of a service. The same
//! lines in the same order give the same templates.

mod clean;
mod fields;
mod head;
mod level;
mod line;
mod mask;
mod miner;
mod quotes;
mod shape;
mod stream;
mod tally;
mod template;
mod token;
mod words;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod samples;

pub use line::{Line, read};
pub use miner::{Miner, OTHER};
pub use stream::Stream;
pub use tally::Tally;

/// Bytes of a line that are looked at; what lies beyond is as if it were not there.
pub const LINE_MAX: usize = 8 * 1024;
/// Bytes of a template at most.
pub const TEMPLATE_MAX: usize = 320;
/// What stands in a template for everything that differs.
pub const MARK: &str = "<*>";
