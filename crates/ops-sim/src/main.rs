//! `ops-sim`: runs the simulation from the command line.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use ops_sim::{
    campaign::{LEAST_HITS, Outcome, campaign, run_without, shrunk},
    dice,
    injections::Without,
    invariants::Violation,
    reach::{ROWS_OUT_OF_REACH, out_of_reach},
};

/// Broken runs after which a campaign ends.
const MOST_BROKEN: usize = 20;
/// Deployments of a campaign unless it is told otherwise.
const DEPLOYMENTS: u64 = 1_000;
/// Lines of a shrunk story that are told.
const STORY_LINES: usize = 60;

/// Runs the real engine in a simulated world, and says whether a promise was broken.
///
/// Ends with 1 if one was; the first such run is shrunk to the fewest faults and told.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Simulate at least this many whole deployments (1000 unless said).
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// Begin with this seed instead of a fresh one.
    #[arg(long, value_name = "S")]
    first: Option<u64>,
    /// Tell the story of one seed.
    #[arg(long, value_name = "S", conflicts_with_all = ["seeds", "first"])]
    seed: Option<u64>,
    /// Leave some of what is done to that seed out: `3,7-12`.
    #[arg(long, value_name = "LIST", requires = "seed", value_parser = without)]
    without: Option<Without>,
    /// Enumerate small worlds completely and tell their states.
    #[arg(long, conflicts_with_all = ["seeds", "first", "seed", "mutation"])]
    exhaustive: bool,
    /// Let at most so many troubles happen in one run of a small world.
    #[arg(long, value_name = "N", requires = "exhaustive", default_value_t = TROUBLES)]
    troubles: u8,
    /// Let the program make this mistake until its promise catches it (`all`: each in turn). Needs a
    /// build with the feature `mutations`.
    #[arg(long, value_name = "NAME")]
    mutation: Option<String>,
}

fn without(text: &str) -> Result<Without, String> {
    Without::parse(text).ok_or_else(|| "numbers and ranges are wanted: 3,7-12".to_owned())
}

/// A run is mostly small things made and dropped: this pays for one fifth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match command(Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn command(args: Args) -> io::Result<bool> {
    if args.exhaustive {
        return exhaustive(args.troubles);
    }
    match (&args.mutation, args.seed) {
        (Some(name), None) => return mutations(name, first(args.first)?, args.seeds),
        (Some(name), Some(_)) if !mistake(name) => {
            writeln!(io::stderr(), "no mistake is called {name} in this build")?;
            return Ok(false);
        }
        _ => {}
    }
    match args.seed {
        Some(seed) => one(seed, args.without.unwrap_or_default()),
        None => many(first(args.first)?, args.seeds.unwrap_or(DEPLOYMENTS)),
    }
}

/// Troubles in one run of a small world.
const TROUBLES: u8 = 2;
/// States of one small world until it is given up as too large.
const STATES: usize = 3_000_000;

fn exhaustive(troubles: u8) -> io::Result<bool> {
    use ops_sim::exhaustive::{
        Explored, explore,
        leases::Leases,
        machine::{Machine, WORLDS},
    };
    let mut out = io::stdout().lock();
    let mut fine = true;
    let mut tell = |name: String, found: &Explored| {
        let Explored { states, moves, cut, broken, dead_ends, stuck, ends } = found;
        let cut = if *cut { ", CUT" } else { "" };
        writeln!(
            out,
            "{name}: {states} states, {moves} moves{cut}, {dead_ends} dead ends; {ends:?}"
        )?;
        for (why, way) in broken.iter().chain(stuck) {
            writeln!(out, "  {why}\n  {}", way.join("\n  "))?;
        }
        fine &= broken.is_none() && *dead_ends == 0 && cut.is_empty();
        io::Result::Ok(())
    };
    tell(
        "two daemons, two tickets, one lock group".into(),
        &explore(Leases::begin(false), STATES),
    )?;
    for (service, second) in WORLDS {
        let version = if second { "second" } else { "first" };
        let name = format!("{service}, {version} version, {troubles} troubles");
        match Machine::begin(service, second, troubles) {
            Ok(machine) => tell(name, &explore(machine, STATES))?,
            Err(why) => writeln!(io::stderr(), "{name}: {why}")?,
        }
    }
    Ok(fine)
}

