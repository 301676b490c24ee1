//! Deployments one after the other under open-loop load: what users lose, and what they wait.

use std::{fmt::Write as _, time::Duration};

use ops_demo::{
    load::{LoadReport, Losses},
    stage::SiteSettings,
};
use ops_engine::DeploymentView;
use serde::Serialize;

use crate::{
    answer::{Figures, Goal, progress},
    ground::{BenchError, Ground, blue_green},
    machine,
};

/// How far around a change of the route a window reaches.
const AROUND_MS: u64 = 2_000;
/// What latency around changes may be of the one without.
const RATIO_MAX: f64 = 1.5;
/// Users come this long before anything is measured: connections are opened then.
const SETTLE: Duration = Duration::from_secs(3);
/// How the record of a deployment tells of a change of the route.
const ROUTED: &str = "of the traffic on the new version";

/// How traffic moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// 5, 25, 50 and 100 %
    Canary,
    /// All at once
    BlueGreen,
}

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Deployments that are measured; the goal is set for 20, which take a quarter of an hour
    #[arg(long, default_value_t = 5)]
    count: u32,
    /// Requests per second
    #[arg(long, default_value_t = 2_000.0)]
    rate: f64,
    /// Seconds of the runs without deployments: half before, half after
    #[arg(long, default_value_t = 60)]
    control: u64,
    /// How traffic moves
    #[arg(long, default_value = "canary")]
    way: Way,
}

/// One deployment.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    deployment: String,
    outcome: String,
    switch_ms: u64,
    changes: usize,
    requests: u64,
    lost: u64,
    p99_ms: f64,
    around_p99_ms: f64,
    load_average: String,
}

/// The figures.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    rate: f64,
    way: Way,
    rows: Vec<Row>,
    requests: u64,
    lost: u64,
    losses: Vec<Losses>,
    /// Of the runs without deployments: before, after, together.
    control_p99_ms: [f64; 3],
    around_p99_ms: f64,
    /// Around changes to without deployments.
    ratio: f64,
}

/// Latencies of answered requests, in microseconds from their intended departure.
type Latencies = Vec<u64>;

pub(crate) fn run(args: &Args) -> Result<Report, BenchError> {
    let settings = match args.way {
        Way::Canary => SiteSettings::default(),
        Way::BlueGreen => blue_green(),
    };
    let mut ground = Ground::open(&settings, args.rate)?;
    ground.deploy_good("v0")?;
    ground.users_go()?;
    let half = Duration::from_secs(args.control) / 2;
    let mut losses = Vec::new();
    let before = control(&mut ground, half, &mut losses)?;
    let (mut rows, mut around) = (Vec::new(), Latencies::new());
    let mut requests = 0;
    for number in 1..=args.count {
        ground.users_come()?;
        ground.rest(SETTLE)?;
        let view = ground.deploy_good(&format!("v{number}"))?;
        let users = ground.users_go()?;
        let near = near_changes(&view, &users);
        rows.push(row(&view, &users, &near));
        around.extend(near);
        requests += users.total().requests;
        losses.push(users.total().lost);
    }
    let after = control(&mut ground, half, &mut losses)?;
    ground.clear()?;
    let both: Latencies = before.iter().chain(&after).copied().collect();
    let control_p99_ms = [before, after, both].map(p99_ms);
    let around_p99_ms = p99_ms(around);
    Ok(Report {
        rate: args.rate,
        way: args.way,
        rows,
        requests,
        lost: losses.iter().map(Losses::total).sum(),
        losses,
        control_p99_ms,
        around_p99_ms,
        ratio: around_p99_ms / control_p99_ms[2],
    })
}

/// A run without deployments.
fn control(
    ground: &mut Ground,
    length: Duration,
    losses: &mut Vec<Losses>,
) -> Result<Latencies, BenchError> {
    progress(&format!("  control without deployments, {} s", length.as_secs()));
    ground.users_come()?;
    ground.rest(SETTLE + length)?;
    let users = ground.users_go()?;
    losses.push(users.total().lost);
    let from = users.started() + SETTLE.as_millis() as u64;
    Ok(latencies(&users, |at| at >= from))
}

