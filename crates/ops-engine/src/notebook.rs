//! What notes said when they were read: each text is read once, however many tickets wait and
//! however often each of them is weighed against all the others.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use ops_core::{
    id::{Digest, Identity},
    notes::{NotesFound, Place, find_notes_by, notes_in},
    ticket::Ticket,
};

/// So many readings are remembered for certain; up to twice as many are kept.
const PAGE: usize = 256;

/// Remembers what texts with notes say. What a text says depends on nothing but the text and where
/// it stands, so that nothing here is ever out of date.
#[derive(Debug, Default)]
pub struct Notebook {
    pages: Mutex<Pages>,
}

/// The newest readings, and those before them.
#[derive(Debug, Default)]
struct Pages {
    newest: HashMap<(Place, Digest), Option<NotesFound>>,
    before: HashMap<(Place, Digest), Option<NotesFound>>,
}

impl Notebook {
    /// As [`ops_core::notes::find_notes`].
    pub(crate) fn find(&self, ticket: &Ticket, is_dev: impl Fn(&Identity) -> bool) -> NotesFound {
        find_notes_by(ticket, is_dev, |place, text| self.read(place, text))
    }

    fn read(&self, place: Place, text: &str) -> Option<NotesFound> {
        let key = (place, Digest::of(text.as_bytes()));
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = pages.newest.get(&key) {
            return found.clone();
        }
        let known = pages.before.remove(&key);
        let found = known.unwrap_or_else(|| notes_in(place, text));
        if pages.newest.len() >= PAGE {
            pages.before = std::mem::take(&mut pages.newest);
        }
        pages.newest.insert(key, found.clone());
        found
    }
}

#[cfg(test)]
mod tests {
    use ops_core::{id::TicketId, notes::find_notes, ticket::Comment};

    use super::*;

    fn notes(version: usize) -> String {
        format!(
            "Ready.\n\n```ops\nservice: shop\nartifact: dist/shop.tar.gz\nversion: v{version}\n\
             migrations: none\nrollback: previous\n```"
        )
    }

    fn ticket(texts: &[&str]) -> Ticket {
        let comment = |text: &&str| Comment {
            id: String::new(),
            author: Identity::new(if text.starts_with("not by DEV") { "eve" } else { "dan" }),
            text: (*text).to_owned(),
            at: String::new(),
            candidate: None,
        };
        Ticket {
            id: TicketId::new("T-1"),
            title: String::new(),
            description: texts.first().copied().unwrap_or_default().to_owned(),
            status: "rfp".to_owned(),
            priority: 3,
            kind: "story".to_owned(),
            comments: texts.iter().skip(1).map(comment).collect(),
            history: Vec::new(),
        }
    }

    fn is_dev(who: &Identity) -> bool {
        who.as_str() == "dan"
    }

    #[test]
    fn p1_what_is_remembered_is_what_stands_there() {
        let (first, second) = (notes(1), notes(2));
        let foreign = format!("not by DEV\n{second}");
        let twice = format!("{first}\n\n{second}");
        let texts = [
            first.as_str(),
            &second,
            &foreign,
            &twice,
            "no notes",
            "```ops\nservice: shop\n```",
            "```ops\nservice: shop",
            "",
        ];
        let notebook = Notebook::default();
        for round in 0..2 {
            for one in texts {
                for two in texts {
                    for three in texts {
                        let ticket = ticket(&[one, two, three]);
                        let found = notebook.find(&ticket, is_dev);
                        assert_eq!(found, find_notes(&ticket, is_dev), "{round}: {ticket:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn readings_are_forgotten_in_time_and_those_in_use_are_not() {
        let notebook = Notebook::default();
        let used = notes(0);
        for version in 1..5 * PAGE {
            notebook.find(&ticket(&[&notes(version)]), is_dev);
            notebook.find(&ticket(&[&used]), is_dev);
            let pages = notebook.pages.lock().unwrap();
            assert!(pages.newest.len() <= PAGE && pages.before.len() <= PAGE);
            let key = (Place::Description, Digest::of(used.as_bytes()));
            assert!(pages.newest.contains_key(&key), "after {version}");
        }
    }
}
