//! The command line as a whole.

use std::{ffi::OsString, path::PathBuf};

use clap::{CommandFactory as _, FromArgMatches as _, Parser};

use crate::{
    commands::Command,
    context::Context,
    exit::Exit,
    ui::{Output, Ui},
};

/// The last gate between code and production: proves that a ticket may ship, ships it, watches
/// it, takes it back when it hurts, and tells the team.
#[derive(Debug, Parser)]
#[command(name = "ops", version, disable_help_subcommand = true, subcommand_required = true)]
#[command(arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Global {
    /// Folder of the state: journal, boards, artifacts, replicas [default: .ops beside ops.yaml]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub(crate) state: Option<PathBuf>,
    /// Folder with ops.yaml [default: this folder, or the nearest above it that has one]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub(crate) config: Option<PathBuf>,
    /// Form of the answer
    #[arg(long, global = true, value_name = "FORM", default_value = "text")]
    #[arg(value_enum, help_heading = "Global options")]
    pub(crate) output: Output,
    /// Say nothing but the answer and what is wrong
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
}

/// The whole command line, for help and completions.
pub(crate) fn command() -> clap::Command {
    Cli::command().after_help(Exit::table())
}

/// Runs one call.
pub(crate) fn run(args: Vec<OsString>) -> Exit {
    let parsed =
        command().try_get_matches_from(args).and_then(|found| Cli::from_arg_matches(&found));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Without a place to complain to, the exit code has to do.
            let _ = error.print();
            return if error.exit_code() == 0 { Exit::Ok } else { Exit::Usage };
        }
    };
    let ui = Ui::new(cli.global.output, cli.global.quiet);
    let ended = Context::new(&cli.global, ui.clone()).and_then(|context| cli.command.run(&context));
    match ended {
        Ok(exit) => exit,
        Err(problem) => {
            ui.problem(&problem);
            problem.exit
        }
    }
}
