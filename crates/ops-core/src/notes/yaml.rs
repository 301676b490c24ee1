//! The one place that meets the YAML parser: a block becomes entries with lines and raw text.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{DuplicateKeyPolicy, Spanned, options::MergeKeyPolicy};

/// Nodes beyond which a block is no notes: some dozen fields with a hundred items each fit well.
const MAX_NODES: usize = 4096;
/// Notes are a mapping of scalars and of lists of scalars. Deeper mistakes still get a line.
const MAX_DEPTH: usize = 8;

/// An entry of the block, in the order written. Unknown and repeated keys are still there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Line of the key inside the block, from 1.
    pub(super) line: u32,
    pub(super) value: Value,
}

/// A value, as the author wrote it: `1.10` stays `1.10`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Empty,
    List(Vec<(u32, Value)>),
    /// Keys as they stand there, each with its line.
    Mapping(Vec<(u32, String, Value)>),
}

/// The block is no YAML mapping.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) line: u32,
    pub(super) why: String,
}

/// Reads a block. Aliases and anchors are refused and all sizes are bounded, so that no block can
/// grow when it is read.
pub(super) fn entries(block: &str) -> Result<Vec<Entry>, Broken> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 4 * MAX_NODES,
            max_nodes: MAX_NODES,
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_documents: 1,
            max_aliases: 0,
            max_anchors: 0,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        with_snippet: false,
    };
    let raw: Mapping =
        serde_saphyr::from_str_with_options(block, options).map_err(|error| Broken {
            line: error.location().map_or(1, |at| line(at.line())),
            why: error.without_snippet().to_string(),
        })?;
    let entry = |(key, value): (Spanned<String>, Spanned<Raw>)| Entry {
        line: line(key.referenced.line()),
        value: settle(value, block).1,
        key: key.value,
    };
    Ok(raw.0.into_iter().map(entry).collect())
}

fn line(line: u64) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX).max(1)
}

/// Replaces what the parser took for a number or a truth value by the text as it was written.
fn settle(raw: Spanned<Raw>, block: &str) -> (u32, Value) {
    let span = raw.referenced.span();
    let at = line(raw.referenced.line());
    let value = match raw.value {
        Raw::Text(text) => Value::Text(text),
        Raw::Empty => Value::Empty,
        Raw::Mapping(pairs) => Value::Mapping(
            pairs
                .into_iter()
                .map(|(key, value)| {
                    let (at, key) = settle(key, block);
                    let key = if let Value::Text(text) = key { text } else { String::new() };
                    (at, key, settle(value, block).1)
                })
                .collect(),
        ),
        Raw::List(items) => {
            Value::List(items.into_iter().map(|item| settle(item, block)).collect())
        }
        Raw::Plain(text) => {
            let written = span.byte_offset().zip(span.byte_len()).and_then(|(from, length)| {
                let from = usize::try_from(from).ok()?;
                block.get(from..from.checked_add(usize::try_from(length).ok()?)?)
            });
            Value::Text(written.map_or(text, |written| written.trim().to_owned()))
        }
    };
    (at, value)
}

enum Raw {
    Text(String),
    /// What the parser took for a number or a truth value, in its own spelling.
    Plain(String),
    Empty,
    List(Vec<Spanned<Raw>>),
    Mapping(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

struct RawVisitor;

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a list of texts")
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Empty)
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

/// The block itself.
struct Mapping(Vec<(Spanned<String>, Spanned<Raw>)>);

struct MappingVisitor;

impl<'de> Deserialize<'de> for Mapping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MappingVisitor)
    }
}

impl<'de> Visitor<'de> for MappingVisitor {
    type Value = Mapping;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lines of the form `field: value`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Mapping, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = entries.next_entry()? {
            pairs.push(pair);
        }
        Ok(Mapping(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn values_stay_as_they_were_written() {
        let block = "a: 1.10\nb: 0123456\nc: true\nd: ~\ne:\nf: [1e5, \"x y\"]\ng:\n  - é 1\n  - 0x10\nh: {x: 1}\na: >-\n  folded\n  text\n";
        let got: Vec<_> =
            entries(block).unwrap().into_iter().map(|e| (e.key, e.line, e.value)).collect();
        let entry = |key: &str, line, value| (key.to_owned(), line, value);
        assert_eq!(
            got,
            [
                entry("a", 1, text("1.10")),
                entry("b", 2, text("0123456")),
                entry("c", 3, text("true")),
                entry("d", 4, Value::Empty),
                entry("e", 5, Value::Empty),
                entry("f", 6, Value::List(vec![(6, text("1e5")), (6, text("x y"))])),
                entry("g", 7, Value::List(vec![(8, text("é 1")), (9, text("0x10"))])),
                entry("h", 10, Value::Mapping(vec![(10, "x".to_owned(), text("1"))])),
                entry("a", 11, text("folded text")),
            ]
        );
    }

    #[test]
    fn bombs_and_other_shapes_are_refused_with_a_line() {
        let bomb = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n";
        let deep = format!("a: {}", "[".repeat(100_000));
        let wide = "a: 1\n".repeat(10_000);
        for block in [bomb, &deep, &wide, "a: 1\n---\nb: 2\n", "- a\n", "text", "a: [", "a: \"x"] {
            assert!(entries(block).is_err(), "{block:.40}");
        }
        assert_eq!(entries("a: 1\nb: [\n").unwrap_err().line, 2);
        assert_eq!(entries("").ok().map(|e| e.len()).unwrap_or_default(), 0);
    }
}
