//! What the Compose program prints, as values.
//!
//! It writes YAML in which plain words are what version 1.1 of YAML takes for text; version 1.2
//! takes some of them for numbers, and the parser takes `y` for a truth. Such a word stays the text that it is.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

/// Reads a text; the error is in the parser's words.
pub(super) fn read(text: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! { with_snippet: false };
    let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| error.without_snippet().to_string())?;
    Ok(settle(raw, text))
}

enum Raw {
    Null,
    Bool(bool),
    Text(String),
    /// A number, and whether it is whole.
    Number(Number, bool),
    List(Vec<Spanned<Raw>>),
    Mapping(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

fn settle(raw: Spanned<Raw>, text: &str) -> Value {
    let span = raw.referenced.span();
    let written = span.byte_offset().zip(span.byte_len()).and_then(|(from, length)| {
        let from = usize::try_from(from).ok()?;
        Some(text.get(from..from.checked_add(usize::try_from(length).ok()?)?)?.trim())
    });
    match raw.value {
        Raw::Null => Value::Null,
        Raw::Bool(value) => match written {
            Some(word) if word != "true" && word != "false" => Value::String(word.to_owned()),
            _ => Value::Bool(value),
        },
        Raw::Text(value) => Value::String(value),
        Raw::Number(number, whole) => {
            let Some(written) = written else { return Value::Number(number) };
            let digits = written.trim_start_matches(['-', '+']);
            let plain = if whole {
                digits.bytes().all(|byte| byte.is_ascii_digit())
            } else {
                digits.contains('.')
            };
            if plain { Value::Number(number) } else { Value::String(written.to_owned()) }
        }
        Raw::List(items) => items.into_iter().map(|item| settle(item, text)).collect(),
        Raw::Mapping(pairs) => {
            let mut map = Map::new();
            for (key, value) in pairs {
                let key = match settle(key, text) {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                map.insert(key, settle(value, text));
            }
            Value::Object(map)
        }
    }
}

struct RawVisitor;

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into(), true))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into(), true))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        let number = Number::from_f64(value);
        Ok(number.map_or_else(|| Raw::Text(value.to_string()), |number| Raw::Number(number, false)))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = entries.next_entry()? {
            pairs.push(pair);
        }
        Ok(Raw::Mapping(pairs))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_that_an_older_yaml_takes_for_text_stay_text() {
        let text = "a: 1e3\nb: 0o17\nc: 8080\nd: 0.5\ne: '1'\nf: true\ng: null\nh: [x, {y: z}]\n";
        let expected = json!({
            "a": "1e3", "b": "0o17", "c": 8080, "d": 0.5, "e": "1", "f": true, "g": null,
            "h": ["x", { "y": "z" }],
        });
        assert_eq!(read(text), Ok(expected));
        assert!(read("a: [").is_err());
    }
}
