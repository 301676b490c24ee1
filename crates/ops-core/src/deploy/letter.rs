//! Words owed to people: comments, moves and posts, each written once (P10, P11).

use serde::{Deserialize, Serialize};

use crate::{
    id::{DeploymentId, TicketId},
    time::Timer,
};

/// Where a letter goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "kebab-case")]
pub enum To {
    /// A comment on a ticket.
    Comment {
        /// The ticket.
        ticket: TicketId,
    },
    /// The move to `closed`.
    Close {
        /// The ticket.
        ticket: TicketId,
    },
    /// A post in a channel.
    Post {
        /// The channel.
        channel: String,
    },
}

/// What the letter is about; decides what it may hold up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// Why the ticket is held.
    Hold,
    /// The plan, before the first act.
    Plan,
    /// The record of a deployment that ended, one per ticket.
    Record,
    /// The move to `closed`.
    Close,
    /// News for the team.
    News,
}

/// A letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Its number within the deployment, from 1.
    pub n: u32,
    /// Where it goes.
    pub to: To,
    /// What it is about.
    pub about: About,
    /// Text, marker included; empty for a move.
    pub body: String,
    /// How far it got.
    pub delivery: Delivery,
}

/// How far a letter got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "delivery", rename_all = "kebab-case")]
pub enum Delivery {
    /// Not sent, or known not to have arrived; sent when the pause is over.
    Owed {
        /// Pause before the next try.
        pause: Option<Timer>,
        /// Tries so far.
        tries: u32,
    },
    /// Being sent.
    Intended {
        /// Tries so far, this one included.
        tries: u32,
    },
    /// Sent, or perhaps sent: to be looked for on the board when the pause is over.
    Sent {
        /// Pause before looking.
        pause: Timer,
        /// How often it was looked for and not found.
        misses: u32,
        /// Tries so far.
        tries: u32,
    },
    /// Read back from the board.
    Written,
    /// Not wanted any more before it went out: a move of a ticket that was pulled back.
    Dropped,
}

impl Letter {
    /// Whether nothing is to be done for it any more.
    pub fn settled(&self) -> bool {
        matches!(self.delivery, Delivery::Written | Delivery::Dropped)
    }

    /// Whether it stands on the board.
    pub fn written(&self) -> bool {
        self.delivery == Delivery::Written
    }

    /// The marker by which the letter is found on the board.
    pub fn marker(deployment: DeploymentId, n: u32) -> String {
        format!("<!-- ops:{deployment}:{n} -->")
    }
}
