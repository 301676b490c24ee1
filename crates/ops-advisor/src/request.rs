//! What is sent.

use ops_core::{
    judgement::{Prompt, schema},
    settings,
};
use serde_json::{Value, json};

/// What is sent to a server of which nothing is known yet: nothing but this leaves the house, and
/// the key in a header. A server that does not know a parameter gets the same without it.
pub fn request_body(to: &settings::Advisor, prompt: &Prompt) -> Value {
    Dialect::default().body(to, prompt)
}

/// Which parameters a server is known to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    limit: Limit,
    form: Form,
    usage: bool,
    temperature: bool,
    stream: bool,
}

/// How it is told how long an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    /// As newer models want it, and most servers understand it.
    New,
    /// As it was before.
    Old,
    /// Not at all: then the length of what is read is the only bound.
    None,
}

/// How it is told which form a judgement has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Schema,
    Json,
    /// Only in words.
    Words,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { limit: Limit::New, form: Form::Schema, usage: true, temperature: true, stream: true }
    }
}

impl Dialect {
    pub(crate) fn body(self, to: &settings::Advisor, prompt: &Prompt) -> Value {
        let mut body = json!({
            "model": to.model,
            "messages": [
                { "role": "system", "content": prompt.system },
                { "role": "user", "content": prompt.user },
            ],
            "stream": self.stream,
        });
        let mut set = |name: &str, value: Value| {
            if let Some(body) = body.as_object_mut() {
                body.insert(name.to_owned(), value);
            }
        };
        match self.limit {
            Limit::New => set("max_completion_tokens", json!(prompt.answer_tokens)),
            Limit::Old => set("max_tokens", json!(prompt.answer_tokens)),
            Limit::None => {}
        }
        if self.stream && self.usage {
            set("stream_options", json!({ "include_usage": true }));
        }
        if self.temperature {
            set("temperature", json!(0));
        }
        match self.form {
            _ if !prompt.judgement => {}
            Form::Schema => set(
                "response_format",
                json!({
                    "type": "json_schema",
                    "json_schema": { "name": "judgement", "strict": true, "schema": schema() },
                }),
            ),
            Form::Json => set("response_format", json!({ "type": "json_object" })),
            Form::Words => {}
        }
        body
    }

    /// The same without what a refusal names; `None` if it names nothing that can be left out.
    pub(crate) fn without(self, refusal: &str) -> Option<Self> {
        named(refusal).into_iter().find_map(|name| self.less(&name))
    }

    fn less(self, name: &str) -> Option<Self> {
        let form = match self.form {
            Form::Schema => Form::Json,
            Form::Json | Form::Words => Form::Words,
        };
        let less = match name {
            "max_completion_tokens" if self.limit == Limit::New => {
                Self { limit: Limit::Old, ..self }
            }
            "max_tokens" if self.limit == Limit::Old => Self { limit: Limit::None, ..self },
            "stream_options" | "include_usage" => Self { usage: false, ..self },
            "response_format" | "json_schema" | "json_object" => Self { form, ..self },
            "temperature" => Self { temperature: false, ..self },
            "stream" => Self { stream: false, ..self },
            _ => return None,
        };
        (less != self).then_some(less)
    }
}

/// What a refusal may name: first what it says it is about, then every word that looks like a name.
fn named(refusal: &str) -> Vec<String> {
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let document = serde_json::from_str::<Value>(refusal).ok();
    let param = document.as_ref().and_then(|all| all.get("error")?.get("param")?.as_str());
    let mut names = param.map(words).unwrap_or_default();
    // «stream» is a word of its own in many sentences.
    names.extend(words(refusal).into_iter().filter(|word| word.as_str() != "stream"));
    names
}

