//! From a block's text to notes, or to every complaint about it at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Artifact, Complaint, ComplaintKind, MAX_BLOCK_BYTES, MAX_COMPLAINTS, MAX_ITEMS,
    MAX_VALUE_BYTES, MAX_VERSION_CHARS, Notes, WayBack,
    complaint::shown,
    yaml::{self, Entry, Value},
};
use crate::{
    evidence::{folded, invisible},
    id::{Digest, ServiceName},
};

/// Of the YAML parser's words, so many characters are repeated.
const MAX_WHY_CHARS: usize = 200;
/// A name in a list may have this many bytes.
const MAX_NAME_BYTES: usize = 256;

/// A field: its name, whether notes are incomplete without it, and what it may hold.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) required: bool,
    shape: Shape,
    pub(super) allowed: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    List,
    /// A list, or one text for a list of one.
    TextOrList,
    /// Names with a text each; an item is `name=text`.
    Names,
}

/// All fields, in the order in which the question shows them.
#[rustfmt::skip]
pub(super) const FIELDS: [Field; 14] = [
    Field { name: "service", required: true, shape: Shape::Text, allowed: "the name of a service in ops.yaml" },
    Field { name: "artifact", required: true, shape: Shape::Text, allowed: "a path, an image by its digest, or `sha256:` and 64 hex digits" },
    Field { name: "images", required: false, shape: Shape::Names, allowed: "`{ name: registry/repository@sha256:… }` for services of a Compose file" },
    Field { name: "digest", required: false, shape: Shape::Text, allowed: "`sha256:` and 64 hex digits" },
    Field { name: "version", required: true, shape: Shape::Text, allowed: "a version such as v1.2.0, at most 64 characters" },
    Field { name: "commit", required: false, shape: Shape::Text, allowed: "7 to 64 hex digits of a commit" },
    Field { name: "migrations", required: true, shape: Shape::TextOrList, allowed: "`none`, or a list of migrations" },
    Field { name: "variables", required: false, shape: Shape::List, allowed: "a list of names of variables" },
    Field { name: "secrets", required: false, shape: Shape::List, allowed: "a list of names of secrets, never their values" },
    Field { name: "depends_on", required: false, shape: Shape::List, allowed: "a list of services" },
    Field { name: "rollback", required: true, shape: Shape::Text, allowed: "`previous`, or the steps in words" },
    Field { name: "fixes", required: false, shape: Shape::TextOrList, allowed: "deployments or incidents, such as D-12" },
    Field { name: "includes", required: false, shape: Shape::TextOrList, allowed: "tickets, such as MNS-7" },
    Field { name: "config_commit", required: false, shape: Shape::Text, allowed: "7 to 64 hex digits of a commit" },
];

/// What could be read of a block, field by field as written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Field and its items; a text is one item.
    pub fields: Vec<(String, Vec<String>)>,
}

impl Draft {
    /// The first item of a field.
    pub fn first(&self, field: &str) -> Option<&str> {
        self.items(field)?.first().map(String::as_str)
    }

    /// All items of a field; `None` if the field is not there.
    pub fn items(&self, field: &str) -> Option<&[String]> {
        self.fields.iter().find(|(name, _)| name == field).map(|(_, items)| items.as_slice())
    }
}

/// Reads the text between the fences. Complaints come with what could be read all the same.
pub fn parse(block: &str) -> Result<Notes, (Vec<Complaint>, Draft)> {
    if block.len() > MAX_BLOCK_BYTES {
        let what = format!("the block has {} kB", block.len().div_ceil(1024));
        let hint = format!("at most {} kB are read", MAX_BLOCK_BYTES / 1024);
        let complaint = complain(1, ComplaintKind::TooLarge, "", what, hint);
        return Err((vec![complaint], Draft::default()));
    }
    let entries = match yaml::entries(block) {
        Ok(entries) => entries,
        Err(broken) => {
            let hint = "write one `field: value` per line, without anchors or aliases";
            let what = format!("this is not readable as YAML: {}", one_line(&broken.why));
            let complaint = complain(broken.line, ComplaintKind::NotYaml, "", what, hint);
            return Err((vec![complaint], Draft::default()));
        }
    };
    let mut reader = Reader::default();
    for entry in entries {
        reader.take(entry);
    }
    reader.miss(block.lines().count());
    let notes = reader.notes();
    match notes {
        Some(notes) if reader.complaints.is_empty() => Ok(notes),
        _ => Err((bounded(reader.complaints), reader.draft)),
    }
}

