//! `ops-sim`: runs the simulation from the command line.
//!
//! `--seed N` tells the story of one seed; `--runs N` runs so many deployments and prints what was
//! met; `--first N` begins with another seed.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use ops_sim::{
    campaign::{LEAST_HITS, campaign, run},
    reach::{ROWS_OUT_OF_REACH, out_of_reach},
};

/// Broken runs after which a campaign ends.
const MOST_BROKEN: usize = 20;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let number = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)?.parse::<u64>().ok()
    };
    let told = match number("--seed") {
        Some(seed) => one(seed),
        None => many(number("--first").unwrap_or(1), number("--runs").unwrap_or(1_000)),
    };
    match told {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn one(seed: u64) -> io::Result<bool> {
    let outcome = run(seed, true);
    let mut out = io::stdout().lock();
    writeln!(out, "{}", outcome.story)?;
    writeln!(out, "seed {seed}, {} deployments, hash {:016x}", outcome.deployments, outcome.hash)?;
    match &outcome.violation {
        Some(broken) => writeln!(out, "{} is broken: {}", broken.promise, broken.words)?,
        None => writeln!(out, "no promise is broken")?,
    }
    Ok(outcome.violation.is_none())
}

fn many(first: u64, runs: u64) -> io::Result<bool> {
    let report = campaign(first, runs, MOST_BROKEN);
    let mut out = io::stdout().lock();
    writeln!(out, "{}", report.coverage.tables())?;
    let scarce = report.coverage.rare_rows(3 * LEAST_HITS, ROWS_OUT_OF_REACH);
    writeln!(out, "scarce rows: {scarce:?}")?;
    writeln!(out, "rare rows: {:?}", report.coverage.rare_rows(LEAST_HITS, ROWS_OUT_OF_REACH))?;
    writeln!(out, "rare cells: {:?}", report.coverage.rare_cells(LEAST_HITS, &out_of_reach))?;
    writeln!(out, "rare faults: {:?}", report.coverage.rare_faults(LEAST_HITS))?;
    for outcome in &report.broken {
        if let Some(broken) = &outcome.violation {
            writeln!(out, "seed {}: {} is broken: {}", outcome.seed, broken.promise, broken.words)?;
        }
    }
    let pace = report.deployments as f64 / report.seconds;
    writeln!(
        out,
        "{} runs, {} deployments in {:.1} s, {pace:.0} per second, {} runs broke a promise",
        report.runs,
        report.deployments,
        report.seconds,
        report.broken.len()
    )?;
    Ok(report.broken.is_empty())
}
