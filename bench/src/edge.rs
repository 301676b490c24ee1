//! The door beside the proxies that people trust, and what it loses while it changes.

mod backend;
mod changes;
mod compare;
mod cores;
mod crowd;
mod peers;
mod phases;
mod proxies;
mod pulse;
mod replace;
mod routes;
mod verdict;
mod wrk;

use std::time::Duration;

use serde::Serialize;

use self::proxies::Kind;
use crate::{
    answer::{Figures, Goal},
    ground::BenchError,
};

/// Arguments. Without one of the three switches: throughput, CPU and latency beside other proxies.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").multiple(false))]
pub(crate) struct Args {
    /// Changes of the route under load: none may lose a request
    #[arg(long, group = "what")]
    routes: bool,
    /// New edge processes that take over from the old one under load: none may lose a request
    #[arg(long, group = "what")]
    replace: bool,
    /// Memory under idle connections
    #[arg(long, group = "what")]
    idle: bool,
    /// Proxies beside `ops edge`, in the order of the first round
    #[arg(long, value_delimiter = ',', default_values = ["ops", "haproxy", "nginx", "caddy"])]
    proxies: Vec<Kind>,
    /// Rounds of each measurement; every round has another order
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=300))]
    seconds: u64,
    /// Seconds that each measurement may wait for others on this machine to pause
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=600))]
    patience: u64,
    /// Requests per second: the common rate of all proxies, and that of --routes and --replace,
    /// where it is 2000 if not given
    #[arg(long)]
    rate: Option<f64>,
    /// Changes of --routes (1000 if not given), replacements of --replace (20), connections of
    /// --idle (10000)
    #[arg(long)]
    count: Option<u32>,
}

/// The figures.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Report {
    /// Beside other proxies.
    Compare(verdict::Report),
    /// Changes of the route.
    Routes(routes::Report),
    /// Replacements.
    Replace(replace::Report),
    /// Idle connections.
    Idle(crowd::Report),
}

pub(crate) fn run(args: &Args) -> Result<Report, BenchError> {
    let rate = args.rate.unwrap_or(2_000.0);
    if !(1.0..=100_000.0).contains(&rate) {
        return Err(BenchError::Odd("--rate must lie between 1 and 100000 per second".into()));
    }
    if args.routes {
        routes::run(args.count.unwrap_or(1_000), rate).map(Report::Routes)
    } else if args.replace {
        replace::run(args.count.unwrap_or(20), rate).map(Report::Replace)
    } else if args.idle {
        crowd::run(&args.proxies, args.count.unwrap_or(10_000)).map(Report::Idle)
    } else {
        let plan = compare::Plan {
            kinds: args.proxies.clone(),
            rounds: args.rounds as usize,
            seconds: args.seconds,
            patience: Duration::from_secs(args.patience),
            rate: args.rate.unwrap_or(5_000.0),
        };
        compare::run(&plan).map(Report::Compare)
    }
}

impl Report {
    fn figures(&self) -> &dyn Told {
        match self {
            Self::Compare(report) => report,
            Self::Routes(report) => report,
            Self::Replace(report) => report,
            Self::Idle(report) => report,
        }
    }
}

/// What each of the reports says.
trait Told {
    fn table(&self) -> String;
    fn goals(&self) -> Vec<Goal>;
}

impl Figures for Report {
    fn table(&self) -> String {
        self.figures().table()
    }

    fn goals(&self) -> Vec<Goal> {
        self.figures().goals()
    }
}
