//! Hides values that are or may be secrets from complaints (P13).

use crate::{
    node::Node,
    rules::secrets::{has_login, looks_secret, secret_in_address},
    shape::REFERENCE,
};

/// What stands for a hidden value in a message.
const HIDDEN: &str = "(hidden)";

/// A file's text that may be shown: hidden values are stars, byte for byte, so that all places
/// stay where they were.
pub(crate) struct Masked {
    text: String,
    /// What was hidden, longest first.
    values: Vec<String>,
}

impl Masked {
    /// The text, in which nothing steers a terminal either.
    pub(crate) fn into_text(self) -> String {
        harmless(&self.text)
    }

    /// Takes hidden values out of a message, too.
    pub(crate) fn clean(&self, message: &str) -> String {
        // One character is no secret, but would take every such letter out of the message.
        let values = self.values.iter().filter(|value| value.chars().count() > 1);
        let hide = |text: String, value: &String| text.replace(value.as_str(), HIDDEN);
        harmless(&values.fold(message.to_owned(), hide))
    }
}

/// A text in which nothing steers a terminal. All bytes stay where they were.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let ends_line = c == '\r' && chars.peek() == Some(&'\n');
        if c.is_control() && !matches!(c, '\n' | '\t') && !ends_line {
            out.extend(std::iter::repeat_n('?', c.len_utf8()));
        } else {
            out.push(c);
        }
    }
    out
}

/// Nothing to show.
pub(crate) fn blank() -> Masked {
    Masked { text: String::new(), values: Vec::new() }
}

/// Hides, in a file that was read, values under `secrets` that are no references, also where the
/// key is misspelt or stands in the wrong place, and other values that look like secrets.
pub(crate) fn mask(text: &str, root: &Node) -> Masked {
    let mut hidden: Vec<&Node> = Vec::new();
    hide(root, false, &mut hidden);
    let mut bytes = text.as_bytes().to_vec();
    for node in &hidden {
        let end = node.span.end.min(bytes.len());
        for byte in bytes.get_mut(node.span.start..end).unwrap_or(&mut []) {
            if !byte.is_ascii_whitespace() {
                *byte = b'*';
            }
        }
    }
    let mut values: Vec<String> =
        hidden.iter().filter_map(|node| node.scalar()).map(str::to_owned).collect();
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    Masked { text: String::from_utf8_lossy(&bytes).into_owned(), values }
}

fn hide<'n>(node: &'n Node, secret: bool, hidden: &mut Vec<&'n Node>) {
    for item in node.items() {
        hide(item, secret, hidden);
    }
    for entry in node.entries() {
        let name = entry.name().unwrap_or("");
        let text = entry.value.scalar().unwrap_or("");
        hide(&entry.value, secret || is_secrets(name) || looks_secret(name, text), hidden);
    }
    let told = |text: &str| {
        (secret && !(REFERENCE.holds)(text) && !is_flag(text))
            || has_login(text)
            || secret_in_address(text)
    };
    if node.scalar().is_some_and(told) {
        hidden.push(node);
    }
}

/// What stands behind `rotate` and `pinned` is nobody's secret.
fn is_flag(text: &str) -> bool {
    matches!(text, "true" | "false")
}

/// Whether a key is `secrets`, or was meant to be.
fn is_secrets(name: &str) -> bool {
    name.to_lowercase().starts_with("secr")
}

/// Hides, in a file that could not be read as YAML, everything behind a colon in and below
/// `secrets` and `env`.
pub(crate) fn unread(text: &str) -> Masked {
    let mut out = String::with_capacity(text.len());
    let mut inside: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let blank = line.trim().is_empty();
        if inside.is_some_and(|outer| !blank && indent <= outer) {
            inside = None;
        }
        let key = line.trim_start();
        let opens = is_secrets(key) || key.starts_with("env:");
        if opens {
            inside = Some(indent);
        }
        let from = match (inside, opens || key.contains(':')) {
            (Some(_), true) => line.find(':').map_or(indent, |at| at + 1),
            (Some(_), false) => indent,
            (None, _) if line.contains("://") => indent,
            (None, _) => line.len(),
        };
        out.push_str(&line[..from]);
        let star = |b: u8| {
            if b.is_ascii_whitespace() { char::from(b) } else { '*' }
        };
        out.extend(line[from..].bytes().map(star));
    }
    Masked { text: out, values: Vec::new() }
}
