//! The keeper that the tests of the process target start.

use std::{path::Path, process::ExitCode};

fn main() -> ExitCode {
    let folder = std::env::args_os().nth(1).unwrap_or_default();
    ops_keeper::main(Path::new(&folder))
}
