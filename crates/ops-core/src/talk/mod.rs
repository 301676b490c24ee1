//! Conversation: what a message asks of ops, what is known about it, and how that is said.
//!
//! Three parts that know nothing of each other: [`parse`] reads a request, the engine gathers
//! [`Facts`], which are data, and [`words`] says them. Whoever words the same facts in another way
//! takes the place of the last part alone.

mod facts;
mod incident;
mod never;
mod parse;
mod request;
#[cfg(test)]
mod tests;
mod token;
mod who;
mod words;

pub use facts::{
    Capacity, Explained, Facts, Health, Lack, Past, Probed, Rate, Room, Seen, ServiceRoom, Serving,
    UnderWay,
};
pub use incident::{Incident, Reported, WORDS_MAX, WORDS_MIN};
pub use never::Promise;
pub use parse::{Names, parse};
pub use request::{About, Deed, Question, Request, Standing, Subject};
pub use who::frees;
pub use words::words;
