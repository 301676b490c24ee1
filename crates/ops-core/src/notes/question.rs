//! What DEV is asked when notes are missing or incomplete: one question, with a block to paste.

use std::fmt::Write as _;

use super::{Draft, NotesFound, parse::FIELDS};
use crate::id::{ServiceName, TicketId};

/// The question, or `None` if the notes are complete. `services` are those that `ops.yaml` knows:
/// a single one is filled in.
pub fn missing_notes_question(
    ticket: &TicketId,
    found: &NotesFound,
    services: &[ServiceName],
) -> Option<String> {
    let empty = Draft::default();
    let (why, draft) = match found {
        NotesFound::Found(_) => return None,
        NotesFound::Missing => {
            (format!("{ticket} cannot be deployed: it has no deployment notes."), &empty)
        }
        NotesFound::Invalid { place, complaints, draft } => {
            let mut why = format!(
                "{ticket} cannot be deployed: the deployment notes in {place} are not complete.\n"
            );
            for complaint in complaints {
                let _ = write!(why, "\n- {complaint}");
            }
            (why, draft)
        }
    };
    let block = block(draft, services);
    let question = format!(
        "{why}\n\nWhat is to be deployed, and how does it come back? Post this as a new comment by \
         DEV, with the gaps filled in:\n\n```ops\n{block}```\n"
    );
    // What is repeated of the notes must not be taken for a marker of ops.
    Some(question.replace("<!--", "< !--"))
}

/// What is known of a field is written out up to this many bytes, so that the question fits into a
/// comment.
const MAX_WRITTEN: usize = 2 * 1024;

/// The block to paste: what is known, a gap for what is required, nothing for the rest.
fn block(draft: &Draft, services: &[ServiceName]) -> String {
    let mut block = String::new();
    for field in &FIELDS {
        let known = match (draft.items(field.name), services) {
            (Some(items), _) if field.name == "images" => {
                Some(named(items)).filter(|text| text.len() <= MAX_WRITTEN)
            }
            (Some(items), _) => Some(written(items)).filter(|text| text.len() <= MAX_WRITTEN),
            (None, [only]) if field.name == "service" => Some(scalar(only.as_str())),
            _ => None,
        };
        let value = match known {
            Some(value) => value,
            None if field.required => format!("# {}", field.allowed),
            None => continue,
        };
        let _ = writeln!(block, "{}: {value}", field.name);
    }
    block
}

fn written(items: &[String]) -> String {
    match items {
        [one] => scalar(one),
        many => format!("[{}]", many.iter().map(|i| quoted(i)).collect::<Vec<_>>().join(", ")),
    }
}

fn named(items: &[String]) -> String {
    let pair = |item: &String| {
        let (name, text) = item.split_once('=').unwrap_or((item, ""));
        format!("{}: {}", quoted(name), quoted(text))
    };
    format!("{{ {} }}", items.iter().map(pair).collect::<Vec<_>>().join(", "))
}

/// A text as YAML: bare where that is surely the same text, quoted otherwise.
fn scalar(text: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "._/-:".contains(c);
    let plain = text.chars().all(bare) && text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if plain && !text.ends_with(':') { text.to_owned() } else { quoted(text) }
}

/// JSON's quotes are YAML's double quotes.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
