//! When requests depart: fixed in advance, whatever the target does.

use std::time::Duration;

use super::plan::RATE_MAX;

/// Most stages of a schedule.
pub const STAGES_MAX: usize = 1_000;

/// A stretch of constant rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Requests per second; 0 is a pause.
    pub per_second: f64,
    /// How long it lasts; [`Duration::MAX`] is until the load is stopped.
    pub lasts: Duration,
}

/// Departures by stages, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    stages: Vec<Stage>,
}

impl Schedule {
    /// A constant rate, in requests per second, until the load is stopped.
    pub fn constant(per_second: f64) -> Self {
        Self::stages(vec![Stage { per_second, lasts: Duration::MAX }])
    }

    /// A constant rate for a time.
    pub fn lasting(per_second: f64, lasts: Duration) -> Self {
        Self::stages(vec![Stage { per_second, lasts }])
    }

    /// One stage after the other; the load ends with the last one.
    pub fn stages(stages: Vec<Stage>) -> Self {
        Self { stages }
    }

    /// Says what is wrong with the schedule, in words, or `None`.
    pub(super) fn complaint(&self) -> Option<String> {
        if self.stages.is_empty() || self.stages.len() > STAGES_MAX {
            return Some(format!("a schedule has 1 to {STAGES_MAX} stages"));
        }
        let endless = |stage: &Stage| u64::try_from(stage.lasts.as_micros()).is_err();
        if self.stages.iter().any(|stage| stage.per_second == 0.0 && endless(stage)) {
            return Some("a stage pauses without an end".into());
        }
        let bad = self.stages.iter().find(|stage| !(0.0..=RATE_MAX).contains(&stage.per_second))?;
        Some(format!(
            "the rate of a stage is {}, it must lie between 0 and {RATE_MAX} per second",
            bad.per_second
        ))
    }

    /// Intended departures in microseconds from the start. Each is computed from its number in
    /// its stage, so that rounding does not add up.
    pub fn departures(&self) -> impl Iterator<Item = u64> + Send + use<> {
        let mut begins_us: u64 = 0;
        self.stages.clone().into_iter().flat_map(move |stage| {
            let begin = begins_us;
            let length = u64::try_from(stage.lasts.as_micros()).unwrap_or(u64::MAX);
            begins_us = begins_us.saturating_add(length);
            (0_u64..)
                .map(move |number| (number as f64 * 1e6 / stage.per_second) as u64)
                // A pause has no departure: 0 / 0 is no number and casts to zero.
                .take_while(move |offset| stage.per_second > 0.0 && *offset < length)
                .map(move |offset| begin.saturating_add(offset))
        })
    }

    /// How long it lasts, in microseconds from the start; `None` without an end.
    pub(super) fn length_us(&self) -> Option<u64> {
        self.stages.iter().try_fold(0_u64, |sum, stage| {
            u64::try_from(stage.lasts.as_micros()).ok().and_then(|length| sum.checked_add(length))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stage(per_second: f64, ms: u64) -> Stage {
        Stage { per_second, lasts: Duration::from_millis(ms) }
    }

    #[test]
    fn a_rate_is_kept_without_drift() {
        let third = Schedule::constant(3_000.0).departures().nth(3_000_000).unwrap();
        assert_eq!(third, 1_000_000_000);
    }

    #[test]
    fn stages_follow_each_other_and_a_pause_sends_nothing() {
        let schedule = Schedule::stages(vec![stage(4.0, 500), stage(0.0, 250), stage(10.0, 200)]);
        let departures: Vec<u64> = schedule.departures().collect();
        assert_eq!(departures, [0, 250_000, 750_000, 850_000]);
        assert_eq!(schedule.length_us(), Some(950_000));
        assert_eq!(Schedule::constant(1.0).length_us(), None);
    }

    proptest! {
        #[test]
        fn departures_ascend_and_their_count_is_rate_times_time(
            stages in prop::collection::vec((0.0..2_000.0_f64, 1_u64..3_000), 1..5)
        ) {
            let expected: f64 = stages.iter().map(|&(rate, ms)| (rate * ms as f64 / 1e3).ceil()).sum();
            let count = stages.len() as f64;
            let schedule =
                Schedule::stages(stages.into_iter().map(|(rate, ms)| stage(rate, ms)).collect());
            let departures: Vec<u64> = schedule.departures().collect();
            prop_assert!(departures.windows(2).all(|pair| pair[0] <= pair[1]));
            prop_assert!((departures.len() as f64 - expected).abs() <= count);
        }
    }
}
