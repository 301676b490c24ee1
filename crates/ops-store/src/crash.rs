//! In debug builds only: the process can be told to die right after a record, so that tests see what
//! the next one makes of every state that a journal can be left in. Release builds hold none of it.

use std::{
    io::Write as _,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use ops_engine::ports::Record;
use rustix::process::{Signal, getpid, kill_process};

/// After so many records this process dies.
const VARIABLE: &str = "OPS_DEBUG_DIE_AFTER_RECORDS";

static WRITTEN: AtomicUsize = AtomicUsize::new(0);
static DIES_AFTER: LazyLock<Option<usize>> =
    LazyLock::new(|| std::env::var(VARIABLE).ok()?.parse().ok());

/// Called when records are durable and nothing has followed from them yet.
pub(crate) fn after(records: &[Record]) {
    let Some(dies_after) = *DIES_AFTER else { return };
    let written = WRITTEN.fetch_add(records.len(), Ordering::SeqCst) + records.len();
    let Some(last) = records.last().filter(|_| written >= dies_after) else { return };
    let event = last.body["event"].as_str().unwrap_or("?");
    // Whoever reads along is told; if nobody does, there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "died after record {} {event}", last.seq);
    let _ = kill_process(getpid(), Signal::KILL);
}
