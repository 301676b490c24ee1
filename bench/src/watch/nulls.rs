//! False alarms: how often a deployment with which nothing is wrong is rolled back.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    campaign::many,
    cells,
    markdown::table,
    rivals,
    run::{Outcome, Who},
    scenario::Truth,
    traffic::Cell,
};
use crate::{answer::progress, ground::BenchError};

/// Rivals in the table for people, beside ours; JSON has all.
const SHOWN: [&str; 8] = ["K5", "K5e", "K1", "K30", "F5", "A1m", "Z30", "Zpeek"];

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
    pub(super) runs: u64,
    /// Share of runs that ours rolled back.
    pub(super) ours: f64,
    /// What led to that.
    leading: BTreeMap<String, u64>,
    /// Share of runs in which "good enough" was said although nothing was seen; `None` where it
    /// would have been right.
    pub(super) good_enough: Option<f64>,
    /// Share of runs that each rival rolled back.
    pub(super) rivals: BTreeMap<&'static str, f64>,
}

/// Plays a cell.
pub(super) fn row(cell: &Cell, runs: u64) -> Result<Row, BenchError> {
    let row = judge(cell, &many(cell, runs, Who::All)?);
    let [name, traffic] = cells::words(cell);
    progress(&format!("  {name} {traffic}: ours {}", percent(row.ours)));
    Ok(row)
}

/// What the outcomes of a cell come to.
pub(super) fn judge(cell: &Cell, outcomes: &[Outcome]) -> Row {
    let share = |count: usize| count as f64 / outcomes.len() as f64;
    let mut leading: BTreeMap<String, u64> = BTreeMap::new();
    for (_, name) in outcomes.iter().filter_map(|outcome| outcome.ours.as_ref()) {
        *leading.entry(name.clone()).or_default() += 1;
    }
    let tripped = |at: usize| outcomes.iter().filter(|one| one.rivals[at].is_some()).count();
    let good = outcomes.iter().filter(|outcome| outcome.good_enough.is_some()).count();
    Row {
        cell: Some(*cell),
        scenario: cells::words(cell)[0].clone(),
        words: cell.scenario.words,
        rps: cell.rps,
        weight: cell.weight,
        base: cell.base,
        warmup_seconds: cell.warmup,
        runs: outcomes.len() as u64,
        ours: share(outcomes.iter().filter(|outcome| outcome.ours.is_some()).count()),
        leading,
        good_enough: (cell.scenario.truth == Truth::NotGoodEnough).then(|| share(good)),
        rivals: rivals::NAMES
            .iter()
            .enumerate()
            .map(|(at, name)| (*name, share(tripped(at))))
            .collect(),
    }
}

/// For people.
pub(super) fn text(rows: &[Row]) -> String {
    let head = ["nothing is wrong", "rps/w", "ours"].into_iter().chain(SHOWN);
    let head: Vec<_> = head.map(str::to_owned).collect();
    let line = |row: &Row| {
        let traffic = row.cell.map_or_else(String::new, |cell| cells::words(&cell)[1].clone());
        let mut line = vec![row.scenario.clone(), traffic, percent(row.ours)];
        line.extend(
            SHOWN.iter().map(|name| percent(row.rivals.get(name).copied().unwrap_or(f64::NAN))),
        );
        line
    };
    let rows: Vec<_> = rows.iter().map(line).collect();
    table(&head, &rows)
}

/// A share in percent, with as many digits as it deserves.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent <= 0.0 {
        "0".into()
    } else if percent < 10.0 {
        format!("{percent:.2}")
    } else {
        format!("{percent:.0}")
    }
}
