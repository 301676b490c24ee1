//! How the clock of a door elsewhere stands to this machine's.
//!
//! Each host counts from its own boot. What is added to a door's seconds is found once, when the
//! door tells the time, and kept as long as it is right to a second and a half: so a second that was
//! told keeps its place, and none is told twice. A host that was started again counts from another
//! boot, and so does this machine; both are noticed by the boot's id.

use ops_core::signal::SignalSecond;
use serde::{Deserialize, Serialize};

/// By how many milliseconds a kept alignment may be wrong.
const WRONG_MAX_MS: i64 = 1_500;

/// What is to be added to a door's seconds to have them on this machine's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Alignment {
    /// The boot of the door's host.
    theirs: String,
    /// The boot of this machine.
    ours: String,
    seconds: i64,
}

/// What a door said of its clock, and between which two moments of this machine.
pub(super) struct Heard<'a> {
    pub(super) boot: &'a str,
    pub(super) now_ms: u64,
    pub(super) from_ms: u64,
    pub(super) until_ms: u64,
}

impl Heard<'_> {
    /// Milliseconds by which this machine's clock is ahead, if the answer was written midway.
    fn ahead_ms(&self) -> i64 {
        let midway = self.from_ms.midpoint(self.until_ms);
        signed(midway).saturating_sub(signed(self.now_ms))
    }

    /// By how much that may be wrong.
    fn doubt_ms(&self) -> i64 {
        signed(self.until_ms.saturating_sub(self.from_ms).div_ceil(2))
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Alignment {
    /// The alignment that fits best.
    pub(super) fn of(ours: &str, heard: &Heard<'_>) -> Self {
        let seconds = heard.ahead_ms().saturating_add(500).div_euclid(1_000);
        Self { theirs: heard.boot.to_owned(), ours: ours.to_owned(), seconds }
    }

    /// Whether it still fits.
    pub(super) fn holds(&self, ours: &str, heard: &Heard<'_>) -> bool {
        let wrong = heard.ahead_ms().saturating_sub(self.seconds.saturating_mul(1_000)).abs();
        self.theirs == heard.boot
            && self.ours == ours
            && wrong <= WRONG_MAX_MS.saturating_add(heard.doubt_ms())
    }

    /// A second of this machine's on the door's clock.
    pub(super) fn theirs(&self, second: u64) -> u64 {
        u64::try_from(signed(second).saturating_sub(self.seconds)).unwrap_or(0)
    }

    /// The door's seconds on this machine's clock. What lies before its boot has no place there.
    pub(super) fn ours(&self, seconds: Vec<SignalSecond>) -> Vec<SignalSecond> {
        let moved = |second: SignalSecond| {
            let at = u64::try_from(signed(second.second).saturating_add(self.seconds)).ok()?;
            Some(SignalSecond { second: at, ..second })
        };
        seconds.into_iter().filter_map(moved).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(now_ms: u64, from_ms: u64, until_ms: u64) -> Heard<'static> {
        Heard { boot: "theirs", now_ms, from_ms, until_ms }
    }

    fn second(second: u64) -> SignalSecond {
        SignalSecond { second, ..SignalSecond::default() }
    }

    #[test]
    fn s18_seconds_of_a_door_are_counted_by_this_machines_clock() {
        // It was started 5 s after this machine, and the question took 40 ms.
        let clock = Alignment::of("ours", &heard(95_000, 99_980, 100_020));
        assert_eq!(clock.theirs(97), 92);
        assert_eq!(clock.ours(vec![second(92)])[0].second, 97);
        // This machine is the younger one: what the door counted before its boot has no place.
        let young = Alignment::of("ours", &heard(95_000, 3_000, 3_000));
        assert_eq!(young.theirs(1), 93);
        let told = young.ours(vec![second(90), second(94)]);
        assert_eq!(told.iter().map(|one| one.second).collect::<Vec<_>>(), [2]);
        assert_eq!(clock.theirs(0), 0, "everything is asked for");
    }

    #[test]
    fn s18_an_alignment_holds_while_answers_jitter_and_ends_with_either_boot() {
        let clock = Alignment::of("ours", &heard(95_000, 100_000, 100_000));
        for (now, asked, got) in [
            (96_000, 101_000, 101_400),
            (96_000, 100_000, 103_900),
            (97_400, 101_000, 101_000),
            (94_600, 101_000, 101_000),
        ] {
            assert!(clock.holds("ours", &heard(now, asked, got)), "{now} {asked} {got}");
        }
        let drifted = heard(94_000, 101_000, 101_000);
        assert!(!clock.holds("ours", &drifted), "two seconds are not the same second");
        let same = heard(96_000, 101_000, 101_000);
        assert!(!clock.holds("started again", &same));
        assert!(!clock.holds("ours", &Heard { boot: "started again", ..same }));
    }
}