/// The first complaints in order of their lines, and how many there would be.
fn bounded(mut complaints: Vec<Complaint>) -> Vec<Complaint> {
    complaints.sort_by_key(|complaint| complaint.line);
    let more = complaints.len().saturating_sub(MAX_COMPLAINTS);
    complaints.truncate(MAX_COMPLAINTS);
    if more > 0 {
        let line = complaints.last().map_or(1, |last| last.line);
        let what = format!("{more} more mistakes follow");
        let hint = "mend these first, or begin again with the block below";
        complaints.push(complain(line, ComplaintKind::TooLarge, "", what, hint));
    }
    complaints
}

/// The beginning of an error's words, on one line.
fn one_line(why: &str) -> String {
    let words = why.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(MAX_WHY_CHARS).collect()
}

pub(super) fn complain(
    line: u32,
    kind: ComplaintKind,
    field: &str,
    what: impl Into<String>,
    hint: impl Into<String>,
) -> Complaint {
    Complaint { line, kind, field: field.to_owned(), what: what.into(), hint: hint.into() }
}

#[derive(Default)]
struct Reader {
    draft: Draft,
    lines: Vec<(&'static str, u32)>,
    complaints: Vec<Complaint>,
}

impl Reader {
    fn take(&mut self, entry: Entry) {
        let Entry { key, line, value } = entry;
        let Some(field) = FIELDS.iter().find(|field| field.name == key) else {
            let seen = shown(&key);
            let what = format!("there is no field `{seen}`");
            self.complain(line, ComplaintKind::UnknownKey, &seen, what, suggestion(&key));
            return;
        };
        if let Some((_, first)) = self.lines.iter().find(|(name, _)| *name == field.name) {
            let what = format!("`{key}` stands there twice, first in line {first}");
            let hint = "keep the one that is meant";
            self.complain(line, ComplaintKind::DuplicateKey, &key, what, hint);
            return;
        }
        self.lines.push((field.name, line));
        match items(field, value, line) {
            Ok(items) => self.draft.fields.push((key, items)),
            Err((line, kind, what)) => {
                let hint = format!("write {}", field.allowed);
                self.complain(line, kind, field.name, what, hint);
            }
        }
    }

    fn complain(
        &mut self,
        line: u32,
        kind: ComplaintKind,
        field: &str,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.complaints.push(complain(line, kind, field, what, hint));
    }

    /// Complains about required fields that are not there, at the end of the block.
    fn miss(&mut self, lines: usize) {
        let end = u32::try_from(lines).unwrap_or(u32::MAX).max(1);
        for field in FIELDS.iter().filter(|field| field.required) {
            if !self.lines.iter().any(|(name, _)| *name == field.name) {
                let what = format!("`{}` is missing", field.name);
                let hint = format!("add `{}:` with {}", field.name, field.allowed);
                self.complain(end, ComplaintKind::Missing, field.name, what, hint);
            }
        }
    }

