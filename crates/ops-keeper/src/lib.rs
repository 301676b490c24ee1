//! The nurse: one tiny process per replica of the process target.
//!
//! A keeper owns one *replica folder*:
//!
//! | file | what it is | who writes it |
//! |---|---|---|
//! | `spec.json` | what to run ([`Spec`]); never changes | whoever made the replica |
//! | `status.json` | what is wanted, what lives, highest stamp ([`Status`]) | whoever holds the lock |
//! | `keeper.lock` | held by the living keeper | the keeper |
//! | `keeper.sock` | one JSON line per question and answer ([`Request`], [`Answer`]) | the keeper |
//! | `out.fifo`, `err.fifo` | the service's output | the service |
//! | `logs/current.log`, `logs/1.log` … | the output, one stamped line each, oldest dropped | the keeper |
//! | `work/` | the service's current folder | the service |
//!
//! The service does not depend on its keeper's life: it holds its own output pipes open for
//! reading and writing, so a killed keeper breaks nothing, and the next keeper adopts what lives
//! by process id and start time. A keeper leaves once its replica has stopped.
//!
//! Signals: a keeper has no handlers. TERM, INT and KILL all end the keeper alone and leave the
//! service running, which is what an upgrade wants; only an order on the socket stops a service.

mod clearing;
mod client;
mod durable;
mod folder;
mod launch;
mod line;
mod log;
mod nurse;
mod process;
mod protocol;
mod secret;
mod server;
mod spec;
mod status;
mod stream;
mod table;
mod time;
#[doc(hidden)]
pub mod untrusted;

use std::{io::Write as _, path::Path, process::ExitCode};

pub use client::{AskError, Call, ask};
pub use durable::{load, save};
pub use folder::{ReplicaLock, create, read_spec, read_status, refer, take_order};
pub use line::{LINE_MAX, LogLine, Source};
pub use log::LOG_FILES;
pub use protocol::{Answer, Order, Report, Request};
pub use secret::{SecretError, resolve as resolve_secret};
pub use spec::Spec;
pub use status::{Desired, MainProcess, Stale, Stamp, State, Status};
pub use table::{Entry, Table};
pub use time::boot_id;

/// What `ops-keeper --version` says. A keeper and who starts it must agree on it.
pub const VERSION: &str = concat!("ops-keeper ", env!("CARGO_PKG_VERSION"));

/// Exit code of a keeper that was called wrongly.
pub const EXIT_USAGE: u8 = 2;
/// Exit code of a keeper that found another keeper at work.
pub const EXIT_KEPT: u8 = 3;
/// Exit code of a keeper that could not work, with the reason on standard error.
pub const EXIT_FAULT: u8 = 1;

/// Variables that a service inherits from the machine; everything else comes from its
/// specification. A target hands these on to its keepers.
pub const INHERITED_ENV: [&str; 9] =
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// The variable that marks every process of a replica; its value is [`Spec::marker`].
pub const MARKER_VARIABLE: &str = "OPS_REPLICA";

/// Keeps the replica of a folder until it has stopped.
///
/// Call it before anything else of the program is initialised: it needs almost no memory, and
/// whatever the program set up before would stay resident for the life of the service.
pub fn main(replica_dir: &Path) -> ExitCode {
    match nurse::keep(replica_dir) {
        Ok(nurse::End::Stopped) => ExitCode::SUCCESS,
        Ok(nurse::End::KeptByAnother) => ExitCode::from(EXIT_KEPT),
        Err(error) => {
            let _ = writeln!(
                std::io::stderr(),
                "the keeper of {} cannot work: {error}; run `ops doctor`",
                replica_dir.display()
            );
            ExitCode::from(EXIT_FAULT)
        }
    }
}
