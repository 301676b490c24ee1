//! The keeper as a program of its own: `ops-keeper <replica folder>`; `ops-keeper --version` for
//! `ops`, which starts only a keeper of its own version.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    if let Some(folder) = std::env::args_os().nth(1) {
        if folder == "--version" {
            // Whoever does not read it learns nothing and takes another keeper.
            let _ = writeln!(std::io::stdout(), "{}", ops_keeper::VERSION);
            return ExitCode::SUCCESS;
        }
        return ops_keeper::main(&PathBuf::from(folder));
    }
    let _ = writeln!(
        std::io::stderr(),
        "no replica folder was given; ops starts keepers by itself: `ops-keeper <folder>`"
    );
    ExitCode::from(ops_keeper::EXIT_USAGE)
}