    /// Checks the values. `None` if a required field could not be read.
    fn notes(&mut self) -> Option<Notes> {
        let artifact = self.text("artifact", |text| {
            if text.starts_with("sha256:") {
                return text.parse().map(Artifact::Digest).ok();
            }
            if let Some((repository, digest)) = text.split_once("@sha256:") {
                let digest = format!("sha256:{digest}").parse().ok()?;
                return Some(Artifact::Image { repository: repository.to_owned(), digest });
            }
            Some(Artifact::Path(text.to_owned()))
        });
        let digest: Option<Digest> = self.text("digest", |text| text.parse().ok());
        let named = match &artifact {
            Some(Artifact::Digest(named) | Artifact::Image { digest: named, .. }) => Some(named),
            _ => None,
        };
        if let (Some(named), Some(digest)) = (named, &digest)
            && named != digest
        {
            let (what, hint) = ("`artifact` and `digest` name two contents", "keep one of them");
            self.complain(self.line("digest"), ComplaintKind::BadValue, "digest", what, hint);
        }
        let version = self.text("version", |text| {
            let hidden = |c: char| c.is_control() || invisible(c);
            (text.chars().count() <= MAX_VERSION_CHARS && !text.contains(hidden))
                .then(|| text.to_owned())
        });
        let commit = self.text("commit", hex);
        let config_commit = self.text("config_commit", hex);
        let migrations = self.migrations();
        let rollback = self.text("rollback", |text| {
            let previous = text.eq_ignore_ascii_case("previous");
            Some(if previous { WayBack::Previous } else { WayBack::Steps(text.to_owned()) })
        });
        let service = self.text("service", |text| name(text).map(ServiceName));
        let depends_on = self.names("depends_on").into_iter().map(ServiceName).collect();
        Some(Notes {
            variables: self.names("variables"),
            secrets: self.names("secrets"),
            fixes: self.names("fixes"),
            includes: self.names("includes"),
            service: service?,
            artifact: artifact?,
            digest,
            images: self.images(),
            version: version?,
            commit,
            migrations: migrations?,
            depends_on,
            rollback: rollback?,
            config_commit,
        })
    }

    fn line(&self, field: &str) -> u32 {
        self.lines.iter().find(|(name, _)| *name == field).map_or(1, |(_, line)| *line)
    }

    /// Complains about a value and forgets it. What stands where a secret's name belongs may be
    /// the secret itself, so it is not repeated (P13).
    fn bad(&mut self, name: &str, item: &str) {
        self.draft.fields.retain(|(field, _)| field != name);
        let allowed = FIELDS.iter().find(|field| field.name == name).map_or("", |f| f.allowed);
        let what = match name {
            "secrets" | "variables" => format!("`{name}` has an item that is no name"),
            _ => format!("`{}` cannot be the value of `{name}`", shown(item)),
        };
        let hint = format!("write {allowed}");
        self.complain(self.line(name), ComplaintKind::BadValue, name, what, hint);
    }

    fn text<T>(&mut self, field: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.draft.first(field)?.to_owned();
        let value = read(&text);
        if value.is_none() {
            self.bad(field, &text);
        }
        value
    }

    /// Names without white space, so that none can be mistaken for two or for a sentence, and
    /// without `=`, behind which a value would stand.
    fn names(&mut self, field: &str) -> Vec<String> {
        let items = self.draft.items(field).unwrap_or_default().to_vec();
        let (good, bad): (Vec<_>, Vec<_>) = items.into_iter().partition(|i| name(i).is_some());
        for item in bad {
            self.bad(field, &item);
        }
        good
    }

    /// Each by its digest, named once.
    fn images(&mut self) -> BTreeMap<String, String> {
        let items = self.draft.items("images").unwrap_or_default().to_vec();
        let mut images = BTreeMap::new();
        for item in items {
            let (service, image) = item.split_once('=').unwrap_or((&item, ""));
            if !by_digest(image) || images.insert(service.to_owned(), image.to_owned()).is_some() {
                self.bad("images", &item);
            }
        }
        images
    }

