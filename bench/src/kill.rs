//! Kill -9 at random moments of deployments: everything ends in a right state by itself, nothing
//! is said twice, nothing is left over, and users notice only a killed door.

mod campaign;
mod check;

use std::{collections::BTreeMap, fmt::Write as _};

use ops_demo::stage::SiteSettings;
use serde::Serialize;

use crate::{
    answer::{Figures, Goal, progress},
    dice::Dice,
    ground::{BenchError, Ground},
    machine,
};
use campaign::Campaign;

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Victim {
    /// `ops serve`
    Daemon,
    /// The keeper of a replica
    Keeper,
    /// `ops edge`
    Edge,
}

impl Victim {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Daemon => "daemon",
            Self::Keeper => "keeper",
            Self::Edge => "edge",
        }
    }
}

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Kills of the daemon; the goal is set for 200
    #[arg(long, default_value_t = 20)]
    daemon: u32,
    /// Kills of keepers; the goal is set for 10
    #[arg(long, default_value_t = 3)]
    keeper: u32,
    /// Kills of the edge; the goal is set for 10
    #[arg(long, default_value_t = 3)]
    edge: u32,
    /// Decides the moments
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Requests per second
    #[arg(long, default_value_t = 300.0)]
    rate: f64,
}

/// What came of the kills of one kind.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Outcome {
    pub(crate) wanted: u32,
    pub(crate) kills: u32,
    pub(crate) by_phase: BTreeMap<String, u32>,
    pub(crate) closed: u32,
    pub(crate) rolled_back: u32,
    pub(crate) requests: u64,
    /// Lost although the door was up.
    pub(crate) lost: u64,
    /// Lost because the door was down.
    pub(crate) lost_while_down: u64,
    /// Seconds that the door was down, all together.
    pub(crate) down_seconds: f64,
    /// Everything that was not right.
    pub(crate) complaints: Vec<String>,
    pub(crate) load_average: String,
}

/// The figures.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    seed: u64,
    rate: f64,
    campaigns: Vec<(Victim, Outcome)>,
}

pub(crate) fn run(args: &Args) -> Result<Report, BenchError> {
    let mut ground = Ground::open(&SiteSettings::default(), args.rate)?;
    ground.deploy_good("v0")?;
    let mut dice = Dice::from_seed(args.seed);
    let mut serving = "v0".to_owned();
    let mut campaigns = Vec::new();
    let wanted =
        [(Victim::Daemon, args.daemon), (Victim::Keeper, args.keeper), (Victim::Edge, args.edge)];
    for (victim, kills) in wanted.into_iter().filter(|(_, kills)| *kills > 0) {
        progress(&format!("  {kills} kills of the {}", victim.words()));
        let campaign = Campaign::new(&mut ground, victim, kills, &mut dice);
        let (mut outcome, now) = campaign.run(serving)?;
        serving = now;
        outcome.load_average = machine::load();
        campaigns.push((victim, outcome));
    }
    ground.clear()?;
    Ok(Report { seed: args.seed, rate: args.rate, campaigns })
}

impl Figures for Report {
    fn table(&self) -> String {
        let mut out = format!(
            "{:<8} {:>5} {:>7} {:>12} {:>9} {:>5} {:>10} {:>7}  load average\n",
            "killed", "times", "closed", "rolled back", "requests", "lost", "while down", "down"
        );
        for (victim, one) in &self.campaigns {
            let _ = writeln!(
                out,
                "{:<8} {:>5} {:>7} {:>12} {:>9} {:>5} {:>10} {:>5.1} s  {}",
                victim.words(),
                one.kills,
                one.closed,
                one.rolled_back,
                one.requests,
                one.lost,
                one.lost_while_down,
                one.down_seconds,
                one.load_average
            );
            let phases: Vec<_> =
                one.by_phase.iter().map(|(phase, count)| format!("{phase} {count}")).collect();
            let _ = writeln!(out, "         moments: {}", phases.join(", "));
            for complaint in &one.complaints {
                let _ = writeln!(out, "         NOT RIGHT: {complaint}");
            }
        }
        let _ = writeln!(out, "seed {}, {} requests per second", self.seed, self.rate);
        out
    }

    fn goals(&self) -> Vec<Goal> {
        let mut goals = Vec::new();
        for (victim, one) in &self.campaigns {
            let name = victim.words();
            let done = one.kills > 0 && one.kills == one.wanted;
            goals.push(Goal::new(
                format!("{} kills of the {name}: every deployment ends right", one.wanted),
                format!("{} kills, {} complaints", one.kills, one.complaints.len()),
                done && one.complaints.is_empty(),
            ));
            let goal = match victim {
                Victim::Edge => "no request lost but while the edge is down".to_owned(),
                _ => format!("no request lost to kills of the {name}"),
            };
            let met = done && one.requests > 0 && one.lost == 0;
            goals.push(Goal::new(goal, format!("{} of {}", one.lost, one.requests), met));
        }
        goals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goals(outcome: Outcome) -> Vec<bool> {
        let campaigns = vec![(Victim::Daemon, outcome)];
        let goals = Report { seed: 1, rate: 1.0, campaigns }.goals();
        goals.iter().map(|goal| goal.met).collect()
    }

    #[test]
    fn each_goal_can_be_missed() {
        let good = || Outcome { wanted: 3, kills: 3, requests: 100, ..Outcome::default() };
        assert_eq!(goals(good()), [true, true]);
        assert_eq!(goals(Outcome { lost: 1, ..good() }), [true, false]);
        assert_eq!(goals(Outcome { complaints: vec!["x".into()], ..good() }), [false, true]);
        assert_eq!(goals(Outcome { kills: 2, ..good() }), [false, false]);
        assert_eq!(goals(Outcome::default()), [false, false]);
    }
}
