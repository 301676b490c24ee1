//! Decides what happens next. Pure: the caller makes the events durable before acting on them.

mod desk;
mod evidence;
mod frozen;
mod goal;
mod harm;
mod judgement;
mod operator;
mod senses;
mod steps;
mod words;

use std::borrow::Cow;

use super::{
    event::Event,
    input::{Input, LeaseAnswer, Rejection},
    letter::Delivery,
    phase::Phase,
    state::Deployment,
};
use crate::time::Now;

/// The next events of a deployment, given an input.
///
/// # Errors
///
/// A [`Rejection`] says why the input does not fit; nothing happened then.
pub fn decide(state: &Deployment, input: &Input, now: &Now) -> Result<Vec<Event>, Rejection> {
    decided(state, input, now).map(|(events, _)| events)
}

/// The same, with the state after these events; `None` where nothing changes.
///
/// # Errors
///
/// As [`decide`].
pub fn decided(
    state: &Deployment,
    input: &Input,
    now: &Now,
) -> Result<(Vec<Event>, Option<Deployment>), Rejection> {
    let mut draft = Draft { state: Cow::Borrowed(state), events: Vec::new(), now };
    if state.last.boot != now.boot {
        draft.push(Event::Rearmed);
    }
    draft.take(input)?;
    draft.progress(input);
    let after = match draft.state {
        Cow::Borrowed(_) => None,
        Cow::Owned(after) => Some(after),
    };
    Ok((draft.events, after))
}

/// The state on which the events of one decision are tried as they are made: copied at the first
/// of them, since most inputs change nothing.
struct Draft<'a> {
    state: Cow<'a, Deployment>,
    events: Vec<Event>,
    now: &'a Now,
}

impl Draft<'_> {
    fn push(&mut self, event: Event) {
        self.state.to_mut().apply(&event, self.now);
        self.events.push(event);
    }

    fn take(&mut self, input: &Input) -> Result<(), Rejection> {
        match input {
            Input::Tick => self.tick(),
            Input::Restarted => self.restarted(),
            Input::Turn => self.turn(),
            Input::Facts(facts) => self.facts(facts),
            Input::Lease(answer) => self.lease(answer),
            Input::Reserved(answer) => self.reserved(answer),
            Input::OpEnded { op, outcome } => self.op_ended(*op, outcome),
            Input::Looked(view) => self.looked(view),
            Input::Sensed(sensed) => self.sensed(sensed),
            Input::TicketRead(answer) => self.ticket_read(answer),
            Input::LetterEnded { n, outcome } => self.letter_ended(*n, outcome),
            Input::LetterLooked { n, found } => self.letter_looked(*n, found.as_ref()),
            Input::Halt { by } => return self.halt(by),
            Input::Resume { by } => return self.resume(by),
            Input::Abort { by } => return self.abort(by),
            Input::Acknowledge { by } => return self.acknowledge(by),
            Input::Reported { words } => return self.reported(words),
            Input::Superseded { by } => self.superseded(*by),
            Input::Judged { point, key, answer } => self.judged(*point, key, answer),
            Input::Answer { by, words } => return self.answer(by, words),
        }
        Ok(())
    }

    /// What follows from the state alone, whatever came in. A word that went out proves nothing yet:
    /// nothing is closed for it, but for the look that finds it, or at the next tick.
    fn progress(&mut self, input: &Input) {
        self.finish_runs();
        if !matches!(input, Input::LetterEnded { .. }) {
            self.document();
        }
        self.send_letters();
    }

    fn restarted(&mut self) {
        if !self.state.ended() {
            self.push(Event::Restarted);
        }
    }

    fn turn(&mut self) {
        if matches!(self.state.phase, Phase::Queued { .. } | Phase::Held { .. })
            && self.state.halted.is_none()
            && !self.waits_for_resume()
        {
            self.push(Event::CheckingBegan);
        }
    }

    fn waits_for_resume(&self) -> bool {
        matches!(&self.state.phase, Phase::Held { cause: super::HoldCause::Aborted { .. }, .. })
    }

    fn lease(&mut self, answer: &LeaseAnswer) {
        match answer {
            LeaseAnswer::Taken(generation) if self.state.wants_lease() => {
                if self.state.lease != Some(*generation) {
                    self.push(Event::LeaseTaken { generation: *generation });
                }
            }
            LeaseAnswer::Taken(_) | LeaseAnswer::Failed(_) => {}
            LeaseAnswer::HeldBy(holder) => {
                if matches!(self.state.phase, Phase::Planned { failed: None, .. })
                    && !self.state.rehearsal_started
                {
                    self.push(Event::Requeued { holder: holder.clone() });
                }
            }
            LeaseAnswer::Lost(words) => {
                if self.state.lease.is_some() {
                    self.push(Event::LeaseLost { words: words.clone() });
                }
            }
            LeaseAnswer::Released => {
                if self.state.lease.is_some() && !self.state.wants_lease() {
                    self.push(Event::LeaseReleased);
                }
            }
        }
    }

    fn reserved(&mut self, answer: &Result<(), String>) {
        match answer {
            Ok(()) if self.state.lease.is_some() && !self.state.reserved => {
                self.push(Event::Reserved);
            }
            Ok(()) => {}
            Err(words) => {
                if matches!(self.state.phase, Phase::Planned { failed: None, .. }) {
                    let words = format!("no space could be set aside for the way back: {words}");
                    self.prepare_failed(super::Cause::Errored { step: "reserve".into(), words });
                }
            }
        }
    }

    /// Sends the first letter of each lane that is due.
    fn send_letters(&mut self) {
        for n in self.state.due_letters(self.now) {
            let owed =
                self.state.outbox.iter().any(|letter| {
                    letter.n == n && matches!(letter.delivery, Delivery::Owed { .. })
                });
            if owed {
                self.push(Event::LetterIntended { n });
            }
        }
    }
}
