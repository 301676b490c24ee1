//! What a model's judgement leaves in a deployment.

use std::sync::Arc;

use super::{CHECK_MS, phase::Phase, state::Deployment};
use crate::{
    id::Identity,
    judgement::{Answer, Dossier, Sought, Terms},
    record::{person, quoted},
    time::{Now, Timer},
};

/// Characters of a person's answer that a milestone keeps.
const ANSWER_SHOWN: usize = 200;

impl Deployment {
    pub(super) fn sought(&mut self, dossier: &Arc<Dossier>, terms: Terms, now: &Now) {
        let until = Timer::start(now, terms.wait_ms);
        if let Phase::Checking { deadline } = &mut self.phase {
            // Then the checks run once more.
            *deadline = Timer::start(now, terms.wait_ms.saturating_add(CHECK_MS));
        }
        self.advice.terms = Some(terms);
        self.advice.sought = Some(Sought { dossier: Arc::clone(dossier), until });
    }

    pub(super) fn judged(&mut self, answer: &Arc<Answer>, now: &Now) {
        let when = self.advice.sought.as_ref().map(|sought| sought.dossier.point.words());
        self.note(now, format!("asked {}: {}", when.unwrap_or_default(), answer.words()));
        self.advice.judged(answer, self.checked);
        if answer.halts() {
            // Another halt is another cause: its questions are new.
            self.told.retain(|told| !told.contains("advisor"));
        }
    }

    pub(super) fn answered(&mut self, by: &Identity, words: &str, now: &Now) {
        let shown = quoted(words, ANSWER_SHOWN);
        self.note(now, format!("{} answered the model: {shown}", person(by)));
        self.advice.answered(by, words);
        if matches!(self.phase, Phase::Held { .. }) {
            self.phase = Phase::Queued { recheck: Timer::start(now, super::QUEUE_RECHECK_MS) };
        }
    }
}
