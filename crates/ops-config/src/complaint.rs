//! What is wrong with an `ops.yaml`, all of it at once.

use std::{fmt, ops::Range};

use serde::Serialize;

use crate::{
    mask::Masked,
    node::{Node, Path},
};

/// At most this many complaints are kept: nobody reads more before mending the first ones.
const COMPLAINTS_MAX: usize = 100;

/// One thing that is wrong, where it stands, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Complaint {
    /// The setting, such as `services.shop.health.every`; empty for the whole file.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The bytes to underline.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What is allowed there.
    pub allowed: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

/// Bytes of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The first byte, from 0.
    pub offset: usize,
    /// How many.
    pub length: usize,
}

/// Everything that is wrong with one file; never empty. Its text hides values that look like
/// secrets (P13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaints {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) list: Vec<Complaint>,
    /// How many more there were than are kept.
    pub(crate) left_off: usize,
}

impl Complaints {
    /// The complaints in the order of the file.
    pub fn list(&self) -> &[Complaint] {
        &self.list
    }

    /// The file's name as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many complaints were found, kept or not.
    pub fn count(&self) -> usize {
        self.list.len() + self.left_off
    }

    /// The form for `--output json`.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "file": self.name,
            "count": self.count(),
            "complaints": self.list,
        })
    }
}

impl std::error::Error for Complaints {}

impl fmt::Display for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(crate::Look::Plain))
    }
}

/// What one complaint says, before it has a place.
pub(crate) struct Words {
    pub(crate) message: String,
    pub(crate) allowed: Option<String>,
    pub(crate) hint: Option<String>,
}

impl Words {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), allowed: None, hint: None }
    }

    pub(crate) fn allowed(mut self, allowed: impl Into<String>) -> Self {
        self.allowed = Some(allowed.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

/// Gathers complaints about one text.
pub(crate) struct Collector<'a> {
    text: &'a str,
    /// Bytes at which lines begin.
    lines: Vec<usize>,
    list: Vec<Complaint>,
    left_off: usize,
    /// Settings whose value cannot be relied on.
    bad: Vec<Path>,
    /// Mappings with a key that nobody knows: a key missed there may be that one, misspelt.
    misspelt: Vec<Path>,
    /// What the key that is being checked means.
    meaning: Option<String>,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1);
        Self {
            text,
            lines: std::iter::once(0).chain(starts).collect(),
            list: Vec::new(),
            left_off: 0,
            bad: Vec::new(),
            misspelt: Vec::new(),
            meaning: None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Complains about the setting at a path and the bytes where it stands.
    pub(crate) fn add(&mut self, path: &[String], place: Range<usize>, words: Words) {
        self.bad.push(path.to_vec());
        if self.list.len() == COMPLAINTS_MAX {
            self.left_off += 1;
            return;
        }
        let offset = self.boundary(place.start);
        let (line, column) = self.line_column(offset);
        let rest = self.text.get(offset..).and_then(|rest| rest.lines().next()).unwrap_or("");
        // One underlined line is enough, and it never begins or ends inside of a character.
        let end = self.boundary(place.end.max(offset).min(offset + rest.trim_end().len()));
        self.list.push(Complaint {
            path: display(path),
            line,
            column,
            span: Span { offset, length: end - offset },
            message: words.message,
            allowed: words.allowed,
            hint: words.hint.or_else(|| self.meaning.clone()),
        });
    }

    /// Sets the hint for complaints that have none of their own; gives back the one before.
    pub(crate) fn meaning(&mut self, meaning: Option<String>) -> Option<String> {
        std::mem::replace(&mut self.meaning, meaning)
    }

    /// Remembers that a mapping has a key that nobody knows.
    pub(crate) fn misspelt(&mut self, table: &[String]) {
        self.misspelt.push(table.to_vec());
    }

    /// Whether the value at a path, or what it stands for when it is missing, can be relied on.
    pub(crate) fn sound(&self, root: &Node, path: &[String]) -> bool {
        let near = |bad: &Path| path.starts_with(bad) || bad.starts_with(path);
        if self.bad.iter().any(near) {
            return false;
        }
        let missing = root.at(path).is_none();
        !(missing && self.misspelt.iter().any(|table| path.starts_with(table)))
    }

    /// The text of some bytes, as it was written.
    pub(crate) fn written(&self, place: Range<usize>) -> &'a str {
        self.text.get(place).unwrap_or("")
    }

    /// The byte of a line and column from 1.
    pub(crate) fn offset_of(&self, line: usize, column: usize) -> usize {
        let Some(start) = self.lines.get(line.saturating_sub(1)).copied() else {
            return self.text.len();
        };
        let rest = self.text.get(start..).unwrap_or("");
        let line = rest.lines().next().unwrap_or("");
        let chars = line.char_indices().map(|(at, _)| at).nth(column.saturating_sub(1));
        start + chars.unwrap_or(line.len())
    }

    /// The complaints, in the order of the file, without what must be hidden.
    pub(crate) fn finish(mut self, name: &str, masked: Masked) -> Complaints {
        self.list.sort_by_key(|complaint| complaint.span.offset);
        self.list.dedup();
        for complaint in &mut self.list {
            complaint.message = masked.clean(&complaint.message);
            complaint.hint = complaint.hint.as_deref().map(|hint| masked.clean(hint));
        }
        Complaints {
            name: name.to_owned(),
            text: masked.into_text(),
            list: self.list,
            left_off: self.left_off,
        }
    }

    pub(crate) fn line_column(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |part| part.chars().count());
        (line, column + 1)
    }

    fn boundary(&self, offset: usize) -> usize {
        let mut at = offset.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// A path as people write it.
fn display(path: &[String]) -> String {
    let plain = |s: &String| s.chars().all(|c| c.is_alphanumeric() || "_-@".contains(c));
    let parts: Vec<String> = path
        .iter()
        .map(|s| if plain(s) { s.clone() } else { format!("\"{}\"", crate::node::shorten(s)) })
        .collect();
    parts.join(".")
}