fn latencies(users: &LoadReport, chosen: impl Fn(u64) -> bool) -> Latencies {
    let answered = users.records().iter().filter(|record| record.is_answered());
    let chosen = answered.filter(|record| chosen(record.intended_ms()));
    chosen.map(|record| record.latency().as_micros() as u64).collect()
}

fn near_changes(view: &DeploymentView, users: &LoadReport) -> Latencies {
    let changes = changes_ms(view);
    latencies(users, |at| changes.iter().any(|change| at.abs_diff(*change) <= AROUND_MS))
}

/// When the route changed, in milliseconds since boot.
fn changes_ms(view: &DeploymentView) -> Vec<u64> {
    let since_began = |at: &jiff::Timestamp| {
        u64::try_from(at.as_millisecond() - view.began.as_millisecond()).unwrap_or_default()
    };
    let routed = view.milestones.iter().filter(|(_, words)| words.ends_with(ROUTED));
    routed.map(|(at, _)| view.began_ms + since_began(at)).collect()
}

fn row(view: &DeploymentView, users: &LoadReport, near: &[u64]) -> Row {
    let window = view.began_ms..=view.last_ms;
    let tally = users.tally(window.clone());
    Row {
        deployment: view.id.clone(),
        outcome: view.phase.clone(),
        switch_ms: view.switch_ms,
        changes: changes_ms(view).len(),
        requests: tally.requests,
        lost: tally.lost.total(),
        p99_ms: p99_ms(latencies(users, |at| window.contains(&at))),
        around_p99_ms: p99_ms(near.to_vec()),
        load_average: machine::load(),
    }
}

/// The 99th percentile in milliseconds, by nearest rank; not a number without any.
fn p99_ms(mut latencies: Latencies) -> f64 {
    latencies.sort_unstable();
    let rank = (latencies.len() * 99).div_ceil(100).saturating_sub(1);
    latencies.get(rank).map_or(f64::NAN, |us| *us as f64 / 1e3)
}

impl Figures for Report {
    fn table(&self) -> String {
        let mut out = format!(
            "{:<11} {:<8} {:>8} {:>8} {:>9} {:>5} {:>9} {:>13}  load average\n",
            "deployment", "outcome", "switch", "changes", "requests", "lost", "p99", "p99 around"
        );
        for row in &self.rows {
            let _ = writeln!(
                out,
                "{:<11} {:<8} {:>5} ms {:>8} {:>9} {:>5} {:>6.2} ms {:>10.2} ms  {}",
                row.deployment,
                row.outcome,
                row.switch_ms,
                row.changes,
                row.requests,
                row.lost,
                row.p99_ms,
                row.around_p99_ms,
                row.load_average
            );
        }
        let [before, after, both] = self.control_p99_ms;
        let _ = writeln!(
            out,
            "control p99: {before:.2} ms before, {after:.2} ms after, {both:.2} ms together"
        );
        let _ = writeln!(
            out,
            "p99 within {} s of a change of the route: {:.2} ms, ratio {:.2}",
            AROUND_MS / 1_000,
            self.around_p99_ms,
            self.ratio
        );
        let _ = writeln!(out, "{} requests at {} per second", self.requests, self.rate);
        out
    }

    fn goals(&self) -> Vec<Goal> {
        let count = self.rows.len();
        let changed = count > 0 && self.rows.iter().all(|row| row.changes > 0);
        vec![
            Goal::new(
                format!("no request lost in {count} deployments"),
                format!("{}", self.lost),
                changed && self.lost == 0,
            ),
            Goal::new(
                format!("p99 around changes at most {RATIO_MAX} × that without deployments"),
                format!("{:.2} ×", self.ratio),
                changed && self.ratio <= RATIO_MAX,
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_99th_percentile_is_by_nearest_rank() {
        assert!((p99_ms((1..=200).map(|ms| ms * 1_000).collect()) - 198.0).abs() < 1e-9);
        assert!((p99_ms(vec![7_000]) - 7.0).abs() < 1e-9);
        assert!(p99_ms(Vec::new()).is_nan());
    }
}
