//! A model's judgement and the answers to it. It only ever stops (P12).

use std::sync::Arc;

use super::{super::Rejection, Draft};
use crate::{
    checks::Judged,
    deploy::{Event, phase::Phase},
    id::{Digest, Identity},
    judgement::{ADVISOR, Answer, Dossier, HALTS_MAX, Point, Terms, Watched, in_the_watch},
    ticket::Ticket,
};

impl Draft<'_> {
    /// Asks the model if it is to be asked now, before the plan is accepted. True if it is.
    pub(super) fn seek_before_the_plan(&mut self, judged: &Judged) -> bool {
        match (judged.ask, &judged.dossier) {
            (Some(terms), Some(dossier)) => {
                self.seek(Arc::clone(dossier), terms);
                true
            }
            _ => false,
        }
    }

    fn seek(&mut self, dossier: Arc<Dossier>, terms: Terms) {
        self.push(Event::JudgementSought { dossier, terms });
    }

    /// The watch could not be judged by numbers: asks the model once, if there is one.
    pub(super) fn seek_in_the_watch(&mut self, words: &str) {
        let last = self.state.advice.last.as_ref();
        let asked = last.is_some_and(|given| given.dossier.point == Point::Watch);
        if asked || self.state.halted.is_some() || !self.state.acted() {
            return;
        }
        if let Some(ticket) = self.state.ticket.clone() {
            self.seek_about(words, &ticket);
        }
    }

    fn seek_about(&mut self, words: &str, ticket: &Ticket) {
        let advice = &self.state.advice;
        let (None, Some(given), Some(terms)) = (&advice.sought, &advice.last, advice.terms) else {
            return;
        };
        let (Some(people), Some(watching)) = (&self.state.people, &self.state.watching) else {
            return;
        };
        let seen = Watched {
            words,
            seconds: watching.seconds,
            new: (watching.requests, watching.errors),
            old: (watching.control_requests, watching.control_errors),
            concerns: &watching.concerns,
            hurt: &watching.hurt,
        };
        let me = &self.state.created.me;
        let dossier = Arc::new(in_the_watch(&given.dossier, ticket, people, me, &seen));
        self.seek(dossier, terms);
    }

    /// The team has written on the ticket while the model's halt stands in mid-traffic: it judges
    /// again, as often as it may.
    pub(super) fn heard_on_the_ticket(&mut self, ticket: &Ticket) {
        let advice = &self.state.advice;
        let again = self.halted_by_the_model() && advice.halts < HALTS_MAX;
        let (true, Some(given), Some(people)) = (again, &advice.last, &self.state.people) else {
            return;
        };
        if given.dossier.is_answered_by(ticket, people, &self.state.created.me) {
            self.seek_about("the model halted it, and the team has answered", ticket);
        }
    }

    fn halted_by_the_model(&self) -> bool {
        self.state.halted.as_ref().is_some_and(|halt| halt.by.as_str() == ADVISOR)
    }

    /// What came of asking. An answer to another question says nothing.
    pub(super) fn judged(&mut self, point: Point, key: &Digest, answer: &Answer) {
        let sought = self.state.advice.sought.as_ref();
        if sought.is_none_or(|one| one.dossier.point != point || one.dossier.key != *key) {
            return;
        }
        self.push(Event::Judged { answer: Arc::new(answer.clone()) });
        if point == Point::Watch {
            self.judged_in_the_watch(answer);
        }
    }

    fn judged_in_the_watch(&mut self, answer: &Answer) {
        let by = Identity::new(ADVISOR);
        if answer.halts() {
            if self.state.halted.is_none() {
                self.push(Event::Halted { by: by.clone() });
                self.tell_halt(&by);
            }
            self.tell_judgement();
        } else if matches!(answer, Answer::Judged(_)) && self.halted_by_the_model() {
            // It takes back its own halt, and no other: somebody has answered it meanwhile.
            self.push(Event::Resumed { by: by.clone() });
            self.tell_resume(&by);
        }
    }

    /// Nothing came in time: that is no judgement.
    pub(super) fn judgement_overdue(&mut self) {
        let Some(sought) = &self.state.advice.sought else { return };
        if !sought.until.over(self.now) || !self.state.seeks() {
            return;
        }
        let (point, key) = (sought.dossier.point, sought.dossier.key.clone());
        let why = "no answer came in time".to_owned();
        self.judged(point, &key, &Answer::Silent { why });
    }

    /// A named person answers the model's halt. That frees this one hold and nothing else.
    pub(super) fn answer(&mut self, by: &Identity, words: &str) -> Result<(), Rejection> {
        let held = matches!(self.state.phase, Phase::Held { .. })
            && self.state.advice.halts_now(Point::Plan);
        let halted = self.halted_by_the_model();
        if !held && !halted {
            return Err(self.not_now("no halt of the model stands against it"));
        }
        self.push(Event::Answered { by: by.clone(), words: words.to_owned() });
        if halted {
            self.push(Event::Resumed { by: by.clone() });
            self.tell_resume(by);
        }
        Ok(())
    }
}
