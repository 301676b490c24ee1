//! Checks a tree against the shape and complains about all that does not fit.

use std::collections::BTreeMap;

use crate::{
    complaint::{Collector, Words},
    node::{Entry, Node, Path, Value, shorten},
    scalar::{self, show_duration, show_megabytes},
    shape::{Format, Key, Kind, Presence, REFERENCE, Table},
};

/// Complains about every value below `node` that is not of its kind.
pub(crate) fn check(node: &Node, kind: &'static Kind, path: &mut Path, out: &mut Collector<'_>) {
    match kind {
        Kind::Table(table) => check_table(node, table, path, out),
        Kind::Entries { key, of, min, max } => check_entries(node, (key, of), (*min, *max), path, out),
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
        let Some(name) = key_text(entry, path, out) else { continue };
        let Some(key) = table.key(name) else {
            unknown_key(entry, name, table, path, out);
            continue;
        };
        path.push(name.to_owned());
        check(&entry.value, &key.kind, path, out);
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
    let hint = closest(name, table)
        .map(|close| format!("did you mean `{close}`?"))
        .or_else(elsewhere);
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
        .map(|other| (strsim::normalized_damerau_levenshtein(&word, &other.replace('-', "_")), other))
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
        let Some(name) = key_text(entry, path, out) else { continue };
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
    let message = if count == 0 { format!("no {things} here") } else { format!("{count} {things}") };
    out.add(path, node.span.clone(), Words::new(message).allowed(format!("{min} to {max} {things}")));
}

fn check_duplicates(entries: &[Entry], path: &mut Path, out: &mut Collector<'_>) {
    let mut seen: BTreeMap<&str, &Node> = BTreeMap::new();
    for entry in entries {
        let Some(name) = entry.name() else { continue };
        let Some(first) = seen.insert(name, &entry.key) else { continue };
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
    let words = Words::new(format!("{what} must be a mapping, not {}", node.kind()))
        .allowed("keys and values: `key: value`, or `{ key: value }`");
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

fn check_scalar(node: &Node, kind: &'static Kind, path: &[String], out: &mut Collector<'_>) {
    let Some(text) = node.scalar() else {
        return wrong_kind(node, kind, path, out);
    };
    let typed = match kind {
        Kind::Flag => matches!(node.value, Value::Flag(_)),
        Kind::Whole(..) => matches!(node.value, Value::Number(_)),
        Kind::Plain(_) => true,
        _ => matches!(node.value, Value::Text(_)),
    };
    if !typed || !within(text, kind) {
        let what = match kind {
            // The value may be the secret itself (P13).
            Kind::Reference => "this is not a reference".to_owned(),
            _ => format!("{} does not fit here", node.kind()),
        };
        let words =
            Words::new(what).allowed(describe(kind)).maybe_hint(scalar_hint(node, text, kind));
        out.add(path, node.span.clone(), words);
    }
}

/// Whether a scalar's text is a value of this kind and inside of its limits.
fn within(text: &str, kind: &Kind) -> bool {
    let between = |value: Option<u64>, min: u64, max: u64| {
        value.is_some_and(|value| (min..=max).contains(&value))
    };
    match kind {
        Kind::Text(format) => (format.holds)(text),
        Kind::Reference => (REFERENCE.holds)(text),
        Kind::Plain(max) => text.len() <= *max && !text.contains('\0'),
        Kind::Word(words) => words.contains(&text),
        Kind::Flag => true,
        Kind::Whole(min, max) => between(scalar::whole(text), *min, *max),
        Kind::Duration(min, max) => between(scalar::duration(text), *min, *max),
        Kind::Seconds(min, max) => {
            let ms = scalar::duration(text);
            between(ms, min * 1_000, max * 1_000) && ms.is_some_and(|ms| ms % 1_000 == 0)
        }
        Kind::Size(min, max) => between(scalar::megabytes(text), *min, *max),
        Kind::Share(min, max) => {
            scalar::share(text).is_some_and(|share| (*min..=*max).contains(&(share * 100.0)))
        }
        Kind::Percent(min, max) => {
            between(text.strip_suffix('%').and_then(scalar::whole), *min, *max)
        }
        Kind::Ports => scalar::ports(text).is_some_and(|(first, last)| first >= 1_024 && first <= last),
        Kind::List(..) | Kind::Entries { .. } | Kind::Table(_) | Kind::Either(_) => false,
    }
}

fn wrong_kind(node: &Node, kind: &'static Kind, path: &[String], out: &mut Collector<'_>) {
    // `{port}` without quotes is YAML's short form of a mapping.
    let braces = match node.entries() {
        [only] if only.value.value == Value::Null => only.name(),
        _ => None,
    };
    let hint = match (&node.value, braces) {
        (_, Some(name)) => Some(format!("put it in quotes: `\"{{{name}}}\"`")),
        (Value::Null, None) if matches!(kind, Kind::Plain(_)) => {
            Some("write `\"\"` for an empty text".to_owned())
        }
        (Value::Null, None) => Some("give it a value or remove the key".to_owned()),
        _ => None,
    };
    let words = Words::new(format!("{} does not fit here", node.kind()))
        .allowed(describe(kind))
        .maybe_hint(hint);
    out.add(path, node.span.clone(), words);
}

fn scalar_hint(node: &Node, text: &str, kind: &Kind) -> Option<String> {
    let number = text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty();
    match kind {
        Kind::Word(words) => {
            did_you_mean(text, words.iter().copied()).map(|word| format!("did you mean `{word}`?"))
        }
        Kind::Duration(..) | Kind::Seconds(..) if number => {
            Some(format!("add a unit: `{text}s` for seconds, `{text}m` for minutes"))
        }
        Kind::Size(..) if number => Some(format!("add a unit: `{text}MB` or `{text}GB`")),
        Kind::Share(..) | Kind::Percent(..) if number => {
            Some(format!("add the sign: `{text}%`"))
        }
        Kind::Share(..) => {
            let share: f64 = text.parse().ok()?;
            let small = share > 0.0 && share < 1.0;
            small.then(|| format!("write it in percent: `{}`", scalar::show_share(share)))
        }
        Kind::Flag if matches!(text, "yes" | "on" | "Yes" | "True") => Some("write `true`".into()),
        Kind::Flag if matches!(text, "no" | "off" | "No" | "False") => Some("write `false`".into()),
        Kind::Whole(..) if matches!(node.value, Value::Text(_)) && number => {
            Some("write it without quotes".to_owned())
        }
        Kind::Text(format) => text_hint(node, text, format),
        Kind::Reference => Some(
            "keep the value out of the file: put it in the environment of `ops serve` and write \
             `env:NAME`, or in a file that only ops can read and write `file:/path`"
                .to_owned(),
        ),
        _ => None,
    }
}

fn text_hint(node: &Node, text: &str, format: &Format) -> Option<String> {
    if !matches!(node.value, Value::Text(_)) {
        let quoted = format!("\"{text}\"");
        return (format.holds)(text).then(|| format!("put it in quotes: `{quoted}`"));
    }
    let mended = [
        text.to_lowercase(),
        text.to_lowercase().replace(['_', ' '], "-"),
        text.trim_start_matches('#').to_owned(),
        format!("/{text}"),
        format!("127.0.0.1{text}"),
        format!("127.0.0.1:{text}"),
    ];
    let fits = |candidate: &&String| candidate.as_str() != text && (format.holds)(candidate);
    mended.iter().find(fits).map(|mended| format!("did you mean `{}`?", shorten(mended)))
}

/// What a kind allows, in words.
pub(crate) fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Text(format) => format.allowed.to_owned(),
        Kind::Reference => REFERENCE.allowed.to_owned(),
        Kind::Plain(_) => "text, a number, true or false".to_owned(),
        Kind::Word(words) => words.join(", "),
        Kind::Flag => "true or false".to_owned(),
        Kind::Whole(min, max) if min == max => format!("{min}"),
        Kind::Whole(min, max) => format!("a whole number from {min} to {max}"),
        Kind::Duration(min, max) => {
            format!("a duration from {} to {}", show_duration(*min), show_duration(*max))
        }
        Kind::Seconds(min, max) => format!(
            "a duration from {} to {}, in whole seconds",
            show_duration(min * 1_000),
            show_duration(max * 1_000)
        ),
        Kind::Size(min, max) => {
            format!("a size from {} to {}", show_megabytes(*min), show_megabytes(*max))
        }
        Kind::Share(min, max) => format!("a percentage from {min}% to {max}%"),
        Kind::Percent(min, max) => format!("a percentage from {min}% to {max}%, without fraction"),
        Kind::Ports => "a range of ports from 1024 to 65535, such as 20000-20999".to_owned(),
        Kind::List(of, ..) => format!("a list of {}", describe(of)),
        Kind::Entries { .. } => "a mapping of names to values".to_owned(),
        Kind::Table(table) => {
            let names: Vec<&str> = table.keys.iter().map(|key| key.name).collect();
            format!("a mapping with {}", names.join(", "))
        }
        Kind::Either(kinds) => {
            let all: Vec<String> = kinds.iter().map(describe).collect();
            all.join("; or ")
        }
    }
}
