//! Which words are owed when. The words themselves are in [`crate::record`].

use super::Draft;
use crate::{
    deploy::{
        Event, HoldCause,
        letter::{About, Letter, News, To},
        phase::Phase,
    },
    id::Identity,
    mutation::{Mutation, on},
    plan::Kind,
    record,
};

impl Draft<'_> {
    fn queue(&mut self, to: To, about: About, text: &str, news: News) {
        let n = self.state.outbox.len() as u32 + 1;
        let body = format!("{text}\n\n{}", Letter::marker(self.state.id(), n));
        self.push(Event::LetterQueued { to, about, body, news });
    }

    fn comment(&mut self, about: About, text: &str) {
        for ticket in self.state.created.tickets.clone() {
            self.queue(To::Comment { ticket }, about, text, News::Alone);
        }
    }

    fn post(&mut self, text: &str) {
        self.post_of(News::Alone, text);
    }

    /// A post of a kind that may be told with others.
    fn post_of(&mut self, news: News, text: &str) {
        let channel = self.state.created.channel.clone();
        self.queue(To::Post { channel }, About::News, text, news);
    }

    pub(super) fn tell_held(&mut self, cause: &HoldCause) {
        if self.state.created.kind.by_ticket() {
            let comment = record::hold_comment(&self.state, cause);
            self.comment(About::Hold, &comment);
        }
        self.post_of(News::Held, &record::hold_post(&self.state, cause));
    }

    /// What held it is gone.
    pub(super) fn tell_solved(&mut self, cause: &HoldCause) {
        if self.state.created.kind.by_ticket() {
            let comment = record::solved_comment(&self.state, cause);
            self.comment(About::Hold, &comment);
        }
    }

    pub(super) fn tell_plan(&mut self) {
        if self.state.created.kind.by_ticket() {
            let comment = record::plan_comment(&self.state);
            self.comment(About::Plan, &comment);
        }
    }

    /// Once, when the first act that users could notice is near.
    pub(super) fn tell_start(&mut self) {
        if self.state.run().is_some_and(|run| run.at > 0)
            && self.state.op.is_none()
            && !self.state.on_traffic
            && !self.state.started
            && !self.state.old_stopped
            && self.state.gap.is_none()
        {
            let text = record::start_post(&self.state);
            let told = self.state.outbox.iter().any(|letter| letter.body.starts_with(&text));
            if !told {
                self.post(&text);
            }
        }
    }

    pub(super) fn tell_back(&mut self) {
        if !on(Mutation::KeepQuiet) {
            self.post(&record::back_post(&self.state));
        }
    }

    pub(super) fn tell_frozen(&mut self) {
        let comment = record::frozen_comment(&self.state);
        self.comment(About::News, &comment);
        self.post(&record::frozen_post(&self.state));
    }

    pub(super) fn tell_halt(&mut self, by: &Identity) {
        self.post_of(News::Halted, &record::halt_post(&self.state, by));
    }

    /// What the model asks in mid-traffic stands where people can answer.
    pub(super) fn tell_judgement(&mut self) {
        let comment = record::judgement_comment(&self.state);
        self.comment(About::Hold, &comment);
    }

    pub(super) fn tell_resume(&mut self, by: &Identity) {
        self.post_of(News::Resumed, &record::resume_post(&self.state, by));
    }

    pub(super) fn tell_record(&mut self) {
        let comment = match &self.state.created.kind {
            Kind::Settings { commit } => record::settings_comment(&self.state, commit),
            Kind::Release | Kind::Rollback { .. } | Kind::Rotation { .. } | Kind::Adoption => {
                record::success_comment(&self.state)
            }
        };
        self.comment(About::Record, &comment);
    }

    pub(super) fn tell_kept(&mut self, words: &str) {
        let comment = record::kept_comment(&self.state, words);
        self.comment(About::News, &comment);
        self.post(&record::kept_post(&self.state, words));
    }

    /// It stays on a stage for a while.
    pub(super) fn tell_soak(&mut self) {
        self.post_of(News::Soaks, &record::soak_post(&self.state));
    }

    /// The deployment came to rest.
    pub(super) fn tell_ended(&mut self) {
        match &self.state.phase {
            Phase::Closed => match self.state.created.kind.clone() {
                Kind::Settings { commit } => {
                    self.post(&record::settings_post(&self.state, &commit));
                }
                Kind::Release | Kind::Rollback { .. } | Kind::Rotation { .. } | Kind::Adoption => {
                    self.post_of(News::Closed, &record::success_post(&self.state));
                }
            },
            Phase::RolledBack { .. } | Phase::Thawed { .. } => {
                let comment = record::failure_comment(&self.state);
                self.comment(About::Record, &comment);
                self.post(&record::failure_post(&self.state));
            }
            Phase::Withdrawn { words, serves: true } => {
                let words = words.clone();
                let comment = record::recalled_comment(&self.state, &words);
                self.comment(About::News, &comment);
                self.post(&record::recalled_post(&self.state, &words));
            }
            Phase::Withdrawn { words, serves: false } => {
                let words = words.clone();
                let touched = self.state.touched();
                if touched {
                    let comment = record::failure_comment(&self.state);
                    self.comment(About::Record, &comment);
                }
                let news = if touched { News::Alone } else { News::Withdrawn };
                self.post_of(news, &record::withdrawn_post(&self.state, &words));
            }
            _ => {}
        }
    }
}
