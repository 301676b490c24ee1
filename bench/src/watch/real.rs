//! The watch with a real edge, real services and open-loop load: what users feel from the first bad
//! response to the last one.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use ops_demo::{
    load::{self, LoadHandle, LoadPlan, LoadReport, Record, Schedule},
    shop::ShopConfig,
    stage::SiteSettings,
};
use ops_engine::DeploymentView;
use serde::Serialize;

use crate::{
    answer::{Goal, progress},
    ground::{BenchError, Case, Ground, at_rest, go, said},
    machine,
};

/// What is wrong with a version.
const FAULTS: [Fault; 5] = [
    Fault { words: "2 % fail", share: 0.02, slowness: 1.0 },
    Fault { words: "5 % fail", share: 0.05, slowness: 1.0 },
    Fault { words: "50 % fail", share: 0.5, slowness: 1.0 },
    Fault { words: "100 % fail", share: 1.0, slowness: 1.0 },
    Fault { words: "latency × 2", share: 0.0, slowness: 2.0 },
];
/// Pause between two looks at a deployment.
const LOOK: Duration = Duration::from_millis(100);
/// How much longer than its steps and its watch, with all extensions, a deployment may take.
const ALLOWANCE: Duration = Duration::from_mins(3);
/// Extensions of a watch count as this many times its length.
const EXTENDED: u64 = 3;

/// The stage and what happens on it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Stage {
    /// Requests per second of --real, one after the other
    #[arg(long, value_delimiter = ',', default_values_t = [20.0, 200.0, 2_000.0])]
    rates: Vec<f64>,
    /// Seconds of traffic before each bad version of --real: what the watch learns from
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=1_800))]
    settle: u64,
    /// Seconds of each step with 5, 25 and 50 % of the traffic
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=600))]
    dwell: u64,
    /// Seconds of the watch
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(30..=3_600))]
    watch: u64,
    /// Seconds from a bad version's first user until it is bad
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=600))]
    onset: u32,
}

/// What is wrong with a version.
#[derive(Debug, Clone, Copy)]
struct Fault {
    words: &'static str,
    share: f64,
    slowness: f64,
}

impl Fault {
    fn shop(&self, version: &str, onset: u32) -> ShopConfig {
        ShopConfig {
            error_share: self.share,
            slowness: self.slowness,
            onset_seconds: f64::from(onset),
            ..ShopConfig::healthy(version)
        }
    }
}

/// One bad version.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// Requests per second.
    rate: f64,
    fault: &'static str,
    outcome: String,
    /// Seconds from the first bad response to the decision.
    decided: Option<f64>,
    /// Seconds from the first bad response to the last one.
    bad_seconds: f64,
    bad: u64,
    /// Requests that the service did not answer while the deployment was under way.
    lost: u64,
    /// Why it went back.
    cause: Option<String>,
    load_average: String,
}

/// The figures.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

pub(super) fn run(args: &Stage) -> Result<Report, BenchError> {
    if let Some(odd) = args.rates.iter().find(|rate| !(1.0..=20_000.0).contains(*rate)) {
        return Err(BenchError::Odd(format!("--rates: {odd} is not between 1 and 20000")));
    }
    let Stage { dwell, watch, .. } = args;
    let last = (watch / 10).max(5);
    let settings = SiteSettings {
        strategy: format!(
            "{{ canary: {{ steps: [5%, 25%, 50%], dwell: {dwell}s, min_requests: 5 }} }}"
        ),
        watch: format!("{{ for: {watch}s, last_stretch: {last}s, min_requests: 20 }}"),
        ..SiteSettings::default()
    };
    let mut ground = Ground::open(&settings, 1.0)?;
    progress(&format!("  the first version, watched for {watch} s"));
    first(&ground, args)?;
    let mut rows = Vec::new();
    for rate in &args.rates {
        for (at, fault) in FAULTS.iter().enumerate() {
            let version = format!("v{rate}-{at}");
            let row = bad_version(&mut ground, args, *rate, fault, &version)?;
            progress(&line(&row));
            rows.push(row);
        }
    }
    ground.clear()?;
    Ok(Report { rows })
}

/// Users with this rate.
fn users(ground: &Ground, rate: f64) -> Result<LoadHandle, BenchError> {
    let plan = LoadPlan::shop(ground.site.door(), Schedule::constant(rate));
    load::start(plan).map_err(|why| BenchError::Odd(why.to_string()))
}

/// Ships the version that stands behind all others.
fn first(ground: &Ground, args: &Stage) -> Result<(), BenchError> {
    let ticket = ground.ship(&ShopConfig::healthy("v0"))?;
    let mut load = None;
    let view = follow(ground, args, ticket, |view| {
        // Before there is a version users would only be refused.
        if load.is_none() && matches!(view.phase.as_str(), "verifying" | "watching") {
            load = Some(users(ground, args.rates.first().copied().unwrap_or(20.0))?);
        }
        Ok(())
    })?;
    if let Some(load) = load {
        go(load)?;
    }
    if view.phase == "closed" {
        return Ok(());
    }
    Err(BenchError::Odd(format!("{} v0: {}", view.id, said(&view))))
}

/// Ships a bad version onto traffic and measures what users see of it.
fn bad_version(
    ground: &mut Ground,
    args: &Stage,
    rate: f64,
    fault: &Fault,
    version: &str,
) -> Result<Row, BenchError> {
    let load = users(ground, rate)?;
    ground.rest(Duration::from_secs(args.settle))?;
    let ticket = ground.ship(&fault.shop(version, args.onset))?;
    let view = follow(ground, args, ticket, |_| Ok(()))?;
    // What is on its way still comes.
    ground.rest(Duration::from_secs(1))?;
    let seen = go(load)?;
    Ok(measure(rate, fault, version, args.onset, &view, &seen))
}

