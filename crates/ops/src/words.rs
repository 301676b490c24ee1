//! How things read on a terminal: calm, aligned, nothing known by colour alone.

mod checks;
mod deployment;
mod status;
mod table;
mod watch;

pub(crate) use checks::checks;
pub(crate) use deployment::{explain, history, metrics, phase, record};
pub(crate) use status::status;
pub(crate) use table::Table;
pub(crate) use watch::{number, percent, watch_line};
