//! The model that may stop a deployment, and never anything else (P12).

use serde::{Deserialize, Serialize};

/// Longest time that a judgement may be waited for, in seconds.
pub const ADVISOR_SECONDS_MAX: u64 = 120;

/// A model behind the chat-completions protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advisor {
    /// The base address, below which `chat/completions` is.
    pub url: String,
    /// The model's name there.
    pub model: String,
    /// Reference of the key that is sent along, such as `env:OPENAI_API_KEY`; `None`: none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether a ticket waits as long as no judgement can be had.
    pub required: bool,
    /// Seconds within which an answer must be there, tries included.
    pub timeout_seconds: u64,
    /// Tokens that an answer may have.
    pub answer_tokens: u64,
    /// Tokens that may be spent in a day (UTC), questions and answers.
    pub tokens_per_day: u64,
    /// What tokens cost, and what may be spent in a day; `None`: money is not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money: Option<Money>,
    /// Whether it also words answers and drafts post-mortems, marked as such.
    pub drafts: bool,
}

/// Prices and a budget, in millionths of whatever currency the provider bills in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// At most so much in a day (UTC).
    pub per_day: u64,
    /// For a million tokens of a question.
    pub asked: u64,
    /// For a million tokens of an answer.
    pub answered: u64,
}

impl Money {
    /// What so many tokens cost, in millionths, rounded up.
    pub fn cost(&self, asked: u64, answered: u64) -> u64 {
        let one = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let all = one(asked, self.asked).saturating_add(one(answered, self.answered));
        u64::try_from(all.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tokens_cost_is_rounded_up() {
        let money = Money { per_day: 5_000_000, asked: 150_000, answered: 600_000 };
        assert_eq!(money.cost(1_000_000, 0), 150_000);
        assert_eq!(money.cost(1, 0), 1);
        assert_eq!(money.cost(2_000, 300), 480);
        let dear = Money { per_day: 1, asked: u64::MAX, answered: u64::MAX };
        assert_eq!(dear.cost(u64::MAX, u64::MAX), u64::MAX);
    }
}
