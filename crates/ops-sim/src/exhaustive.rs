//! Small worlds, enumerated completely: every order of crash, time-out, fault and word by a person,
//! breadth first, each state once.
//!
//! Two of them. [`leases`]: two daemons, each with one ticket of the same lock group, take turns by
//! the journal's own rule and act on a door that compares stamps. [`machine`]: one deployment as the
//! state machine has it, against the simulated target and door.

pub mod leases;
pub mod machine;

use std::collections::{HashMap, VecDeque};

/// What an enumeration found.
#[derive(Debug)]
pub struct Explored {
    /// States.
    pub states: usize,
    /// Moves between them.
    pub moves: usize,
    /// Whether states were left that were not looked at, for want of room.
    pub cut: bool,
    /// What is wrong in a state, and how it is reached.
    pub broken: Option<(String, Vec<String>)>,
    /// States from which no end can be reached.
    pub dead_ends: usize,
    /// How the first of them is reached, and what it is.
    pub stuck: Option<(String, Vec<String>)>,
    /// Names of the ends that were reached.
    pub ends: Vec<&'static str>,
}

/// A world that can be enumerated.
pub trait Small: Clone {
    /// All that makes a difference for what can happen next. Two states with one key are one state.
    fn key(&self) -> String;
    /// Everything that can happen, in words, with the state after it.
    fn moves(&self) -> Vec<(String, Self)>;
    /// What must hold in every state.
    ///
    /// # Errors
    ///
    /// What is wrong, in words.
    fn holds(&self) -> Result<(), String>;
    /// The name of the end that this state is, if it is one.
    fn end(&self) -> Option<&'static str>;
}

/// Enumerates a world from its beginning, at most so many states.
pub fn explore<S: Small>(first: S, most: usize) -> Explored {
    let mut known: HashMap<String, usize> = HashMap::from([(first.key(), 0)]);
    let mut came: Vec<(usize, String)> = vec![(0, String::new())];
    let mut ends: Vec<Option<&'static str>> = vec![first.end()];
    let mut back: Vec<Vec<usize>> = vec![Vec::new()];
    let mut open = VecDeque::from([(0, first)]);
    let (mut moves, mut cut, mut broken) = (0, false, None);
    'all: while let Some((at, state)) = open.pop_front() {
        for (words, next) in state.moves() {
            moves += 1;
            let key = next.key();
            if let Some(to) = known.get(&key) {
                back[*to].push(at);
                continue;
            }
            if known.len() >= most {
                cut = true;
                continue;
            }
            let to = known.len();
            known.insert(key, to);
            came.push((at, words));
            ends.push(next.end());
            back.push(vec![at]);
            if let Err(why) = next.holds() {
                broken = Some((why, path(&came, to)));
                break 'all;
            }
            open.push_back((to, next));
        }
    }
    let mut names: Vec<_> = ends.iter().flatten().copied().collect();
    names.sort_unstable();
    names.dedup();
    let dead = if cut || broken.is_some() { Vec::new() } else { dead_ends(&ends, &back) };
    let stuck = dead.first().map(|at| {
        let key = known.iter().find(|(_, number)| *number == at);
        (key.map(|(key, _)| key.clone()).unwrap_or_default(), path(&came, *at))
    });
    let (states, dead_ends) = (known.len(), dead.len());
    Explored { states, moves, cut, broken, dead_ends, stuck, ends: names }
}

/// How a state is reached.
fn path(came: &[(usize, String)], to: usize) -> Vec<String> {
    let mut words = Vec::new();
    let mut at = to;
    while at != 0 {
        words.push(came[at].1.clone());
        at = came[at].0;
    }
    words.reverse();
    words
}

/// States from which no end can be reached.
fn dead_ends(ends: &[Option<&'static str>], back: &[Vec<usize>]) -> Vec<usize> {
    let mut reaches = vec![false; ends.len()];
    let mut open: Vec<usize> = (0..ends.len()).filter(|at| ends[*at].is_some()).collect();
    for at in &open {
        reaches[*at] = true;
    }
    while let Some(at) = open.pop() {
        for from in &back[at] {
            if !reaches[*from] {
                reaches[*from] = true;
                open.push(*from);
            }
        }
    }
    (0..ends.len()).filter(|at| !reaches[*at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts to 5; 3 is wrong if it shall be, and from 4 there is no way on if it shall not.
    #[derive(Clone)]
    struct Count(u8, bool, bool);

    impl Small for Count {
        fn key(&self) -> String {
            self.0.to_string()
        }
        fn moves(&self) -> Vec<(String, Self)> {
            let stuck = self.0 == 5 || self.2 && self.0 == 4;
            let all = if stuck { Vec::new() } else { vec![self.0 + 1, self.0] };
            all.into_iter().map(|n| (format!("to {n}"), Self(n, self.1, self.2))).collect()
        }
        fn holds(&self) -> Result<(), String> {
            if self.1 && self.0 == 3 { Err("three".into()) } else { Ok(()) }
        }
        fn end(&self) -> Option<&'static str> {
            (self.0 == 5).then_some("five")
        }
    }

    #[test]
    fn every_state_is_met_once_and_a_wrong_one_is_told_with_its_way() {
        let found = explore(Count(0, false, false), 100);
        assert_eq!((found.states, found.moves, found.dead_ends), (6, 10, 0));
        assert_eq!(found.ends, ["five"]);
        assert!(explore(Count(0, false, false), 4).cut);
        let (why, way) = explore(Count(0, true, false), 100).broken.unwrap();
        assert_eq!(
            (why.as_str(), way),
            ("three", vec!["to 1".into(), "to 2".into(), "to 3".into()])
        );
        assert_eq!(explore(Count(0, false, true), 100).dead_ends, 5);
    }
}
