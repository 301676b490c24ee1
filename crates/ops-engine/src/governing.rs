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
        let governs = EngineEvent::Governs { commit, by: None, ticket: None, loosens: Vec::new() };
        self.note(&governs, now)
    }

    /// Compares the newest `ops.yaml` with the one that governs.
    pub(crate) fn weigh_newest(&mut self, queue: &QueueRead, now: &Now) -> Result<(), EngineError> {
        let Ok(newest) = &queue.newest else {
            // What cannot be read changes nothing; the one that governs goes on.
            return Ok(());
        };
        let Some(commit) = newest.revision.commit.clone() else { return Ok(()) };
        if self.knowledge().governs.as_ref() == Some(&commit) {
            if self.knowledge().waits.is_none() {
                return Ok(());
            }
            // What waited was taken back.
            let again =
                EngineEvent::Governs { commit, by: None, ticket: None, loosens: Vec::new() };
            return self.note(&again, now);
        }
        let loosens = match &self.knowledge().governs {
            // The first commit is generation 0.
            None => Vec::new(),
            Some(_) if on(Mutation::GovernAtOnce) => Vec::new(),
            Some(_) => loosened(&queue.settings, newest),
        };
        if loosens.is_empty() {
            return self
                .note(&EngineEvent::Governs { commit, by: None, ticket: None, loosens }, now);
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
