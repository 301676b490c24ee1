//! Rules that look at more than one value.
//!
//! They run even if the check complained, on what is sound: a rule is silent where one of the
//! values that it reads was complained about already.

mod doors;
mod graph;
mod hosts;
mod people;
mod ports;
mod reach;
mod reports;
pub(crate) mod secrets;
mod service;
mod signals;
mod stages;
mod watch;
mod windows;

use std::ops::Range;

use ops_core::settings::{Service, Settings};

use crate::{
    complaint::{Collector, Words},
    node::{Node, Path},
    query::as_written,
};

/// What rules read and where they complain.
pub(crate) struct Rules<'r, 't> {
    pub(crate) settings: &'r Settings,
    pub(crate) root: &'r Node,
    pub(crate) out: &'r mut Collector<'t>,
}

/// Complains about everything that does not go together.
pub(crate) fn check(settings: &Settings, root: &Node, out: &mut Collector<'_>) {
    let mut rules = Rules { settings, root, out };
    people::check(&mut rules);
    ports::check(&mut rules);
    stages::check(&mut rules);
    graph::check(&mut rules);
    hosts::check(&mut rules);
    doors::check(&mut rules);
    windows::check(&mut rules);
    reach::check(&mut rules);
    reports::check(&mut rules);
    for service in settings.services.values() {
        service::check(&mut rules, service);
        hosts::of(&mut rules, service);
        doors::of(&mut rules, service);
        watch::check(&mut rules, service);
        signals::check(&mut rules, service);
        secrets::check(&mut rules, service);
    }
}

impl Rules<'_, '_> {
    /// Complains about the first of the paths that the team wrote, unless one of them is not
    /// sound.
    fn blame(&mut self, paths: &[Path], words: Words) {
        let written = paths.iter().find(|path| self.written(path));
        let Some(place) = written.or(paths.first()) else {
            return;
        };
        if self.sound(paths) {
            self.out.add(place, self.root.place(place), words);
        }
    }

    /// Complains about a text, whatever else was said about it. A part of it is underlined where
    /// the file has that part as it is, else the whole text.
    fn blame_part(&mut self, place: &Path, part: Option<Range<usize>>, words: Words) {
        let whole = self.root.place(place);
        let text = self.root.at(place).and_then(Node::scalar).unwrap_or("");
        let written = self.out.written(whole.clone());
        let part = part.and_then(|part| as_written(text, part, written));
        let part = part.map(|part| whole.start + part.start..whole.start + part.end);
        self.out.add(place, part.unwrap_or(whole), words);
    }

    /// Whether nobody has complained about any of these.
    fn sound(&self, paths: &[Path]) -> bool {
        paths.iter().all(|path| self.out.sound(self.root, path))
    }

    /// Where an item of a list has its name: below a key if it is a mapping, else it is the name.
    fn named_at(&self, item: Path, key: &str) -> Path {
        let inside = [item.as_slice(), &path([key])].concat();
        if self.written(&inside) { inside } else { item }
    }

    /// Whether the team wrote this itself.
    fn written(&self, path: &[String]) -> bool {
        self.root.at(path).is_some()
    }
}

/// Which of some keys an item has, where it must have exactly one of them.
fn exactly_one<const N: usize>(
    rules: &mut Rules<'_, '_>,
    item: &Node,
    place: &Path,
    keys: [&'static str; N],
    hint: &str,
) -> Option<&'static str> {
    let there: Vec<&'static str> = keys.into_iter().filter(|key| item.get(key).is_some()).collect();
    let quoted = |keys: &[&str]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>();
    let message = match there[..] {
        [one] => return Some(one),
        [] => format!("neither {}", quoted(&keys).join(" nor ")),
        _ => format!("{} at once", quoted(&there).join(" and ")),
    };
    let (last, others) = keys.split_last()?;
    let words =
        Words::new(message).allowed(format!("one of {} and {last}", others.join(", "))).hint(hint);
    let mut places = keys.map(|key| [place.as_slice(), &path([key])].concat()).to_vec();
    places.push(place.clone());
    rules.blame(&places, words);
    None
}

/// Complains where two items of a list have one name.
fn unique_names(rules: &mut Rules<'_, '_>, list: &Path) {
    let items = rules.root.at(list).map_or(&[][..], Node::items);
    let names: Vec<Option<&str>> =
        items.iter().map(|item| item.get("name").and_then(Node::scalar)).collect();
    for (at, name) in names.iter().enumerate() {
        if let Some(name) = name.filter(|_| names[..at].contains(name)) {
            let words = Words::new(format!("`{name}` is named twice"))
                .allowed("a name of its own for each")
                .hint("people tell them apart by it");
            let place = [list.as_slice(), &path([&at.to_string(), "name"])].concat();
            rules.blame(&[place], words);
        }
    }
}

/// A path from its segments.
fn path<const N: usize>(segments: [&str; N]) -> Path {
    segments.map(str::to_owned).to_vec()
}

/// A path below a service.
fn below<const N: usize>(service: &Service, segments: [&str; N]) -> Path {
    let mut all = path(["services", service.name.as_str()]);
    all.extend(path(segments));
    all
}
