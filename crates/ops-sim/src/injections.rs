//! Everything that is done to a run, numbered in its order, so that a run can be made again from its
//! seed without some of it: that is how a failing run is shrunk to what it needs.

use std::{collections::BTreeSet, fmt::Write as _};

/// What is left out of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Without(BTreeSet<u32>);

impl Without {
    /// These numbers are left out.
    pub fn these(numbers: impl IntoIterator<Item = u32>) -> Self {
        Self(numbers.into_iter().collect())
    }

    /// Reads `3,7-12`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut all = BTreeSet::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            all.extend(from.parse::<u32>().ok()?..=to.parse().ok()?);
        }
        Some(Self(all))
    }

    /// How many are left out.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// As [`Self::parse`] reads it.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut numbers = self.0.iter().copied().peekable();
        while let Some(from) = numbers.next() {
            let mut to = from;
            while let Some(next) = numbers.next_if_eq(&(to + 1)) {
                to = next;
            }
            if !out.is_empty() {
                out.push(',');
            }
            let _ = if from == to { write!(out, "{from}") } else { write!(out, "{from}-{to}") };
        }
        out
    }
}

/// Counts what is done to a run.
#[derive(Debug, Clone, Default)]
pub struct Injections {
    without: Without,
    next: u32,
}

impl Injections {
    /// Leaves this out.
    pub fn leave_out(&mut self, without: Without) {
        self.without = without;
    }

    /// The next thing is about to be done: whether it is. It counts either way.
    pub fn strikes(&mut self) -> bool {
        let number = self.next;
        self.next += 1;
        !self.without.0.contains(&number)
    }

    /// How many there were.
    pub fn count(&self) -> u32 {
        self.next
    }
}

/// The fewest of `count` things with which `fails` still holds, as what is left out: first large
/// parts are left out, then ever smaller ones (delta debugging, Zeller and Hildebrandt 2002). Ends
/// after so many tries.
pub fn shrink(count: u32, mut tries: u32, mut fails: impl FnMut(&Without) -> bool) -> Without {
    let mut kept: Vec<u32> = (0..count).collect();
    let rest = |kept: &[u32]| {
        let kept: BTreeSet<_> = kept.iter().copied().collect();
        Without::these((0..count).filter(|number| !kept.contains(number)))
    };
    let mut part = kept.len().div_ceil(2).max(1);
    while !kept.is_empty() && tries > 0 {
        let mut at = 0;
        let mut smaller = false;
        while at < kept.len() && tries > 0 {
            tries -= 1;
            let mut fewer = kept.clone();
            fewer.drain(at..(at + part).min(kept.len()));
            if fails(&rest(&fewer)) {
                kept = fewer;
                smaller = true;
            } else {
                at += part;
            }
        }
        if part == 1 && !smaller {
            break;
        }
        part = if part == 1 { 1 } else { part.div_ceil(2) };
    }
    rest(&kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_read_as_it_is_written() {
        for text in ["", "4", "1-3,7,9-10"] {
            assert_eq!(Without::parse(text).unwrap().text(), text);
        }
        assert_eq!(Without::parse("1-x"), None);
    }

    #[test]
    fn what_is_left_out_does_not_strike() {
        let mut injections = Injections::default();
        injections.leave_out(Without::these([1]));
        let struck: Vec<_> = (0..3).map(|_| injections.strikes()).collect();
        assert_eq!((struck, injections.count()), (vec![true, false, true], 3));
    }

    #[test]
    fn shrinking_leaves_what_is_needed() {
        let mut tries = 0;
        let without = shrink(200, 1_000, |without| {
            tries += 1;
            !without.0.contains(&17) && !without.0.contains(&140)
        });
        assert_eq!(without.text(), "0-16,18-139,141-199");
        assert!(tries < 100, "{tries}");
        assert_eq!(shrink(5, 100, |_| true).count(), 5);
        assert_eq!(shrink(5, 100, |without| without.count() == 0).count(), 0);
    }
}
