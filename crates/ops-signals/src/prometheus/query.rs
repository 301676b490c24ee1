//! What is asked: queries with their placeholders filled in.

use std::fmt::Write as _;

use ops_core::{promql::Place, settings::SignalKind};
use ops_engine::ports::{Asked, Version};

use super::Trouble;

/// What is asked about one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    Queries(Vec<Query>),
    /// Nothing, since there is nobody to ask about: it has no number.
    Nobody,
}

/// A query with everything filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    /// What it is called when it makes trouble.
    pub(super) name: String,
    pub(super) text: String,
}

/// What is asked about the new version and the old one.
pub(super) type Questions = [Question; 2];

/// Fills in the queries of a signal for both versions.
pub(super) fn questions(asked: &Asked) -> Result<Questions, Trouble> {
    if asked.signal.every_seconds == 0 {
        return Err(Trouble::new("windows of 0 s are none", "set `every` to 1 s or more"));
    }
    let new = question(asked, &asked.new)?;
    let old = asked.old.as_ref().map(|old| question(asked, old)).transpose()?;
    if let (Question::Queries(new), Some(Question::Queries(old))) = (&new, &old) {
        // Whatever happens, two equal numbers would be compared.
        if let Some((same, _)) = new.iter().zip(old).find(|(new, old)| new.text == old.text) {
            return Err(Trouble::new(
                format!("{} is the same query for both versions", same.name),
                "let it name its version, such as by {release=\"$release\"}",
            ));
        }
    }
    Ok([new, old.unwrap_or(Question::Nobody)])
}

fn question(asked: &Asked, version: &Version) -> Result<Question, Trouble> {
    let kind = &asked.signal.kind;
    let mut queries = Vec::new();
    for (name, query) in names(kind).iter().zip(asked.signal.queries()) {
        let filling = Filling { asked, version, nobody: false, looks: false };
        let filled = filling.fill(query).map_err(|trouble| trouble.about(name))?;
        if !filled.looks && !matches!(kind, SignalKind::Level { .. }) {
            // Windows that overlap would count one event many times.
            let what = format!("{name} does not look at exactly one window");
            return Err(Trouble::new(what, "write [$window] instead of a length such as [5m]"));
        }
        let Some(text) = filled.text else { return Ok(Question::Nobody) };
        queries.push(Query { name: format!("{name} of release {}", version.release), text });
    }
    Ok(Question::Queries(queries))
}

fn names(kind: &SignalKind) -> &'static [&'static str] {
    match kind {
        SignalKind::Rate { .. } => &["`total`", "`events`"],
        SignalKind::Histogram { .. } => &["`histogram`"],
        SignalKind::Level { .. } => &["`level`"],
        SignalKind::Done { .. } => &["`done`"],
    }
}

struct Filled {
    /// The query, if there is somebody to ask about.
    text: Option<String>,
    /// Whether it looks at the window.
    looks: bool,
}

struct Filling<'a> {
    asked: &'a Asked,
    version: &'a Version,
    /// Whether it asks about replicas and there are none.
    nobody: bool,
    /// Whether it looks at the window.
    looks: bool,
}

impl Filling<'_> {
    fn fill(mut self, query: &str) -> Result<Filled, Trouble> {
        let (mut filled, mut place, mut rest) = (String::new(), Place::Code, query);
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '\\' if matches!(place, Place::Quoted(_)) => {
                    filled.push(c);
                    if let Some(escaped) = rest.chars().next() {
                        filled.push(escaped);
                        rest = &rest[escaped.len_utf8()..];
                    }
                }
                '$' if place != Place::Comment => {
                    let name = name(rest)?;
                    rest = &rest[name.len()..];
                    filled.push_str(&self.value(name, place)?);
                }
                c => {
                    place = place.after(c);
                    filled.push(c);
                }
            }
        }
        Ok(Filled { text: (!self.nobody).then_some(filled), looks: self.looks })
    }

    fn value(&mut self, name: &str, place: Place) -> Result<String, Trouble> {
        let text = match name {
            // The end in a regular expression, or a group of one.
            "" => return Ok("$".into()),
            "window" => {
                self.looks = true;
                return Ok(format!("{}s", self.asked.signal.every_seconds));
            }
            "release" => self.version.release.as_str().to_owned(),
            "version" => self.version.version.clone(),
            "service" => self.asked.service.as_str().to_owned(),
            "instances" => {
                self.nobody |= self.version.instances.is_empty();
                let each = self.version.instances.iter().map(|address| regex_escaped(address));
                each.collect::<Vec<_>>().join("|")
            }
            other => {
                let what = format!("holds `${other}`, which ops does not know");
                let next = "write $release, $version, $service, $instances or $window";
                return Err(Trouble::new(what, next));
            }
        };
        if !matches!(place, Place::Quoted(_)) {
            let what = format!("holds `${name}` outside of a string");
            return Err(Trouble::new(what, format!("put it in double quotes: \"${name}\"")));
        }
        Ok(string_escaped(&text))
    }
}

/// The name that a text begins with, after its `$`; empty if it begins with none.
fn name(text: &str) -> Result<&str, Trouble> {
    let word = |c: char| c.is_ascii_alphabetic() || c == '_';
    if let Some(braced) = text.strip_prefix('{').filter(|text| text.starts_with(word)) {
        let known = braced.split('}').next().unwrap_or_default();
        let what = format!("holds `${{{known}}}`");
        return Err(Trouble::new(what, "write placeholders without braces"));
    }
    if !text.starts_with(word) {
        return Ok("");
    }
    let end = text.find(|c: char| !word(c) && !c.is_ascii_digit()).unwrap_or(text.len());
    Ok(&text[..end])
}

/// As RE2 reads it as nothing but itself.
fn regex_escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// As it stands in a string of `PromQL`, between quotes of either kind.
fn string_escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str(r"\\"),
            '"' | '\'' | '\0'..='\x1f' | '\x7f' => {
                let _ = write!(escaped, r"\x{:02x}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}