    /// `none` alone is an empty list; beside others it contradicts them.
    fn migrations(&mut self) -> Option<Vec<String>> {
        let mut items = self.draft.items("migrations")?.to_vec();
        let none = |item: &String| item.eq_ignore_ascii_case("none");
        if items.len() == 1 && items.iter().all(none) {
            items.clear();
        } else if let Some(item) = items.iter().find(|item| none(item)).cloned() {
            self.bad("migrations", &item);
        }
        Some(items)
    }
}

/// The items of a field's value, or where and what is wrong with it.
fn items(
    field: &Field,
    value: Value,
    line: u32,
) -> Result<Vec<String>, (u32, ComplaintKind, String)> {
    let name = field.name;
    let wrong = |line, is: &str| (line, ComplaintKind::WrongType, format!("`{name}` {is}"));
    let long = |line| {
        let what = format!("`{name}` has a text of more than {} kB", MAX_VALUE_BYTES / 1024);
        (line, ComplaintKind::TooLarge, what)
    };
    match (value, field.shape) {
        (Value::Text(text), _) if text.len() > MAX_VALUE_BYTES => Err(long(line)),
        (Value::Text(text), Shape::Text | Shape::TextOrList) if !text.trim().is_empty() => {
            Ok(vec![text.trim().to_owned()])
        }
        (Value::Text(text), Shape::List) if !text.trim().is_empty() => {
            Err(wrong(line, "is a text, but must be a list"))
        }
        (Value::Text(text), Shape::Names) if !text.trim().is_empty() => {
            Err(wrong(line, "is a text, but must hold names with a text each"))
        }
        (Value::Text(_) | Value::Empty, _) => Err(wrong(line, "is empty")),
        (Value::Mapping(pairs), Shape::Names) if pairs.len() <= MAX_ITEMS => pairs
            .into_iter()
            .map(|(line, key, value)| match value {
                Value::Text(text) if text.len() > MAX_VALUE_BYTES => Err(long(line)),
                Value::Text(text) if !text.trim().is_empty() && self::name(&key).is_some() => {
                    Ok(format!("{key}={}", text.trim()))
                }
                _ => Err(wrong(line, "has a name without a text")),
            })
            .collect(),
        (Value::Mapping(pairs), Shape::Names) => {
            let what = format!("`{name}` has {} names, more than {MAX_ITEMS}", pairs.len());
            Err((line, ComplaintKind::TooLarge, what))
        }
        (Value::Mapping(_), _) => Err(wrong(line, "holds fields of its own")),
        (Value::List(_), Shape::Names) => {
            Err(wrong(line, "is a list, but must hold names with a text each"))
        }
        (Value::List(_), Shape::Text) => Err(wrong(line, "is a list, but must be one text")),
        (Value::List(list), _) if list.len() > MAX_ITEMS => {
            let what = format!("`{name}` has {} items, more than {MAX_ITEMS}", list.len());
            Err((line, ComplaintKind::TooLarge, what))
        }
        (Value::List(list), _) => list
            .into_iter()
            .map(|(line, item)| match item {
                Value::Text(text) if text.len() > MAX_VALUE_BYTES => Err(long(line)),
                Value::Text(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
                _ => Err(wrong(line, "has an item that is no text")),
            })
            .collect(),
    }
}

fn name(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.len() <= MAX_NAME_BYTES;
    let clean = |c: char| !c.is_whitespace() && !c.is_control() && !invisible(c) && c != '=';
    (fits && text.chars().all(clean)).then(|| text.to_owned())
}

/// Whether a text names an image by the digest of its manifest.
fn by_digest(image: &str) -> bool {
    image.rsplit_once('@').is_some_and(|(repository, digest)| {
        name(repository).is_some() && digest.parse::<Digest>().is_ok()
    })
}

fn hex(text: &str) -> Option<String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (digits && (7..=64).contains(&text.len())).then(|| text.to_ascii_lowercase())
}

/// The field that was probably meant, else all of them.
fn suggestion(key: &str) -> String {
    let looks = folded(key).replace('-', "_");
    if let Some(field) = FIELDS.iter().find(|field| !key.is_ascii() && field.name == looks) {
        return format!(
            "it only looks like `{}`: it has letters of another alphabet, or hidden ones; type it \
             again",
            field.name
        );
    }
    let close = |field: &&Field| {
        let wanted = field.name;
        key.len() <= 4 * wanted.len()
            && strsim::damerau_levenshtein(&looks, wanted) <= 1 + wanted.len() / 4
    };
    if let Some(field) = FIELDS.iter().find(close) {
        return format!("did you mean `{}`?", field.name);
    }
    let names: Vec<_> = FIELDS.iter().map(|field| field.name).collect();
    format!("the fields are {}", names.join(", "))
}
