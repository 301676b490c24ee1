//! A planning board that does not let ops read its queue: asked again soon, and told to the team
//! where the team can still be told (S14).

use ops_core::{
    record::quoted,
    time::{BootMs, Now},
    world::Fault,
};

use super::{Engine, upkeep::Place};
use crate::ports::Journal;

/// Pause before a queue that could not be read is asked for again.
pub(super) const UNREAD_MS: u64 = 60_000;

/// Since when the queue could not be read.
#[derive(Debug, Clone)]
pub(super) struct Away {
    since: BootMs,
    name: String,
    at: String,
}

impl<J: Journal> Engine<J> {
    /// The queue could not be read. Once that has lasted for a while, the team is told, once.
    pub(crate) fn queue_is_away(&mut self, fault: &Fault, now: &Now) {
        let begins = || Away {
            since: now.ms,
            name: format!("away-{}", now.wall.as_second()),
            at: now.wall.strftime("%H:%M UTC").to_string(),
        };
        let away = self.away.get_or_insert_with(begins).clone();
        if now.ms.saturating_sub(away.since) < UNREAD_MS {
            return;
        }
        let text = format!(
            "OPS: the queue of the planning board cannot be read since {}: {}. Nothing new begins \
             until it can; what is under way is watched on. Next: {}.",
            away.at,
            quoted(&fault.what, 300),
            quoted(&fault.next, 300)
        );
        self.digest_in(Place::AdHoc, away.name, text);
    }

    /// The queue was read. What nobody could be told meanwhile is no news any more.
    pub(crate) fn queue_is_back(&mut self) {
        self.away = None;
        self.digests.retain(|_, digest| digest.place != Place::AdHoc);
    }
}
