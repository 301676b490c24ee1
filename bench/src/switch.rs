//! How fast traffic moves: from healthy to all of it on the new version.

use std::fmt::Write as _;

use ops_demo::load::Losses;
use serde::Serialize;

use crate::{
    answer::{Figures, Goal},
    ground::{BenchError, Ground, blue_green},
    machine,
};

/// Milliseconds that a switch may take, steps excluded.
const SWITCH_MS: u64 = 100;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Deployments that are measured
    #[arg(long, default_value_t = 10)]
    count: u32,
    /// Requests per second
    #[arg(long, default_value_t = 500.0)]
    rate: f64,
}

/// One switch.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "JSON names it so, with its unit")]
pub(crate) struct Switch {
    deployment: String,
    switch_ms: u64,
    load_average: String,
}

/// The figures.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    rate: f64,
    switches: Vec<Switch>,
    worst_ms: u64,
    requests: u64,
    lost: u64,
    losses: Losses,
}

pub(crate) fn run(args: &Args) -> Result<Report, BenchError> {
    let mut ground = Ground::open(&blue_green(), args.rate)?;
    ground.deploy_good("v0")?;
    let mut switches = Vec::new();
    for number in 1..=args.count {
        let view = ground.deploy_good(&format!("v{number}"))?;
        let load_average = machine::load();
        switches.push(Switch { deployment: view.id, switch_ms: view.switch_ms, load_average });
    }
    let users = ground.users_go()?.total();
    ground.clear()?;
    Ok(Report {
        rate: args.rate,
        worst_ms: switches.iter().map(|one| one.switch_ms).max().unwrap_or_default(),
        switches,
        requests: users.requests,
        lost: users.lost.total(),
        losses: users.lost,
    })
}

impl Figures for Report {
    fn table(&self) -> String {
        let mut out = format!("{:<12} {:>9}  load average\n", "deployment", "switch");
        for one in &self.switches {
            let Switch { deployment, switch_ms, load_average } = one;
            let _ = writeln!(out, "{deployment:<12} {switch_ms:>6} ms  {load_average}");
        }
        let _ = writeln!(
            out,
            "{} requests at {} per second, {} lost",
            self.requests, self.rate, self.lost
        );
        out
    }

    fn goals(&self) -> Vec<Goal> {
        let measured = !self.switches.is_empty();
        vec![
            Goal::new(
                format!("healthy to all traffic moved in at most {SWITCH_MS} ms"),
                format!("at most {} ms in {} switches", self.worst_ms, self.switches.len()),
                measured && self.worst_ms <= SWITCH_MS,
            ),
            Goal::new("no request lost", format!("{}", self.lost), self.lost == 0),
        ]
    }
}
