//! The keeper as a program of its own: `ops-keeper <replica folder>`.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    if let Some(folder) = std::env::args_os().nth(1) {
        return ops_keeper::main(&PathBuf::from(folder));
    }
    let _ = writeln!(
        std::io::stderr(),
        "no replica folder was given; ops starts keepers by itself: `ops-keeper <folder>`"
    );
    ExitCode::from(ops_keeper::EXIT_USAGE)
}
