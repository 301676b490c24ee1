//! What is said on the keeper's socket: one JSON object per line, bounded by
//! [`MESSAGE_MAX`] bytes, any number of questions on one connection.

use serde::{Deserialize, Serialize};

use crate::status::{Stamp, Status};

/// Bytes that one line may have.
pub(crate) const MESSAGE_MAX: usize = 8 * 1024;

/// What a keeper can be told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Run the service.
    Start,
    /// End the service and everything that it started.
    Stop,
}

/// A question to a keeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// How is it?
    Status,
    /// Do this.
    Order {
        /// What.
        order: Order,
        /// Under which stamp.
        stamp: Stamp,
    },
}

/// A keeper's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// How it is; for an order: it was taken and is on disk.
    Report(Report),
    /// The order's stamp is below this one.
    Stale {
        /// The highest stamp seen.
        highest: Stamp,
    },
    /// The order was not taken.
    Refused {
        /// Why, in words.
        why: String,
    },
}

/// A replica as its keeper sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its state.
    pub status: Status,
    /// The keeper's own process.
    pub keeper: i32,
}
