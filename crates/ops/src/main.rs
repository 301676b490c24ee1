//! The voice: the `ops` command line.
//!
//! | part | holds |
//! |---|---|
//! | `cli`, `commands` | what can be said: one file per command |
//! | `context` | the folders, settings and clients of one call |
//! | `chart` | what the door saw of a deployment, as a picture and as lines |
//! | `ui`, `words` | how answers are told: the answer on stdout, everything else on stderr |
//! | `problem`, `exit` | how calls fail |
//! | `doors` | the door here, or those on hosts |
//! | `keepers` | keepers that died come back |
//! | `serve` | the daemon: every port of the engine wired to its adapter |

mod advisor;
mod chart;
mod cli;
mod commands;
mod context;
mod doors;
mod exit;
mod follow;
mod keepers;
mod past;
mod places;
mod problem;
mod serve;
mod team;
mod ui;
mod words;

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    process::ExitCode,
};

/// The word that makes this program a keeper.
const KEEPER: &str = "keeper";
/// The word that makes this program the carrier of secrets, in a container of its own image.
pub(crate) const CARRIER: &str = "carrier";

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let called = args.next().unwrap_or_default();
    let first = args.next();
    // A keeper lives as long as its service: nothing of the command line may be set up for it.
    if first.as_deref() == Some(OsStr::new(KEEPER))
        && let Some(folder) = args.next()
    {
        return ops_keeper::main(Path::new(&folder));
    }
    if first.as_deref() == Some(OsStr::new(CARRIER)) && args.next().is_none() {
        return ops_docker::carrier();
    }
    if ops_demo::shop::is_called(&called) {
        return ops_demo::shop::main(std::env::args_os());
    }
    cli::run(std::env::args_os().collect::<Vec<OsString>>()).into()
}
