//! Lines that are objects: JSON, one object a line, and logfmt.

use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::{level, words};
use crate::reading::LogLevel;

/// Names of fields that are told of an object that says nothing in words.
const NAMES_MAX: usize = 12;

/// What an object says of its line.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Fields {
    pub(super) level: Option<LogLevel>,
    pub(super) message: Option<String>,
    /// The error that it names beside its message.
    pub(super) cause: Option<String>,
    /// Names of its first fields.
    pub(super) names: Vec<String>,
    /// How much its message is worth: a template of the program's own before all else.
    worth: u8,
    level_in_words: bool,
}

/// Reads a line that is a JSON object. One that is cut short says what it said before the cut.
pub(super) fn of_json(text: &str) -> Option<Fields> {
    let text = text.trim_start();
    if !text.starts_with('{') {
        return None;
    }
    let mut fields = Fields::default();
    // An error says that the line is cut, or was no JSON from some point on.
    let _ = serde_json::Deserializer::from_str(text).deserialize_map(Collect(&mut fields));
    (!fields.names.is_empty()).then_some(fields)
}

struct Collect<'a>(&'a mut Fields);

impl<'de> Visitor<'de> for Collect<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            self.0.named(&name);
            if is_of_interest(&name) {
                let value: Value = map.next_value()?;
                self.0.take(&name, &value);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

fn is_of_interest(name: &str) -> bool {
    words::is_level_key(name)
        || worth_of_message(name) > 0
        || is_cause(name)
        || matches!(name, "fields" | "s")
}

/// How much a field's text is worth as the message; 0: it is none.
fn worth_of_message(name: &str) -> u8 {
    match name.to_ascii_lowercase().as_str() {
        "@mt" | "messagetemplate" => 4,
        "msg" | "message" | "@m" | "short_message" => 3,
        "body" | "log" => 2,
        "event" => 1,
        _ => 0,
    }
}

fn is_cause(name: &str) -> bool {
    matches!(
        name.to_ascii_lowercase().as_str(),
        "err" | "error" | "exception" | "exc" | "@x" | "cause" | "error.message" | "exc_info"
    )
}

impl Fields {
    fn named(&mut self, name: &str) {
        if self.names.len() < NAMES_MAX {
            self.names.push(name.to_owned());
        }
    }

    fn take(&mut self, name: &str, value: &Value) {
        if words::is_level_key(name)
            || (name == "s" && value.as_str().is_some_and(|s| s.len() == 1))
        {
            self.take_level(name, value);
        }
        let worth = worth_of_message(name);
        match value {
            Value::String(text) if worth > self.worth => {
                self.worth = worth;
                self.message = Some(text.clone());
            }
            // `tracing` keeps its fields in an object of their own, ECS its level and error.
            Value::Object(inner) if matches!(name, "fields" | "log") => {
                for (name, value) in inner {
                    self.take(name, value);
                }
            }
            value if is_cause(name) && self.cause.is_none() => self.cause = cause(value),
            _ => {}
        }
    }

    fn take_level(&mut self, name: &str, value: &Value) {
        let name = name.to_ascii_lowercase();
        let word = value.as_str().unwrap_or("");
        let letter = if word.len() == 1 { word.chars().next() } else { None };
        let in_words = level::of_word(word).or_else(|| letter.and_then(level::of_letter));
        let number = value.as_i64().or_else(|| word.parse().ok());
        let by_number = number.and_then(|number| match name.as_str() {
            "levelno" => Some(level::rising(number, 40, 30)),
            // OpenTelemetry's logs data model: 1 to 24.
            "severitynumber" | "severity_number" => Some(level::rising(number, 17, 13)),
            _ => level::of_number(number),
        });
        if let Some(level) = in_words.filter(|_| !self.level_in_words) {
            self.level = Some(level);
            self.level_in_words = true;
        } else if self.level.is_none() {
            self.level = by_number;
        }
    }
}

/// An error as words: its text, or its kind and message.
fn cause(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Object(inner) => {
            let text = |names: &[&str]| {
                names.iter().find_map(|name| inner.get(*name)?.as_str()).map(str::to_owned)
            };
            let parts = [text(&["type", "name", "kind", "class"]), text(&["message", "msg"])];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            (!parts.is_empty()).then(|| parts.join(": "))
        }
        _ => None,
    }
}

