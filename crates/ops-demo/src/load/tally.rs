//! Requests counted by what became of them.

use std::ops::AddAssign;

use serde::Serialize;

use super::record::{Loss, Record};

/// Requests counted by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// All that departed: answered and lost.
    pub requests: u64,
    /// Answered by the service itself, with whatever status.
    pub answered: u64,
    /// Of the answered: with 500 or above.
    pub bad: u64,
    /// Not answered by the service itself.
    pub lost: Losses,
}

/// Lost requests by kind; [`Loss`] says what each means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named after the variants of Loss")]
pub struct Losses {
    pub connect: u64,
    pub reset: u64,
    pub stale: u64,
    pub timeout: u64,
    pub overflow: u64,
    pub door: u64,
    pub foreign: u64,
    pub garbled: u64,
}

impl Losses {
    /// All lost requests.
    pub fn total(&self) -> u64 {
        let Self { connect, reset, stale, timeout, overflow, door, foreign, garbled } = self;
        connect + reset + stale + timeout + overflow + door + foreign + garbled
    }

    fn add(&mut self, loss: Loss) {
        *match loss {
            Loss::Connect => &mut self.connect,
            Loss::Reset => &mut self.reset,
            Loss::Stale => &mut self.stale,
            Loss::Timeout => &mut self.timeout,
            Loss::Overflow => &mut self.overflow,
            Loss::Door => &mut self.door,
            Loss::Foreign => &mut self.foreign,
            Loss::Garbled => &mut self.garbled,
        } += 1;
    }
}

impl AddAssign<&Record> for Tally {
    fn add_assign(&mut self, record: &Record) {
        self.requests += 1;
        match record.loss() {
            Some(loss) => self.lost.add(loss),
            None => self.answered += 1,
        }
        self.bad += u64::from(record.is_bad());
    }
}
