//! Which `ops.yaml` governs (S4): a commit that tightens does so at once, one that loosens waits
//! for a ticket of its own that passed CQ and QA under the old rules.

use ops_core::{
    mutation::{Mutation, on},
    settings::{Settings, loosened, never},
    time::Now,
};

use crate::{Engine, EngineError, jobs::QueueRead, knowledge::EngineEvent, ports::Journal};

impl<J: Journal> Engine<J> {
    /// The first `ops.yaml` that was read is generation 0, also while the board does not answer.
    pub(crate) fn first_governs(&mut self, first: &Settings, now: &Now) -> Result<(), EngineError> {
        let Some(commit) = first.revision.commit.clone() else { return Ok(()) };
        if self.knowledge().governs.is_some() || self.is_too_old() {
            return Ok(());
        }
        self.note(&governs_by_itself(commit), now)
    }

    /// Compares the newest `ops.yaml` with the one that governs.
    pub(crate) fn weigh_newest(&mut self, queue: &QueueRead, now: &Now) -> Result<(), EngineError> {
        let Ok(newest) = &queue.newest else {
            // What cannot be read changes nothing; the one that governs goes on.
            return Ok(());
        };
        if self.knowledge().governs.is_none() {
            return self.first_governs(newest, now);
        }
        let Some(commit) = newest.revision.commit.clone() else { return Ok(()) };
        if self.knowledge().governs.as_ref() == Some(&commit) {
            if self.knowledge().waits.is_none() {
                return Ok(());
            }
            // What waited was taken back.
            return self.note(&governs_by_itself(commit), now);
        }
        let loosens =
            if on(Mutation::GovernAtOnce) { Vec::new() } else { loosened(&queue.settings, newest) };
        if loosens.is_empty() {
            return self.note(&governs_by_itself(commit), now);
        }
        let known = self.knowledge().waits.as_ref().is_some_and(|(known, _)| *known == commit);
        if known {
            return Ok(());
        }
        if never(&queue.settings, newest) {
            tracing::warn!(%commit, "ops.yaml turns solo mode on, which only its first commit can");
        }
        self.note(&EngineEvent::Waits { commit, loosens }, now)
    }
}

/// It governs without a ticket.
fn governs_by_itself(commit: String) -> EngineEvent {
    EngineEvent::Governs { commit, by: None, ticket: None, loosens: Vec::new() }
}
