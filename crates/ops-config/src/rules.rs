//! Rules that look at more than one value.
//!
//! They run even if the check complained, on what is sound: a rule is silent where one of the
//! values that it reads was complained about already.

mod graph;
mod people;
mod ports;
pub(crate) mod secrets;
mod service;
mod stages;

use ops_core::settings::{Service, Settings};

use crate::{
    complaint::{Collector, Words},
    node::{Node, Path},
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
    for service in settings.services.values() {
        service::check(&mut rules, service);
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
        if paths.iter().all(|path| self.out.sound(self.root, path)) {
            self.out.add(place, self.root.place(place), words);
        }
    }

    /// Whether the team wrote this itself.
    fn written(&self, path: &[String]) -> bool {
        self.root.at(path).is_some()
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
