//! Memory at rest: daemon, edge, keeper.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use ops_demo::stage::SiteSettings;
use serde::Serialize;

use crate::{
    answer::{Figures, Goal, progress},
    ground::{BenchError, Ground, program},
    processes::{Memory, Role, of_stage},
};

/// Bytes that the daemon at rest may have resident.
const DAEMON_MAX: u64 = 40 * MB;
/// Bytes that a keeper may have resident.
const KEEPER_MAX: u64 = 4 * MB;
const MB: u64 = 1_000_000;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Deployments before the measurement
    #[arg(long, default_value_t = 2)]
    count: u32,
    /// Seconds of rest before it
    #[arg(long, default_value_t = 20)]
    rest: u64,
    /// Requests per second while deploying
    #[arg(long, default_value_t = 500.0)]
    rate: f64,
    /// Without the keeper's own program beside `ops`
    #[arg(long)]
    alone: bool,
}

/// One process.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    process: &'static str,
    #[serde(flatten)]
    memory: Memory,
}

/// The figures.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whether the keepers are `ops` itself.
    alone: bool,
    rows: Vec<Row>,
}

pub(crate) fn run(args: &Args) -> Result<Report, BenchError> {
    let folder = tempfile::tempdir().map_err(|why| {
        BenchError::system("make a folder", "the folder for temporary files", why)
    })?;
    let program = if args.alone { copy(&program()?, folder.path())? } else { program()? };
    let mut ground = Ground::open_with(&program, &SiteSettings::default(), args.rate)?;
    for number in 0..args.count.max(1) {
        ground.deploy_good(&format!("v{number}"))?;
    }
    ground.users_go()?;
    progress(&format!("  resting {} s", args.rest));
    ground.rest(Duration::from_secs(args.rest))?;
    let mut rows = Vec::new();
    for (process, name) in [("daemon", "serve"), ("edge", "edge")] {
        let pid = ground.site.pid(name);
        let pid = pid.ok_or_else(|| BenchError::Odd(format!("there is no {process}")))?;
        rows.push(Row { process, memory: Memory::of(pid)? });
    }
    for one in of_stage(ground.site.folder()) {
        if one.role == Role::Keeper {
            rows.push(Row { process: "keeper", memory: Memory::of(one.pid)? });
        }
    }
    ground.clear()?;
    Ok(Report { alone: args.alone, rows })
}

/// The program with nothing beside it.
fn copy(program: &Path, folder: &Path) -> Result<PathBuf, BenchError> {
    let alone = folder.join("ops");
    fs::copy(program, &alone)
        .map_err(|why| BenchError::system("copy the program", folder.display().to_string(), why))?;
    Ok(alone)
}

impl Report {
    fn most(&self, process: &str) -> Option<u64> {
        self.rows.iter().filter(|row| row.process == process).map(|row| row.memory.rss).max()
    }

    fn goal(&self, process: &str, most: u64) -> Goal {
        let goal = format!("{process} at rest resident at most {}", mb(most));
        match self.most(process) {
            Some(rss) => Goal::new(goal, mb(rss), rss <= most),
            None => Goal::new(goal, "none was seen", false),
        }
    }
}

fn mb(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / MB as f64)
}

impl Figures for Report {
    fn table(&self) -> String {
        let mut out = format!("{:<8} {:>9} {:>9} {:>9}\n", "process", "rss", "pss", "own");
        for Row { process, memory } in &self.rows {
            let Memory { rss, pss, own } = *memory;
            let _ = writeln!(out, "{process:<8} {:>9} {:>9} {:>9}", mb(rss), mb(pss), mb(own));
        }
        out
    }

    fn goals(&self) -> Vec<Goal> {
        vec![self.goal("daemon", DAEMON_MAX), self.goal("keeper", KEEPER_MAX)]
    }
}
