//! What a server's answer says, as far as it has come.

use ops_core::judgement::ANSWER_MAX;
use serde::Deserialize;
use serde_json::Value;

/// Tokens that no answer has: who counts more is not believed.
const TOKENS_MAX: u64 = 1 << 24;

/// An answer, piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    text: String,
    refused: bool,
    tools: bool,
    finish: Option<String>,
    usage: Option<Usage>,
    broken: Option<Broken>,
}

/// Tokens, as the server counted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Of the question.
    pub(crate) asked: u64,
    /// Of the answer.
    pub(crate) answered: u64,
}

/// What a whole answer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whole {
    /// Words.
    Text(String),
    /// Something else, which the question may have provoked.
    Unfit(&'static str),
    /// Not whole: the server failed, or it does not speak the protocol.
    Cut(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Error,
    Strange,
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<Value>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u64,
    delta: Option<Part>,
    message: Option<Part>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Part {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<Value>>,
    function_call: Option<Value>,
}

impl Answer {
    /// Takes in the data of an event, or the whole document of a server that does not stream.
    /// False when nothing that comes later could matter.
    pub(crate) fn take(&mut self, data: &str) -> bool {
        if data.trim() == "[DONE]" {
            return false;
        }
        match serde_json::from_str(data) {
            Ok(chunk) => self.chunk(chunk),
            Err(_) => self.broken = self.broken.or(Some(Broken::Strange)),
        }
        self.broken.is_none() && !self.too_long()
    }

    fn chunk(&mut self, chunk: Chunk) {
        if chunk.error.is_some() {
            self.broken = Some(Broken::Error);
        }
        self.usage = chunk.usage.as_ref().and_then(counted).or(self.usage);
        for choice in chunk.choices.into_iter().flatten().filter(|choice| choice.index == 0) {
            for part in [choice.delta, choice.message].into_iter().flatten() {
                self.part(part);
            }
            self.finish = choice.finish_reason.or(self.finish.take());
        }
    }

    fn part(&mut self, part: Part) {
        self.text.push_str(&part.content.unwrap_or_default());
        self.refused |= part.refusal.is_some_and(|words| !words.is_empty());
        self.tools |=
            part.function_call.is_some() || part.tool_calls.is_some_and(|calls| !calls.is_empty());
    }

    fn too_long(&self) -> bool {
        self.text.len() > ANSWER_MAX
    }

    /// Whether anything of an answer has come.
    pub(crate) fn has_begun(&self) -> bool {
        !self.text.is_empty() || self.refused || self.tools
    }

    /// Whether the server has said that this is all.
    pub(crate) fn has_ended(&self) -> bool {
        self.finish.is_some()
    }

    /// What has come so far, for an estimate.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What the server counted.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// What it is, now that nothing more comes.
    pub(crate) fn whole(self) -> Whole {
        if self.too_long() {
            return Whole::Unfit("it is too long to be one");
        }
        if self.refused {
            return Whole::Unfit("it is a refusal");
        }
        if self.tools {
            return Whole::Unfit("it wants to call a tool, and there is none");
        }
        match (self.broken, self.finish.as_deref()) {
            (Some(Broken::Error), _) => Whole::Cut("it told of an error in the middle"),
            (Some(Broken::Strange), _) => Whole::Cut("it does not speak this protocol"),
            (None, None) => Whole::Cut("it ended without an end of its answer"),
            (None, Some("length")) => Whole::Unfit("it was cut off at the tokens it may have"),
            (None, Some("content_filter")) => Whole::Unfit("a filter of its provider took it away"),
            (None, Some("tool_calls" | "function_call")) => {
                Whole::Unfit("it wants to call a tool, and there is none")
            }
            (None, Some("stop")) if self.text.trim().is_empty() => Whole::Unfit("it is empty"),
            (None, Some("stop")) => Whole::Text(self.text),
            (None, Some(_)) => Whole::Unfit("it ended for a reason that is not known"),
        }
    }
}

fn counted(usage: &Value) -> Option<Usage> {
    let tokens = |name| usage.get(name)?.as_u64().filter(|tokens| *tokens <= TOKENS_MAX);
    Some(Usage { asked: tokens("prompt_tokens")?, answered: tokens("completion_tokens")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(chunks: &[&str]) -> Whole {
        let mut answer = Answer::default();
        for chunk in chunks {
            if !answer.take(chunk) {
                break;
            }
        }
        answer.whole()
    }

    #[test]
    fn words_come_in_pieces_or_at_once() {
        let text = Whole::Text("no risk".into());
        let pieces = [
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null}}]}"#,
            r#"{"choices":[{"index":1,"delta":{"content":"another"},"finish_reason":"length"}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"no "},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"risk","refusal":null,"tool_calls":[]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}"#,
            "[DONE]",
        ];
        assert_eq!(whole(&pieces), text);
        let once = r#"{"choices":[{"message":{"content":"no risk"},"finish_reason":"stop"}]}"#;
        assert_eq!(whole(&[once]), text);
    }

    #[test]
    fn p12_what_is_no_whole_answer_is_none() {
        let unfit = [
            r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"length"}]}"#,
            r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"content_filter"}]}"#,
            r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"tool_calls"}]}"#,
            r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"whatever"}]}"#,
            r#"{"choices":[{"delta":{"content":" \n"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"delta":{"content":null},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"delta":{"content":"x","refusal":"no"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{}],"content":"x"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"delta":{"function_call":{},"content":"x"},"finish_reason":"stop"}]}"#,
        ];
        for chunk in unfit {
            assert!(matches!(whole(&[chunk]), Whole::Unfit(_)), "{chunk}");
        }
        let cut = [
            r#"{"choices":[{"delta":{"content":"x"}}]}"#,
            r#"{"choices":[{"delta":{"content":["x"]},"finish_reason":"stop"}]}"#,
            r#"{"error":{"message":"overloaded"}}"#,
            "{}",
            "Sure! Proceed.",
            "",
        ];
        for chunk in cut {
            assert!(matches!(whole(&[chunk]), Whole::Cut(_)), "{chunk}");
        }
    }

    #[test]
    fn p9_words_beyond_the_bound_end_it() {
        let chunk = format!(
            r#"{{"choices":[{{"delta":{{"content":"{}"}},"finish_reason":"stop"}}]}}"#,
            "x".repeat(ANSWER_MAX)
        );
        let mut answer = Answer::default();
        assert!(answer.take(&chunk), "as long as it may be");
        assert!(!answer.take(&chunk), "read on beyond the bound");
        assert_eq!(answer.whole(), Whole::Unfit("it is too long to be one"));
    }

    #[test]
    fn counts_that_cannot_be_are_not_believed() {
        let mut answer = Answer::default();
        let table = [
            (r#"{"usage":{"prompt_tokens":7,"completion_tokens":2}}"#, Some((7, 2))),
            (r#"{"usage":null}"#, Some((7, 2))),
            (r#"{"usage":{"prompt_tokens":-1,"completion_tokens":2}}"#, Some((7, 2))),
            (r#"{"usage":{"prompt_tokens":9,"completion_tokens":1e30}}"#, Some((7, 2))),
            (r#"{"usage":{"prompt_tokens":"9"}}"#, Some((7, 2))),
            (r#"{"usage":{"prompt_tokens":9,"completion_tokens":3}}"#, Some((9, 3))),
        ];
        for (chunk, wanted) in table {
            assert!(answer.take(chunk), "{chunk}");
            let told = answer.usage().map(|usage| (usage.asked, usage.answered));
            assert_eq!(told, wanted, "{chunk}");
        }
    }
}
