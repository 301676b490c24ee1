//! Checks a tree against the shape and complains about all that does not fit.

mod scalar;

use std::collections::BTreeMap;

use scalar::{check_scalar, describe, wrong_kind};

use crate::{
    complaint::{Collector, Words},
    node::{Entry, Node, Path, Value, shorten},
    shape::{Format, Key, Kind, Presence, Table},
};

const NO_VALUE: &str = "give it a value or remove the key";

/// Complains about every value below `node` that is not of its kind.
pub(crate) fn check(node: &Node, kind: &'static Kind, path: &mut Path, out: &mut Collector<'_>) {
    match kind {
        Kind::Table(table) => check_table(node, table, path, out),
        Kind::Entries { key, of, min, max } => {
            check_entries(node, (key, of), (*min, *max), path, out);
        }
        Kind::List(of, min, max) => check_list(node, of, (*min, *max), path, out),
        Kind::Either(kinds) => match fitting(node, kinds) {
            Some(kind) => check(node, kind, path, out),
            None => wrong_kind(node, kind, path, out),
        },
        _ => check_scalar(node, kind, path, out),
    }
}

/// The alternative that YAML's kind of value points to.
pub(crate) fn fitting(node: &Node, kinds: &'static [Kind]) -> Option<&'static Kind> {
    kinds.iter().find(|kind| match kind {
        Kind::Table(_) | Kind::Entries { .. } => matches!(node.value, Value::Map(_)),
        Kind::List(..) => matches!(node.value, Value::List(_)),
        _ => node.scalar().is_some(),
    })
}

fn check_table(node: &Node, table: &'static Table, path: &mut Path, out: &mut Collector<'_>) {
    if !is_map(node, table.what, path, out) {
        return;
    }
    check_duplicates(node.entries(), path, out);
    for entry in node.entries() {
        let Some(name) = key_text(entry, path, out) else {
            continue;
        };
        let Some(key) = table.key(name) else {
            unknown_key(entry, name, table, path, out);
            continue;
        };
        path.push(name.to_owned());
        let outer = out.meaning(Some(meaning(key)));
        check(&entry.value, &key.kind, path, out);
        out.meaning(outer);
        path.pop();
    }
    let required = table.keys.iter().filter_map(|key| match key.presence {
        Presence::Required(example) => Some((key, example)),
        Presence::Default(_) => None,
    });
    for (key, example) in required.filter(|(key, _)| node.entry(key.name).is_none()) {
        missing_key(node, table, key, example, path, out);
    }
}

/// What a key means, for complaints that have no better hint.
fn meaning(key: &Key) -> String {
    match key.presence {
        Presence::Required(example) => {
            format!("{} For instance `{}: {example}`.", key.doc, key.name)
        }
        Presence::Default(default) => format!("{} Default: {default}.", key.doc),
    }
}

fn missing_key(
    node: &Node,
    table: &Table,
    key: &Key,
    example: &str,
    path: &mut Path,
    out: &mut Collector<'_>,
) {
    // A misspelt required key gets its own complaint, which says what was meant.
    let meant = |entry: &Entry| {
        let name = entry.name().unwrap_or("");
        table.key(name).is_none() && closest(name, table) == Some(key.name)
    };
    if node.entries().iter().any(meant) {
        return;
    }
    let first = node.entries().first().map_or(node.span.clone(), |entry| entry.key.span.clone());
    path.push(key.name.to_owned());
    let words = Words::new(format!("{} needs `{}`", table.what, key.name))
        .allowed(describe(&key.kind))
        .hint(format!("add `{}: {example}`. {}", key.name, key.doc));
    out.add(path, first, words);
    path.pop();
}

fn unknown_key(
    entry: &Entry,
    name: &str,
    table: &'static Table,
    path: &mut Path,
    out: &mut Collector<'_>,
) {
    out.misspelt(path);
    let names: Vec<&str> = table.keys.iter().map(|key| key.name).collect();
    let elsewhere = || {
        let (place, _) = crate::shape::FILE.find(name)?;
        Some(format!("`{name}` belongs to {place}: check the indentation"))
    };
    let hint =
        closest(name, table).map(|close| format!("did you mean `{close}`?")).or_else(elsewhere);
    path.push(name.to_owned());
    let words = Words::new(format!("{} has no key `{}`", table.what, shorten(name)))
        .allowed(names.join(", "))
        .maybe_hint(hint);
    out.add(path, entry.key.span.clone(), words);
    path.pop();
}

/// The key that was most likely meant.
fn closest(name: &str, table: &Table) -> Option<&'static str> {
    did_you_mean(name, table.keys.iter().map(|key| key.name))
}