/// The first seed: the one that was named, or a fresh one.
fn first(named: Option<u64>) -> io::Result<u64> {
    let first = named.unwrap_or_else(dice::fresh_seed);
    writeln!(io::stdout(), "first seed {first}")?;
    Ok(first)
}

fn one(seed: u64, without: Without) -> io::Result<bool> {
    let outcome = run_without(seed, true, without);
    let mut out = io::stdout().lock();
    writeln!(out, "{}", outcome.story)?;
    writeln!(out, "seed {seed}, {} deployments, hash {:016x}", outcome.deployments, outcome.hash)?;
    match &outcome.violation {
        Some(broken) => writeln!(out, "{} is broken: {}", broken.promise, broken.words)?,
        None => writeln!(out, "no promise is broken")?,
    }
    Ok(outcome.violation.is_none())
}

fn many(first: u64, deployments: u64) -> io::Result<bool> {
    let report = campaign(first, deployments, MOST_BROKEN, tell_broken);
    let mut out = io::stdout().lock();
    writeln!(out, "{}", report.coverage.tables())?;
    writeln!(out, "rare rows: {:?}", report.coverage.rare_rows(LEAST_HITS, ROWS_OUT_OF_REACH))?;
    writeln!(out, "rare cells: {:?}", report.coverage.rare_cells(LEAST_HITS, &out_of_reach))?;
    writeln!(out, "rare faults: {:?}", report.coverage.rare_faults(LEAST_HITS))?;
    if let Some(broken) = report.broken.first() {
        tell(&mut out, broken)?;
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

/// One line to the person who waits, while the campaign goes on.
fn tell_broken(outcome: &Outcome) {
    if let Some(Violation { promise, words }) = &outcome.violation {
        // Nobody to tell is no reason to stop.
        let _ = writeln!(io::stderr(), "seed {}: {promise} is broken: {words}", outcome.seed);
    }
}

/// The story of a failure, shrunk to what it needs.
fn tell(out: &mut impl Write, broken: &Outcome) -> io::Result<()> {
    let without = shrunk(broken);
    let again = run_without(broken.seed, true, without.clone());
    let left = broken.injections as usize - without.count();
    writeln!(
        out,
        "\nseed {} with {left} of {} things done to it:",
        broken.seed, broken.injections
    )?;
    let lines: Vec<_> = again.story.lines().collect();
    for line in &lines[lines.len().saturating_sub(STORY_LINES)..] {
        writeln!(out, "{line}")?;
    }
    if let Some(broken) = &again.violation {
        writeln!(out, "{} is broken: {}", broken.promise, broken.words)?;
    }
    writeln!(
        out,
        "again: cargo run --release -p ops-sim -- --seed {} --without {}\n",
        broken.seed,
        without.text()
    )
}

#[cfg(not(feature = "mutations"))]
fn mistake(_: &str) -> bool {
    false
}

/// Lets this thread make a mistake, if there is one of that name.
#[cfg(feature = "mutations")]
fn mistake(name: &str) -> bool {
    let mutation = ops_sim::mutations::named(name);
    ops_core::mutation::choose(mutation);
    mutation.is_some()
}

#[cfg(not(feature = "mutations"))]
fn mutations(_: &str, _: u64, _: Option<u64>) -> io::Result<bool> {
    writeln!(io::stderr(), "this build has no mistakes in it: add --features mutations")?;
    Ok(false)
}

#[cfg(feature = "mutations")]
fn mutations(name: &str, first: u64, deployments: Option<u64>) -> io::Result<bool> {
    use ops_sim::mutations::{MOST_DEPLOYMENTS, hunt, named, names, told};
    let wanted: Vec<_> = if name == "all" { names().collect() } else { vec![name] };
    let mut out = io::stdout().lock();
    let mut all = true;
    for name in wanted {
        let Some(mutation) = named(name) else {
            let known: Vec<_> = names().collect();
            writeln!(out, "no mistake is called {name}; there are {}", known.join(", "))?;
            return Ok(false);
        };
        let found = hunt(mutation, first, deployments.unwrap_or(MOST_DEPLOYMENTS));
        writeln!(out, "{}", told(name, &found))?;
        all &= found.caught.is_some();
    }
    Ok(all)
}
