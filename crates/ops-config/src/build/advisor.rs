//! The model that may stop a deployment.

use ops_core::settings::{Advisor, Money};

use crate::view::View;

const OPENAI: &str = "https://api.openai.com/v1";
const OPENAI_KEY: &str = "env:OPENAI_API_KEY";
const TIMEOUT_SECONDS: u64 = 30;
const ANSWER_TOKENS: u64 = 800;
const TOKENS_PER_DAY: u64 = 200_000;

pub(super) fn advisor(view: View<'_>) -> Option<Advisor> {
    let url = view.text("url");
    // The key of OpenAI goes to nobody else.
    let key = view.text("api_key").or_else(|| url.is_none().then(|| OPENAI_KEY.to_owned()));
    Some(Advisor {
        model: view.text("model")?,
        url: url.unwrap_or_else(|| OPENAI.to_owned()),
        key,
        required: view.flag("required").unwrap_or(false),
        timeout_seconds: view.duration("timeout").map_or(TIMEOUT_SECONDS, |ms| ms.div_ceil(1_000)),
        answer_tokens: view.whole("answer_tokens").unwrap_or(ANSWER_TOKENS),
        tokens_per_day: view.whole("tokens_per_day").unwrap_or(TOKENS_PER_DAY),
        money: view.has("money").then(|| money(view.child("money"))).flatten(),
        drafts: view.flag("drafts").unwrap_or(true),
    })
}

fn money(view: View<'_>) -> Option<Money> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the shape allows numbers above 0 and far below 2^53 millionths"
    )]
    let millionths = |key| view.decimal(key).map(|value| (value * 1e6).round() as u64);
    Some(Money {
        per_day: millionths("per_day")?,
        asked: millionths("asked")?,
        answered: millionths("answered")?,
    })
}