/// The closest of the known words, if one is close.
pub(crate) fn did_you_mean<'w>(
    word: &str,
    known: impl Iterator<Item = &'w str>,
) -> Option<&'w str> {
    const CLOSE: f64 = 0.75;
    let word = word.to_lowercase().replace('-', "_");
    known
        .map(|other| {
            (strsim::normalized_damerau_levenshtein(&word, &other.replace('-', "_")), other)
        })
        .filter(|(likeness, _)| *likeness >= CLOSE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}

fn check_entries(
    node: &Node,
    (format, of): (&'static Format, &'static Kind),
    (min, max): (usize, usize),
    path: &mut Path,
    out: &mut Collector<'_>,
) {
    if !is_map(node, "this", path, out) {
        return;
    }
    let entries = node.entries();
    check_count(node, entries.len(), (min, max), "entries", path, out);
    check_duplicates(entries, path, out);
    for entry in entries.iter().take(max) {
        let Some(name) = key_text(entry, path, out) else {
            continue;
        };
        path.push(name.to_owned());
        if !(format.holds)(name) {
            let words = Words::new(format!("`{}` cannot be used as a name here", shorten(name)))
                .allowed(format.allowed);
            out.add(path, entry.key.span.clone(), words);
        }
        check(&entry.value, of, path, out);
        path.pop();
    }
}

fn check_list(
    node: &Node,
    of: &'static Kind,
    (min, max): (usize, usize),
    path: &mut Path,
    out: &mut Collector<'_>,
) {
    if !matches!(node.value, Value::List(_)) {
        let hint = node.scalar().map(|text| {
            let words: Vec<&str> = text.split_whitespace().collect();
            format!("write `[{}]`", shorten(&words.join(", ")))
        });
        let words = Words::new(format!("a list is needed, not {}", node.kind()))
            .allowed(format!("a list of {}", describe(of)))
            .maybe_hint(hint);
        out.add(path, node.span.clone(), words);
        return;
    }
    check_count(node, node.items().len(), (min, max), "items", path, out);
    for (at, item) in node.items().iter().take(max).enumerate() {
        path.push(at.to_string());
        check(item, of, path, out);
        path.pop();
    }
}

fn check_count(
    node: &Node,
    count: usize,
    (min, max): (usize, usize),
    things: &str,
    path: &[String],
    out: &mut Collector<'_>,
) {
    if (min..=max).contains(&count) {
        return;
    }
    let message =
        if count == 0 { format!("no {things} here") } else { format!("{count} {things}") };
    out.add(
        path,
        node.span.clone(),
        Words::new(message).allowed(format!("{min} to {max} {things}")),
    );
}

fn check_duplicates(entries: &[Entry], path: &mut Path, out: &mut Collector<'_>) {
    let mut seen: BTreeMap<&str, &Node> = BTreeMap::new();
    for entry in entries {
        let Some(name) = entry.name() else { continue };
        let Some(first) = seen.insert(name, &entry.key) else {
            continue;
        };
        let (line, _) = out.line_column(first.span.start);
        path.push(name.to_owned());
        let words = Words::new(format!("`{}` stands here twice", shorten(name)))
            .hint(format!("it was already set in line {line}: keep one of them"));
        out.add(path, entry.key.span.clone(), words);
        path.pop();
    }
}

fn is_map(node: &Node, what: &str, path: &[String], out: &mut Collector<'_>) -> bool {
    if matches!(node.value, Value::Map(_)) {
        return true;
    }
    let empty = node.value == Value::Null;
    let words = Words::new(format!("{what} must be a mapping, not {}", node.kind()))
        .allowed("keys and values: `key: value`, or `{ key: value }`")
        .maybe_hint(empty.then(|| NO_VALUE.to_owned()));
    out.add(path, node.span.clone(), words);
    false
}

fn key_text<'n>(entry: &'n Entry, path: &[String], out: &mut Collector<'_>) -> Option<&'n str> {
    let name = entry.name();
    if name.is_none() {
        let words = Words::new(format!("a key must be text, not {}", entry.key.kind()));
        out.add(path, entry.key.span.clone(), words);
    }
    name
}
