//! `ops demo`.

use std::sync::{Arc, atomic::AtomicBool};

use ops_demo::stage::{self, Show, SiteError};

use crate::{context::Context, exit::Exit, problem::Problem};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Draw what is wrong with v3 and v4 from this number
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(|error| {
            failed(&SiteError::Late(format!("Ctrl-C cannot be heard: {error}")))
        })?;
    }
    let program = std::env::current_exe()
        .map_err(|error| failed(&SiteError::Late(format!("this program is not found: {error}"))))?;
    let show = Show::new(context.ui.quiet());
    let report = stage::play(&program, args.seed, &show, &stop).map_err(|why| failed(&why))?;
    context.ui.answer(&report, |_| format!("\n{}", report.table()))?;
    Ok(if report.as_it_should() { Exit::Ok } else { Exit::Refused })
}

fn failed(why: &SiteError) -> Problem {
    Problem::refused(why.to_string()).hint("nothing of the demo is left; run it again")
}
