//! `ops completions`.

use clap_complete::Shell;

use crate::{cli, context::Context, exit::Exit, problem::Problem};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::command(), "ops", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    context.ui.answer(&serde_json::json!({ "script": script }), |_| script.clone())?;
    Ok(Exit::Ok)
}
