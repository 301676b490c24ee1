//! "Good enough": how soon it is said, and how often wrongly.

use serde::Serialize;

use super::{
    campaign::many,
    cells,
    detections::quantile,
    markdown::table,
    nulls::percent,
    run::{Outcome, Who},
    scenario::Truth,
    traffic::Cell,
};
use crate::{answer::progress, ground::BenchError};

/// One cell.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    #[serde(skip)]
    pub(super) cell: Option<Cell>,
    scenario: String,
    words: &'static str,
    rps: f64,
    weight: f64,
    runs: u64,
    /// Whether it is right to say it.
    right: bool,
    /// Share of runs in which it was said.
    pub(super) said: f64,
    /// Seconds until then in half of all runs, and in 95 of 100.
    pub(super) median: Option<f64>,
    p95: Option<f64>,
}

/// Plays a cell.
pub(super) fn row(cell: &Cell, runs: u64) -> Result<Row, BenchError> {
    let row = judge(cell, &many(cell, runs, Who::Ours)?);
    let [name, traffic] = cells::words(cell);
    progress(&format!("  {name} {traffic}: good enough in {} %", percent(row.said)));
    Ok(row)
}

/// What the outcomes of a cell come to.
pub(super) fn judge(cell: &Cell, outcomes: &[Outcome]) -> Row {
    let at = |outcome: &Outcome| outcome.good_enough.map_or(f64::INFINITY, |at| at as f64);
    let delays: Vec<_> = outcomes.iter().map(at).collect();
    let said = delays.iter().filter(|delay| delay.is_finite()).count();
    Row {
        cell: Some(*cell),
        scenario: cells::words(cell)[0].clone(),
        words: cell.scenario.words,
        rps: cell.rps,
        weight: cell.weight,
        runs: outcomes.len() as u64,
        right: cell.scenario.truth == Truth::Continue,
        said: said as f64 / outcomes.len().max(1) as f64,
        median: quantile(&delays, 0.5),
        p95: quantile(&delays, 0.95),
    }
}

/// For people.
pub(super) fn text(rows: &[Row]) -> String {
    let head = ["good enough", "rps/w", "said in %", "median s", "p95 s", "it is"];
    let number =
        |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.0}"));
    let line = |row: &Row| {
        vec![
            row.scenario.clone(),
            row.cell.map_or_else(String::new, |cell| cells::words(&cell)[1].clone()),
            percent(row.said),
            number(row.median),
            number(row.p95),
            if row.right { "right".into() } else { "wrong".into() },
        ]
    };
    let rows: Vec<_> = rows.iter().map(line).collect();
    table(&head.map(str::to_owned), &rows)
}
