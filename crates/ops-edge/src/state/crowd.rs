//! Which clients were counted lately: each is one trial per while, however often it asks.

use std::collections::HashMap;

use ops_core::{id::ReleaseId, signal::UNIT_AGAIN_SECONDS};

/// Most clients that are remembered per release; further ones are not counted.
const CLIENTS_MAX: usize = 65_536;

/// Clients by release, each with the second in which it was counted last.
#[derive(Default)]
pub(super) struct Crowd(Vec<(ReleaseId, HashMap<u64, u64>)>);

/// What a client that asks is to be counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trial {
    /// Nothing: it was counted lately, or there is no room.
    Not,
    /// A trial of a client that was never counted, as far as is remembered.
    First,
    /// One more trial of a client.
    Again,
}

impl Crowd {
    /// Whether a client that asks now is to be counted as a new trial. Its requests stand or fall
    /// together, so they are no trials of their own: a client for whom nothing works would otherwise
    /// look like a version that fails again and again.
    pub(super) fn counts(&mut self, release: &ReleaseId, unit: u64, second: u64) -> Trial {
        let at = self.0.iter().position(|(of, _)| of == release).unwrap_or_else(|| {
            self.0.push((release.clone(), HashMap::new()));
            self.0.len() - 1
        });
        let clients = &mut self.0[at].1;
        let old = |last: u64| second >= last.saturating_add(UNIT_AGAIN_SECONDS);
        if let Some(last) = clients.get_mut(&unit) {
            if !old(*last) {
                return Trial::Not;
            }
            *last = second;
            return Trial::Again;
        }
        if clients.len() >= CLIENTS_MAX {
            clients.retain(|_, last| !old(*last));
        }
        if clients.len() >= CLIENTS_MAX {
            return Trial::Not;
        }
        clients.insert(unit, second);
        Trial::First
    }

    /// Forgets releases that are not among these.
    pub(super) fn keep(&mut self, releases: impl Fn(&ReleaseId) -> bool) {
        self.0.retain(|(of, _)| releases(of));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_one_trial_per_while_and_release() {
        let (mut crowd, a, b) = (Crowd::default(), "a".into(), "b".into());
        assert_eq!([crowd.counts(&a, 1, 10), crowd.counts(&a, 2, 10)], [Trial::First; 2]);
        assert_eq!([crowd.counts(&a, 1, 11), crowd.counts(&a, 1, 309)], [Trial::Not; 2]);
        assert_eq!(crowd.counts(&a, 1, 310), Trial::Again, "after a while it counts again");
        assert_eq!(crowd.counts(&b, 1, 11), Trial::First, "another version");
        crowd.keep(|release| *release == a);
        assert_eq!(crowd.counts(&b, 1, 12), Trial::First);
        assert_eq!(crowd.counts(&a, 2, 12), Trial::Not);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut crowd, a) = (Crowd::default(), "a".into());
        for unit in 0..CLIENTS_MAX as u64 {
            assert_eq!(crowd.counts(&a, unit, 1), Trial::First);
        }
        assert_eq!(crowd.counts(&a, u64::MAX, 2), Trial::Not, "full");
        let later = crowd.counts(&a, u64::MAX, 301);
        assert_eq!(later, Trial::First, "those of before are forgotten");
    }
}