/// Reads a line of `key=value` pairs that has a message among them, with whatever stands between
/// them left out.
pub(super) fn of_logfmt(text: &str) -> Option<Fields> {
    let mut fields = Fields::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
        let pair = word.split_once('=').filter(|(key, _)| is_key(key));
        let Some((key, value)) = pair else {
            rest = after.trim_start();
            continue;
        };
        let from_value = rest.get(key.len() + 1..).unwrap_or("");
        let (value, after) = match from_value.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => (value.to_owned(), after),
        };
        fields.named(key);
        if worth_of_message(key) != 2 && worth_of_message(key) != 1 {
            fields.take(key, &Value::String(value));
        }
        rest = after.trim_start();
    }
    (fields.message.is_some() && fields.names.len() > 1).then_some(fields)
}

fn is_key(key: &str) -> bool {
    let first = key.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '@'));
    first && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '@'))
}

/// A quoted value without its escapes, and what follows its closing quote.
fn unquoted(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push(' '),
                Some((_, c)) => value.push(c),
                None => {}
            },
            '"' => return (value, quoted.get(at + 1..).unwrap_or("")),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(fields: Option<Fields>) -> (Option<LogLevel>, String, String) {
        let fields = fields.unwrap_or_default();
        (fields.level, fields.message.unwrap_or_default(), fields.cause.unwrap_or_default())
    }

    #[test]
    fn json_of_many_loggers_is_read() {
        use LogLevel::{Error, Info, Warn};
        for (line, level, message, cause) in [
            (r#"{"level":"error","msg":"a"}"#, Some(Error), "a", ""),
            (r#"{"severity":"WARNING","message":"a"}"#, Some(Warn), "a", ""),
            (r#"{"level":50,"time":1,"pid":7,"msg":"a"}"#, Some(Error), "a", ""),
            (
                r#"{"level":40,"err":{"type":"TypeError","message":"b","stack":"c"},"msg":"a"}"#,
                Some(Warn),
                "a",
                "TypeError: b",
            ),
            (r#"{"message":"a","level":400,"level_name":"ERROR"}"#, Some(Error), "a", ""),
            (r#"{"message":"a","level_value":30000,"level":"WARN"}"#, Some(Warn), "a", ""),
            (
                r#"{"@t":"x","@mt":"a {Id}","@m":"a 7","@l":"Error","@x":"b"}"#,
                Some(Error),
                "a {Id}",
                "b",
            ),
            (
                r#"{"timestamp":"x","level":"ERROR","fields":{"message":"a","error":"b"},"target":"c"}"#,
                Some(Error),
                "a",
                "b",
            ),
            (r#"{"t":{"$date":"x"},"s":"W","c":"NETWORK","id":7,"msg":"a"}"#, Some(Warn), "a", ""),
            (r#"{"version":"1.1","short_message":"a","level":3}"#, Some(Error), "a", ""),
            (r#"{"levelno":40,"event":"a"}"#, Some(Error), "a", ""),
            (r#"{"severityNumber":17,"body":"a"}"#, Some(Error), "a", ""),
            (r#"{"log":{"level":"warn"},"message":"a"}"#, Some(Warn), "a", ""),
            (r#"{"level":"info","msg":"a","long":"cut he"#, Some(Info), "a", ""),
            (r#"{"level":"info","msg":"a"} and more"#, Some(Info), "a", ""),
            (r#"{"level":{},"msg":7}"#, None, "", ""),
        ] {
            let expected = (level, message.to_owned(), cause.to_owned());
            assert_eq!(told(of_json(line)), expected, "{line}");
        }
        for other in ["", "[]", "{main} up", "{", "plain", "{}"] {
            assert_eq!(of_json(other), None, "{other}");
        }
    }

    #[test]
    fn logfmt_is_read_and_other_text_with_pairs_is_not() {
        let line = r#"ts=2024 level=error msg="no \"room\" left" err="disk full" id=7"#;
        assert_eq!(
            told(of_logfmt(line)),
            (Some(LogLevel::Error), "no \"room\" left".into(), "disk full".into())
        );
        let line = "time=\"x\" level=warning msg=slow";
        assert_eq!(told(of_logfmt(line)), (Some(LogLevel::Warn), "slow".into(), String::new()));
        let cut = "level=info msg=\"never ends";
        assert_eq!(told(of_logfmt(cut)).1, "never ends");
        for other in ["took a=1 b=2", "msg=alone", "=", "x = y", "a==b msg"] {
            assert_eq!(of_logfmt(other), None, "{other}");
        }
    }
}
