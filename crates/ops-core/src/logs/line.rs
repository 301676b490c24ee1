//! One line: its level and its template.

use super::{
    MARK,
    clean::{clean, plain},
    fields::{self, Fields},
    head::behead,
    mask::mask,
    template::bounded,
};
use crate::reading::LogLevel;

/// What one line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its level, if it says one.
    pub level: Option<LogLevel>,
    /// Its shape. A function of the line alone; see [`super`] for what is left of it.
    pub template: String,
}

/// Reads one line, whatever its bytes. `None` if it says nothing.
pub fn read(line: &[u8]) -> Option<Line> {
    of_text(&clean(line))
}

/// Reads a cleaned line.
pub(super) fn of_text(text: &str) -> Option<Line> {
    if !text.contains(char::is_alphanumeric) {
        return None;
    }
    if let Some(fields) = fields::of_json(text).or_else(|| fields::of_logfmt(text)) {
        return Some(of_fields(&fields));
    }
    let (level, body) = behead(text);
    Some(Line { level, template: told(mask(&body)) })
}

fn of_fields(fields: &Fields) -> Line {
    let message = fields.message.as_deref().map(plain).unwrap_or_default();
    let (in_message, body) = behead(&message);
    let mut template = if message.is_empty() { names(fields) } else { told(mask(&body)) };
    if let Some(cause) = fields.cause.as_deref().map(plain).filter(|cause| !cause.is_empty()) {
        template = bounded(format!("{template}: {}", mask(&cause)));
    }
    Line { level: fields.level.or(in_message), template }
}

/// An object without a message, by the names of its fields. A name may be data too.
fn names(fields: &Fields) -> String {
    let names: Vec<String> = fields.names.iter().map(|name| told(mask(&plain(name)))).collect();
    bounded(format!("{{{}}}", names.join(", ")))
}

/// A template that is not empty.
fn told(template: String) -> String {
    if template.is_empty() { MARK.to_owned() } else { template }
}
