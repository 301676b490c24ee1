//! What is to happen when.

use std::{cmp::Reverse, collections::BinaryHeap, collections::HashMap};

/// Things to come, in the order of their time; of two at one time the one that was entered first.
#[derive(Debug)]
pub(super) struct Agenda<T> {
    times: BinaryHeap<Reverse<(u64, u64)>>,
    things: HashMap<u64, T>,
    next: u64,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self { times: BinaryHeap::new(), things: HashMap::new(), next: 0 }
    }
}

impl<T> Agenda<T> {
    /// Enters something.
    pub(super) fn enter(&mut self, at: u64, thing: T) {
        self.next += 1;
        self.times.push(Reverse((at, self.next)));
        self.things.insert(self.next, thing);
    }

    /// Takes the next thing.
    pub(super) fn take(&mut self) -> Option<(u64, T)> {
        while let Some(Reverse((at, number))) = self.times.pop() {
            if let Some(thing) = self.things.remove(&number) {
                return Some((at, thing));
            }
        }
        None
    }

    /// Takes everything out that fits, in order.
    pub(super) fn take_all(&mut self, fits: impl Fn(&T) -> bool) -> Vec<T> {
        let mut numbers: Vec<_> = self
            .things
            .iter()
            .filter(|(_, thing)| fits(thing))
            .map(|(number, _)| *number)
            .collect();
        numbers.sort_unstable();
        numbers.into_iter().filter_map(|number| self.things.remove(&number)).collect()
    }
}
