//! Words owed to people: comments, moves and posts, each written once (P10, P11).

use serde::{Deserialize, Serialize};

use crate::{
    id::{DeploymentId, TicketId},
    mutation::{Mutation, on},
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

/// What a post tells, for those that may be told together.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum News {
    /// What is told by itself and at once: users are on it, are hurt, or somebody must act.
    #[default]
    Alone,
    /// Held.
    Held,
    /// Closed.
    Closed,
    /// Soaks on a stage.
    Soaks,
    /// Withdrawn before anything of it served.
    Withdrawn,
    /// Halted.
    Halted,
    /// Resumed.
    Resumed,
}

impl News {
    /// Whether it may wait a moment for others of its kind, and be told with them.
    pub fn gathers(self) -> bool {
        self != Self::Alone || on(Mutation::BuryUrgent)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives it so")]
    pub(crate) fn is_alone(&self) -> bool {
        *self == Self::Alone
    }

    /// What is true of so many of them: `are held`.
    pub fn are(self) -> &'static str {
        match self {
            Self::Alone => "have news",
            Self::Held => "are held",
            Self::Closed => "are deployed",
            Self::Soaks => "soak on their stage",
            Self::Withdrawn => "are withdrawn",
            Self::Halted => "are halted",
            Self::Resumed => "go on",
        }
    }
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
    /// What kind of news it is.
    #[serde(default, skip_serializing_if = "News::is_alone")]
    pub news: News,
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

    /// Whether it is a post that may wait a moment for others of its kind.
    pub fn gathers(&self) -> bool {
        matches!(self.to, To::Post { .. }) && self.news.gathers()
    }

    /// The marker by which the letter is found on the board.
    pub fn marker(deployment: DeploymentId, n: u32) -> String {
        format!("<!-- ops:{deployment}:{n} -->")
    }
}
