//! The watch beside what others do: false alarms, delays, and the limit of what is possible.
//!
//! | part | holds |
//! |---|---|
//! | `scenario`, `cells` | what may happen, and under which conditions it is played |
//! | `traffic`, `latency`, `chance` | simulated seconds of both versions |
//! | `ours`, `rivals`, `oracle` | who watches: the real judge, others, and who is told the truth |
//! | `run`, `campaign` | one deployment, and many of them on all cores |
//! | `nulls`, `detections`, `good`, `goals` | the tables, and what they must show |
//! | `cost` | what it costs to watch a thousand deployments |
//! | `real` | what users feel, with a real edge, real services and open-loop load |

mod campaign;
mod cells;
mod chance;
mod cost;
mod detections;
mod goals;
mod good;
mod latency;
mod markdown;
mod nulls;
mod oracle;
mod ours;
mod real;
mod rivals;
mod run;
mod scenario;
mod traffic;

use serde::Serialize;

use crate::{
    answer::{Figures, Goal, progress},
    ground::BenchError,
};
use goals::Measured;
use scenario::{OWN, SPECIFIED};
use traffic::Cell;

/// How many times more false alarms are played than delays.
const FEWER: u64 = 5;
/// Runs of a quick look.
const QUICK: u64 = 20;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Runs of each cell in which nothing is wrong; where something is, a fifth of them
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(5..=1_000_000))]
    runs: u64,
    /// Only these scenarios
    #[arg(long, value_delimiter = ',')]
    scenario: Vec<String>,
    /// Twenty runs of each cell: no figures, only a look whether everything works
    #[arg(long, conflicts_with = "runs")]
    quick: bool,
    /// What it costs to watch many deployments at once
    #[arg(long, group = "what")]
    cost: bool,
    /// Deployments of --cost
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    deployments: u32,
    /// Seconds that --cost simulates
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Real edge, services and load instead of simulated ones
    #[arg(long, group = "what")]
    real: bool,
    #[command(flatten)]
    stage: real::Stage,
}

/// The figures.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Report {
    /// Beside others.
    Compared(Compared),
    /// What it costs.
    Cost(cost::Report),
    /// With a real edge.
    Real(real::Report),
}

/// Everybody's false alarms and delays.
#[derive(Debug, Serialize)]
pub(crate) struct Compared {
    /// Whether all scenarios were asked for.
    whole: bool,
    nulls: Vec<nulls::Row>,
    harmful: Vec<detections::Row>,
    good: Vec<good::Row>,
}

pub(crate) fn run(args: &Args) -> Result<Report, BenchError> {
    if args.cost {
        return cost::run(args.deployments as usize, args.seconds).map(Report::Cost);
    }
    if args.real {
        return real::run(&args.stage).map(Report::Real);
    }
    let runs = if args.quick { QUICK } else { args.runs };
    compare(runs, &args.scenario).map(Report::Compared)
}

fn compare(runs: u64, names: &[String]) -> Result<Compared, BenchError> {
    if let Some(unknown) = names.iter().find(|name| scenario::named(name).is_none()) {
        let all = SPECIFIED.iter().chain(OWN).map(|one| one.name).collect::<Vec<_>>().join(", ");
        return Err(BenchError::Odd(format!("there is no scenario {unknown}; there are: {all}")));
    }
    let asked = |cells: Vec<Cell>| -> Vec<Cell> {
        let fits =
            |cell: &Cell| names.is_empty() || names.iter().any(|one| one == cell.scenario.name);
        cells.into_iter().filter(fits).collect()
    };
    let fewer = (runs / FEWER).max(1);
    progress(&format!("nothing is wrong: {runs} runs of each cell"));
    let nulls = asked(cells::nulls())
        .iter()
        .map(|cell| nulls::row(cell, runs))
        .collect::<Result<_, _>>()?;
    progress(&format!("harm: {fewer} runs of each cell"));
    let harmful = asked(cells::harmful())
        .iter()
        .map(|cell| detections::row(cell, fewer))
        .collect::<Result<_, _>>()?;
    progress("good enough");
    let mut good = Vec::new();
    for cell in asked(cells::good()) {
        good.push(good::row(&cell, fewer)?);
    }
    for cell in asked(cells::margins()) {
        good.push(good::row(&cell, runs)?);
    }
    Ok(Compared { whole: names.is_empty(), nulls, harmful, good })
}

impl Compared {
    fn table(&self) -> String {
        let Self { nulls, harmful, good, .. } = self;
        let mut parts = Vec::new();
        if !nulls.is_empty() {
            parts.push(format!("False alarms in 30 min, % of runs\n\n{}", nulls::text(nulls)));
        }
        if !harmful.is_empty() {
            parts.push(format!(
                "Median/p95 delay in s (detected, if not all), median bad responses\n\n{}\n\
                 * rolls back at least 10 % of healthy deployments at this traffic.\n",
                detections::text(harmful, nulls)
            ));
        }
        if !good.is_empty() {
            parts.push(format!("Good enough\n\n{}", good::text(good)));
        }
        parts.push(format!("{}\n", rivals::LEGEND));
        parts.join("\n")
    }

    fn goals(&self) -> Vec<Goal> {
        let Self { nulls, harmful, good, whole } = self;
        goals::goals(&Measured { nulls, harmful, good, whole: *whole })
    }
}

impl Figures for Report {
    fn table(&self) -> String {
        match self {
            Self::Compared(report) => report.table(),
            Self::Cost(report) => report.table(),
            Self::Real(report) => report.table(),
        }
    }

    fn goals(&self) -> Vec<Goal> {
        match self {
            Self::Compared(report) => report.goals(),
            Self::Cost(report) => report.goals(),
            Self::Real(report) => report.goals(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_played_by_its_name_and_an_unknown_one_is_refused() {
        let report = compare(5, &["err100".into(), "null-night".into()]).unwrap();
        assert_eq!((report.nulls.len(), report.harmful.len(), report.good.len()), (1, 2, 1));
        let goals = report.goals();
        assert!(goals.iter().any(|goal| goal.goal.starts_with("G2")), "{goals:?}");
        assert!(!goals.iter().any(|goal| goal.goal.starts_with("G3")), "{goals:?}");
        let text = Report::Compared(report).table();
        assert!(text.contains("| err100") && text.contains("| null-night"), "{text}");
        let unknown = compare(5, &["err101".into()]).unwrap_err().to_string();
        assert!(unknown.contains("err101") && unknown.contains("err+2pp"), "{unknown}");
    }
}
