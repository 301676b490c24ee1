//! The proof: measurements of real runs of the `ops` program, one file per measurement.
//!
//! | part | holds |
//! |---|---|
//! | `ground` | a stage with traffic on it, and versions shipped over it |
//! | `processes`, `machine` | what `/proc` says of the processes of a run, and of this machine |
//! | `answer` | how figures are told, and what becomes of a missed goal |
//! | `switch`, `deployments`, `containers`, `memory`, `kill`, `heartbeat`, `demo`, `edge`, `watch` | the measurements |

mod answer;
mod comments;
mod containers;
mod demo;
mod deployments;
mod dice;
mod edge;
mod ground;
mod heartbeat;
mod kill;
mod machine;
mod memory;
mod processes;
mod switch;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    answer::{Output, tell},
    ground::BenchError,
};

/// Measures what ops promises. Ends with 1 if a goal is missed.
#[derive(Debug, Parser)]
#[command(name = "ops-bench")]
struct Options {
    /// What to measure
    #[command(subcommand)]
    what: What,
    /// For people or for programs
    #[arg(long, global = true, default_value = "text")]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum What {
    /// From healthy to all traffic moved, blue-green
    Switch(switch::Args),
    /// Deployments one after the other under load: lost requests, latency around switches
    Deployments(deployments::Args),
    /// The same with containers, beside `docker-compose up -d`, and how long a deployment takes
    Containers(containers::Args),
    /// Memory of daemon, edge and keeper
    Memory(memory::Args),
    /// Kill -9 at random moments: everything ends right by itself
    Kill(kill::Args),
    /// The heartbeat over a large board
    Heartbeat(heartbeat::Args),
    /// Many seeds of `ops demo`
    Demo(demo::Args),
    /// The edge beside other proxies, and what it loses while it changes
    Edge(edge::Args),
    /// The watch beside what others do, its cost, and its delay with a real edge
    Watch(watch::Args),
}

fn main() -> ExitCode {
    let options = Options::parse();
    match measure(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            answer::complain(&error);
            ExitCode::from(2)
        }
    }
}

fn measure(options: &Options) -> Result<bool, BenchError> {
    match &options.what {
        What::Switch(args) => tell(options.output, &switch::run(args)?),
        What::Deployments(args) => tell(options.output, &deployments::run(args)?),
        What::Containers(args) => tell(options.output, &containers::run(args)?),
        What::Memory(args) => tell(options.output, &memory::run(args)?),
        What::Kill(args) => tell(options.output, &kill::run(args)?),
        What::Heartbeat(args) => tell(options.output, &heartbeat::run(args)?),
        What::Demo(args) => tell(options.output, &demo::run(args)?),
        What::Edge(args) => tell(options.output, &edge::run(args)?),
        What::Watch(args) => tell(options.output, &watch::run(args)?),
    }
}
