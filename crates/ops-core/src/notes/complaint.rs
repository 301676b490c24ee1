//! What is wrong with a block, told so that its author can mend it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::evidence::invisible;

/// One complaint about a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// Line inside the block, from 1 for the first line after the opening fence.
    pub line: u32,
    /// What kind it is.
    pub kind: ComplaintKind,
    /// The field it is about, as written; empty for the block as a whole.
    pub field: String,
    /// What is wrong.
    pub what: String,
    /// What is allowed, and what to do.
    pub hint: String,
}

/// The kinds of complaint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComplaintKind {
    /// The block is no YAML mapping, or refers to itself.
    NotYaml,
    /// The block is too large or a list in it too long.
    TooLarge,
    /// The closing fence is missing.
    Unclosed,
    /// The text has more than one block.
    SeveralBlocks,
    /// No such field.
    UnknownKey,
    /// The field stands there twice.
    DuplicateKey,
    /// A list where a text belongs, or the other way round.
    WrongType,
    /// The right type, but not a value that is allowed.
    BadValue,
    /// A required field is missing.
    Missing,
}

/// Of a text that somebody else wrote, at most so many characters are repeated.
const SHOWN_CHARS: usize = 60;

/// A text as it can be shown: short, on one line, and with what nobody would see made visible.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == SHOWN_CHARS {
            shown.push('…');
            break;
        }
        if c == '`' {
            shown.push('\'');
        } else if c == ' ' || !c.is_whitespace() && !c.is_control() && !invisible(c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_unicode());
        }
    }
    // A marker of ops must not stand in what ops repeats, nor anything be hidden by it.
    shown.replace("<!--", "< !--")
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}; {}", self.line, self.what, self.hint)
    }
}
