//! What was read of the meeting board, kept so that nothing is asked for twice.

use std::collections::{HashSet, VecDeque};

use ops_core::ticket::Message;

/// Messages of one list that are kept.
const KEPT: usize = 5_000;
/// Messages handed out at once.
const PAGE: usize = 500;
/// The board stamps a message before it stores it: of two that are written at the same time, the
/// earlier may appear later by so much.
const OVERLAP_MS: i64 = 2_000;

/// A list of messages in the order in which they were seen.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    kept: VecDeque<Message>,
    ids: HashSet<String>,
    /// When the newest of them was written, in milliseconds of the board's clock.
    newest: Option<i64>,
}

impl Mirror {
    /// From when on the board is asked: a moment before what is known, or `beginning`.
    pub(super) fn since(&self, beginning: i64) -> i64 {
        self.newest.map_or(beginning, |newest| newest.saturating_sub(OVERLAP_MS)).max(beginning)
    }

    /// Takes what was read; true if it was not known.
    pub(super) fn take(&mut self, message: Message, at: i64) -> bool {
        self.newest = Some(self.newest.map_or(at, |newest| newest.max(at)));
        if !self.ids.insert(message.id.clone()) {
            return false;
        }
        self.kept.push_back(message);
        if self.kept.len() > KEPT
            && let Some(oldest) = self.kept.pop_front()
        {
            self.ids.remove(&oldest.id);
        }
        true
    }

    /// What came after a message; from the first that is kept if it is not among them.
    pub(super) fn after(&self, id: Option<&str>) -> Vec<Message> {
        let place = id.and_then(|id| self.kept.iter().rposition(|message| message.id == id));
        let from = place.map_or(0, |place| place + 1);
        self.kept.iter().skip(from).take(PAGE).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use ops_core::id::Identity;

    use super::*;

    fn message(id: &str) -> Message {
        Message {
            id: id.to_owned(),
            channel: "standup".to_owned(),
            thread: None,
            author: Identity::new("dan@devteam.local"),
            authenticated: true,
            text: String::new(),
            mentions_ops: false,
            at: String::new(),
        }
    }

    #[test]
    fn each_message_is_handed_out_once_in_the_order_in_which_it_came() {
        let mut mirror = Mirror::default();
        assert_eq!(mirror.since(7), 7);
        assert!(mirror.take(message("b"), 5_000));
        assert!(mirror.take(message("a"), 4_900), "stamped before, stored after");
        assert!(!mirror.take(message("b"), 5_000));
        assert_eq!(mirror.since(7), 3_000);
        let ids = |after| mirror.after(after).into_iter().map(|one| one.id).collect::<Vec<_>>();
        assert_eq!(ids(None), ["b", "a"]);
        assert_eq!(ids(Some("b")), ["a"]);
        assert_eq!(ids(Some("a")), [""; 0]);
        assert_eq!(ids(Some("never seen")), ["b", "a"]);
    }

    #[test]
    fn only_the_newest_are_kept() {
        let mut mirror = Mirror::default();
        for n in 0..KEPT + 3 {
            mirror.take(message(&n.to_string()), 0);
        }
        assert_eq!((mirror.kept.len(), mirror.ids.len()), (KEPT, KEPT));
        assert_eq!(mirror.after(None)[0].id, "3");
    }
}
