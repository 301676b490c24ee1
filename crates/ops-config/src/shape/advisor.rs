//! The model that may stop a deployment.

use ops_core::settings::ADVISOR_SECONDS_MAX;

use super::{Kind, SECOND, Table, format::BASE_URL, optional, required};

pub(super) const ADVISOR: &Table = &Table {
    what: "the advisor",
    keys: &[
        required(
            "model",
            Kind::Plain(200),
            "gpt-5-mini",
            "The model's name, as its server knows it.",
        ),
        optional(
            "url",
            Kind::Text(&BASE_URL),
            "https://api.openai.com/v1, and `api_key` is then env:OPENAI_API_KEY",
            "The base address of a server that speaks OpenAI's chat completions.",
        ),
        optional("api_key", Kind::Reference, "none", "The key that is sent along."),
        optional(
            "required",
            Kind::Flag,
            "false",
            "Whether tickets wait as long as no judgement can be had.",
        ),
        optional(
            "timeout",
            Kind::Duration(SECOND, ADVISOR_SECONDS_MAX * SECOND),
            "30s",
            "Within which an answer must be there, tries included.",
        ),
        optional("answer_tokens", Kind::Whole(64, 8_192), "800", "Tokens that an answer may have."),
        optional(
            "tokens_per_day",
            Kind::Whole(1_000, 1_000_000_000),
            "200000",
            "Tokens that may be spent in a day (UTC), questions and answers.",
        ),
        optional(
            "money",
            Kind::Table(MONEY),
            "not counted",
            "What tokens cost, and what may be spent in a day (UTC).",
        ),
        optional(
            "drafts",
            Kind::Flag,
            "true",
            "Whether it also words answers and drafts post-mortems, marked as such and beside the \
             facts.",
        ),
    ],
};

const MONEY: &Table = &Table {
    what: "the advisor's money",
    keys: &[
        required("per_day", Kind::Decimal(100_000.0), "2.50", "What may be spent in a day."),
        required("asked", Kind::Decimal(10_000.0), "0.15", "Price of a million tokens asked."),
        required(
            "answered",
            Kind::Decimal(10_000.0),
            "0.60",
            "Price of a million tokens answered.",
        ),
    ],
};
