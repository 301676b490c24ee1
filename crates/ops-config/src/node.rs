//! A YAML document as a tree in which everything knows where it stands.

use std::ops::Range;

/// A value and the bytes of the text that it was read from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Bytes of the text; collections point at their first byte only.
    pub(crate) span: Range<usize>,
    pub(crate) value: Value,
}

/// What YAML knows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    /// `true` or `false` without quotes.
    Flag(bool),
    /// A number without quotes, as it was written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value. Keys that stand twice are both kept, so that both can be named.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Node,
    pub(crate) value: Node,
}

/// Where a value stands, from the root: keys, and numbers of list items from 0.
pub(crate) type Path = Vec<String>;

impl Entry {
    /// The key as text; `None` if it is a collection or nothing.
    pub(crate) fn name(&self) -> Option<&str> {
        self.key.scalar()
    }
}

impl Node {
    /// The text of a scalar as it was written, without quotes.
    pub(crate) fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Number(text) => Some(text),
            Value::Flag(true) => Some("true"),
            Value::Flag(false) => Some("false"),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The entries of a mapping; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// The items of a list; none for anything else.
    pub(crate) fn items(&self) -> &[Node] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// The first entry with this key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.name() == Some(key))
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// One step down: a key of a mapping or the number of a list item.
    fn step(&self, segment: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(_) => self.get(segment),
            Value::List(items) => items.get(segment.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// The value at a path.
    pub(crate) fn at(&self, path: &[String]) -> Option<&Node> {
        path.iter().try_fold(self, |node, segment| node.step(segment))
    }

    /// What to underline for a path: the scalar itself, else the key that leads to the collection,
    /// else the nearest thing above that exists.
    pub(crate) fn place(&self, path: &[String]) -> Range<usize> {
        let mut node = self;
        let mut place = self.span.clone();
        for segment in path {
            let Some(next) = node.step(segment) else {
                break;
            };
            let key = node.entry(segment).map(|entry| &entry.key);
            place = match (&next.value, key) {
                (Value::List(_) | Value::Map(_) | Value::Null, Some(key)) => key.span.clone(),
                _ => next.span.clone(),
            };
            node = next;
        }
        place
    }

    /// What YAML calls this, for messages.
    pub(crate) fn kind(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Flag(flag) => format!("`{flag}`"),
            Value::Number(text) => format!("the number {text}"),
            Value::Text(text) => format!("the text `{}`", shorten(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// Text as it may stand in a message: one line, not longer than a person reads.
pub(crate) fn shorten(text: &str) -> String {
    const SHOWN: usize = 60;
    let line = text.lines().next().unwrap_or("");
    if line.chars().count() <= SHOWN && line.len() == text.len() {
        text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
    } else {
        let start: String = line.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
        format!("{start}…")
    }
}