/// Whether a refusal is about what the question says, not about how it is asked: the dossier may
/// have provoked that.
pub(crate) fn about_the_words(status: u16, refusal: &str) -> bool {
    const CODES: [&str; 6] = [
        "content_filter",
        "content_policy_violation",
        "invalid_prompt",
        "context_length_exceeded",
        "exceed_context_size_error",
        "string_above_max_length",
    ];
    let document = serde_json::from_str::<Value>(refusal).ok();
    let error = document.as_ref().and_then(|all| all.get("error"));
    let told = |name| error.and_then(|error| error.get(name)?.as_str());
    let mut told = ["code", "type"].into_iter().filter_map(told);
    status == 413 || told.any(|word| CODES.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advisor() -> settings::Advisor {
        settings::Advisor {
            url: "http://model.example/v1".into(),
            model: "small".into(),
            key: Some("env:KEY".into()),
            required: false,
            timeout_seconds: 30,
            answer_tokens: 800,
            tokens_per_day: 1_000,
            money: None,
            drafts: true,
        }
    }

    fn prompt(judgement: bool) -> Prompt {
        Prompt { system: "rules".into(), user: "data".into(), judgement, answer_tokens: 99 }
    }

    #[test]
    fn p13_a_request_holds_the_prompt_and_nothing_else_of_the_house() {
        let body = request_body(&advisor(), &prompt(true));
        let wanted = json!({
            "model": "small",
            "messages": [
                { "role": "system", "content": "rules" },
                { "role": "user", "content": "data" },
            ],
            "stream": true,
            "stream_options": { "include_usage": true },
            "temperature": 0,
            "max_completion_tokens": 99,
            "response_format": {
                "type": "json_schema",
                "json_schema": { "name": "judgement", "strict": true, "schema": schema() },
            },
        });
        assert_eq!(body, wanted);
        let draft = request_body(&advisor(), &prompt(false));
        assert_eq!(draft.get("response_format"), None);
    }

    #[test]
    fn what_a_server_does_not_know_is_left_out() {
        let refusals: [(&str, &str, Option<Value>); 6] = [
            (
                r#"{"error":{"message":"Extra inputs are not permitted: max_completion_tokens"}}"#,
                "max_tokens",
                Some(json!(99)),
            ),
            (
                r#"{"error":{"message":"'temperature' does not support 0 with this model.","param":"temperature"}}"#,
                "temperature",
                None,
            ),
            (r#"{"detail":[{"loc":["body","stream_options"]}]}"#, "stream_options", None),
            (
                r#"{"error":{"message":"You must be verified to stream this.","param":"stream"}}"#,
                "stream",
                Some(json!(false)),
            ),
            (
                "unknown field `response_format`",
                "response_format",
                Some(json!({ "type": "json_object" })),
            ),
            (
                "'response_format.type' must be 'text', not json_schema",
                "response_format",
                Some(json!({ "type": "json_object" })),
            ),
        ];
        for (refusal, name, wanted) in refusals {
            let dialect = Dialect::default().without(refusal).unwrap();
            let body = dialect.body(&advisor(), &prompt(true));
            assert_eq!(body.get(name), wanted.as_ref(), "{refusal}");
        }
        let others = [
            "",
            "the model does not exist",
            "cannot stream now, sorry",
            r#"{"error":{"message":"Incorrect model","param":"model"}}"#,
        ];
        for refusal in others {
            assert_eq!(Dialect::default().without(refusal), None, "{refusal}");
        }
    }

    #[test]
    fn p9_leaving_out_comes_to_an_end() {
        let all = "max_completion_tokens max_tokens stream_options include_usage response_format \
                   json_schema temperature";
        let mut dialect = Dialect::default();
        let mut steps = 0;
        while let Some(less) = dialect.without(all) {
            dialect = less;
            steps += 1;
            assert!(steps <= crate::model::LEFT_OUT_MAX, "{dialect:?}");
        }
        let body = dialect.body(&advisor(), &prompt(true));
        let names: Vec<_> = body.as_object().unwrap().keys().collect();
        assert_eq!(names, ["messages", "model", "stream"]);
    }
}