/// Follows a ticket's deployment until it has come to rest.
fn follow(
    ground: &Ground,
    args: &Stage,
    ticket: String,
    mut meanwhile: impl FnMut(&DeploymentView) -> Result<(), BenchError>,
) -> Result<DeploymentView, BenchError> {
    let planned = EXTENDED * (3 * args.dwell + args.watch);
    let until = Instant::now() + Duration::from_secs(planned) + ALLOWANCE;
    let mut case = Case::new(ticket);
    loop {
        ground.rest(LOOK)?;
        if let Some(view) = case.look(&ground.control) {
            meanwhile(&view)?;
            if at_rest(&view) {
                return Ok(view);
            }
        }
        if Instant::now() > until {
            let words = ground.site.last_words("serve");
            return Err(BenchError::Odd(format!("{} did not come to rest: {words}", case.ticket)));
        }
    }
}

/// From the records of the load: when the first and the last bad response of a version were
/// complete, and how many there were. Every answer of a slow version is bad from its onset on.
fn measure(
    rate: f64,
    fault: &Fault,
    version: &str,
    onset: u32,
    view: &DeploymentView,
    seen: &LoadReport,
) -> Row {
    let first_answer = seen.version(version).map_or(0, |seen| seen.first_answer);
    let troubled = first_answer + u64::from(onset) * 1_000;
    let slow = fault.slowness > 1.0;
    let bad = |record: &&Record| {
        seen.version_of(record) == Some(version)
            && if slow { record.finished_ms() >= troubled } else { record.is_bad() }
    };
    let moments: Vec<u64> = seen.records().iter().filter(bad).map(Record::finished_ms).collect();
    let first = moments.iter().min().copied();
    let last = moments.iter().max().copied();
    let seconds = |from: u64, to: u64| Duration::from_millis(to.saturating_sub(from)).as_secs_f64();
    Row {
        rate,
        fault: fault.words,
        outcome: view.phase.clone(),
        decided: first.zip(view.decided_back_ms).map(|(first, decided)| seconds(first, decided)),
        bad_seconds: first.zip(last).map_or(0.0, |(first, last)| seconds(first, last)),
        bad: moments.len() as u64,
        lost: seen.tally(view.began_ms..=view.last_ms).lost.total(),
        cause: view.cause.clone(),
        load_average: machine::load(),
    }
}

fn line(row: &Row) -> String {
    let decided = row.decided.map_or_else(|| "-".into(), |seconds| format!("{seconds:.1} s"));
    format!(
        "{:>6}/s  {:<12} {:<12} {:>9} {:>9.1} s {:>7} {:>5}  {:<15} {}",
        row.rate,
        row.fault,
        row.outcome,
        decided,
        row.bad_seconds,
        row.bad,
        row.lost,
        row.load_average,
        row.cause.as_deref().unwrap_or_default()
    )
}

impl Report {
    pub(super) fn table(&self) -> String {
        let mut out = format!(
            "{:>8}  {:<12} {:<12} {:>9} {:>11} {:>7} {:>5}  {:<15} cause\n",
            "rate", "fault", "outcome", "decided", "first-last", "bad", "lost", "load average"
        );
        for row in &self.rows {
            let _ = writeln!(out, "{}", line(row));
        }
        out
    }

    pub(super) fn goals(&self) -> Vec<Goal> {
        let back = self.rows.iter().filter(|row| row.outcome == "rolled-back" && row.bad > 0);
        let (all, back) = (self.rows.len(), back.count());
        let lost: u64 = self.rows.iter().map(|row| row.lost).sum();
        vec![
            Goal::new(
                "every bad version goes back",
                format!("{back} of {all}"),
                all > 0 && back == all,
            ),
            Goal::new("no request lost", format!("{lost}"), all > 0 && lost == 0),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(outcome: &str, bad: u64, lost: u64) -> Row {
        Row {
            rate: 20.0,
            fault: "2 % fail",
            outcome: outcome.into(),
            decided: Some(3.0),
            bad_seconds: 4.0,
            bad,
            lost,
            cause: None,
            load_average: String::new(),
        }
    }

    #[test]
    fn each_goal_can_be_missed() {
        let met = |rows: Vec<Row>| {
            Report { rows }.goals().iter().map(|goal| goal.met).collect::<Vec<_>>()
        };
        assert_eq!(met(vec![row("rolled-back", 9, 0)]), [true, true]);
        assert_eq!(met(vec![row("rolled-back", 9, 0), row("closed", 9, 0)]), [false, true]);
        assert_eq!(met(vec![row("rolled-back", 0, 0)]), [false, true], "nothing was bad");
        assert_eq!(met(vec![row("rolled-back", 9, 1)]), [true, false]);
        assert_eq!(met(Vec::new()), [false, false]);
    }

    #[test]
    fn faults_are_those_of_the_goal() {
        let shops = FAULTS.map(|fault| fault.shop("v1", 7));
        assert!(shops.iter().all(|shop| shop.complaint().is_none()));
        let percent = shops.map(|shop| (shop.error_share * 100.0).round() as u32);
        assert_eq!(percent, [2, 5, 50, 100, 0]);
    }
}
