//! A template as it is read.

use super::{MARK, TEMPLATE_MAX};

/// Stands for what is hidden while a template is made; no cleaned line contains it.
pub(super) const HIDDEN: char = '\u{1}';
/// What may stand between two hidden values that are told as one, and how much of it.
const BETWEEN: &str = " :.,-+/_|;~";
const BETWEEN_MAX: usize = 3;

/// A masked text with marks for what is hidden. Marks that follow one another become one.
pub(super) fn shown(masked: &str) -> String {
    let mut out = String::with_capacity(masked.len());
    let mut rest = masked;
    while let Some((before, after)) = rest.split_once(HIDDEN) {
        out.push_str(before);
        out.push_str(MARK);
        rest = after;
        while let Some(behind) = another(rest) {
            rest = behind;
        }
    }
    out.push_str(rest);
    bounded(out)
}

/// What follows the next hidden value, if nothing worth telling stands before it.
fn another(rest: &str) -> Option<&str> {
    let (between, behind) = rest.split_once(HIDDEN)?;
    let nothing = between.len() <= BETWEEN_MAX && between.chars().all(|c| BETWEEN.contains(c));
    nothing.then_some(behind)
}

/// A template of [`TEMPLATE_MAX`] bytes at most.
pub(super) fn bounded(mut template: String) -> String {
    if template.len() <= TEMPLATE_MAX {
        return template;
    }
    let mut end = TEMPLATE_MAX - MARK.len() - 1;
    while !template.is_char_boundary(end) {
        end -= 1;
    }
    let end = template.get(..end).and_then(|kept| kept.rfind(' ')).unwrap_or(end);
    template.truncate(end);
    if !template.ends_with(MARK) {
        template.push(' ');
        template.push_str(MARK);
    }
    template
}
