//! The shop as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    ops_demo::shop::main(std::env::args_os())
}
