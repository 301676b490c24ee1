//! Templates of paths: requests are counted by them, never by their paths (P13).

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

/// Most templates that one service tells apart; the rest is `other`.
pub(crate) const MAX_TEMPLATES: usize = 100;

/// Most segments of a template that the door makes up; the rest is left out.
const MAX_SEGMENTS: usize = 6;

/// Longest segment that can be a word.
const MAX_WORD: usize = 24;

const OTHER: &str = "other";

/// A template's number in its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TemplateId(u16);

/// The templates of one service, by number. Number 0 is `other`.
pub(crate) struct Names(Vec<String>);

impl Names {
    pub(crate) fn name(&self, id: TemplateId) -> String {
        name_in(&self.0, id)
    }
}

fn name_in(names: &[String], id: TemplateId) -> String {
    names.get(usize::from(id.0)).map_or(OTHER, String::as_str).to_owned()
}

/// Finds the template of a path. Templates are never forgotten, so a number stays what it is.
pub(crate) struct Templates {
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    names: Vec<String>,
    by_name: HashMap<String, u16>,
    /// Those of the route; if there are any, none are made up.
    given: Vec<u16>,
}

thread_local! {
    /// Where a template is put together, so that a known one costs no allocation.
    static SCRATCH: RefCell<String> = const { RefCell::new(String::new()) };
}

impl Templates {
    pub(crate) fn new() -> Self {
        let known = Known { names: vec![OTHER.to_owned()], ..Known::default() };
        Self { known: RwLock::new(known) }
    }

    /// Replaces the templates of the route.
    pub(crate) fn give(&self, templates: &[String]) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let given = templates.iter().map(|template| known.number(template)).collect();
        known.given = given;
    }

    /// The number of a template that another process told by its name.
    pub(crate) fn told(&self, name: &str) -> TemplateId {
        if name == OTHER {
            return TemplateId::default();
        }
        TemplateId(self.known.write().unwrap_or_else(PoisonError::into_inner).number(name))
    }

    /// The names of all numbers so far.
    pub(crate) fn names(&self) -> Names {
        Names(self.known.read().unwrap_or_else(PoisonError::into_inner).names.clone())
    }

    /// The name of one number.
    pub(crate) fn name(&self, id: TemplateId) -> String {
        name_in(&self.known.read().unwrap_or_else(PoisonError::into_inner).names, id)
    }

    /// The template of a path, without its query.
    pub(crate) fn find(&self, path: &str) -> TemplateId {
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if !known.given.is_empty() {
                let fits = |number: &&u16| {
                    known.names.get(usize::from(**number)).is_some_and(|name| fits(name, path))
                };
                return TemplateId(known.given.iter().find(fits).copied().unwrap_or(0));
            }
        }
        SCRATCH.with_borrow_mut(|text| {
            text.clear();
            normalise(path, text);
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(number) = known.by_name.get(text.as_str()) {
                return TemplateId(*number);
            }
            drop(known);
            TemplateId(self.known.write().unwrap_or_else(PoisonError::into_inner).number(text))
        })
    }
}

impl Known {
    /// The number of a template; a new one if there is room.
    fn number(&mut self, template: &str) -> u16 {
        if let Some(number) = self.by_name.get(template) {
            return *number;
        }
        if self.names.len() > MAX_TEMPLATES {
            return 0;
        }
        let number = self.names.len() as u16;
        self.names.push(template.to_owned());
        self.by_name.insert(template.to_owned(), number);
        number
    }
}

/// Whether a path has the form of a template, whose segments in braces stand for anything.
fn fits(template: &str, path: &str) -> bool {
    let mut wanted = template.trim_end_matches('/').split('/');
    let mut there = path.trim_end_matches('/').split('/');
    loop {
        match (wanted.next(), there.next()) {
            (None, None) => return true,
            (Some(wanted), Some(segment))
                if wanted == segment || (wanted.starts_with('{') && wanted.ends_with('}')) => {}
            _ => return false,
        }
    }
}

/// Leaves out what looks like the name of one thing: anything but short words.
fn normalise(path: &str, text: &mut String) {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    for segment in segments.by_ref().take(MAX_SEGMENTS) {
        text.push('/');
        text.push_str(if is_word(segment) { segment } else { "{}" });
    }
    if segments.next().is_some() {
        text.push_str("/…");
    }
    if text.is_empty() {
        text.push('/');
    }
}

/// A word has letters, at most two digits (`v2`, `oauth2`), and nothing that could be a person's
/// name at a host.
fn is_word(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    bytes.len() <= MAX_WORD
        && digits <= 2
        && digits < bytes.len()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(templates: &Templates, path: &str) -> String {
        let id = templates.find(path);
        assert_eq!(templates.name(id), templates.names().name(id));
        templates.name(id)
    }

    #[test]
    fn p13_names_of_single_things_are_left_out() {
        let templates = Templates::new();
        for (path, template) in [
            ("/", "/"),
            ("/carts/17", "/carts/{}"),
            ("/v2/carts/", "/v2/carts"),
            ("/users/ann@example.org/mail", "/users/{}/mail"),
            ("/f/0f8fad5b-d9cb-469f-a165-70867728950e", "/f/{}"),
            ("/t/%41nn", "/t/{}"),
            ("/a/b/c/d/e/f/g", "/a/b/c/d/e/f/…"),
            ("*", "/{}"),
        ] {
            assert_eq!(found(&templates, path), template, "{path}");
        }
    }

    #[test]
    fn p9_there_are_at_most_so_many() {
        let templates = Templates::new();
        for first in b'a'..=b'z' {
            for second in b'a'..=b'z' {
                let name = [first, second].map(char::from);
                templates.find(&format!("/{}{}", name[0], name[1]));
            }
        }
        assert_eq!(templates.names().0.len(), MAX_TEMPLATES + 1);
        assert_eq!(found(&templates, "/zz"), OTHER);
        assert_eq!(found(&templates, "/aa"), "/aa");
    }

    #[test]
    fn those_of_the_route_come_instead() {
        let templates = Templates::new();
        templates.give(&["/carts/{id}".to_owned(), "/".to_owned()]);
        assert_eq!(found(&templates, "/carts/ann"), "/carts/{id}");
        assert_eq!(found(&templates, "/"), "/");
        assert_eq!(found(&templates, "/carts/ann/x"), OTHER);
        templates.give(&[]);
        assert_eq!(found(&templates, "/carts/9"), "/carts/{}");
    }
}
