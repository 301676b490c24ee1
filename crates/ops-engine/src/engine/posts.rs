//! Posts of one kind that are due at about the same time go out as one message: each in a line of its
//! own with its own marker, so that each is found again by itself. What is urgent never waits.

use std::collections::BTreeMap;

use ops_core::{
    deploy::{Delivery, Input, Letter, News, Outcome, To},
    id::DeploymentId,
    mutation::{Mutation, on},
    record::DIGEST_MIN,
    time::Now,
};

use super::{Engine, EngineError};
use crate::{
    jobs::{Job, JobKey, Work},
    ports::Journal,
};

/// How long a post waits for others of its kind.
const GATHER_MS: u64 = 2_000;
/// Posts in one message.
const POSTS_MAX: usize = 40;

type Number = (DeploymentId, u32);

impl<J: Journal> Engine<J> {
    /// The post that waits, if it is still to go out and nobody sends it.
    fn waiting_post(&self, (id, n): Number) -> Option<&Letter> {
        if self.running.contains(&JobKey::Letter(id, n)) {
            return None;
        }
        let letters = &self.deployments.get(&id)?.outbox;
        letters
            .iter()
            .find(|letter| letter.n == n && matches!(letter.delivery, Delivery::Intended { .. }))
    }

    /// Starts what has waited long enough for others: many of one kind as one message.
    pub(super) fn send_posts(&mut self, now: &Now, jobs: &mut Vec<Job>) {
        let gathering = std::mem::take(&mut self.gathering);
        let mut kinds: BTreeMap<(String, News), Vec<(Number, u64)>> = BTreeMap::new();
        for (number, since) in gathering {
            let Some(letter) = self.waiting_post(number) else { continue };
            if let To::Post { channel } = &letter.to {
                kinds.entry((channel.clone(), letter.news)).or_default().push((number, since));
            }
        }
        let least = if on(Mutation::BuryUrgent) { 2 } else { DIGEST_MIN };
        for waiting in kinds.into_values() {
            let oldest = waiting.iter().map(|(_, since)| *since).min().unwrap_or(now.ms);
            if now.ms < oldest.saturating_add(GATHER_MS) {
                self.gathering.extend(waiting);
                continue;
            }
            let numbers: Vec<Number> = waiting.into_iter().map(|(number, _)| number).collect();
            for some in numbers.chunks(POSTS_MAX) {
                self.send_some(some, least, jobs);
            }
        }
    }

    fn send_some(&mut self, numbers: &[Number], least: usize, jobs: &mut Vec<Job>) {
        let letter = |number| self.waiting_post(number).cloned().map(Box::new);
        let found: Vec<(Number, Box<Letter>)> =
            numbers.iter().filter_map(|number| Some((*number, letter(*number)?))).collect();
        let marked = |((id, n), letter): (Number, Box<Letter>)| (letter, Letter::marker(id, n));
        if found.len() < least {
            for ((id, n), letter) in found {
                let work = Work::Deliver { letter, marker: Letter::marker(id, n) };
                self.start(Job { key: JobKey::Letter(id, n), work }, jobs);
            }
            return;
        }
        let numbers: Vec<Number> = found.iter().map(|(number, _)| *number).collect();
        // Each is under way by its own name as well: nobody else sends it or looks for it.
        self.running.extend(numbers.iter().map(|(id, n)| JobKey::Letter(*id, *n)));
        let posts = found.into_iter().map(marked).collect();
        let work = Work::DeliverPosts { posts };
        self.start(Job { key: JobKey::Posts(numbers), work }, jobs);
    }

    /// What became of a message is what became of each of its posts.
    pub(super) fn posts_ended(
        &mut self,
        numbers: &[Number],
        outcome: &Outcome,
        now: &Now,
    ) -> Result<(), EngineError> {
        for (id, n) in numbers {
            let key = JobKey::Letter(*id, *n);
            self.running.remove(&key);
            self.last.insert(key, now.ms);
        }
        for (id, n) in numbers {
            let input = Input::LetterEnded { n: *n, outcome: outcome.clone() };
            self.feed(*id, &input, now)?;
        }
        Ok(())
    }
}
