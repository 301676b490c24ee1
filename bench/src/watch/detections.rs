//! Delays: how soon a new version that does harm is rolled back, and what it costs until then.

use std::{cmp::Ordering, collections::BTreeMap};

use serde::Serialize;

use super::{
    campaign::many,
    cells,
    markdown::table,
    nulls, rivals,
    run::{Outcome, Trip, Who},
    traffic::Cell,
};
use crate::{answer::progress, ground::BenchError};

/// Rivals in the table for people, beside ours; JSON has all.
const SHOWN: [&str; 5] = ["K5", "K5e", "F5", "A1m", "Z30"];
/// Share of false alarms from which on a delay is marked as not comparable.
const MARKED: f64 = 0.1;

/// How soon somebody decides, over many runs. Runs in which they rolled back before the change
/// began say nothing about it and are left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Delay {
    /// Median in seconds from the onset on; `None` if fewer than half of the runs were detected.
    pub(super) median: Option<f64>,
    /// The same for 95 of 100 runs.
    pub(super) p95: Option<f64>,
    /// Share of runs with a rollback.
    pub(super) detected: f64,
    /// Share of all runs that were rolled back before there was anything to see.
    pub(super) early: f64,
    /// Median of bad responses until the rollback, or until the end of the watch.
    pub(super) bad: Option<f64>,
}

/// One cell.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    #[serde(skip)]
    pub(super) cell: Option<Cell>,
    scenario: String,
    words: &'static str,
    rps: f64,
    weight: f64,
    base: f64,
    warmup_seconds: u64,
    runs: u64,
    pub(super) ours: Delay,
    leading: BTreeMap<String, u64>,
    /// The test that is told the true effect in advance.
    limit: Delay,
    /// Median of ours to that of the limit.
    pub(super) ratio: Option<f64>,
    pub(super) rivals: BTreeMap<&'static str, Delay>,
}

/// Plays a cell.
pub(super) fn row(cell: &Cell, runs: u64) -> Result<Row, BenchError> {
    let row = judge(cell, &many(cell, runs, Who::All)?);
    let [name, traffic] = cells::words(cell);
    progress(&format!("  {name} {traffic}: ours {}", seconds(&row.ours)));
    Ok(row)
}

/// What the outcomes of a cell come to.
pub(super) fn judge(cell: &Cell, outcomes: &[Outcome]) -> Row {
    let onset = cell.scenario.change.course.onset();
    let of = |trip: &dyn Fn(&Outcome) -> Option<Trip>| {
        let trips: Vec<_> = outcomes.iter().map(|one| (trip(one), one.bad)).collect();
        delay(&trips, onset)
    };
    let ours = of(&|one| one.ours.as_ref().map(|(trip, _)| *trip));
    let limit = of(&|one| one.oracle);
    let mut leading: BTreeMap<String, u64> = BTreeMap::new();
    for (_, name) in outcomes.iter().filter_map(|outcome| outcome.ours.as_ref()) {
        *leading.entry(name.clone()).or_default() += 1;
    }
    let rival = |(at, name): (usize, &&'static str)| (*name, of(&|one| one.rivals[at]));
    Row {
        cell: Some(*cell),
        scenario: cells::words(cell)[0].clone(),
        words: cell.scenario.words,
        rps: cell.rps,
        weight: cell.weight,
        base: cell.base,
        warmup_seconds: cell.warmup,
        runs: outcomes.len() as u64,
        ratio: ours.median.zip(limit.median).map(|(ours, limit)| ours / limit),
        ours,
        leading,
        limit,
        rivals: rivals::NAMES.iter().enumerate().map(rival).collect(),
    }
}

/// `trips` has what happened and how many bad responses there were in the whole watch.
fn delay(trips: &[(Option<Trip>, u64)], onset: u64) -> Delay {
    let early = |trip: &Option<Trip>| trip.is_some_and(|trip| trip.at <= onset);
    let fair: Vec<_> = trips.iter().filter(|(trip, _)| !early(trip)).collect();
    let delays: Vec<_> = fair
        .iter()
        .map(|(trip, _)| trip.map_or(f64::INFINITY, |trip| (trip.at - onset) as f64))
        .collect();
    let bad: Vec<_> =
        fair.iter().map(|(trip, all)| trip.map_or(*all, |trip| trip.bad) as f64).collect();
    let detected = delays.iter().filter(|delay| delay.is_finite()).count();
    Delay {
        median: quantile(&delays, 0.5),
        p95: quantile(&delays, 0.95),
        detected: detected as f64 / fair.len().max(1) as f64,
        early: (trips.len() - fair.len()) as f64 / trips.len().max(1) as f64,
        bad: quantile(&bad, 0.5),
    }
}

/// By nearest rank; `None` where it is not finite or there is nothing.
pub(super) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().filter(|value| value.is_finite())
}

