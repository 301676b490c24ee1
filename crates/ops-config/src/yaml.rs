//! Reads YAML text into nodes. The only file that knows the YAML library.
//!
//! Whatever the text holds, reading ends soon and in bounded memory: depth, nodes, aliases and
//! documents are limited before any of our own rules look at the tree.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{
    Budget, DuplicateKeyPolicy, Error, Location, MergeKeyPolicy, Options, Spanned,
    options::NonFiniteFloatPolicy,
};

use crate::node::{Entry, Node, Value};

/// Deepest nesting; the deepest setting of ours stands 7 levels down.
const DEPTH_MAX: usize = 32;
/// Most values in one file: a thousand services have fewer.
const NODES_MAX: usize = 100_000;
/// Most uses of anchors in one file, and what they may unfold to.
const ALIASES_MAX: usize = 1_000;
const UNFOLDED_MAX: usize = 100_000;

/// Why a text is not YAML that we read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotYaml {
    /// Byte at which reading stopped, where it is known.
    pub(crate) offset: Option<usize>,
    /// Line and column from 1, where they are known.
    pub(crate) place: Option<(usize, usize)>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// Reads one document.
pub(crate) fn read(text: &str) -> Result<Node, NotYaml> {
    let raw: Spanned<Raw> =
        serde_saphyr::from_str_with_options(text, options()).map_err(|error| refuse(&error))?;
    Ok(node(text, raw))
}

fn options() -> Options {
    let budget: Option<Budget> = serde_saphyr::budget! {
        max_depth: DEPTH_MAX,
        flow_nesting_limit: DEPTH_MAX,
        max_nodes: NODES_MAX,
        max_events: NODES_MAX * 3,
        max_aliases: ALIASES_MAX,
        max_anchors: ALIASES_MAX,
        max_documents: 2,
    };
    serde_saphyr::options! {
        budget: budget,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: UNFOLDED_MAX,
            max_replay_stack_depth: DEPTH_MAX,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Error,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        strict_booleans: true,
        with_snippet: false,
    }
}

/// A value before its places are turned into byte ranges.
enum Raw {
    Null,
    Flag(bool),
    Number,
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
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
        f.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Raw, E> {
        Ok(Raw::Flag(flag))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

fn node(text: &str, raw: Spanned<Raw>) -> Node {
    let span = bytes(raw.defined);
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Flag(flag) => Value::Flag(flag),
        // The text as written: `007` and `1.10` must not lose a digit on their way.
        Raw::Number => Value::Number(text.get(span.clone()).unwrap_or("").trim().to_owned()),
        Raw::Text(text) => Value::Text(text),
        Raw::List(items) => Value::List(items.into_iter().map(|item| node(text, item)).collect()),
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| Entry { key: node(text, key), value: node(text, value) })
                .collect(),
        ),
    };
    Node { span, value }
}

fn bytes(location: Location) -> std::ops::Range<usize> {
    let span = location.span();
    let start = span.byte_offset().unwrap_or(0) as usize;
    start..start.saturating_add(span.byte_len().unwrap_or(0) as usize)
}

fn refuse(error: &Error) -> NotYaml {
    let location = error.location();
    let (message, hint) = words(error);
    NotYaml {
        offset: location.and_then(|l| l.span().byte_offset()).map(|o| o as usize),
        place: location.map(|l| (l.line() as usize, l.column() as usize)),
        message,
        hint: hint.map(str::to_owned),
    }
}

fn words(error: &Error) -> (String, Option<&'static str>) {
    match error.without_snippet() {
        Error::AliasError { error, .. } => words(error),
        Error::MultipleDocuments { .. } => (
            "the file holds more than one YAML document".to_owned(),
            Some("remove the line `---` and what belongs to the other document"),
        ),
        Error::MergeKeyNotAllowed { .. } => (
            "`<<` is not taken: a reader should see every setting where it acts".to_owned(),
            Some("write the keys out, or use an alias for a whole value: `health: *health`"),
        ),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            ("an anchor holds itself".to_owned(), Some("remove the alias inside of its own anchor"))
        }
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => (
            format!("the aliases of this file unfold to more than {UNFOLDED_MAX} values"),
            Some("write the values out"),
        ),
        Error::Budget { .. } => (
            format!(
                "the file is larger than a configuration can be: at most {NODES_MAX} values, \
                 {DEPTH_MAX} levels and {ALIASES_MAX} aliases are read"
            ),
            Some("check whether this is the file that was meant"),
        ),
        other => {
            let message = plain(&other.to_string());
            let hint = hint_for(&message);
            (format!("this is not YAML: {message}"), hint)
        }
    }
}

/// The library's message without the place, which is rendered beside it anyway.
fn plain(message: &str) -> String {
    let end = message.find(" at line ").unwrap_or(message.len());
    message[..end].trim_end_matches(',').to_owned()
}

fn hint_for(message: &str) -> Option<&'static str> {
    const HINTS: &[(&str, &str)] = &[
        ("tabs disallowed", "YAML is indented with spaces: replace the tab by two spaces"),
        (
            "mapping values are not allowed",
            "check the indentation; put a value with `: ` in quotes",
        ),
        ("unexpected character", "put the value in quotes"),
        ("unclosed", "close it, or put the value in quotes"),
        ("quoted scalar", "a quote is not closed"),
        ("recursion limit", "settings are nested far less deep than this"),
        ("unknown anchor", "define it first with `&name`, or put the value in quotes"),
    ];
    HINTS.iter().find(|(part, _)| message.contains(part)).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_keep_their_spelling() {
        let root = read("a: 007\nb: 1.10\nc: yes\nd: true\ne: '5'\nf:\n").unwrap();
        assert_eq!(root.get("a").unwrap().value, Value::Number("007".into()));
        assert_eq!(root.get("b").unwrap().value, Value::Number("1.10".into()));
        assert_eq!(root.get("c").unwrap().value, Value::Text("yes".into()));
        assert_eq!(root.get("d").unwrap().value, Value::Flag(true));
        assert_eq!(root.get("e").unwrap().value, Value::Text("5".into()));
        assert_eq!(root.get("f").unwrap().value, Value::Null);
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "a:\r\n  ü: [x, yy]\r\n";
        let root = read(text).unwrap();
        let item = &root.get("a").unwrap().get("ü").unwrap().items()[1];
        assert_eq!(&text[item.span.clone()], "yy");
    }

    #[test]
    fn keys_that_stand_twice_are_both_kept() {
        assert_eq!(read("a: 1\na: 2\n").unwrap().entries().len(), 2);
    }
}
