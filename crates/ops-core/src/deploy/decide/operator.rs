//! Halt, resume, abort: what people may ask of a deployment under way.

use super::{super::Rejection, Draft};
use crate::{
    deploy::{Cause, Event, HoldCause, phase::Phase},
    id::Identity,
    judgement::ADVISOR,
    mutation::{Mutation, on},
};

impl Draft<'_> {
    pub(super) fn not_now(&self, next: &str) -> Rejection {
        let id = self.state.id();
        let phase = self.state.phase_name().text();
        Rejection::NotNow(format!("{id} is {phase}: {next}"))
    }

    pub(super) fn halt(&mut self, by: &Identity) -> Result<(), Rejection> {
        if self.state.at_rest() {
            return Err(self.not_now("there is nothing left to halt"));
        }
        if matches!(self.state.phase, Phase::RollingBack { .. } | Phase::Frozen { .. }) {
            return Err(self.not_now("a way back is never halted"));
        }
        if matches!(self.state.phase, Phase::Documenting { .. }) {
            return Err(self.not_now("its watch passed; `ops rollback` takes it back"));
        }
        let models = self.state.halted.as_ref().is_some_and(|halt| halt.by.as_str() == ADVISOR);
        // A person's halt takes the place of the model's: what frees that one must not free it.
        if self.state.halted.is_none() || models {
            self.push(Event::Halted { by: by.clone() });
            self.tell_halt(by);
        }
        Ok(())
    }

    pub(super) fn resume(&mut self, by: &Identity) -> Result<(), Rejection> {
        if self.state.halted.is_none() && !self.waits_for_resume() {
            return Err(self.not_now("it is not halted"));
        }
        self.push(Event::Resumed { by: by.clone() });
        self.tell_resume(by);
        Ok(())
    }

    pub(super) fn abort(&mut self, by: &Identity) -> Result<(), Rejection> {
        match self.state.phase {
            Phase::RollingBack { .. } => Err(self.not_now("it goes back already")),
            Phase::Frozen { .. } => Err(self.not_now("its way back failed; see `ops explain`")),
            Phase::Documenting { .. }
            | Phase::Soaking { .. }
            | Phase::Promoted
            | Phase::KeptNotClosed { .. }
            | Phase::Closed => Err(self.not_now("its watch passed; `ops rollback` takes it back")),
            Phase::RolledBack { .. } | Phase::Thawed { .. } | Phase::Withdrawn { .. } => {
                Err(self.not_now("nothing of it serves"))
            }
            _ if self.state.busy() => {
                if self.state.abort.is_none() {
                    self.push(Event::AbortNoted { by: by.clone() });
                }
                Ok(())
            }
            _ => {
                self.abort_now(by.clone());
                Ok(())
            }
        }
    }

    /// Abort always wins: at once, or right after the act that was under way.
    pub(super) fn abort_now(&mut self, by: Identity) {
        match &self.state.phase {
            Phase::Queued { .. } | Phase::Checking { .. } | Phase::Held { .. } => {
                self.hold(&HoldCause::Aborted { by });
            }
            Phase::Planned { failed: None, .. } => self.prepare_failed(Cause::Aborted { by }),
            _ => self.back(Cause::Aborted { by }),
        }
    }

    /// What somebody saw makes the watch longer. It proves nothing: only what ops sees itself takes
    /// anything back.
    pub(super) fn reported(&mut self, words: &str) -> Result<(), Rejection> {
        if !self.state.acted() || self.state.watching.is_none() {
            return Err(self.not_now("no user is on what it brings, so nothing of it is watched"));
        }
        self.push(Event::Concerned { words: words.to_owned() });
        Ok(())
    }

    pub(super) fn acknowledge(&mut self, by: &Identity) -> Result<(), Rejection> {
        match &self.state.phase {
            Phase::Frozen { acknowledged: None, .. } => {
                self.push(Event::Acknowledged { by: by.clone() });
                Ok(())
            }
            Phase::Frozen { .. } => Ok(()),
            Phase::Held { .. } if on(Mutation::WordsBegin) => {
                self.push(Event::CheckingBegan);
                Ok(())
            }
            _ => Err(self.not_now("only a frozen deployment is acknowledged")),
        }
    }
}
