//! How figures are told: the answer on stdout, what happens meanwhile on stderr.

use std::io::Write as _;

use clap::ValueEnum;
use serde::Serialize;

use crate::{ground::BenchError, machine::Machine};

/// Who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// People.
    Text,
    /// Programs.
    Json,
}

/// What a run must reach.
#[derive(Debug, Clone, Serialize)]
#[expect(clippy::struct_field_names, reason = "JSON names it so")]
pub(crate) struct Goal {
    /// In words, with the number.
    pub(crate) goal: String,
    /// What came out.
    pub(crate) figure: String,
    /// Whether it was reached.
    pub(crate) met: bool,
}

impl Goal {
    pub(crate) fn new(goal: impl Into<String>, figure: impl Into<String>, met: bool) -> Self {
        Self { goal: goal.into(), figure: figure.into(), met }
    }
}

/// The figures of one run.
pub(crate) trait Figures: Serialize {
    /// For people; ends with a line break.
    fn table(&self) -> String;

    /// What had to be reached.
    fn goals(&self) -> Vec<Goal>;
}

#[derive(Serialize)]
struct Answer<'a, F> {
    machine: Machine,
    figures: &'a F,
    goals: Vec<Goal>,
    met: bool,
}

/// Tells the figures, and whether every goal was met.
pub(crate) fn tell<F: Figures>(output: Output, figures: &F) -> Result<bool, BenchError> {
    let goals = figures.goals();
    let met = goals.iter().all(|goal| goal.met);
    let machine = Machine::now();
    let text = match output {
        Output::Text => {
            let mut text = format!("{}\n{}", figures.table(), machine.line());
            for goal in &goals {
                let mark = if goal.met { "met   " } else { "MISSED" };
                text.push_str(&format_goal(mark, goal));
            }
            text
        }
        Output::Json => {
            let answer = Answer { machine, figures, goals, met };
            let mut text = serde_json::to_string_pretty(&answer)
                .map_err(|why| BenchError::Odd(why.to_string()))?;
            text.push('\n');
            text
        }
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|why| BenchError::system("write the figures", "stdout", why))?;
    Ok(met)
}

fn format_goal(mark: &str, goal: &Goal) -> String {
    format!("{mark} {}: {}\n", goal.goal, goal.figure)
}

/// Says on stderr what happens.
pub(crate) fn progress(text: &str) {
    // Nobody to tell is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Says why there are no figures.
pub(crate) fn complain(error: &BenchError) {
    progress(&format!("no figures: {error}"));
}
