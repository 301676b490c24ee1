//! Many seeds of `ops demo`: no good version goes back, no bad one ships.

use std::{fmt::Write as _, process::Command};

use ops_demo::stage::DeploymentReport;
use serde::{Deserialize, Serialize};

use crate::{
    answer::{Figures, Goal, progress},
    ground::{BenchError, program},
    machine,
};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seeds that are played, about two minutes each; the goal is set for 20
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
}

/// One play.
#[derive(Debug, Serialize)]
pub(crate) struct Play {
    seed: u64,
    good: usize,
    good_rolled_back: usize,
    bad: usize,
    bad_missed: usize,
    requests: u64,
    lost: u64,
    detection_seconds: Vec<f64>,
    seconds: f64,
    load_average: String,
    /// What did not end as it should.
    odd: Vec<String>,
}

/// The figures.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    plays: Vec<Play>,
}

/// What `ops demo --output json` says, as far as it is needed.
#[derive(Debug, Deserialize)]
struct Said {
    deployments: Vec<DeploymentReport>,
    seconds: f64,
}

pub(crate) fn run(args: &Args) -> Result<Report, BenchError> {
    let mut plays = Vec::new();
    for seed in args.from..args.from + args.seeds {
        let play = play(seed)?;
        progress(&line(&play));
        plays.push(play);
    }
    Ok(Report { plays })
}

fn play(seed: u64) -> Result<Play, BenchError> {
    let program = program()?;
    let output = Command::new(&program)
        .args(["demo", "--quiet", "--output", "json", "--seed", &seed.to_string()])
        .output()
        .map_err(|why| BenchError::system("run ops demo", program.display().to_string(), why))?;
    let said: Said = serde_json::from_slice(&output.stdout).map_err(|why| {
        let words = String::from_utf8_lossy(&output.stderr);
        BenchError::Odd(format!("ops demo --seed {seed} gave no report ({why}): {}", words.trim()))
    })?;
    Ok(judge(seed, &said))
}

fn judge(seed: u64, said: &Said) -> Play {
    let good = |one: &&DeploymentReport| one.fault == "nothing";
    let ended = |one: &DeploymentReport, outcome: &str| one.outcome == outcome;
    let (right, wrong): (Vec<_>, Vec<_>) = said.deployments.iter().partition(good);
    let odd = said.deployments.iter().filter(|one| {
        let wanted = if good(one) { "closed" } else { "rolled-back" };
        !ended(one, wanted)
    });
    Play {
        seed,
        good: right.len(),
        good_rolled_back: right.iter().filter(|one| !ended(one, "closed")).count(),
        bad: wrong.len(),
        bad_missed: wrong.iter().filter(|one| !ended(one, "rolled-back")).count(),
        requests: said.deployments.iter().map(|one| one.requests_sent).sum(),
        lost: said.deployments.iter().map(|one| one.requests_lost).sum(),
        detection_seconds: wrong.iter().filter_map(|one| one.detection_seconds).collect(),
        seconds: said.seconds,
        load_average: machine::load(),
        odd: odd
            .map(|one| {
                let cause = one.cause.as_deref().unwrap_or("no cause");
                format!("{} ({}) {}: {cause}", one.version, one.fault, one.outcome)
            })
            .collect(),
    }
}

fn line(play: &Play) -> String {
    let detected: Vec<_> =
        play.detection_seconds.iter().map(|seconds| format!("{seconds:.1} s")).collect();
    let mut out = format!(
        "seed {:<4} good {}/{} shipped  bad {}/{} caught after {:<16} {:>7} requests {} lost  load {}",
        play.seed,
        play.good - play.good_rolled_back,
        play.good,
        play.bad - play.bad_missed,
        play.bad,
        detected.join(", "),
        play.requests,
        play.lost,
        play.load_average
    );
    for odd in &play.odd {
        let _ = write!(out, "\n     {odd}");
    }
    out
}

impl Figures for Report {
    fn table(&self) -> String {
        self.plays.iter().fold(String::new(), |out, play| out + &line(play) + "\n")
    }

    fn goals(&self) -> Vec<Goal> {
        let sum = |of: fn(&Play) -> usize| self.plays.iter().map(of).sum::<usize>();
        let (good, bad) = (sum(|play| play.good), sum(|play| play.bad));
        let (back, missed) = (sum(|play| play.good_rolled_back), sum(|play| play.bad_missed));
        let lost: u64 = self.plays.iter().map(|play| play.lost).sum();
        let plays = self.plays.len();
        vec![
            Goal::new(
                "no good version rolled back",
                format!("{back} of {good} in {plays} plays"),
                good > 0 && back == 0,
            ),
            Goal::new(
                "every bad version caught",
                format!("{} of {bad} in {plays} plays", bad - missed),
                bad > 0 && missed == 0,
            ),
            Goal::new("no request lost", format!("{lost}"), good > 0 && lost == 0),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(fault: &str, outcome: &str, lost: u64) -> DeploymentReport {
        DeploymentReport {
            deployment: "D-1".into(),
            ticket: "T-1".into(),
            version: "v1".into(),
            fault: fault.into(),
            outcome: outcome.into(),
            cause: None,
            switch_ms: 10,
            requests_sent: 100,
            requests_lost: lost,
            detection_seconds: None,
            bad_responses: 0,
        }
    }

    fn goals_of(deployments: Vec<DeploymentReport>) -> Vec<bool> {
        let plays = vec![judge(1, &Said { deployments, seconds: 1.0 })];
        Report { plays }.goals().iter().map(|goal| goal.met).collect()
    }

    #[test]
    fn each_goal_can_be_missed() {
        let good = deployment("nothing", "closed", 0);
        let bad = deployment("5 % fail", "rolled-back", 0);
        assert_eq!(goals_of(vec![good.clone(), bad.clone()]), [true, true, true]);
        let back = deployment("nothing", "rolled-back", 0);
        assert_eq!(goals_of(vec![back, bad.clone()]), [false, true, true]);
        let shipped = deployment("5 % fail", "closed", 0);
        assert_eq!(goals_of(vec![good, shipped]), [true, false, true]);
        let lossy = deployment("nothing", "closed", 3);
        assert_eq!(goals_of(vec![lossy, bad]), [true, true, false]);
        assert_eq!(goals_of(Vec::new()), [false, false, false]);
    }
}