/// For people. False alarms under the same conditions, where they are known, mark rivals.
pub(super) fn text(rows: &[Row], alarms: &[nulls::Row]) -> String {
    let head = ["harm", "rps/w", "ours"].into_iter().chain(SHOWN).chain(["limit", "ours/limit"]);
    let head: Vec<_> = head.map(str::to_owned).collect();
    let line = |row: &Row| {
        let cell = row.cell.as_ref();
        let mut line = vec![
            row.scenario.clone(),
            cell.map_or_else(String::new, |cell| cells::words(cell)[1].clone()),
            told(&row.ours),
        ];
        line.extend(SHOWN.iter().map(|name| match row.rivals.get(name) {
            Some(delay) if cell.is_some_and(|cell| often_false(cell, name, alarms)) => {
                told(delay) + " *"
            }
            Some(delay) => told(delay),
            None => String::new(),
        }));
        line.push(told(&row.limit));
        line.push(row.ratio.map_or_else(|| "-".into(), |ratio| format!("{ratio:.1}")));
        line
    };
    let rows: Vec<_> = rows.iter().map(line).collect();
    table(&head, &rows)
}

/// Whether a rival often rolls back at this rate, share and base although nothing is wrong.
fn often_false(cell: &Cell, name: &str, alarms: &[nulls::Row]) -> bool {
    let same = |row: &&nulls::Row| {
        row.cell.is_some_and(|null| {
            cells::is(&null, "null", cell.rps, cell.weight)
                && null.base.total_cmp(&cell.base) == Ordering::Equal
        })
    };
    let found = alarms.iter().find(same).and_then(|row| row.rivals.get(name));
    found.is_some_and(|share| *share >= MARKED)
}

/// Median and 95th percentile, the share of detected runs, bad responses.
fn told(delay: &Delay) -> String {
    let bad = delay.bad.map_or_else(|| "-".into(), |bad| format!("{bad:.0}"));
    format!("{}, {bad}", seconds(delay))
}

fn seconds(delay: &Delay) -> String {
    let number =
        |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.0}"));
    let share = match delay.detected {
        share if share >= 1.0 => String::new(),
        share => format!(" ({:.0} %)", 100.0 * share),
    };
    format!("{}/{}{share}", number(delay.median), number(delay.p95))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trip(at: u64, bad: u64) -> (Option<Trip>, u64) {
        (Some(Trip { at, bad }), 100)
    }

    #[test]
    fn what_was_not_detected_is_later_than_everything() {
        let found = delay(&[trip(10, 1), trip(20, 2), trip(30, 3), (None, 100)], 0);
        assert_eq!((found.median, found.p95), (Some(20.0), None));
        assert!((found.detected - 0.75).abs() < 1e-12);
        assert_eq!(found.bad, Some(2.0));
        assert_eq!(told(&found), "20/- (75 %), 2");
    }

    #[test]
    fn a_rollback_before_the_onset_detects_nothing() {
        let found = delay(&[trip(550, 0), trip(700, 7), trip(800, 8)], 600);
        assert_eq!((found.median, found.p95), (Some(100.0), Some(200.0)));
        assert!((found.early - 1.0 / 3.0).abs() < 1e-12 && found.detected >= 1.0);
    }

    #[test]
    fn nothing_at_all_is_no_number() {
        let none = delay(&[], 0);
        assert_eq!((none.median, none.bad), (None, None));
        assert_eq!(quantile(&[f64::INFINITY; 3], 0.5), None);
    }
}
