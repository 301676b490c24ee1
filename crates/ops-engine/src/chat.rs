//! Answers to people who mention ops on the meeting board: from facts and rules. What a message asks
//! is read by [`ops_core::talk::parse`]; here the facts are gathered, and what is asked for is done.

mod deeds;
mod patience;
mod sight;
mod tell;

use ops_core::{
    record::{person, said},
    talk::{self, Facts, Names, Request, Standing},
    ticket::Message,
    time::Now,
    world::Fault,
};

use crate::{
    Engine, EngineError,
    jobs::{Job, JobKey, Work},
    knowledge::EngineEvent,
    operator::Who,
    ports::Journal,
};

pub(crate) use deeds::said as deed_said;
pub(crate) use patience::Patience;
pub(crate) use sight::Sight;

/// Mentions that wait for their answer at the same time; further ones are read later.
const WAITING_MAX: usize = 100;

impl<J: Journal> Engine<J> {
    pub(crate) fn mentions_read(&mut self, answer: Result<Vec<Message>, Fault>) {
        let messages = match answer {
            Ok(messages) => messages,
            Err(fault) => {
                tracing::debug!(%fault, "mentions could not be read");
                return;
            }
        };
        let me = self.queue().map(|queue| queue.me.clone());
        for message in messages {
            let known = self.knowledge().answered.contains(&message.id)
                || self.waiting().iter().any(|waiting| waiting.id == message.id);
            let own = me.as_ref() == Some(&message.author) || message.text.contains("<!-- ops:");
            if self.waiting().len() >= WAITING_MAX {
                break;
            }
            self.read_up_to(&message.id);
            if !known && !own {
                self.wait_for_answer(message);
            }
        }
    }

    /// Starts the answer of each waiting mention. What it asks for is done first, once.
    pub(crate) fn answer_jobs(
        &mut self,
        now: &Now,
        jobs: &mut Vec<Job>,
    ) -> Result<(), EngineError> {
        for message in self.take_unanswered(now) {
            let request = talk::parse(&message.text, &self.names());
            if request == Request::Unclear && !self.patience.has(&message.author, now.ms) {
                tracing::warn!(author = %message.author, "not answered: it was told often enough");
                self.answered(&message.id, Ok(()), now)?;
                continue;
            }
            let marker = format!("<!-- ops:re:{} -->", message.id);
            // The one place where facts become words.
            let (words, draft) = match self.respond(&message, request, now) {
                Ok(facts) => {
                    let words = talk::words(&facts);
                    let draft = facts.tells().then(|| self.draft(&message.text, &words, now));
                    (words, draft.flatten())
                }
                Err(why) => (format!("that did not work: {why}"), None),
            };
            let text = format!("OPS: {words}\n\n{marker}");
            let key = JobKey::Answer(message.id.clone());
            let work = Work::Answer { message: Box::new(message), text, marker, draft };
            self.start_own(Job { key, work }, jobs);
        }
        Ok(())
    }

    /// Does what a message asks for, and gathers the facts of the answer.
    fn respond(
        &mut self,
        message: &Message,
        request: Request,
        now: &Now,
    ) -> Result<Facts, EngineError> {
        let by = person(&message.author);
        if request.needs() > Standing::Anybody && !message.authenticated {
            let words = format!(
                "the board takes whoever shows no token for {by}, so nobody knows who asks that; ask \
                 with a token of your own, or at the machine with the command of the same name"
            );
            return Ok(Facts::Refused { by, words });
        }
        match request {
            Request::Tell(question) => self.tell(&question, now),
            Request::Do(deed) => {
                let who = Who { identity: message.author.clone(), local: false };
                self.deed(&who, deed, now)
            }
            Request::Never(promise) => Ok(Facts::Never { by, promise }),
            Request::Unclear => Ok(Facts::Help),
        }
    }

    /// What can be named in a message.
    fn names(&self) -> Names {
        let Some(settings) = self.settings() else { return Names::default() };
        Names {
            services: settings.services.keys().cloned().collect(),
            environments: settings.environments.keys().cloned().collect(),
        }
    }

    pub(crate) fn answered(
        &mut self,
        message: &str,
        answer: Result<(), Fault>,
        now: &Now,
    ) -> Result<(), EngineError> {
        match answer {
            Ok(()) => self.note(&EngineEvent::Answered { message: message.to_owned() }, now),
            Err(fault) => {
                tracing::warn!(%fault, message = said(message, 64), "a mention could not be answered");
                self.answer_is_unsure(message, now);
                self.read_mentions_anew();
                Ok(())
            }
        }
    }
}
